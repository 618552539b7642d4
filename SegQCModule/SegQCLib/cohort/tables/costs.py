"""The table costs: what evaluating each case took. The only one with times, and so the only one that differs from run to run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SegQCLib.cohort.case_outcome import CaseCost
from SegQCLib.cohort.tables.column import CASE, Column, cells_of, columns_of
from SegQCLib.cohort.tables.table import CaseResult, Table

_KEPT = Column("kept", "bool", "True: an earlier run had evaluated it, and this is what it took then.")
_OWN = columns_of(CaseCost, units={"seconds": "s"})


def _rows(result: CaseResult) -> Iterator[tuple[Any, ...]]:
    yield (result.case.case, result.outcome.kept, *cells_of(result.cost, _OWN))


COSTS = Table("costs", "One row per case: what evaluating it took.", (CASE, _KEPT, *_OWN), _rows)
