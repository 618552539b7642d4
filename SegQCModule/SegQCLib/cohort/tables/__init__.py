"""The tables of a cohort: a new one is a file here and a line in TABLES."""

from __future__ import annotations

from SegQCLib.cohort.tables.cases import CASES
from SegQCLib.cohort.tables.costs import COSTS
from SegQCLib.cohort.tables.expected_agreement import EXPECTED_AGREEMENT
from SegQCLib.cohort.tables.findings import FINDINGS
from SegQCLib.cohort.tables.image_quality import IMAGE_QUALITY
from SegQCLib.cohort.tables.measurements import MEASUREMENTS
from SegQCLib.cohort.tables.ratings import RATINGS
from SegQCLib.cohort.tables.table import Table
from SegQCLib.cohort.tables.verdicts import VERDICTS

TABLES: tuple[Table, ...] = (
    CASES,
    VERDICTS,
    MEASUREMENTS,
    FINDINGS,
    EXPECTED_AGREEMENT,
    IMAGE_QUALITY,
    RATINGS,
    COSTS,
)
