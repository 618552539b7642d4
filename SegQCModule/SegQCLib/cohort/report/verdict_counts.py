"""How many cases and segments were accepted, sent to review and rejected, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.alike_texts import alike_texts
from SegQCLib.cohort.report.cohort_columns import coded_texts, table_columns
from SegQCLib.cohort.report.report_cases import ReportCase
from SegQCLib.findings import Status
from SegQCLib.record import Verdict


@dataclass(frozen=True)
class StructureVerdicts:
    """Verdicts on the segments of one structure, in segments."""

    structure: str
    counts: dict[Verdict, int]

    @property
    def segments(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class VerdictReason:
    """Why segments are not accepted: one wording, … where the numbers differ."""

    verdict: Verdict
    text: str
    segments: int
    cases: int
    structures: tuple[str, ...]


@dataclass(frozen=True)
class FailedCheck:
    """A check that failed.

    Attributes
    ----------
    check : str
    cases, findings : int
        Cases in which it failed, and how often.
    kept : int
        How many of the findings a reader keeps with a reason.
    text : str
        Its commonest wording.
    not_made : int
        Cases in which it, or a part of it, could not be made, as where the header lacks a fact: nobody knows whether they would
        fail.
    """

    check: str
    cases: int
    findings: int
    kept: int
    text: str
    not_made: int


@dataclass(frozen=True)
class VerdictCounts:
    """Verdicts of a cohort; structures by how few of their segments are accepted, reasons and checks by frequency."""

    cases: dict[Verdict, int]
    structures: tuple[StructureVerdicts, ...]
    reasons: tuple[VerdictReason, ...]
    checks: tuple[FailedCheck, ...]


def verdict_counts(folder: CohortFolder, cases: Sequence[ReportCase]) -> VerdictCounts:
    """Return how a cohort was judged.

    Raises
    ------
    BadDataError
        If a table is not there.
    """
    found = Counter(case.verdict for case in cases if case.verdict is not None)
    structures, reasons = _of_segments(folder)
    return VerdictCounts({verdict: found[verdict] for verdict in Verdict}, structures, reasons, _failed(folder))


def _of_segments(folder: CohortFolder) -> tuple[tuple[StructureVerdicts, ...], tuple[VerdictReason, ...]]:
    import pyarrow.compute as pc

    table = table_columns(folder, "verdicts", ("case", "segment", "structure", "verdict", "reasons"))
    case, segment, structure, verdict = (coded_texts(table, name) for name in ("case", "segment", "structure", "verdict"))
    counts: dict[str, Counter[Verdict]] = {}
    pairs = Counter(zip(structure.codes.tolist(), segment.codes.tolist(), verdict.codes.tolist(), strict=True))
    for (of, name, judged), times in pairs.items():
        group = structure.values[of] if of >= 0 else segment.values[name]
        counts.setdefault(group, Counter())[Verdict(verdict.values[judged])] += times
    rows = [StructureVerdicts(name, {v: own[v] for v in Verdict}) for name, own in counts.items()]
    rows.sort(key=lambda row: (row.counts[Verdict.ACCEPT] / row.segments, -row.segments, row.structure))

    column = table.column("reasons").combine_chunks()
    texts = pc.list_flatten(column).dictionary_encode()
    texts = texts.combine_chunks() if hasattr(texts, "combine_chunks") else texts
    parents = np.asarray(pc.list_parent_indices(column))
    codes, wordings = np.asarray(texts.indices), texts.dictionary.to_pylist()
    reasons = []
    alike = alike_texts(wordings)
    wording_of = np.empty(len(wordings), np.int64)
    for n, one in enumerate(alike):
        wording_of[list(one.places)] = n
    own = wording_of[codes] if len(codes) else np.empty(0, np.int64)
    for judged in (Verdict.REJECT, Verdict.REVIEW):
        if judged not in verdict.values:
            continue
        of_verdict = verdict.codes[parents] == verdict.values.index(judged)
        for n in np.unique(own[of_verdict]):
            rows_of = parents[of_verdict & (own == n)]
            named = Counter(structure[row] or segment[row] for row in rows_of.tolist())
            # Of one wording only the texts of this verdict count: their common numbers stand.
            (shown,) = alike_texts([wordings[code] for code in np.unique(codes[of_verdict & (own == n)])])
            common = tuple(name for name, _ in sorted(named.items(), key=lambda item: (-item[1], item[0] or "")))
            reasons.append(VerdictReason(judged, shown.text, len(rows_of), len(np.unique(case.codes[rows_of])), common))
    reasons.sort(key=lambda reason: (-reason.segments, reason.text))
    return tuple(rows), tuple(reasons)


def _failed(folder: CohortFolder) -> tuple[FailedCheck, ...]:
    import pyarrow.compute as pc

    open_ = table_columns(folder, "findings", ("case", "check"), pc.field("status") == Status.NOT_EVALUATED.value)
    open_case, open_check = coded_texts(open_, "case"), coded_texts(open_, "check")
    pairs = np.unique(np.stack([open_check.codes, open_case.codes], axis=1), axis=0)
    not_made = Counter(open_check.values[code] for code in pairs[:, 0].tolist())
    table = table_columns(folder, "findings", ("case", "check", "message", "kept"), pc.field("status") == Status.FAIL.value)
    case, check, message, kept = (coded_texts(table, name) for name in ("case", "check", "message", "kept"))
    found = []
    for n, name in enumerate(check.values):
        rows = np.flatnonzero(check.codes == n)
        if not len(rows):
            continue
        times = Counter(message.codes[rows].tolist())
        alike = alike_texts([message.values[code] for code in times])
        amounts = list(times.values())
        commonest = max(alike, key=lambda one: sum(amounts[place] for place in one.places))
        cases = len(np.unique(case.codes[rows]))
        by_reader = int(np.count_nonzero(kept.codes[rows] >= 0))
        found.append(FailedCheck(name, cases, len(rows), by_reader, commonest.text, not_made[name]))
    return tuple(sorted(found, key=lambda one: (-one.cases, -one.findings, one.check)))
