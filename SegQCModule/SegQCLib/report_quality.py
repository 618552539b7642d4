"""What a report shows of the image's quality: numbers beside the study's limits, its other cases, and readers' ratings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from SegQCLib.number_texts import beside, grouped
from SegQCLib.protocol import ImageQualityLimit, QCProtocol
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.quality_texts import (
    REGION_WORDS,
    bare_value,
    number_name,
    place_text,
    quality_order,
    quality_text,
    unit_words,
    z_text,
)
from SegQCLib.quality.study_limits import limits_of, segments_by_structure
from SegQCLib.quality.study_norms import NumberKind, kind_of
from SegQCLib.readers.ratings import RatingGiven
from SegQCLib.record import QCRecord

# As many columns as an A4 page bears.
_MOST_COLUMNS = 6

# Segment, structure, and which of several segments of that name.
_Column = tuple[str, str | None, int]

NO_STUDY = "Not compared with other cases: no study was given (segqc evaluate --study FOLDER)."


@dataclass(frozen=True)
class LimitBeside:
    """A limit of the study beside a value.

    Attributes
    ----------
    text : str
    met : bool or None
        None where it cannot be judged: there is no value, or it has another unit.
    """

    text: str
    met: bool | None


@dataclass(frozen=True)
class QualityCell:
    """One number of one segment.

    Attributes
    ----------
    text : str
        The value without its unit, or "none".
    extent : str
        Voxels, and what it was measured against with its voxels.
    limits : tuple of LimitBeside
    z, z_hover : str or None
        Robust z-score with the number of cases, and what stands behind it.
    notes : tuple of int
        Numbers of the notes: why there is no value, or cautions.
    """

    text: str
    extent: str
    limits: tuple[LimitBeside, ...]
    z: str | None
    z_hover: str | None
    notes: tuple[int, ...]


@dataclass(frozen=True)
class QualityRow:
    """One number in several segments; None: not measured in that segment."""

    name: str
    unit: str
    where: str
    hover: str
    cells: tuple[QualityCell | None, ...]


@dataclass(frozen=True)
class QualityTable:
    """Numbers as rows, segments as columns; each segment with its structure."""

    segments: tuple[tuple[str, str | None], ...]
    rows: tuple[QualityRow, ...]


@dataclass(frozen=True)
class QualitySection:
    """What a report shows of the image's quality.

    Attributes
    ----------
    tables : tuple of QualityTable
    notes : tuple of str
        Numbered from 1.
    refused : tuple of (str, str)
        Numbers that no segment has, and why.
    limits : tuple of str
        The study's limits with their sources.
    compared : tuple of str
        What stands behind the z-scores, or why there are none.
    definitions : tuple of (str, tuple of str)
        How each number is defined.
    ratings : tuple of str
        What readers said of the image.
    """

    tables: tuple[QualityTable, ...]
    notes: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    limits: tuple[str, ...]
    compared: tuple[str, ...]
    definitions: tuple[tuple[str, tuple[str, ...]], ...]
    ratings: tuple[str, ...]


@dataclass
class _Notes:
    texts: list[str] = field(default_factory=list)

    def number(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1


def quality_section(record: QCRecord, protocol: QCProtocol) -> QualitySection | None:
    """Return what a report shows of a record's image-quality numbers; None where it has none."""
    if not record.image_quality:
        return None
    structures = {structure.name: structure for structure in protocol.structures}
    notes = _Notes()
    lesions, organs = [], []
    for m in record.image_quality:
        structure = structures.get(m.structure or "")
        (lesions if structure is not None and structure.is_lesion else organs).append(m)
    tables = tuple(table for group in (lesions, organs) for table in _tables(group, record, protocol, notes))
    return QualitySection(
        tables,
        tuple(notes.texts),
        tuple(_refused(record.image_quality)),
        tuple(_limit_sentences(protocol)),
        tuple(_compared(record.image_quality)),
        tuple(_definitions(record.image_quality)),
        tuple(
            f"{sentence}; {answer.reader}"
            for answer, sentence in zip(record.ratings, rating_sentences(record.ratings), strict=True)
        ),
    )


def limits_beside(m: QualityMeasurement, limits: Iterable[ImageQualityLimit]) -> tuple[LimitBeside, ...]:
    """Return a number's limits, and whether it keeps them."""
    found = []
    for limit in limits:
        judged = m.value is not None and m.unit == limit.limit.unit
        found.append(LimitBeside(str(limit.limit), m.value in limit.limit if judged else None))
    return tuple(found)


def _tables(
    measurements: list[QualityMeasurement], record: QCRecord, protocol: QCProtocol, notes: _Notes
) -> Iterable[QualityTable]:
    own_segments = segments_by_structure(record)
    kinds: dict[NumberKind, list[QualityMeasurement]] = {}
    cells: dict[tuple[NumberKind, _Column], QualityMeasurement] = {}
    seen: Counter[tuple[NumberKind, str, str | None]] = Counter()
    for m in measurements:
        kind = _kind(m)
        kinds.setdefault(kind, []).append(m)
        # DICOM Segment Labels need not be unique: a second segment of a name gets a column of its own.
        cells[kind, (m.segment, m.structure, seen[kind, m.segment, m.structure])] = m
        seen[kind, m.segment, m.structure] += 1
    segments = list(dict.fromkeys(column for _, column in cells))
    shown = {kind: own for kind, own in kinds.items() if any(m.value is not None for m in own)}
    order = sorted(shown, key=lambda kind: (quality_order(kind.measure), list(shown).index(kind)))
    for start in range(0, len(segments), _MOST_COLUMNS):
        columns = segments[start : start + _MOST_COLUMNS]
        rows = []
        for kind in order:
            measured = [cells.get((kind, column)) for column in columns]
            shown_cells = tuple(None if m is None else _cell(m, limits_of(m, protocol, own_segments), notes) for m in measured)
            if any(cell is not None for cell in shown_cells):
                rows.append(_row(kind, shown[kind], shown_cells))
        if rows:
            yield QualityTable(tuple(column[:2] for column in columns), tuple(rows))


def _kind(m: QualityMeasurement) -> NumberKind:
    """Return what makes numbers of several structures one row."""
    kind = kind_of(m)
    return NumberKind(
        "", kind.measure, kind.method, kind.region, "around" if "around" in kind.background else kind.background, kind.unit
    )


def _row(kind: NumberKind, own: list[QualityMeasurement], cells: tuple[QualityCell | None, ...]) -> QualityRow:
    text = quality_text(own[0].measure)
    hover = f"{text.long_name}. {text.meaning} {text.better_text[0].upper()}{text.better_text[1:]}. {own[0].definition}"
    better = "" if text.better is None else f"; {text.better_text}"
    return QualityRow(
        number_name(own[0].measure, kind.method), unit_words(kind.unit), f"{REGION_WORDS[own[0].region]}{better}", hover, cells
    )


def _cell(m: QualityMeasurement, asked: tuple[ImageQualityLimit, ...], notes: _Notes) -> QualityCell:
    limits = limits_beside(m, asked)
    extent = f"{grouped(m.voxels, 0)} voxel{'' if m.voxels == 1 else 's'}"
    if m.background is not None and m.background_voxels is not None:
        extent += f", against {m.background}: {grouped(m.background_voxels, 0)}"
    if m.value is None:
        return QualityCell("none", "", limits, None, None, (notes.number(m.reason or "The record gives no reason."),))
    edges = [edge for limit in asked for edge in (limit.limit.minimum, limit.limit.maximum) if edge is not None]
    text = bare_value(m.value)
    if any(limit.met is not None for limit in limits):
        # What is beyond a limit must not read as if it were on it.
        exact = beside(m.value, *edges)[0].replace("-", "−")
        text = exact if any(bare_value(edge) == text and edge != m.value for edge in edges) else text
    place = m.in_study
    return QualityCell(
        text,
        extent,
        limits,
        None if place is None else f"z {z_text(place)} ({place.cases} cases)",
        None if place is None else place_text(place, m.unit),
        () if m.remark is None else (notes.number(m.remark),),
    )


def _refused(measurements: Iterable[QualityMeasurement]) -> Iterable[tuple[str, str]]:
    """Yield the numbers that no segment has, with each reason."""
    defined = {_kind(m) for m in measurements if m.value is not None}
    by_reason: dict[str, dict[str, None]] = {}
    for m in measurements:
        if m.value is None and _kind(m) not in defined:
            by_reason.setdefault(m.reason or "The record gives no reason.", {})[number_name(m.measure, m.method)] = None
    for reason, names in by_reason.items():
        yield ", ".join(names), reason


def _limit_sentences(protocol: QCProtocol) -> Iterable[str]:
    for limit in protocol.image_quality:
        against = "" if limit.background is None else f" against {limit.background}"
        name = number_name(limit.measure, limit.wanted_method)
        yield f"{name} of {limit.region}, {REGION_WORDS[limit.wanted_part]}{against}: {limit.limit} ({limit.limit.source})."


def _compared(measurements: Iterable[QualityMeasurement]) -> Iterable[str]:
    places = [m.in_study for m in measurements if m.in_study is not None]
    missing = dict.fromkeys(m.not_in_study for m in measurements if m.not_in_study is not None)
    if not places and not missing:
        yield NO_STUDY
    for stratum in dict.fromkeys(place.stratum for place in places):
        yield (
            f"z: robust z-score, (value − median) / (1.4826 MAD) of the study's other cases of {stratum}. It says that an image"
            " differs from the others; from which z-score an image is unusable, no source says."
        )
    for sentence in missing:
        yield f"No z-score: {sentence}"


def _definitions(measurements: Iterable[QualityMeasurement]) -> Iterable[tuple[str, tuple[str, ...]]]:
    found: dict[str, dict[str, None]] = {}
    for m in sorted(measurements, key=lambda m: quality_order(m.measure)):
        if m.value is not None:
            found.setdefault(number_name(m.measure, m.method), {})[m.definition] = None
    return ((name, tuple(definitions)) for name, definitions in found.items())


def rating_sentences(ratings: Sequence[RatingGiven]) -> list[str]:
    """Return what was said of an image, one phrase for each rating, without who said it."""
    grades = ["not assessable" if given.grade is None else f"{given.grade} ({given.wording})" for given in ratings]
    return [f"{given.title}: {grade}, {given.scale}" for given, grade in zip(ratings, grades, strict=True)]
