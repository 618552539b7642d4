"""The table image_quality: one row per number about the image in or around one segment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from SegQCLib.cohort.tables.column import CASE, cells_of, columns_of
from SegQCLib.cohort.tables.table import CaseResult, Table
from SegQCLib.quality.quality_measurement import QualityMeasurement, StudyPosition

_PREFIX = "in_study_"
_OWN = columns_of(QualityMeasurement, without=("in_study",), units={"voxels": "{voxels}"})
# A value in a value is a column of its own for each field: spreadsheets and R know no other way.
_IN_STUDY = columns_of(StudyPosition, prefix=_PREFIX, units={"z": "1", "cases": "{count}"})


def _rows(result: CaseResult) -> Iterator[tuple[Any, ...]]:
    for item in result.items("image_quality"):
        yield (result.case.case, *cells_of(item, _OWN), *cells_of(item.get("in_study"), _IN_STUDY, _PREFIX))


IMAGE_QUALITY = Table(
    "image_quality", "One row per number about the image in or around one segment.", (CASE, *_OWN, *_IN_STUDY), _rows
)
