"""A cohort's Parquet data set, read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.tables import TABLES
from SegQCLib.cohort.tables.pyarrow_needed import require_pyarrow
from SegQCLib.cohort.tables.versions import shown_version
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

# What to do about tables of another version.
OF_ANOTHER_VERSION = (
    "Run the same segqc cohort command again with this version of SegQC; results that are kept are not computed again."
)


def read_table(folder: CohortFolder, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a table of a cohort, rows in the order of the plan.

    Parameters
    ----------
    folder : CohortFolder
    name : str
        One of `tables.TABLES`.
    columns : sequence of str, optional
        Only these: ten thousand cases with a hundred segments have millions of measurements.

    Raises
    ------
    BadDataError
        If pyarrow is not installed, or the table is not there or damaged.
    ValueError
        If a cohort has no such table or column.
    """
    _require(name, columns)
    import pyarrow as pa

    return pa.concat_tables(read_part(part, columns) for part in table_parts(folder, name))


def table_parts(folder: CohortFolder, name: str) -> tuple[Path, ...]:
    """Return the files of a table, all of one version of the data set, in the order of the plan.

    Raises
    ------
    BadDataError
        If there are none.
    """
    shown = shown_version(folder)
    parts = () if shown is None else tuple(sorted((shown / name).glob("part-*.parquet")))
    if not parts:
        raise BadDataError(
            folder.tables / name,
            "is not there.",
            "Give the output folder of segqc cohort; if its run was stopped, run the same command again.",
        )
    return parts


def read_part(part: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Return one file of a table.

    Raises
    ------
    BadDataError
        If it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(part, page_checksum_verification=True) as file:
            require_columns(part, file.schema_arrow, columns or ())
            return file.read(columns)
    except (pa.ArrowException, OSError) as error:
        raise damaged(part, error) from error


def require_columns(part: Path, schema: pa.Schema, columns: Sequence[str]) -> None:
    """Raise BadDataError if a file lacks a column, as one of another version of SegQC may."""
    missing = [name for name in columns if name not in schema.names]
    if missing:
        raise BadDataError(
            part,
            f"has no column {', '.join(missing)}.",
            OF_ANOTHER_VERSION,
        )


def damaged(place: Path, error: Exception) -> BadDataError:
    """Return what to say of a table that cannot be read."""
    return BadDataError(
        place, f"cannot be read ({error}).", "Delete the folder 'tables' and run the same segqc cohort command again."
    )


def _require(name: str, columns: Sequence[str] | None) -> None:
    require_pyarrow()
    table = next((table for table in TABLES if table.name == name), None)
    if table is None:
        raise ValueError(f"A cohort has no table {name!r}; it has {', '.join(table.name for table in TABLES)}.")
    unknown = set(columns or ()) - {column.name for column in table.columns}
    if unknown:
        raise ValueError(f"The table {name!r} has no column {', '.join(sorted(unknown))}.")
