"""The cases to look at first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.cohort_columns import coded_texts, table_columns
from SegQCLib.cohort.report.predicted_agreement import PredictedAgreement
from SegQCLib.cohort.report.report_cases import ReportCase
from SegQCLib.findings import Status
from SegQCLib.record import Verdict

_SEVERITY = (Verdict.REJECT, Verdict.REVIEW, Verdict.ACCEPT)


@dataclass(frozen=True)
class WorstCase:
    """A case that is worth a look, with why.

    Attributes
    ----------
    case : ReportCase
    rank : int
        From 1.
    segment : str or None
        Where it is worst: the segment furthest below what experts are expected to reach, else with the lowest Dice, among the
        segments of the worst verdict. None: no segment was judged.
    dice : float or None
        Of that segment, the mean over references.
    threshold, expected : float or None
        The Dice that this image asks for, and the mean that experts are expected to reach; None: not predicted.
    reasons : tuple of str
        Failed checks, then reasons of segments that are not accepted, worst first.
    """

    case: ReportCase
    rank: int
    segment: str | None
    dice: float | None
    threshold: float | None
    expected: float | None
    reasons: tuple[str, ...]


def worst_cases(
    folder: CohortFolder,
    cases: Sequence[ReportCase],
    dice: dict[tuple[str, str], float],
    predicted: PredictedAgreement,
    count: int,
) -> tuple[WorstCase, ...]:
    """Return the worst cases: by verdict, then failed checks, then Dice against expected agreement, then Dice.

    Accepted cases are not among them.

    Raises
    ------
    BadDataError
        If a table is not there.
    """
    shortfalls: dict[str, float] = {}
    lowest: dict[str, float] = {}
    for (case, segment), value in dice.items():
        lowest[case] = min(lowest.get(case, math.inf), value)
        prediction = predicted.by_segment.get((case, segment))
        if prediction is not None and prediction.judges:
            shortfalls[case] = min(shortfalls.get(case, math.inf), value - prediction.threshold)

    def severity(case: ReportCase) -> tuple:
        verdict, name = _SEVERITY.index(case.verdict), case.case
        return verdict, -(case.failed_findings or 0), shortfalls.get(name, math.inf), lowest.get(name, math.inf)

    asked = [case for case in cases if case.verdict in (Verdict.REJECT, Verdict.REVIEW)]
    chosen = sorted(asked, key=severity)[:count]
    if not chosen:
        return ()
    failed = _failed_checks(folder, chosen)
    judged = _judged_segments(folder, chosen)
    found = []
    for rank, case in enumerate(chosen, 1):
        own = judged.get(case.case, [])
        segment = _worst_segment(case.case, own, dice, predicted)
        prediction = None if segment is None else predicted.by_segment.get((case.case, segment))
        by_verdict = sorted(own, key=lambda item: (_SEVERITY.index(item[1]), item[0] != segment))
        of_segments = [f"{name}: {' '.join(texts)}" for name, verdict, texts in by_verdict if verdict is not Verdict.ACCEPT]
        found.append(
            WorstCase(
                case,
                rank,
                segment,
                None if segment is None else dice.get((case.case, segment)),
                prediction.threshold if prediction is not None and prediction.judges else None,
                None if prediction is None else prediction.dice,
                tuple(dict.fromkeys([*failed.get(case.case, []), *of_segments])),
            )
        )
    return tuple(found)


def _failed_checks(folder: CohortFolder, chosen: Sequence[ReportCase]) -> dict[str, list[str]]:
    import pyarrow.compute as pc

    asked = (pc.field("status") == Status.FAIL.value) & pc.field("case").isin([case.case for case in chosen])
    table = table_columns(folder, "findings", ("case", "message"), asked)
    case, message = coded_texts(table, "case"), coded_texts(table, "message")
    found: dict[str, list[str]] = {}
    for row in range(table.num_rows):
        found.setdefault(case[row], []).append(message[row] or "")
    return found


def _judged_segments(folder: CohortFolder, chosen: Sequence[ReportCase]) -> dict[str, list[tuple[str, Verdict, list[str]]]]:
    import pyarrow.compute as pc

    asked = pc.field("case").isin([case.case for case in chosen])
    table = table_columns(folder, "verdicts", ("case", "segment", "verdict", "reasons"), asked)
    case, segment, verdict = (coded_texts(table, name) for name in ("case", "segment", "verdict"))
    reasons = table.column("reasons").to_pylist()
    found: dict[str, list[tuple[str, Verdict, list[str]]]] = {}
    for row in range(table.num_rows):
        found.setdefault(case[row], []).append((segment[row], Verdict(verdict[row]), reasons[row] or []))
    return found


def _worst_segment(
    case: str,
    judged: Sequence[tuple[str, Verdict, list[str]]],
    dice: dict[tuple[str, str], float],
    predicted: PredictedAgreement,
) -> str | None:
    def badness(item: tuple[str, Verdict, list[str]]) -> tuple:
        value = dice.get((case, item[0]), math.inf)
        prediction = predicted.by_segment.get((case, item[0]))
        short = value - prediction.threshold if prediction is not None and prediction.judges else math.inf
        return _SEVERITY.index(item[1]), short, value

    return min(judged, key=badness)[0] if judged else None
