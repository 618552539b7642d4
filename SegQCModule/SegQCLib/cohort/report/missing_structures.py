"""Which structures are there, said to be absent, or missing without a word, over a cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from SegQCLib.checks import structures as structures_check
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.cohort_columns import coded_texts, table_columns
from SegQCLib.cohort.report.report_cases import ReportCase
from SegQCLib.cohort.report.segment_values import SegmentValues
from SegQCLib.findings import Status


@dataclass(frozen=True)
class StructureAsked:
    """How the protocols of a cohort ask for a structure.

    Attributes
    ----------
    required : bool
        By one of them, at least.
    cases : int
        Evaluated under a protocol that names it.
    """

    required: bool
    cases: int


@dataclass(frozen=True)
class StructurePresence:
    """One structure, in evaluated cases.

    Attributes
    ----------
    structure : str
    cases : int
        Evaluated under a protocol that names it; all evaluated cases where the protocols could not be read again.
    required : bool or None
        Whether a protocol of the cohort requires it; None: the protocol could not be read again, and no finding says so.
    present : int
        Cases in which a segment of it has voxels.
    stated : tuple of str
        Cases with an empty segment: assessed and absent, or outside the scanned range.
    missing : tuple of str
        Cases without a segment, although it is required: nobody says that it was looked for.
    not_said : int
        All others: no segment, and not required or the case could not be measured.
    """

    structure: str
    cases: int
    required: bool | None
    present: int
    stated: tuple[str, ...]
    missing: tuple[str, ...]
    not_said: int

    @property
    def not_there(self) -> tuple[str, ...]:
        """Cases without a voxel of a required structure, those first in which nothing is said."""
        return (*self.missing, *self.stated) if self.required else ()


def missing_structures(
    folder: CohortFolder,
    cases: Sequence[ReportCase],
    measured: SegmentValues,
    asked_for: Mapping[str, StructureAsked] | None = None,
) -> tuple[StructurePresence, ...]:
    """Return the structures, those that are missing most often first.

    Parameters
    ----------
    asked_for : mapping of StructureAsked by structure
        None: the protocols could not be read again.

    Raises
    ------
    BadDataError
        If a table is not there.
    """
    import pyarrow.compute as pc

    asked = (pc.field("check") == structures_check.ID) & pc.field("status").isin([Status.FAIL.value, Status.WARN.value])
    table = table_columns(folder, "findings", ("case", "status", "segment", "measured"), asked)
    case, status, segment, found = (coded_texts(table, name) for name in ("case", "status", "segment", "measured"))
    missing: dict[str, dict[str, None]] = {}
    stated: dict[str, dict[str, None]] = {}
    for row in range(table.num_rows):
        # Segments that are unknown or given twice have findings of this check too, without these words.
        if segment[row] and status[row] == Status.FAIL and found[row] == "no segment":
            missing.setdefault(segment[row], {})[case[row]] = None
        elif segment[row] and status[row] == Status.WARN and found[row] == "0 voxels":
            stated.setdefault(segment[row], {})[case[row]] = None
    known = {name: own.required for name, own in (asked_for or {}).items()} | dict.fromkeys((*missing, *stated), True)
    present = _present(measured)
    for name, empty in present.items():
        # Empty segments of structures that are not required have no finding.
        for case_name, filled in empty.items():
            if not filled and case_name not in missing.get(name, {}):
                stated.setdefault(name, {})[case_name] = None
    names = {segment.structure for segment in measured.segments if segment.structure is not None} | set(known)
    evaluated = sum(case.evaluated for case in cases)
    rows = []
    for name in names:
        there, absent, lost = sum(present.get(name, {}).values()), tuple(stated.get(name, {})), tuple(missing.get(name, {}))
        of = asked_for[name].cases if asked_for is not None and name in asked_for else evaluated
        not_said = max(0, of - there - len(absent) - len(lost))
        rows.append(StructurePresence(name, of, known.get(name), there, absent, lost, not_said))
    return tuple(sorted(rows, key=lambda row: (-len(row.missing), -len(row.not_there), -len(row.stated), row.structure)))


def _present(measured: SegmentValues) -> dict[str, dict[str, bool]]:
    """Return for each structure the cases that have a segment of it, and whether one has voxels."""
    counts = measured.metrics.get("voxel_count")
    found: dict[str, dict[str, bool]] = {}
    if counts is None:
        return found
    own = np.flatnonzero(counts.references == 0)
    for case, segment, value in zip(
        counts.cases[own].tolist(), counts.segments[own].tolist(), counts.values[own].tolist(), strict=True
    ):
        structure = measured.segments[segment].structure
        if structure is not None:
            cases = found.setdefault(structure, {})
            cases[measured.cases[case]] = cases.get(measured.cases[case], False) or value > 0
    return found
