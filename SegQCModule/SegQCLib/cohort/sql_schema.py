"""A cohort's tables in the database of readers' records: what of them is stored there, and under which keys."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from SegQCLib.cohort.tables import TABLES
from SegQCLib.cohort.tables.column import Column
from SegQCLib.record_store.schema import require_sqlalchemy

if TYPE_CHECKING:
    from sqlalchemy import MetaData

# What may be stored, in its order. Paths, hashes of files, names of files and computers, sentences, and what readers wrote stay
# in Parquet, which lies beside the images and names their cases.
STORED = {
    "cases": (
        "case", "reader", "patient", "site", "outcome", "verdict", "candidate_is_draft", "references", "protocol_id",
        "protocol_version", "protocol_sha256", "modality", "manufacturer", "model", "software_versions", "convolution_kernel",
        "slice_thickness_mm", "spacing_k_mm", "spacing_j_mm", "spacing_i_mm", "size_k", "size_j", "size_i", "simulated",
        "failed_findings", "warnings", "hardest_segment", "hardest_expected_dice",
    ),
    "verdicts": ("segment", "structure", "verdict"),
    "measurements": ("segment", "structure", "metric", "value", "unit", "definition", "candidate_role", "reference_role"),
    "findings": ("check", "status", "segment", "size_voxels", "size_mm3"),
    "expected_agreement": (
        "segment", "model", "dice", "lower", "upper", "coverage", "threshold", "rule", "in_domain", "described_role", "unit",
    ),
    "image_quality": (
        "segment", "structure", "measure", "method", "definition", "region", "voxels", "value", "unit", "in_study_z",
        "in_study_cases",
    ),
    "ratings": ("rating", "reader", "grade", "best", "lowest", "highest", "not_assessable", "proposes_exclusion"),
    "costs": ("seconds", "reading_s", "peak_memory_mib"),
}  # fmt: skip
PARTS_OF_A_CASE = tuple(name for name in STORED if name != "cases")


def stored_columns(name: str) -> tuple[Column, ...]:
    """Return the columns of a Parquet table that are stored, in the order of the stored ones."""
    columns = {column.name: column for table in TABLES if table.name == name for column in table.columns}
    return tuple(columns[column] for column in STORED[name])


@cache
def cohort_tables() -> MetaData:
    """Return the tables, which stand beside those of `record_store.schema.all_tables`.

    - cohorts: the name of every cohort.
    - cohort_parts: which parts of its Parquet tables are loaded.
    - cohort_cases: one case each; "case", reader, patient and site are keys.
    - cohort_verdicts, cohort_measurements, cohort_findings, cohort_expected_agreement, cohort_image_quality, cohort_ratings,
      cohort_costs: rows of a case; `cohort_case` is its number in cohort_cases, `position` their order.

    Columns are called as in Parquet, and have its units; lists are JSON texts.

    Raises
    ------
    BadDataError
        If SQLAlchemy is not installed.
    """
    require_sqlalchemy()
    from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, Integer, MetaData, Table, Text
    from sqlalchemy import Column as Stored

    row_number = BigInteger().with_variant(Integer(), "sqlite")
    kinds = {"text": Text(), "texts": Text(), "int": BigInteger(), "float": Float(53), "bool": Boolean()}
    metadata = MetaData()

    def columns(name: str) -> list[Stored]:
        return [Stored(column.name, kinds[column.kind]) for column in stored_columns(name)]

    Table(
        "cohorts",
        metadata,
        Stored("number", row_number, primary_key=True, autoincrement=False),
        Stored("cohort", Text, nullable=False, unique=True),
    )
    Table(
        "cohort_parts",
        metadata,
        Stored("cohort", row_number, ForeignKey("cohorts.number"), primary_key=True, autoincrement=False),
        Stored("part", Text, primary_key=True),
        Stored("costs", Text, nullable=False),
    )
    Table(
        "cohort_cases",
        metadata,
        Stored("number", row_number, primary_key=True, autoincrement=False),
        Stored("cohort", row_number, ForeignKey("cohorts.number"), nullable=False),
        Stored("part", Text, nullable=False),
        *columns("cases"),
        Index("cohort_cases_of_part", "cohort", "part"),
        Index("cohort_cases_of_case", "case"),
    )
    for name in PARTS_OF_A_CASE:
        Table(
            f"cohort_{name}",
            metadata,
            Stored("cohort_case", row_number, ForeignKey("cohort_cases.number"), primary_key=True, autoincrement=False),
            Stored("position", Integer, primary_key=True, autoincrement=False),
            *columns(name),
        )
    return metadata
