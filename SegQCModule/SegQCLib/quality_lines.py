"""The record's image-quality numbers as lines of a table on screen."""

from __future__ import annotations

from dataclasses import dataclass

from SegQCLib.protocol import QCProtocol
from SegQCLib.quality.background import around_name
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.quality_texts import (
    background_text,
    number_name,
    place_text,
    quality_text,
    region_text,
    value_text,
    z_text,
)
from SegQCLib.quality.study_limits import limits_of, segments_by_structure
from SegQCLib.record import QCRecord
from SegQCLib.report_quality import limits_beside


@dataclass(frozen=True)
class QualityLine:
    """One number of one segment.

    Attributes
    ----------
    segment, name, value, limit, z, where : str
        Cells; limit and z are a dash where there is none. The name has a second line, which says where.
    kept : bool or None
        Whether all limits are kept; None: none is judged.
    tip : str
        What the number means, how it was computed, cautions, and what stands behind limit and z.
    """

    segment: str
    name: str
    value: str
    limit: str
    kept: bool | None
    z: str
    where: str
    tip: str


def quality_lines(record: QCRecord, protocol: QCProtocol | None) -> tuple[QualityLine, ...]:
    """Return the numbers that have a value: those that break a limit first, else in the record's order.

    Parameters
    ----------
    record : QCRecord
    protocol : QCProtocol or None
        Whose limits stand beside the numbers; None: no limit is shown.
    """
    segments = segments_by_structure(record)
    lines = []
    for m in record.image_quality:
        if m.value is None:
            continue
        asked = () if protocol is None else limits_of(m, protocol, segments)
        limits = limits_beside(m, asked)
        judged = [limit.met for limit in limits if limit.met is not None]
        text = quality_text(m.measure)
        tip = [
            f"{text.long_name}. {text.meaning} {text.better_text[0].upper()}{text.better_text[1:]}.",
            f"Computed as: {m.definition}.",
        ]
        tip += [f"Limit: {limit.limit} ({limit.limit.source})." for limit in asked]
        tip += [m.remark] if m.remark else []
        if m.in_study is not None:
            tip.append(f"Robust z-score {z_text(m.in_study)}. {place_text(m.in_study, m.unit)} It is shown and judges nothing.")
        elif m.not_in_study is not None:
            tip.append(f"No z-score: {m.not_in_study}")
        against = background_text(m)
        lines.append(
            QualityLine(
                m.segment,
                f"{number_name(m.measure, m.method)}\n{_short_place(m)}",
                value_text(m.value, m.unit),
                "; ".join(limit.text for limit in limits) or "–",
                all(judged) if judged else None,
                "–" if m.in_study is None else z_text(m.in_study),
                region_text(m) if against is None else f"{region_text(m)}; against {against}",
                "\n".join(tip),
            )
        )
    return tuple(sorted(lines, key=lambda line: line.kept is not False))


def _short_place(m: QualityMeasurement) -> str:
    """Return where a number was measured in a few words: numbers of one name differ by it."""
    if m.background is None:
        return m.region
    background = "tissue around it" if m.background == around_name(m.segment) else m.background
    return f"in {background}" if m.region == "background" else f"{m.region}, against {background}"


def refused_text(record: QCRecord) -> str:
    """Return which numbers have no value and why, one reason a line; "" where all have one."""
    by_reason: dict[str, list[str]] = {}
    for m in record.image_quality:
        if m.value is None:
            by_reason.setdefault(m.reason or "", []).append(f"{number_name(m.measure, m.method)} of {m.segment}")
    return "\n".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())
