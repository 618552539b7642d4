"""A simulated department as session logs in a folder, sealed and chained like those that Slicer writes."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from SegQCLib import __version__
from SegQCLib.dataclass_json import to_json
from SegQCLib.errors import BadDataError
from SegQCLib.output import require_writable, write_files
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocol import load_protocol
from SegQCLib.readers.log_lines import SUFFIX, LogHeader, PreviousSession, event_line, header_line, log_name
from SegQCLib.readers.previous_sessions import MOST
from SegQCLib.readers.simulated_department import (
    AI_FREE_SHARE,
    MODELS,
    START,
    YEAR_D,
    DepartmentTruth,
    SimulatedRead,
    simulated_readers,
    simulated_reads,
)
from SegQCLib.readers.simulated_log import SimulatedSession, simulated_sessions
from SegQCLib.record import ProtocolIdentity

LOGS = "Session logs"
TRUTH = "SIMULATED department.json"


@dataclass(frozen=True)
class _Written:
    """How far a log went at any time: the wall clock of each line, and its SHA-256."""

    session: str
    times: list[str]
    seals: list[str]

    def until(self, time: str) -> PreviousSession | None:
        lines = bisect_right(self.times, time)
        return PreviousSession(self.session, lines, self.seals[lines - 1]) if lines else None


def simulate_department(
    folder: Path, *, readers: int, models: int, cases: int, seed: int, progress: Progress = unwatched
) -> DepartmentTruth:
    """Write a year of session logs that nobody's reading made, and beside them what is true of it.

    Every header says that it is simulated, and readers, cases and models have names that say so. The same arguments
    make the same bytes.

    Parameters
    ----------
    folder : Path
        Gets the folder `Session logs` and the file `SIMULATED department.json`.
    readers, cases : int
        1 or more.
    models : int
        1 to 3.
    seed : int
        0 or more.
    progress : callable

    Raises
    ------
    BadDataError
        If the folder has logs already, or cannot be written to.
    ValueError
        If a number is out of its range.
    """
    if readers < 1 or cases < 1 or seed < 0 or not 1 <= models <= len(MODELS):
        raise ValueError(f"A department needs readers and cases from 1, a seed from 0, and 1 to {len(MODELS)} models.")
    logs = folder / LOGS
    require_writable(logs)
    if any(logs.glob(f"*{SUFFIX}")):
        raise BadDataError(logs, "has session logs already; simulated ones are never mixed with others.", "Choose an empty folder.")
    rng = np.random.default_rng(seed)
    people, used = simulated_readers(readers), MODELS[:models]
    reads = simulated_reads(rng, people, used, cases)
    protocols = {}
    for model in used:
        loaded = load_protocol(model.protocol)
        protocols[model.protocol] = ProtocolIdentity(
            loaded.protocol.id, loaded.protocol.version, loaded.protocol.title, loaded.sha256
        )
    before: deque[_Written] = deque(maxlen=MOST)
    sessions = events = 0
    try:
        for session, read in _in_order(rng, reads):
            progress("Writing session logs", sessions / len(reads) if sessions < len(reads) else 0.99)
            header = _header(session, read, protocols[read.case.model.protocol], before)
            before.append(_write(logs, header, session, rng))
            sessions += 1
            events += len(session.events)
    except OSError as error:
        raise BadDataError(logs, f"could not be written to ({error.strerror}).", "Free space, or choose another folder.") from error
    truth = DepartmentTruth(
        "segqc-simulated-department",
        "1.0",
        True,
        seed,
        cases,
        len(reads),
        sessions,
        events,
        START.isoformat(),
        YEAR_D,
        AI_FREE_SHARE,
        people,
        used,
    )
    write_files(folder, {TRUTH: to_json(truth)})
    progress("Done", 1.0)
    return truth


def _in_order(rng: np.random.Generator, reads: Sequence[SimulatedRead]) -> Iterator[tuple[SimulatedSession, SimulatedRead]]:
    """Yield the sessions of reads in the order in which they begin; only those that are not over are in memory."""
    waiting: list[tuple[datetime, str, SimulatedSession, SimulatedRead]] = []
    for read in reads:
        while waiting and waiting[0][0] < read.started:
            yield heapq.heappop(waiting)[2:]
        for session in simulated_sessions(rng, read):
            heapq.heappush(waiting, (session.started, session.session, session, read))
    while waiting:
        yield heapq.heappop(waiting)[2:]


def _header(session: SimulatedSession, read: SimulatedRead, protocol: ProtocolIdentity, before: deque[_Written]) -> LogHeader:
    started = _wall_clock(session.started)
    previous = tuple(seen for written in reversed(before) if (seen := written.until(started)) is not None)
    return LogHeader(
        schema="segqc-session-log",
        schema_version="1.0",
        case=read.case.name,
        reader=read.reader.name,
        session=session.session,
        started=started,
        monotonic_s=session.monotonic_s,
        protocol=protocol,
        software={"SegQC": __version__, "simulated by": "segqc records simulate"},
        purpose=read.purpose,
        simulated=True,
        previous=previous,
    )


def _write(folder: Path, header: LogHeader, session: SimulatedSession, rng: np.random.Generator) -> _Written:
    line, sha256 = header_line(header)
    lines, times, seals = [line], [header.started], [sha256]
    for event in session.events:
        line, sha256 = event_line(event, sha256)
        lines.append(line)
        times.append(event.time)
        seals.append(sha256)
    if session.crashed:
        # What a crash leaves of the line that was being written.
        lines[-1] = lines[-1][: int(rng.integers(1, len(lines[-1]) - 1))]
        times.pop()
        seals.pop()
    path = folder / log_name(header)
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(b"".join(lines))
    draft.replace(path)
    return _Written(header.session, times, seals)


def _wall_clock(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds")
