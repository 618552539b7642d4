"""A session as the tables have it: what it takes to compute its reads without its log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.readers.log_lines import LogEvent, LogHeader
from SegQCLib.readers.session_effort import SessionEffort, session_effort
from SegQCLib.record import ProtocolIdentity
from SegQCLib.record_store.schema import table

if TYPE_CHECKING:
    import sqlalchemy


def stored_efforts(connection: sqlalchemy.Connection, sessions: Iterable[str]) -> tuple[SessionEffort, ...]:
    """Return the effort of sessions from the database's own rows.

    Raises
    ------
    BadDataError
        If rows were changed so that they make no session.
    """
    return tuple(_effort(connection, session) for session in sessions)


def _effort(connection: sqlalchemy.Connection, session: str) -> SessionEffort:
    from sqlalchemy import select

    stored = table("sessions")
    row = connection.execute(select(stored).where(stored.c.session == session)).mappings().one()
    protocol = row["protocol"]
    header = LogHeader(
        schema="segqc-session-log",
        schema_version="1.0",
        case=row["case"],
        reader=row["reader"],
        session=session,
        started=row["started"],
        monotonic_s=row["monotonic_s"],
        protocol=None if protocol is None else ProtocolIdentity(protocol, row["protocol_version"], "", row["protocol_sha256"]),
        software=json.loads(row["software"]),
        purpose=row["purpose"],
        simulated=row["simulated"],
        previous=(),
    )
    return session_effort(Path(f"session {session} in the database"), header, _events(connection, row["number"]))


def _events(connection: sqlalchemy.Connection, number: int) -> Iterator[LogEvent]:
    from sqlalchemy import select

    events = table("events")
    columns = (events.c.sequence, events.c.time, events.c.monotonic_s, events.c.kind, events.c.facts)
    for *clock, kind, facts in connection.execute(select(*columns).where(events.c.session == number).order_by(events.c.sequence)):
        yield LogEvent(*clock, kind, json.loads(facts))
