"""The table verdicts: one row per segment that the protocol judges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SegQCLib.cohort.tables.column import CASE, cells_of, columns_of
from SegQCLib.cohort.tables.table import CaseResult, Table
from SegQCLib.record import SegmentVerdict

_OWN = columns_of(SegmentVerdict)


def _rows(result: CaseResult) -> Iterator[tuple[Any, ...]]:
    for item in result.items("verdicts"):
        yield (result.case.case, *cells_of(item, _OWN))


VERDICTS = Table("verdicts", "One row per segment that the protocol judges.", (CASE, *_OWN), _rows)
