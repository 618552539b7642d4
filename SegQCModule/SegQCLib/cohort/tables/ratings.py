"""The table ratings: one row per rating that a reader gave to an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SegQCLib.cohort.tables.column import CASE, cells_of, columns_of
from SegQCLib.cohort.tables.table import CaseResult, Table
from SegQCLib.readers.ratings import RatingGiven

_OWN = columns_of(RatingGiven)


def _rows(result: CaseResult) -> Iterator[tuple[Any, ...]]:
    for item in result.items("ratings"):
        yield (result.case.case, *cells_of(item, _OWN))


RATINGS = Table("ratings", "One row per rating that a reader gave to an image.", (CASE, *_OWN), _rows)
