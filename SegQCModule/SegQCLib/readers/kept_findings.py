"""Findings that a reader looked at and keeps as they are, with the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM, Vector


@dataclass(frozen=True)
class KeptFinding:
    """One finding about a segment that a reader decided to leave as it is."""

    check: str = field(metadata={"doc": "Identifier of the check."})
    segment: str = field(metadata={"doc": "Name of the segment."})
    message: str = field(metadata={"doc": "The finding as the reader read it."})
    measured: str | None = field(metadata={"doc": "What was found, with unit."})
    location_lps_mm: Vector | None = field(metadata={"doc": "A point inside what was found, LPS, in mm; null: it has no place."})
    center_lps_mm: Vector | None = field(metadata={"doc": "Centre of mass of what was found, LPS, in mm; null: it has no place."})
    size_voxels: int | None = field(metadata={"doc": "Voxels of what was found; null: it has no place."})
    reason: str = field(metadata={"doc": "Why it is kept."})
    reader: str = field(metadata={"doc": "Who keeps it."})
    created: str = field(metadata={"doc": "When, ISO 8601 with time zone."})

    def __str__(self) -> str:
        return f"{self.reason} ({self.reader}, {self.created[:10]})"

    def is_about(self, finding: Finding) -> bool:
        """Return whether a finding is the one that was kept.

        It is where check, segment, what was measured, number of voxels and the sentence but for its numbers are
        the same, and point and centre lie within 0.05 mm: voxels are not nearer to each other, so moving a small
        piece by one voxel is another finding. Numbers in the sentence may differ, because they also tell of other
        places: how far an island is from a body that was edited since.
        """
        return (
            (self.check, self.segment, self.measured, self.size_voxels)
            == (finding.check, finding.segment, finding.measured, finding.size_voxels)
            and _without_numbers(self.message) == _without_numbers(finding.message)
            and _same_place(self.location_lps_mm, finding.location_lps_mm)
            and _same_place(self.center_lps_mm, finding.center_lps_mm)
        )

    def faults(self) -> Iterator[tuple[str, str]]:
        for name in ("reason", "reader"):
            if not getattr(self, name).strip():
                yield name, "is empty; a finding is kept by somebody for a reason"


@dataclass(frozen=True)
class KeptFindings:
    """Kept findings as a text in the scene."""

    schema: Literal["segqc-kept-findings"] = field(metadata={"doc": "Always segqc-kept-findings."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    kept: tuple[KeptFinding, ...] = field(metadata={"doc": "What was kept, in that order."})


def can_be_kept(finding: Finding) -> bool:
    """Return whether a reader may keep a finding: a warning or failure about one segment.

    What is wrong with the image is not the reader's to keep.
    """
    return finding.status in (Status.WARN, Status.FAIL) and finding.segment is not None


def keep(finding: Finding, reason: str, reader: str, created: str | None = None) -> KeptFinding:
    """Return the statement that a reader keeps a finding.

    Parameters
    ----------
    finding : Finding
        A warning or failure about a segment.
    reason, reader : str
        Not blank.
    created : str, optional
        ISO 8601 with time zone; default: now.

    Raises
    ------
    ValueError
        If the finding cannot be kept, or reason or reader is blank.
    """
    if not can_be_kept(finding):
        raise ValueError(f"Only a warning or failure about a segment can be kept, not {finding.status} of {finding.check!r}.")
    if not reason.strip() or not reader.strip():
        raise ValueError(f"A finding is kept by somebody for a reason: reader {reader!r}, reason {reason!r}.")
    return KeptFinding(
        finding.check,
        finding.segment,
        finding.message,
        finding.measured,
        finding.location_lps_mm,
        finding.center_lps_mm,
        finding.size_voxels,
        reason.strip(),
        reader,
        created or datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
    )


def with_kept(all_kept: tuple[KeptFinding, ...], finding: Finding, statement: KeptFinding) -> tuple[KeptFinding, ...]:
    """Return the kept findings with a statement in place of earlier ones about the same finding."""
    return (*without_kept(all_kept, finding), statement)


def without_kept(all_kept: tuple[KeptFinding, ...], finding: Finding) -> tuple[KeptFinding, ...]:
    """Return the kept findings without those about a finding: the reader no longer keeps it."""
    return tuple(kept for kept in all_kept if not kept.is_about(finding))


def mark_kept(findings: Iterable[Finding], all_kept: tuple[KeptFinding, ...]) -> tuple[Finding, ...]:
    """Return the findings, those that a reader kept with reason, reader and date; the last statement counts."""

    def marked(finding: Finding) -> Finding:
        statements = [kept for kept in all_kept if kept.is_about(finding)] if can_be_kept(finding) else []
        return replace(finding, kept=str(statements[-1]) if statements else None)

    return tuple(map(marked, findings))


def kept_findings_text(all_kept: tuple[KeptFinding, ...]) -> str:
    """Return kept findings as JSON text."""
    return to_json(KeptFindings("segqc-kept-findings", "1.0", all_kept))


def kept_findings_from_text(text: str, where: object) -> tuple[KeptFinding, ...]:
    """Return the kept findings in a JSON text; `where` is the node or file that messages name.

    Raises
    ------
    BadDataError
        With every fault, if the text is not one of kept findings.
    """
    try:
        return from_json(KeptFindings, text).kept
    except FaultyJSONError as error:
        listed = "\n".join(f"  {fault}" for fault in error.faults)
        raise BadDataError(where, "has no usable list of kept findings.", f"Correct:\n{listed}") from error


def _without_numbers(sentence: str) -> str:
    return re.sub(r"(?<!\w)\d[\d.,]*(?!\w)", "", sentence)


def _same_place(a: Vector | None, b: Vector | None) -> bool:
    if a is None or b is None:
        return a is b
    return math.dist(a, b) <= SAME_GRID_TOLERANCE_MM
