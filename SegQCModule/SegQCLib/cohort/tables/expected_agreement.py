"""The table expected_agreement: one row per segment whose expert agreement was predicted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SegQCLib.cohort.tables.column import CASE, cells_of, columns_of
from SegQCLib.cohort.tables.table import CaseResult, Table
from SegQCLib.record import SegmentExpectedAgreement

_OWN = columns_of(SegmentExpectedAgreement, units=dict.fromkeys(("dice", "lower", "upper", "coverage", "threshold"), "1"))


def _rows(result: CaseResult) -> Iterator[tuple[Any, ...]]:
    for item in result.items("expected_agreement"):
        yield (result.case.case, *cells_of(item, _OWN))


EXPECTED_AGREEMENT = Table("expected_agreement", "One row per segment whose expert agreement was predicted.", (CASE, *_OWN), _rows)
