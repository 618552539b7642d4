"""Columns of a cohort's Parquet tables as arrays: texts as codes, so that millions of rows stay small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.tables.pyarrow_needed import require_pyarrow
from SegQCLib.cohort.tables.read_tables import damaged, require_columns, table_parts

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

_ROWS_AT_ONCE = 131_072


@dataclass(frozen=True, eq=False)
class CodedTexts:
    """A column of texts.

    Attributes
    ----------
    codes : ndarray of int32, shape (rows,)
        Place in `values`; -1: no text.
    values : tuple of str
        In the order in which they come first.
    """

    codes: NDArray[np.int32]
    values: tuple[str, ...]

    def __getitem__(self, row: int) -> str | None:
        code = self.codes[row]
        return None if code < 0 else self.values[code]


def table_columns(folder: CohortFolder, table: str, names: Sequence[str], keep: ds.Expression | None = None) -> pa.Table:
    """Return columns of a table, of the rows that `keep` lets through.

    Raises
    ------
    BadDataError
        If pyarrow is not installed, the table is not there or lacks a column.
    """
    with _readable(folder, table):
        return _dataset(folder, table, names).to_table(columns=list(names), filter=keep).unify_dictionaries()


def table_batches(
    folder: CohortFolder, table: str, names: Sequence[str], keep: ds.Expression | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the same part by part, in the order of the table; each part has its own codes.

    Raises
    ------
    BadDataError
        As `table_columns` does.
    """
    with _readable(folder, table):
        yield from _dataset(folder, table, names).to_batches(columns=list(names), filter=keep, batch_size=_ROWS_AT_ONCE)


@contextmanager
def _readable(folder: CohortFolder, table: str) -> Iterator[None]:
    require_pyarrow()
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise damaged(folder.tables / table, error) from error


def _dataset(folder: CohortFolder, table: str, names: Sequence[str]) -> ds.Dataset:
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    files = table_parts(folder, table)
    schema = pq.read_schema(files[0])
    require_columns(files[0], schema, names)
    texts = [name for name in names if pa.types.is_string(schema.field(name).type)]
    checked = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    coded = ds.ParquetFileFormat(dictionary_columns=texts, default_fragment_scan_options=checked)
    return ds.dataset([str(file) for file in files], format=coded, schema=_coded(schema, texts))


def _coded(schema: pa.Schema, texts: Sequence[str]) -> pa.Schema:
    """Return the schema with texts as codes."""
    import pyarrow as pa

    fields = [field.with_type(pa.dictionary(pa.int32(), pa.string())) if field.name in texts else field for field in schema]
    return pa.schema(fields)


def coded_texts(table: pa.Table | pa.RecordBatch, name: str) -> CodedTexts:
    """Return a column of texts as codes."""
    import pyarrow as pa

    column = table.column(name)
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        # Of one chunk or none it is an array already; of several pyarrow hands back chunks in some versions.
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return CodedTexts(codes, tuple(column.dictionary.to_pylist()))


def numbers(table: pa.Table | pa.RecordBatch, name: str) -> NDArray[np.float64]:
    """Return a column of numbers; NaN where there is none."""
    column = table.column(name)
    return np.asarray(column.to_numpy(zero_copy_only=False), float)
