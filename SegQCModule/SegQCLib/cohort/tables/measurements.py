"""The table measurements: one row per number about one segment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SegQCLib.cohort.tables.column import CASE, cells_of, columns_of
from SegQCLib.cohort.tables.table import CaseResult, Table
from SegQCLib.record import Measurement

_OWN = columns_of(Measurement)


def _rows(result: CaseResult) -> Iterator[tuple[Any, ...]]:
    for item in result.items("measurements"):
        yield (result.case.case, *cells_of(item, _OWN))


MEASUREMENTS = Table("measurements", "One row per number about one segment.", (CASE, *_OWN), _rows)
