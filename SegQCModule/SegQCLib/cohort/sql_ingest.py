"""A cohort's Parquet tables into the database of readers' records: what is new, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.sql_schema import PARTS_OF_A_CASE, STORED, cohort_tables
from SegQCLib.cohort.tables.pyarrow_needed import require_pyarrow
from SegQCLib.cohort.tables.read_tables import read_part, table_parts
from SegQCLib.cohort.tables.versions import one_version
from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, unwatched
from SegQCLib.record_store.connect import Database
from SegQCLib.record_store.ingest import prepared_database
from SegQCLib.record_store.reader_keys import Keys, add_names
from SegQCLib.record_store.rows import insert_into
from SegQCLib.record_store.stored_facts import clear_word

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy

_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class CohortIngested:
    """What was loaded: `loaded` of the `cases` stand anew in the database, and `removed` ones stood there before.

    Cases come and go by parts of some hundred: where one of them has changed, its part is loaded anew.
    """

    cohort: str
    cases: int
    loaded: int
    removed: int


@dataclass(frozen=True)
class _Part:
    """Files of one part by table; `name` says what is in them but the costs, which differ from run to run."""

    name: str
    files: Mapping[str, Path]

    @property
    def costs(self) -> str:
        return self.files["costs"].name


def ingest_cohort(
    folder: CohortFolder, database: Database, names: Path, cohort: str | None = None, progress: Progress = unwatched
) -> CohortIngested:
    """Load a cohort's tables into a database, made if need be, in place of what it has of a cohort of this name.

    Cases and readers get the keys that `record_store.ingest` gives them, so that rows join; their names go into the file of
    names. Parts that have not changed since they were loaded are left alone. All is done in one transaction: who asks the
    database sees the cohort as it was, or as it is.

    Parameters
    ----------
    folder : CohortFolder
        Of a run of `segqc cohort`.
    database : Database
    names : Path
        File of names and of the keys' secret; made if neither it nor the database is there yet.
    cohort : str, optional
        Name of the cohort in the database; default: that of the folder. It is stored as it is.
    progress : callable, optional

    Raises
    ------
    BadDataError
        If the tables, the database or the names file cannot be used; the database is unchanged then.
    """
    require_pyarrow()
    name = clear_word(folder.path.resolve().name if cohort is None else cohort)
    with one_version(folder):
        parts = _parts(folder)
    keys = prepared_database(database, names)
    database.write(cohort_tables().create_all)
    return database.write(lambda connection: _load(connection, name, parts, keys, names, progress))


def _parts(folder: CohortFolder) -> list[_Part]:
    files: dict[str, dict[str, Path]] = {}
    for table in STORED:
        for path in table_parts(folder, table):
            files.setdefault(re.split("[-.]", path.name)[1], {})[table] = path
    parts = []
    for of_tables in files.values():
        if of_tables.keys() != STORED.keys():
            raise BadDataError(
                folder.tables, "changed while it was read, or lacks files.", "Run the same command again when its run is over."
            )
        # What is stored is a part of it: another choice of columns loads it anew.
        text = json.dumps([[path.name for table, path in of_tables.items() if table != "costs"], STORED])
        parts.append(_Part(hashlib.sha256(text.encode()).hexdigest()[:32], of_tables))
    return parts


def _load(
    connection: sqlalchemy.Connection, cohort: str, parts: Sequence[_Part], keys: Keys, names: Path, progress: Progress
) -> CohortIngested:
    from sqlalchemy import func, select

    tables = cohort_tables().tables
    number = _cohort_number(connection, cohort)
    stored = tables["cohort_parts"]
    there = dict(connection.execute(select(stored.c.part, stored.c.costs).where(stored.c.cohort == number)).all())
    new = [part for part in parts if part.name not in there]
    cases, readers = _names_in(new)
    if len(new) == len(parts):
        _require_own_cohort(connection, number, cohort, {keys.case(case) for case in cases})
    # Under the database's lock, and before its rows: a key without a name would be nobody.
    add_names(names, keys.secret, readers, cases)
    removed = _delete_parts(connection, number, there.keys() - {part.name for part in parts})
    highest = connection.execute(select(func.max(tables["cohort_cases"].c.number))).scalar() or 0
    for done, part in enumerate(new, start=1):
        highest = _insert_part(connection, number, part, highest, keys)
        progress(f"loading: {done:,} of {len(new):,} parts", done / len(new))
    for part in parts:
        if part.name in there and there[part.name] != part.costs:
            _replace_costs(connection, number, part, keys)
    own = tables["cohort_cases"].c.cohort == number
    return CohortIngested(
        cohort,
        connection.execute(select(func.count()).select_from(tables["cohort_cases"]).where(own)).scalar_one(),
        len(cases),
        removed,
    )


def _cohort_number(connection: sqlalchemy.Connection, cohort: str) -> int:
    from sqlalchemy import func, select

    cohorts = cohort_tables().tables["cohorts"]
    number = connection.execute(select(cohorts.c.number).where(cohorts.c.cohort == cohort)).scalar()
    if number is None:
        number = (connection.execute(select(func.max(cohorts.c.number))).scalar() or 0) + 1
        connection.execute(cohorts.insert(), {"number": number, "cohort": cohort})
    return number


def _require_own_cohort(connection: sqlalchemy.Connection, number: int, cohort: str, cases: set[str]) -> None:
    """Raise BadDataError if this would be another cohort's end: most output folders are called results."""
    from sqlalchemy import select

    stored = cohort_tables().tables["cohort_cases"].c
    there = set(connection.execute(select(stored.case).where(stored.cohort == number)).scalars())
    if there and cases and not there & cases:
        raise BadDataError(
            f"The cohort {cohort!r} in the database",
            f"has {len(there):,} cases, none of which is in this folder.",
            "Give this cohort another name (--name).",
        )


def _names_in(parts: Sequence[_Part]) -> tuple[list[str], set[str]]:
    cases: list[str] = []
    readers: set[str] = set()
    for part in parts:
        of_cases = _columns(part.files["cases"], ("case", "reader"))
        cases += of_cases["case"]
        readers.update(of_cases["reader"], _columns(part.files["ratings"], ("reader",))["reader"])
    return cases, {reader for reader in readers if reader is not None and reader.strip()}


def _delete_parts(connection: sqlalchemy.Connection, cohort: int, gone: set[str]) -> int:
    from sqlalchemy import and_, delete, select

    tables = cohort_tables().tables
    cases, parts = tables["cohort_cases"], tables["cohort_parts"]
    removed = 0
    for part in sorted(gone):
        own = and_(cases.c.cohort == cohort, cases.c.part == part)
        for name in PARTS_OF_A_CASE:
            rows = tables[f"cohort_{name}"]
            connection.execute(delete(rows).where(rows.c.cohort_case.in_(select(cases.c.number).where(own))))
        removed += connection.execute(delete(cases).where(own)).rowcount
        connection.execute(delete(parts).where(and_(parts.c.cohort == cohort, parts.c.part == part)))
    return removed


def _insert_part(connection: sqlalchemy.Connection, cohort: int, part: _Part, highest: int, keys: Keys) -> int:
    """Insert all rows of a part, and return the highest number of a case then."""
    tables = cohort_tables().tables
    insert_into(connection, tables["cohort_parts"], [(cohort, part.name, part.costs)])
    names = _columns(part.files["cases"], ("case",))["case"]
    numbers = {name: number for number, name in enumerate(names, start=highest + 1)}
    rows = ((numbers[name], cohort, part.name, *cells) for name, cells in _stored_rows("cases", part, keys))
    insert_into(connection, tables["cohort_cases"], list(rows))
    for name in PARTS_OF_A_CASE:
        _insert_rows_of_cases(connection, name, part, numbers, keys)
    return highest + len(names)


def _replace_costs(connection: sqlalchemy.Connection, cohort: int, part: _Part, keys: Keys) -> None:
    from sqlalchemy import and_, delete, select, update

    tables = cohort_tables().tables
    cases, costs, parts = tables["cohort_cases"], tables["cohort_costs"], tables["cohort_parts"]
    own = and_(cases.c.cohort == cohort, cases.c.part == part.name)
    of_key = dict(connection.execute(select(cases.c.case, cases.c.number).where(own)).all())
    connection.execute(delete(costs).where(costs.c.cohort_case.in_(list(of_key.values()))))
    numbers = {name: of_key[keys.case(name)] for name in _columns(part.files["cases"], ("case",))["case"]}
    _insert_rows_of_cases(connection, "costs", part, numbers, keys)
    connection.execute(update(parts).where(and_(parts.c.cohort == cohort, parts.c.part == part.name)).values(costs=part.costs))


def _insert_rows_of_cases(
    connection: sqlalchemy.Connection, table: str, part: _Part, numbers: Mapping[str, int], keys: Keys
) -> None:
    stored = cohort_tables().tables[f"cohort_{table}"]
    positions = dict.fromkeys(numbers, 0)
    batch: list[tuple[Any, ...]] = []
    for name, cells in _stored_rows(table, part, keys):
        if name not in numbers:
            raise BadDataError(
                part.files[table],
                "has rows of a case that the table cases does not have.",
                "Delete the folder 'tables' and run the same segqc cohort command again.",
            )
        batch.append((numbers[name], positions[name], *cells))
        positions[name] += 1
        if len(batch) >= _ROWS_AT_ONCE:
            insert_into(connection, stored, batch)
            batch = []
    insert_into(connection, stored, batch)


def _stored_rows(table: str, part: _Part, keys: Keys) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield the name of the case and the stored cells of each row; not all rows are Python's own values at once."""
    wanted = STORED[table]
    rows = _read(part.files[table], tuple(dict.fromkeys(("case", *wanted))))
    keyed: dict[str, Callable[[str], str]] = {
        "case": keys.case, "reader": keys.reader, "patient": keys.other, "site": keys.other,
    }  # fmt: skip
    for batch in rows.to_batches(max_chunksize=_ROWS_AT_ONCE):
        columns = batch.to_pydict()
        stored = [[_cell(value, keyed.get(name, clear_word), name in keyed) for value in columns[name]] for name in wanted]
        yield from zip(columns["case"], zip(*stored, strict=True), strict=True)


def _cell(value: Any, of_text: Callable[[str], str], is_key: bool) -> Any:
    if isinstance(value, str):
        # A blank is nobody, and would have a key without a name.
        return None if is_key and not value.strip() else of_text(value)
    return json.dumps([clear_word(item) for item in value], ensure_ascii=False) if isinstance(value, list) else value


def _columns(path: Path, names: Sequence[str]) -> dict[str, list[Any]]:
    return _read(path, names).to_pydict()


def _read(path: Path, names: Sequence[str]) -> pa.Table:
    return read_part(path, names)
