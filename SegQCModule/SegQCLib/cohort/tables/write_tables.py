"""A cohort's results as one Parquet data set."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.cohort.case_outcome import CaseOutcome
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.tables import TABLES
from SegQCLib.cohort.tables.cases_csv import CASES_CSV_NAME, write_cases_csv
from SegQCLib.cohort.tables.part import PartCase, part_hash, parts_of, rows_hash
from SegQCLib.cohort.tables.pyarrow_needed import require_pyarrow
from SegQCLib.cohort.tables.versions import begin_version, show_version, shown_version, take_over, version_name
from SegQCLib.cohort.tables.write_part import unwritable, write_part

if TYPE_CHECKING:
    from distributed import Client

_PART = re.compile(r"part-\d{5}-([0-9a-f]{32})\.parquet")


@dataclass(frozen=True)
class _PlannedPart:
    cases: tuple[PartCase, ...]
    files: Mapping[str, str]


def write_tables(
    folder: CohortFolder, cases: Sequence[CohortCase], outcomes: Sequence[CaseOutcome], client: Client | None = None
) -> None:
    """Write the tables of a cohort and cases.csv beside them, and show them in one step in place of those that were there.

    The same cases, results and version of pyarrow give the same bytes in the same files, in whatever order the cases were done;
    only `costs` has times in it. Parts of some hundred cases that have not changed are not written again. Whoever reads sees the
    old tables or the new ones; so does who comes after a run that was killed here.

    Parameters
    ----------
    folder : CohortFolder
        Of which the caller has the lock: one writes at a time.
    cases : sequence of CohortCase
        In the order of the plan. A case without an outcome was not reached and has no row.
    outcomes : sequence of CaseOutcome
        In any order.
    client : distributed.Client, optional
        Each part is a task of its workers, which must see the folder; default: the parts are written here, one after another.

    Raises
    ------
    BadDataError
        If pyarrow is not installed, a result cannot be read, or the disk is full. The tables that were there are unchanged.
    """
    require_pyarrow()
    # A worker has another working directory.
    folder = CohortFolder(folder.path.absolute())
    of_case = {outcome.case: outcome for outcome in outcomes}
    done = [PartCase(case, of_case[case.case]) for case in cases if case.case in of_case]
    parts = [_planned(number, part) for number, part in enumerate(parts_of(done))]
    version = version_name(f"{table}/{file}" for part in parts for table, file in part.files.items())
    shown = shown_version(folder)
    there = {} if shown is None else _whole_parts(shown)
    wanted = {(table, _hash(file)) for part in parts for table, file in part.files.items()}
    if shown is not None and shown.name == version and wanted <= there.keys() and (shown / CASES_CSV_NAME).is_file():
        return
    made: Path | None = None
    try:
        made = begin_version(folder)
        for table in TABLES:
            (made / table.name).mkdir()
        missing = [(part, paths) for part in parts if (paths := _taken_over(part, made, there))]
        _write(folder, missing, client)
        for left in made.glob("*/.part-*"):
            # Of a worker that was killed.
            left.unlink(missing_ok=True)
        write_cases_csv(made / CASES_CSV_NAME, [made / "cases" / part.files["cases"] for part in parts])
        with (made / CASES_CSV_NAME).open("rb+") as file:
            os.fsync(file.fileno())
        show_version(folder, made, version)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)


def _planned(number: int, cases: tuple[PartCase, ...]) -> _PlannedPart:
    # Ten thousand cases are told once, and not once for each table.
    rows, costs = rows_hash(cases, has_costs=False), rows_hash(cases, has_costs=True)
    hashes = {table.name: part_hash(table.name, table.columns, costs if table.name == "costs" else rows) for table in TABLES}
    # The number keeps the plan's order for everybody who reads files by their names.
    return _PlannedPart(cases, {table: f"part-{number:05d}-{digits}.parquet" for table, digits in hashes.items()})


def _hash(file: str) -> str:
    return _PART.fullmatch(file)[1]


def _whole_parts(shown: Path) -> dict[tuple[str, str], Path]:
    """Return the files that can be taken over, by table and hash."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = {}
    for path in shown.glob("*/part-*.parquet"):
        if _PART.fullmatch(path.name):
            try:
                pq.read_metadata(path)
            except (pa.ArrowException, OSError):
                # Cut off on its way here: it is written again.
                continue
            found[path.parent.name, _hash(path.name)] = path
    return found


def _taken_over(part: _PlannedPart, made: Path, there: Mapping[tuple[str, str], Path]) -> dict[str, Path]:
    """Put the files of a part that are there into the new version, and return where the others have to be written."""
    paths = {}
    for table, file in part.files.items():
        known = there.get((table, _hash(file)))
        if known is None:
            paths[table] = made / table / file
        else:
            take_over(known, made / table / file)
    return paths


def _write(folder: CohortFolder, parts: Sequence[tuple[_PlannedPart, dict[str, Path]]], client: Client | None) -> None:
    if client is None:
        for part, paths in parts:
            write_part(folder, paths, part.cases)
        return
    tasks = [client.submit(write_part, folder, paths, part.cases, pure=False) for part, paths in parts]
    try:
        client.gather(tasks)
    finally:
        client.cancel(tasks)
