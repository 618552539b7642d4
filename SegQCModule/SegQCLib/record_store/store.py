"""What a database of readers' records answers: reads, and how much it holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.errors import BadDataError
from SegQCLib.readers.case_read import CaseRead, FindingPath, PlantedRead, Purpose, RatingRead, SegmentRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.record_store.connect import Database, connect
from SegQCLib.record_store.schema import table
from SegQCLib.record_store.utc_text import utc_text

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Select


@dataclass(frozen=True)
class Counts:
    """How much a database holds; `simulated_reads` of the `reads` were read by nobody."""

    readers: int
    cases: int
    sessions: int
    events: int
    reads: int
    simulated_reads: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class Store:
    """A database with records; readers and cases are keys, whose names the names file knows (`reader_keys.read_names`)."""

    database: Database

    def case_reads(
        self,
        *,
        reader: str | None = None,
        case: str | None = None,
        structure: str | None = None,
        model: str | None = None,
        purpose: Purpose | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        finished: bool | None = None,
    ) -> tuple[CaseRead, ...]:
        """Return reads by time, whole and as `readers.effort.case_reads` computes them from the logs, with keys for names.

        Parameters
        ----------
        reader, case : str, optional
            Keys.
        structure, model : str, optional
            Reads with a segment of this name, or whose draft this model made.
        purpose : {"clinical", "training"}, optional
        since, until : datetime with time zone, optional
            Reads that began at or after the one, and before the other.
        finished : bool, optional

        Raises
        ------
        BadDataError
            If the database cannot be read.
        ValueError
            If a time has no time zone.
        """
        from sqlalchemy import select

        reads, segments = table("case_reads"), table("segment_reads")
        wanted: list[ColumnElement[bool]] = []
        for column, value in (
            (reads.c.reader, reader),
            (reads.c.case, case),
            (reads.c.purpose, purpose),
            (reads.c.finished, finished),
        ):
            if value is not None:
                wanted.append(column == value)
        for column, value in ((segments.c.name, structure), (segments.c.model, model)):
            if value is not None:
                wanted.append(reads.c.number.in_(select(segments.c.read).where(column == value)))
        if since is not None:
            wanted.append(reads.c.started >= _utc(since))
        if until is not None:
            wanted.append(reads.c.started < _utc(until))
        with self.database.reading() as connection:
            return _case_reads(connection, wanted)

    def counts(self) -> Counts:
        """Return how much the database holds."""
        from sqlalchemy import func, select

        reads, sessions = table("case_reads"), table("sessions")
        with self.database.reading() as connection:
            readers, logs, lines = connection.execute(
                select(func.count(sessions.c.reader.distinct()), func.count(), func.sum(sessions.c.lines)).select_from(sessions)
            ).one()
            cases, count, first, last = connection.execute(
                select(func.count(reads.c.case.distinct()), func.count(), func.min(reads.c.started), func.max(reads.c.ended))
                .select_from(reads)
            ).one()  # fmt: skip
            simulated = connection.execute(select(func.count()).select_from(reads).where(reads.c.simulated)).scalar_one()
        # Each log's first line is no event.
        return Counts(readers, cases, logs, int(lines or 0) - logs, count, simulated, _time(first), _time(last))


def open_store(url: str) -> Store:
    """Return the database behind a URL, which logs were loaded into before.

    Parameters
    ----------
    url : str
        sqlite:///FILE or postgresql://USER@HOST/DATABASE.

    Raises
    ------
    BadDataError
        If there is none, it cannot be reached, or it holds something else.
    """
    database = connect(url)
    if not database.has_tables():
        raise BadDataError(database.name, "holds no readers' records.", "Load session logs into it first: segqc records ingest.")
    return Store(database)


def default_url(folder: Path) -> str:
    """Return the database of a folder of logs where none is named: segqc-records.sqlite beside the folder, not in it."""
    return f"sqlite:///{(folder.resolve().parent / 'segqc-records.sqlite').as_posix()}"


def _case_reads(connection: Connection, wanted: list[ColumnElement[bool]]) -> tuple[CaseRead, ...]:
    from sqlalchemy import select

    reads = table("case_reads")
    parts: dict[str, dict[int, list[Any]]] = {}
    makers = {"segment_reads": _segment_read, "findings": _finding, "ratings": _rating, "planted": _planted}
    for name, make in makers.items():
        part = table(name)
        query: Select = select(part).order_by(part.c.read, part.c.position)
        if wanted:
            query = query.where(part.c.read.in_(select(reads.c.number).where(*wanted)))
        of_read: dict[int, list[Any]] = {}
        for row in connection.execute(query):
            of_read.setdefault(row[0], []).append(make(row))
        parts[name] = of_read
    query = select(reads).where(*wanted).order_by(reads.c.started, reads.c.reader, reads.c.case, reads.c.repeat)
    return tuple(_case_read(row, parts) for row in connection.execute(query))


def _case_read(row: Any, parts: dict[str, dict[int, list[Any]]]) -> CaseRead:
    (number, reader, case, repeat, sessions, purpose, started, ended, finished, protocol, sha256,
     active, idle, wait, paused, slices, seen, scrolled, verdict, simulated) = row  # fmt: skip
    segments, findings, ratings, planted = (tuple(parts[name].get(number, ())) for name in parts)
    return CaseRead(
        reader, case, repeat, tuple(json.loads(sessions)), purpose, datetime.fromisoformat(started), datetime.fromisoformat(ended),
        finished, protocol, sha256, Seconds(active, idle, wait, paused), slices, seen, scrolled, verdict,
        segments, findings, ratings, planted, simulated,
    )  # fmt: skip


def _segment_read(row: Any) -> SegmentRead:
    _, _, name, active, idle, wait, paused, effects, *rest = row
    return SegmentRead(name, Seconds(active, idle, wait, paused), json.loads(effects), *rest)


def _finding(row: Any) -> FindingPath:
    return FindingPath(*row[2:])


def _rating(row: Any) -> RatingRead:
    return RatingRead(*row[2:])


def _planted(row: Any) -> PlantedRead:
    return PlantedRead(*row[2:])


def _utc(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError(f"{time} has no time zone, so it is no moment.")
    return utc_text(time)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
