"""One part of a cohort's tables, from the results in the store to Parquet files."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.cohort.case_outcome import Outcome
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.result_store import ResultStore
from SegQCLib.cohort.tables import TABLES
from SegQCLib.cohort.tables.column import Column, arrow_schema
from SegQCLib.cohort.tables.part import PartCase
from SegQCLib.cohort.tables.table import CaseResult
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    import pyarrow as pa

# Rows are Python's own values for so many cases, and much smaller afterwards.
_CASES_AT_ONCE = 16
_ROWS_OF_A_GROUP = 131_072


def write_part(folder: CohortFolder, paths: Mapping[str, Path], cases: Sequence[PartCase]) -> None:
    """Write the rows of some cases to a file for each table named in `paths`; the files are whole on disk when it returns.

    Parameters
    ----------
    folder : CohortFolder
    paths : mapping of a table's name to the file
    cases : sequence of PartCase

    Raises
    ------
    BadDataError
        If a result cannot be read, or the disk is full.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [table for table in TABLES if table.name in paths]
    schemas = {table.name: arrow_schema(table.name, table.doc, table.columns) for table in tables}
    batches: dict[str, list[pa.RecordBatch]] = {table.name: [] for table in tables}
    store = ResultStore(folder)
    needs_records = any(name != "costs" for name in paths)
    for first in range(0, len(cases), _CASES_AT_ONCE):
        results = [_result(store, item, needs_records) for item in cases[first : first + _CASES_AT_ONCE]]
        for table in tables:
            rows = [row for result in results for row in table.rows(result)]
            batches[table.name].append(_batch(rows, table.columns, schemas[table.name]))
    for name, path in paths.items():
        # A worker that was taken for lost may still be writing the same part: each has a file of its own, and they are the same.
        own = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            rows = pa.Table.from_batches(batches[name], schemas[name]).combine_chunks()
            pq.write_table(rows, own, row_group_size=_ROWS_OF_A_GROUP, write_page_checksum=True)
            with own.open("rb+") as file:
                os.fsync(file.fileno())
            own.replace(path)
        except OSError as error:
            raise unwritable(folder, error) from error


def unwritable(folder: CohortFolder, error: OSError) -> BadDataError:
    """Return what to say where the tables cannot be written."""
    return BadDataError(
        folder.tables,
        f"could not be written ({error.strerror or error}).",
        "Free space and run the same command again; the tables that were there are unchanged, and no result is lost.",
    )


def _result(store: ResultStore, item: PartCase, needs_record: bool) -> CaseResult:
    outcome = item.outcome
    record, cost = None, None if outcome.cost is None else asdict(outcome.cost)
    if outcome.key is not None and outcome.outcome is not Outcome.FAILED:
        if cost is None:
            envelope = store.envelope_path(outcome.key)
            # A fault that the source knew is kept nowhere.
            cost = _json(envelope)["cost"] if envelope.is_file() else None
        if needs_record and outcome.outcome is Outcome.EVALUATED:
            record = _json(store.record_path(outcome.key))
    return CaseResult(item.case, outcome, record, cost)


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadDataError(
            path, f"cannot be read as a result ({error}).", "Run the same command again: what is damaged is computed anew."
        ) from error


def _batch(rows: Sequence[tuple[Any, ...]], columns: Sequence[Column], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pa.RecordBatch.from_arrays(
        [_array(values, field.type) for values, field in zip(cells, schema, strict=True)], schema=schema
    )


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values, kind)
    except (UnicodeEncodeError, OverflowError, pa.ArrowInvalid):
        return pa.array([_stored(value, kind) for value in values], kind)


def _stored(value: Any, kind: pa.DataType) -> Any:
    """Return a value as Parquet can hold it: names of files need not be Unicode, and a protocol may name any number."""
    import pyarrow as pa

    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list | tuple):
        return [_stored(item, kind.value_type) for item in value]
    if isinstance(value, int) and pa.types.is_floating(kind):
        return float(value) if abs(value) <= sys.float_info.max else None
    # No number of these tables comes near; one that does is no measurement.
    return None if isinstance(value, int) and not -(2**63) <= value < 2**63 else value
