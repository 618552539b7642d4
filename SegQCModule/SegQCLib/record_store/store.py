"""What a database of readers' records answers: reads, counts, and sums by reader, model and month."""

from __future__ import annotations

import json
from collections import Counter
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
class MonthOfReading:
    """Finished clinical reads of one reader in one month, the segments of one model and its version together.

    Attributes
    ----------
    reader : str
        Key.
    month : str
        YYYY-MM in UTC, of the read's beginning.
    model, model_version : str or None
        None: AI-free.
    segments : int
    reads : int
        That have such a segment.
    active_s : float
        Mean active time per segment, s.
    dice_with_draft : float or None
        Mean Dice of draft against final segment, 0 to 1, of those where it is defined.
    accepted_unchanged : int or None
        Segments that were taken as they were, of `compared`; None without a draft.
    compared : int
        Segments whose voxels were counted against a draft.
    accuracy : float or None
        Mean Dice against a reference, 0 to 1, where there is one.
    simulated : bool
    """

    reader: str
    month: str
    model: str | None
    model_version: str | None
    segments: int
    reads: int
    active_s: float
    dice_with_draft: float | None
    accepted_unchanged: int | None
    compared: int
    accuracy: float | None
    simulated: bool


@dataclass(frozen=True)
class FindingFunnel:
    """How far readers went with the findings of one check: of `found`, so many were looked at, repaired, kept with a reason."""

    check: str
    found: int
    viewed: int
    repaired: int
    kept: int
    left_open: int


@dataclass(frozen=True)
class PlantedDetection:
    """Errors of one kind that were planted into training cases of one reader; `seconds`: active time of each that was detected."""

    reader: str
    error: str
    shown: int
    detected: int
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class StructureRead:
    """A finished read of a structure that more than one read of the case has: what agreement is computed from."""

    case: str
    structure: str
    reader: str
    repeat: int
    purpose: Purpose
    model: str | None
    volume_ml: float | None
    accuracy: float | None
    simulated: bool


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

    def months(self, reader: str | None = None) -> tuple[MonthOfReading, ...]:
        """Return finished clinical reads summed up in SQL, by reader, month, model and model version.

        Parameters
        ----------
        reader : str, optional
            Key: of this reader only.
        """
        from sqlalchemy import Float, and_, case, cast, func, select

        reads, segments = table("case_reads"), table("segment_reads")
        month = func.substr(reads.c.started, 1, 7).label("month")
        both = segments.c.voxels + segments.c.draft_voxels
        drafted = and_(segments.c.model.is_not(None), both > 0, segments.c.removed_voxels.is_not(None))
        dice = case((drafted, 2 * cast(segments.c.draft_voxels - segments.c.removed_voxels, Float(53)) / func.nullif(both, 0)))
        compared = and_(segments.c.model.is_not(None), segments.c.added_voxels.is_not(None), segments.c.removed_voxels.is_not(None))
        unchanged = and_(compared, segments.c.added_voxels == 0, segments.c.removed_voxels == 0)
        by = (reads.c.reader, month, segments.c.model, segments.c.model_version)
        query = (
            select(
                *by,
                func.count(),
                func.count(reads.c.number.distinct()),
                func.avg(segments.c.active_s),
                func.avg(dice),
                func.sum(case((unchanged, 1), else_=0)),
                func.sum(case((compared, 1), else_=0)),
                func.avg(segments.c.accuracy),
                reads.c.simulated,
            )
            .select_from(reads.join(segments, segments.c.read == reads.c.number))
            .where(reads.c.finished, reads.c.purpose == "clinical")
            .group_by(*by, reads.c.simulated)
        )
        if reader is not None:
            query = query.where(reads.c.reader == reader)
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
        found = (
            MonthOfReading(*row[:8], None if row[2] is None else int(row[8]), int(row[9]), row[10], bool(row[11])) for row in rows
        )
        # Databases do not agree on where nothing stands in an order.
        return tuple(sorted(found, key=lambda month: (month.reader, month.month, month.model or "", month.model_version or "")))

    def finding_funnel(self, reader: str | None = None) -> tuple[FindingFunnel, ...]:
        """Return, for each check, how far readers went with its findings in clinical cases; `reader` is a key."""
        from sqlalchemy import and_, case, func, not_, select

        reads, findings = table("case_reads"), table("findings")

        def counted(condition: ColumnElement[bool]) -> ColumnElement[int]:
            return func.sum(case((and_(findings.c.found, condition), 1), else_=0))

        settled = findings.c.repaired | findings.c.kept
        query = (
            select(
                findings.c.check,
                counted(findings.c.found),
                counted(findings.c.viewed),
                counted(findings.c.repaired),
                counted(findings.c.kept),
                counted(not_(settled)),
            )
            .select_from(findings.join(reads, findings.c.read == reads.c.number))
            .where(reads.c.purpose == "clinical")
            .group_by(findings.c.check)
        )
        if reader is not None:
            query = query.where(reads.c.reader == reader)
        with self.database.reading() as connection:
            rows = connection.execute(query).all()
        return tuple(sorted((FindingFunnel(row[0], *map(int, row[1:])) for row in rows), key=lambda funnel: funnel.check))

    def planted_detection(self, reader: str | None = None) -> tuple[PlantedDetection, ...]:
        """Return what became of planted errors, by reader and kind of error; `reader` is a key."""
        from sqlalchemy import select

        reads, planted = table("case_reads"), table("planted")
        query = (
            select(reads.c.reader, planted.c.error, planted.c.detected, planted.c.seconds)
            .select_from(planted.join(reads, planted.c.read == reads.c.number))
            .order_by(reads.c.reader, planted.c.error, planted.c.read, planted.c.position)
        )
        if reader is not None:
            query = query.where(reads.c.reader == reader)
        outcomes: dict[tuple[str, str], list[tuple[bool, float | None]]] = {}
        with self.database.reading() as connection:
            for whose, error, detected, seconds in connection.execute(query):
                outcomes.setdefault((whose, error), []).append((detected, seconds))
        return tuple(
            PlantedDetection(
                whose, error, len(found), sum(detected for detected, _ in found), tuple(s for d, s in found if d and s is not None)
            )
            for (whose, error), found in outcomes.items()
        )

    def structures_read_again(self) -> tuple[StructureRead, ...]:
        """Return the finished reads of every structure that was read more than once in a case, by reader or repeat."""
        from sqlalchemy import select

        reads, segments = table("case_reads"), table("segment_reads")
        query = (
            select(
                reads.c.case,
                segments.c.name,
                reads.c.reader,
                reads.c.repeat,
                reads.c.purpose,
                segments.c.model,
                segments.c.voxels * segments.c.voxel_volume_mm3 / 1000,
                segments.c.accuracy,
                reads.c.simulated,
            )
            .select_from(reads.join(segments, segments.c.read == reads.c.number))
            .where(reads.c.finished)
            .order_by(reads.c.case, segments.c.name, reads.c.reader, reads.c.purpose, reads.c.repeat)
        )
        with self.database.reading() as connection:
            found = [StructureRead(*row) for row in connection.execute(query)]
        # In SQL a table would be joined with its own groups, which takes SQLite a hundred times as long.
        times_read = Counter((read.case, read.structure) for read in found)
        return tuple(read for read in found if times_read[read.case, read.structure] > 1)


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
