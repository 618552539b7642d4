"""What a table of a cohort is, and what its rows are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from SegQCLib.cohort.case_outcome import CaseOutcome
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.tables.column import Column


@dataclass(frozen=True)
class CaseResult:
    """One case with its result.

    Attributes
    ----------
    case : CohortCase
    outcome : CaseOutcome
    record : dict or None
        The record as JSON has it: making a QCRecord of it takes ten times as long. None: refused or failed.
    cost : dict or None
        Fields of CaseCost. None: it failed before anything could be measured.
    """

    case: CohortCase
    outcome: CaseOutcome
    record: dict[str, Any] | None
    cost: dict[str, Any] | None

    def items(self, name: str) -> list[dict[str, Any]]:
        """Return a list of the record, for example its measurements; empty without a record."""
        return [] if self.record is None else self.record.get(name, [])


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    name : str
        Also of its folder.
    doc : str
        What one row is.
    columns : tuple of Column
    rows : callable
        Yields the rows of one case: a cell for each column, None where it is undefined or not known.
    """

    name: str
    doc: str
    columns: tuple[Column, ...]
    rows: Callable[[CaseResult], Iterator[tuple[Any, ...]]]
