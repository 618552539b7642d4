"""The table findings: one row per statement of a check about a case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SegQCLib.cohort.tables.column import CASE, cells_of, columns_of
from SegQCLib.cohort.tables.table import CaseResult, Table
from SegQCLib.findings import Finding

_OWN = columns_of(Finding)


def _rows(result: CaseResult) -> Iterator[tuple[Any, ...]]:
    for item in result.items("findings"):
        yield (result.case.case, *cells_of(item, _OWN))


FINDINGS = Table("findings", "One row per statement of a check about a case.", (CASE, *_OWN), _rows)
