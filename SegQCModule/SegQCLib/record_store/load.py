"""Prepared rows into the database: all rows of some readers' cases in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.record_store.prepare import Prepared, SessionRows
from SegQCLib.record_store.rows import insert_rows
from SegQCLib.record_store.scan import Loaded
from SegQCLib.record_store.schema import table
from SegQCLib.record_store.utc_text import utc_text

if TYPE_CHECKING:
    import sqlalchemy

PARTS_OF_A_READ = ("segment_reads", "findings", "ratings", "planted")


@dataclass(frozen=True)
class LoadedRows:
    """What one transaction has brought in; `overtaken` was not loaded, because somebody else has changed it since it was read."""

    sessions: int
    grown: int
    events: int
    reads: int
    overtaken: tuple[Prepared, ...]


def loaded_sessions(connection: sqlalchemy.Connection, cases: Iterable[str] | None = None) -> dict[str, Loaded]:
    """Return by session what the database has: of some cases, by key, or of all."""
    from sqlalchemy import select

    sessions = table("sessions")
    columns = sessions.c
    how_far = (columns.lines, columns.last_line_sha256, columns.bytes)
    query = select(columns.session, columns.reader, columns.case, *how_far, columns.simulated)
    if cases is not None:
        query = query.where(columns.case.in_(sorted(set(cases))))
    return {row[0]: Loaded(*row[1:]) for row in connection.execute(query)}


def deleted_sessions(connection: sqlalchemy.Connection) -> frozenset[str]:
    """Return the sessions that were deleted on request."""
    from sqlalchemy import select

    return frozenset(connection.execute(select(table("deleted_sessions").c.session)).scalars())


def load(connection: sqlalchemy.Connection, batch: Sequence[Prepared]) -> LoadedRows:
    """Insert the new events of each, and replace its reads; whatever changed in the database since it was read is left alone."""
    now = loaded_sessions(connection, (prepared.of.case for prepared in batch))
    deleted = deleted_sessions(connection)
    current: dict[tuple[str, str], dict[str, Loaded]] = {}
    for session, loaded in now.items():
        current.setdefault((loaded.reader, loaded.case), {})[session] = loaded
    fitting, overtaken = [], []
    for prepared in batch:
        as_read = current.get((prepared.of.reader, prepared.of.case), {}) == prepared.of.loaded
        is_deleted = any(rows.header.session in deleted for rows in prepared.sessions)
        (fitting if as_read and not is_deleted else overtaken).append(prepared)
    events = _insert_sessions(connection, [rows for prepared in fitting for rows in prepared.sessions], now)
    _replace_reads(connection, fitting)
    return LoadedRows(
        sum(rows.header.session not in now for prepared in fitting for rows in prepared.sessions),
        sum(rows.header.session in now for prepared in fitting for rows in prepared.sessions),
        events,
        sum(len(prepared.reads) for prepared in fitting),
        tuple(overtaken),
    )


def delete_reads(connection: sqlalchemy.Connection, reads: Any) -> None:
    """Delete reads and all their parts; `reads` is a condition on the table case_reads."""
    from sqlalchemy import delete, select

    numbers = select(table("case_reads").c.number).where(reads)
    for name in PARTS_OF_A_READ:
        part = table(name)
        connection.execute(delete(part).where(part.c.read.in_(numbers)))
    connection.execute(delete(table("case_reads")).where(reads))


def _insert_sessions(connection: sqlalchemy.Connection, sessions: list[SessionRows], known: dict[str, Loaded]) -> int:
    from sqlalchemy import select

    readers, stored = table("readers"), table("sessions")
    there = set(connection.execute(select(readers.c.reader)).scalars())
    insert_rows(connection, "readers", [(reader,) for reader in sorted({rows.header.reader for rows in sessions} - there)])
    number = _highest_number(connection, "sessions")
    new, numbers = [], {}
    for rows in sessions:
        if rows.header.session in known:
            own = stored.c.session == rows.header.session
            numbers[rows.header.session] = connection.execute(select(stored.c.number).where(own)).scalar_one()
            changed = {"lines": rows.lines, "bytes": rows.bytes, "last_line_sha256": rows.sha256}
            connection.execute(stored.update().where(own).values(changed))
        else:
            number += 1
            numbers[rows.header.session] = number
            new.append(_session_row(number, rows))
    insert_rows(connection, "sessions", new)
    events = [(numbers[rows.header.session], *event) for rows in sessions for event in rows.events]
    insert_rows(connection, "events", events)
    return len(events)


def _session_row(number: int, rows: SessionRows) -> tuple[Any, ...]:
    header = rows.header
    protocol = (None, None, None) if header.protocol is None else (
        header.protocol.id, header.protocol.version, header.protocol.sha256,
    )  # fmt: skip
    return (
        number,
        header.session,
        header.reader,
        header.case,
        header.purpose,
        header.simulated,
        header.started,
        header.monotonic_s,
        *protocol,
        json.dumps(header.software),
        rows.lines,
        rows.bytes,
        rows.sha256,
    )


def _replace_reads(connection: sqlalchemy.Connection, batch: list[Prepared]) -> None:
    from sqlalchemy import and_

    stored = table("case_reads")
    for prepared in batch:
        if prepared.of.loaded:
            delete_reads(connection, and_(stored.c.reader == prepared.of.reader, stored.c.case == prepared.of.case))
    number = _highest_number(connection, "case_reads")
    reads: list[tuple[Any, ...]] = []
    parts: dict[str, list[tuple[Any, ...]]] = {name: [] for name in PARTS_OF_A_READ}
    for prepared in batch:
        for read in prepared.reads:
            number += 1
            reads.append(_read_row(number, read))
            parts["segment_reads"] += [
                (
                    number, position, segment.name, *_seconds(segment.seconds), json.dumps(dict(segment.active_s_by_effect)),
                    segment.model, segment.model_version, segment.edited, segment.voxels, segment.draft_voxels,
                    segment.added_voxels, segment.removed_voxels, segment.voxel_volume_mm3, segment.added_path_length_mm,
                    segment.slices_of_structure, segment.slices_of_structure_seen, segment.accuracy, segment.threshold,
                )
                for position, segment in enumerate(read.segments)
            ]  # fmt: skip
            parts["findings"] += [
                (number, position, path.check, path.segment, path.found, path.viewed, path.repaired, path.kept)
                for position, path in enumerate(read.findings)
            ]
            parts["ratings"] += [(number, position, rating.rating, rating.grade) for position, rating in enumerate(read.ratings)]
            parts["planted"] += [
                (number, position, error.error, error.segment, error.detected, error.corrected, error.seconds)
                for position, error in enumerate(read.planted)
            ]
    insert_rows(connection, "case_reads", reads)
    for name, rows in parts.items():
        insert_rows(connection, name, rows)


def _read_row(number: int, read: CaseRead) -> tuple[Any, ...]:
    return (
        number, read.reader, read.case, read.repeat, json.dumps(read.sessions), read.purpose, utc_text(read.started),
        utc_text(read.ended), read.finished, read.protocol, read.protocol_sha256, *_seconds(read.seconds), read.slices,
        read.slices_seen, read.scrolled, read.verdict, read.simulated,
    )  # fmt: skip


def _seconds(seconds: Seconds) -> tuple[float, float, float, float]:
    return seconds.active, seconds.idle, seconds.wait, seconds.paused


def _highest_number(connection: sqlalchemy.Connection, name: str) -> int:
    from sqlalchemy import func, select

    # Nobody else inserts: whoever writes has the database's lock.
    return connection.execute(select(func.max(table(name).c.number))).scalar() or 0
