"""How often images were not as the protocol asks, by scanner and by site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from SegQCLib.checks import IMAGE_CHECKS
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.cohort_columns import coded_texts, table_columns
from SegQCLib.cohort.report.report_cases import ReportCase
from SegQCLib.findings import Status
from SegQCLib.prepare import CHECK_ID

# The checks of the image and its header: what the protocol gate asks before anything is segmented.
GATE_CHECKS = (*(check.ID for check in IMAGE_CHECKS), CHECK_ID)
FEW_CASES = 20
NOT_KNOWN = "not known"


@dataclass(frozen=True)
class GateRow:
    """One scanner or site.

    Attributes
    ----------
    name : str
    judged, failed : int
        Evaluated cases, and those of them in which at least one check of the image failed.
    low, high : float
        95 % interval of the share that failed, 0 to 1 (Wilson score interval, Wilson, J Am Stat Assoc 1927;22:209-212).
    not_evaluated : int
        Cases in which at least one check of the image could not be evaluated, as where the header lacks a fact.
    checks : tuple of (check, cases)
        Which failed, the commonest first.
    """

    name: str
    judged: int
    failed: int
    low: float
    high: float
    not_evaluated: int
    checks: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class GateFailures:
    """The image checks over a cohort: all, by scanner (manufacturer and model), by site; those with most failures first."""

    all: GateRow | None
    scanners: tuple[GateRow, ...]
    sites: tuple[GateRow, ...]


def gate_failures(folder: CohortFolder, cases: Sequence[ReportCase]) -> GateFailures:
    """Return how often the gate failed; only evaluated cases count.

    Raises
    ------
    BadDataError
        If a table is not there.
    """
    import pyarrow.compute as pc

    asked = pc.field("check").isin(list(GATE_CHECKS)) & pc.field("status").isin([Status.FAIL.value, Status.NOT_EVALUATED.value])
    table = table_columns(folder, "findings", ("case", "check", "status"), asked)
    case, check, status = (coded_texts(table, name) for name in ("case", "check", "status"))
    failed: dict[str, set[str]] = {}
    open_: set[str] = set()
    for row in range(table.num_rows):
        if status[row] == Status.FAIL:
            failed.setdefault(case[row], set()).add(check[row])
        else:
            open_.add(case[row])
    judged = [case for case in cases if case.evaluated]
    return GateFailures(
        _row("all", judged, failed, open_) if judged else None,
        _rows(judged, lambda case: case.scanner, failed, open_),
        _rows(judged, lambda case: case.site, failed, open_),
    )


def _rows(
    judged: Sequence[ReportCase], name: Callable[[ReportCase], str | None], failed: dict[str, set[str]], open_: set[str]
) -> tuple[GateRow, ...]:
    groups: dict[str, list[ReportCase]] = {}
    shown: dict[str, str] = {}
    for case in judged:
        text = name(case) or NOT_KNOWN
        groups.setdefault(text.casefold(), []).append(case)
        shown.setdefault(text.casefold(), text)
    if set(groups) == {NOT_KNOWN}:
        return ()
    rows = [_row(shown[key], own, failed, open_) for key, own in groups.items()]
    return tuple(sorted(rows, key=lambda row: (row.name == NOT_KNOWN, -row.failed / row.judged, -row.judged, row.name)))


def _row(name: str, judged: Sequence[ReportCase], failed: dict[str, set[str]], open_: set[str]) -> GateRow:
    own = [case.case for case in judged if case.case in failed]
    interval = stats.binomtest(len(own), len(judged)).proportion_ci(0.95, method="wilson")
    checks = Counter(check for case in own for check in failed[case])
    ordered = tuple(sorted(checks.items(), key=lambda item: (-item[1], item[0])))
    # Rounding of the formula can leave 1e-17 where the share is 0 or 1.
    low, high = (float(np.clip(edge, 0.0, 1.0)) for edge in interval)
    return GateRow(name, len(judged), len(own), low, high, sum(case.case in open_ for case in judged), ordered)
