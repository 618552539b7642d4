"""Session logs into the database: what is new, once, whoever else is loading at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.record_store.connect import Database, connect_to
from SegQCLib.record_store.load import LoadedRows, deleted_sessions, load, loaded_sessions
from SegQCLib.record_store.prepare import Prepared, ReaderCase, prepare
from SegQCLib.record_store.reader_keys import Keys, add_names, make_names
from SegQCLib.record_store.scan import Loaded, LogFile, Problem, deleted_in, log_paths, look_at
from SegQCLib.record_store.stored_logs import stored_efforts

if TYPE_CHECKING:
    import sqlalchemy

# A transaction must not need much memory, and not be so small that the disk confirms thousands.
_EVENTS_AT_ONCE = 50_000
_CASES_AT_ONCE = 500
# A process takes about a second to start, and reads about 4 MB in it.
_WORTH_PROCESSES_BYTES = 2**24
_BYTES_OF_A_PART = 2**20
# Somebody else may load a case between our reading and our writing; then it is read again.
_MOST_ROUNDS = 20


@dataclass(frozen=True)
class IngestReport:
    """What was loaded.

    Attributes
    ----------
    logs : int
        Files of session logs below the folder.
    unchanged : int
        Logs that the database had already, to their last line.
    sessions, grown, events : int
        New in the database; of `grown` sessions a part was there before.
    reads : int
        Reads of cases that were computed anew.
    problems : tuple of Problem
        Logs that were not loaded, or not further than before.
    torn : tuple of Path
        Logs whose last line was cut off; all lines before it were loaded.
    deleted : tuple of Path
        Logs of sessions that were deleted on request, and that lie in the folder again; they were not loaded.
    """

    logs: int
    unchanged: int
    sessions: int
    grown: int
    events: int
    reads: int
    problems: tuple[Problem, ...]
    torn: tuple[Path, ...]
    deleted: tuple[Path, ...]


@dataclass(frozen=True)
class _Plan:
    cases: tuple[ReaderCase, ...]
    unchanged: int
    problems: tuple[Problem, ...]
    deleted: tuple[Path, ...]


def ingest(folder: Path, database: Database, names: Path, progress: Progress = unwatched, *, processes: int = 1) -> IngestReport:
    """Load what is new in the session logs below a folder into a database, made if need be.

    A log that is damaged is told and left out; so are simulated logs where the folder or the database has real ones, and
    real ones where the database has simulated ones: what nobody read is never averaged with what readers did. What was
    loaded is never changed afterwards: a log whose loaded part was rewritten is told and left out as well. Stopped at any
    moment and begun again, it comes to the same rows.

    Parameters
    ----------
    folder : Path
    database : Database
    names : Path
        File of names and of the keys' secret; made if neither it nor the database is there yet.
    progress : callable, optional
    processes : int, optional
        That read logs at the same time, where there is much to read.

    Raises
    ------
    BadDataError
        If the folder, the database or the names file cannot be used. What was loaded until then stays loaded.
    """
    paths = log_paths(folder)
    deleted_here, faulty_records = deleted_in(folder)
    if not paths and not deleted_here:
        raise BadDataError(folder, "holds no session logs.", "Give the folder with files named *.session-log.jsonl.")
    keys = prepared_database(database, names)
    plan = _plan(database, paths, deleted_here, keys, part(progress, 0.0, 0.1))
    unchanged, deleted = plan.unchanged, set(plan.deleted)
    problems, torn = [*faulty_records, *plan.problems], []
    sessions = grown = events = reads = 0
    for _ in range(_MOST_ROUNDS):
        overtaken: list[Prepared] = []
        done, number = 0, len(plan.cases)
        for batch in _batches(_all_prepared(database, plan.cases, keys, processes)):
            loaded = database.write(partial(_load, batch=batch, names=names, secret=keys.secret))
            done += len(batch)
            progress(f"loading: {done:,} of {number:,} cases", 0.1 + 0.9 * done / max(1, number))
            left = {id(prepared) for prepared in loaded.overtaken}
            kept = [prepared for prepared in batch if id(prepared) not in left]
            problems += [problem for prepared in kept for problem in prepared.problems]
            torn += [path for prepared in kept for path in prepared.torn]
            sessions, grown = sessions + loaded.sessions, grown + loaded.grown
            events, reads = events + loaded.events, reads + loaded.reads
            overtaken += loaded.overtaken
        if not overtaken:
            return IngestReport(
                len(paths), unchanged, sessions, grown, events, reads, tuple(problems), tuple(torn), tuple(sorted(deleted))
            )
        again = [file.path for prepared in overtaken for file in prepared.of.files]
        plan = _plan(database, again, deleted_here, keys, unwatched)
        problems += plan.problems
        deleted |= {*plan.deleted}
    raise BadDataError(database.name, "is written by others all the time.", "Run the command again.")


def prepared_database(database: Database, names: Path) -> Keys:
    """Return the keys of a database and its names file, both made if they are not there.

    Raises
    ------
    BadDataError
        If one of them cannot be used, or one is there without the other.
    """
    # Names are made before tables: whoever makes both at this moment has made the names by the second look.
    if not names.exists() and database.has_tables() and not names.exists():
        raise BadDataError(
            names,
            f"is not there, but {database.name} has keys that were made with such a file.",
            "Give that file with --names, or a copy of it from a backup; without it, load the logs into a new database with --db.",
        )
    keys = Keys(make_names(names).secret)
    database.make_tables(keys.check())
    return keys


def _plan(database: Database, paths: Sequence[Path], deleted_here: frozenset[str], keys: Keys, progress: Progress) -> _Plan:
    with database.reading() as connection:
        loaded = loaded_sessions(connection)
        gone = deleted_here | deleted_sessions(connection)
    files, unusable = look_at(paths, loaded, progress)
    problems = list(unusable)
    there, mixed = _of_one_kind([file for file in files if file.session not in gone], loaded.values())
    problems += mixed
    logs: dict[tuple[str, str], list[LogFile]] = {}
    names: dict[tuple[str, str], tuple[str, str]] = {}
    for file in there:
        if file.names is None:
            continue
        reader, case = file.names
        key = keys.reader(reader), keys.case(case)
        known = loaded.get(file.session)
        if known and (known.reader, known.case) != key:
            text = f"{file.path}, line 1: names another reader or case than when it was loaded before."
            problems.append(Problem(file.path, f"{text} Use a copy from a backup; what was loaded stays as it is."))
            continue
        names.setdefault(key, (reader, case))
        logs.setdefault(key, []).append(file)
    of_case: dict[tuple[str, str], dict[str, Loaded]] = {key: {} for key in logs}
    for session, known in loaded.items():
        if (known.reader, known.case) in of_case:
            of_case[known.reader, known.case][session] = known
    return _Plan(
        tuple(ReaderCase(*key, *names[key], tuple(logs[key]), of_case[key]) for key in logs),
        sum(file.names is None for file in there),
        tuple(problems),
        tuple(file.path for file in files if file.session in gone),
    )


def _of_one_kind(files: Sequence[LogFile], loaded: Collection[Loaded]) -> tuple[list[LogFile], list[Problem]]:
    """Return the logs that belong into one database: what nobody read is never averaged with what readers did."""
    known = {session.simulated for session in loaded}
    simulated = {True} == (known or {file.simulated for file in files if file.simulated is not None})
    other, here = ("real", "simulated") if simulated else ("simulated", "real")
    text = f"is a {other} log, and this is a database of {here} ones. Load it into another database with --db."
    left_out = [file for file in files if file.simulated is (not simulated)]
    return (
        [file for file in files if file.simulated is not (not simulated)],
        [Problem(file.path, f"{file.path}: {text}") for file in left_out],
    )


def _batches(prepared_cases: Iterable[Prepared]) -> Iterator[list[Prepared]]:
    batch: list[Prepared] = []
    events = 0
    for prepared in prepared_cases:
        batch.append(prepared)
        events += sum(len(rows.events) for rows in prepared.sessions)
        if events >= _EVENTS_AT_ONCE or len(batch) >= _CASES_AT_ONCE:
            yield batch
            batch, events = [], 0
    if batch:
        yield batch


def _all_prepared(database: Database, cases: Sequence[ReaderCase], keys: Keys, processes: int) -> Iterator[Prepared]:
    """Yield the rows of every case in their order; with several processes the logs are read ahead of what is asked for."""
    if processes == 1 or sum(file.bytes for case in cases for file in case.files) < _WORTH_PROCESSES_BYTES:
        for case in cases:
            yield _prepared(database, case, keys)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        ahead: deque[Future[list[Prepared]]] = deque()
        try:
            for part_of_them in _parts(cases):
                ahead.append(pool.submit(_prepared_part, database.url, part_of_them, keys))
                # Rows that nobody has taken yet are in memory.
                if len(ahead) > 2 * processes:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def _parts(cases: Sequence[ReaderCase]) -> Iterator[list[ReaderCase]]:
    taken: list[ReaderCase] = []
    size = 0
    for case in cases:
        taken.append(case)
        size += sum(file.bytes for file in case.files)
        if size >= _BYTES_OF_A_PART or len(taken) >= _CASES_AT_ONCE:
            yield taken
            taken, size = [], 0
    if taken:
        yield taken


def _prepared_part(url: sqlalchemy.URL, cases: list[ReaderCase], keys: Keys) -> list[Prepared]:
    database = connect_to(url)
    return [_prepared(database, case, keys) for case in cases]


def _prepared(database: Database, case: ReaderCase, keys: Keys) -> Prepared:
    prepared = _with_rows_of_others(database, case, keys)
    damaged = {problem.path for problem in prepared.problems}
    if any(file.path in damaged and file.session in case.loaded for file in case.files):
        # What was loaded of a log that is damaged now still counts.
        whole = replace(case, files=tuple(file for file in case.files if file.path not in damaged))
        prepared = replace(_with_rows_of_others(database, whole, keys), problems=prepared.problems)
    return prepared


def _with_rows_of_others(database: Database, case: ReaderCase, keys: Keys) -> Prepared:
    here = {file.session for file in case.files}
    elsewhere = [session for session in case.loaded if session not in here]
    efforts = ()
    if elsewhere:
        with database.reading() as connection:
            efforts = stored_efforts(connection, elsewhere)
    return prepare(case, efforts, keys)


def _load(connection: sqlalchemy.Connection, batch: list[Prepared], names: Path, secret: str) -> LoadedRows:
    # Under the database's lock, and before its rows: a key without a name would be nobody.
    add_names(
        names,
        secret,
        {prepared.of.reader_name for prepared in batch if prepared.sessions},
        {prepared.of.case_name for prepared in batch if prepared.sessions},
    )
    return load(connection, batch)
