"""Session logs into the database: what is new, once, whoever else is loading at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.record_store.connect import Database
from SegQCLib.record_store.load import LoadedRows, deleted_sessions, load, loaded_sessions
from SegQCLib.record_store.prepare import Prepared, ReaderCase, prepare
from SegQCLib.record_store.reader_keys import Keys, add_names, make_names
from SegQCLib.record_store.scan import Loaded, LogFile, Problem, deleted_in, is_unchanged, log_files, names_in
from SegQCLib.record_store.stored_logs import stored_efforts

if TYPE_CHECKING:
    import sqlalchemy

# A transaction must not need much memory, and not be so small that the disk confirms thousands.
_EVENTS_AT_ONCE = 50_000
_CASES_AT_ONCE = 500
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


def ingest(folder: Path, database: Database, names: Path, progress: Progress = unwatched) -> IngestReport:
    """Load what is new in the session logs below a folder into a database, made if need be.

    A log that is damaged is told and left out. What was loaded is never changed afterwards: a log whose loaded part was
    rewritten is told and left out as well. Stopped at any moment and begun again, it comes to the same rows.

    Parameters
    ----------
    folder : Path
    database : Database
    names : Path
        File of names and of the keys' secret; made if neither it nor the database is there yet.
    progress : callable, optional

    Raises
    ------
    BadDataError
        If the folder, the database or the names file cannot be used. What was loaded until then stays loaded.
    """
    files, unusable = log_files(folder, part(progress, 0.0, 0.1))
    deleted_here, faulty_records = deleted_in(folder)
    if not files and not unusable and not deleted_here:
        raise BadDataError(folder, "holds no session logs.", "Give the folder with files named *.session-log.jsonl.")
    keys = _prepared_database(database, names)
    first = plan = _plan(database, files, deleted_here, keys)
    cases, problems, torn = plan.cases, [*unusable, *faulty_records, *plan.problems], []
    sessions = grown = events = reads = 0
    for _ in range(_MOST_ROUNDS):
        overtaken: list[Prepared] = []
        done, number = 0, len(cases)
        for batch in _batches(database, cases, keys):
            loaded = database.write(partial(_load, batch=batch, names=names, secret=keys.secret))
            done += len(batch)
            progress(f"loading: {done:,} of {number:,} cases", 0.1 + 0.9 * done / max(1, number))
            again = {id(prepared) for prepared in loaded.overtaken}
            kept = [prepared for prepared in batch if id(prepared) not in again]
            problems += [problem for prepared in kept for problem in prepared.problems]
            torn += [path for prepared in kept for path in prepared.torn]
            sessions, grown = sessions + loaded.sessions, grown + loaded.grown
            events, reads = events + loaded.events, reads + loaded.reads
            overtaken += loaded.overtaken
        if not overtaken:
            deleted = {*first.deleted, *plan.deleted}
            return IngestReport(
                len(files) + len(unusable), first.unchanged, sessions, grown, events, reads,
                tuple(problems), tuple(torn), tuple(sorted(deleted)),
            )  # fmt: skip
        plan = _plan(database, [file for prepared in overtaken for file in prepared.of.files], deleted_here, keys)
        cases = plan.cases
        problems += plan.problems
    raise BadDataError(database.name, "is written by others all the time.", "Run the command again.")


def _prepared_database(database: Database, names: Path) -> Keys:
    if not names.exists() and database.has_tables():
        raise BadDataError(
            names,
            f"is not there, but {database.name} has keys that were made with such a file.",
            "Give that file with --names, or a copy of it from a backup; without it, load the logs into a new database with --db.",
        )
    keys = Keys(make_names(names).secret)
    database.make_tables(keys.check())
    return keys


def _plan(database: Database, files: Sequence[LogFile], deleted_here: frozenset[str], keys: Keys) -> _Plan:
    with database.reading() as connection:
        loaded = loaded_sessions(connection)
        gone = deleted_here | deleted_sessions(connection)
    files_there = [file for file in files if file.session not in gone]
    problems: list[Problem] = []
    whose: dict[str, tuple[str, str]] = {}
    changed = [file for file in files_there if not is_unchanged(file, loaded)]
    for file in changed:
        try:
            reader, case = names_in(file.path)
        except BadDataError as error:
            problems.append(Problem(file.path, str(error)))
            continue
        known = loaded.get(file.session)
        if known and (known.reader, known.case) != (keys.reader(reader), keys.case(case)):
            text = f"{file.path}, line 1: names another reader or case than when it was loaded before."
            problems.append(Problem(file.path, f"{text} Use a copy from a backup; what was loaded stays as it is."))
            continue
        whose[file.session] = reader, case
    return _Plan(
        _reader_cases(files_there, whose, loaded, keys),
        len(files_there) - len(changed),
        tuple(problems),
        tuple(file.path for file in files if file.session in gone),
    )


def _reader_cases(
    files: Sequence[LogFile], whose: dict[str, tuple[str, str]], loaded: dict[str, Loaded], keys: Keys
) -> tuple[ReaderCase, ...]:
    """Return what has to be loaded: every reader and case with a log that is new or has grown, with all their other logs."""
    names = {(keys.reader(reader), keys.case(case)): (reader, case) for reader, case in whose.values()}
    logs: dict[tuple[str, str], list[LogFile]] = {key: [] for key in names}
    known: dict[tuple[str, str], dict[str, Loaded]] = {key: {} for key in names}
    for session, so_far in loaded.items():
        if (so_far.reader, so_far.case) in names:
            known[so_far.reader, so_far.case][session] = so_far
    for file in files:
        if file.session in whose:
            reader, case = whose[file.session]
            logs[keys.reader(reader), keys.case(case)].append(file)
    return tuple(ReaderCase(*key, *names[key], tuple(logs[key]), known[key]) for key in names)


def _batches(database: Database, cases: Sequence[ReaderCase], keys: Keys) -> Iterator[list[Prepared]]:
    batch: list[Prepared] = []
    events = 0
    for case in cases:
        prepared = _prepared(database, case, keys)
        damaged = {problem.path for problem in prepared.problems}
        if any(file.path in damaged and file.session in case.loaded for file in case.files):
            # What was loaded of a log that is damaged now still counts.
            whole = replace(case, files=tuple(file for file in case.files if file.path not in damaged))
            prepared = replace(_prepared(database, whole, keys), problems=prepared.problems)
        batch.append(prepared)
        events += sum(len(rows.events) for rows in prepared.sessions)
        if events >= _EVENTS_AT_ONCE or len(batch) >= _CASES_AT_ONCE:
            yield batch
            batch, events = [], 0
    if batch:
        yield batch


def _prepared(database: Database, case: ReaderCase, keys: Keys) -> Prepared:
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
