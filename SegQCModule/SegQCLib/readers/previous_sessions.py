"""Which sessions' logs are in a folder already, and how far they go: what ties a new session's log to them."""

from __future__ import annotations

import heapq
import os
import re
from pathlib import Path

from SegQCLib.readers.log_lines import LONGEST_LINE_BYTES, SUFFIX, FaultyLineError, PreviousSession, header_of, seal_of, unsealed
from SegQCLib.readers.log_lines import START as LOG_START

# A log's end is kept by the sessions that begin after it ended, as long as it is among those that began last: about
# as many begin during a session as readers work at the same time, so that sixteen leave some for a dozen readers.
# They take 2 kB of a header.
MOST = 16
_NAME = re.compile(r"[^_]+_[^_]+_([0-9]{8}T[0-9]{6}Z)_([0-9a-f]{8})" + re.escape(SUFFIX))
_TAIL_BYTES = 2**14
_SEQUENCE = re.compile(rb'\{"sequence": ([1-9][0-9]{0,15}), ')


def previous_sessions(folder: Path) -> tuple[PreviousSession, ...]:
    """Return the 16 sessions that began last in a folder, the last one first, and how far their logs go.

    Names tell when a session began, so that only these files are opened, and of each only both ends are read.
    Files that are no logs, or damaged so that nothing can be told of them, are left out.

    Raises
    ------
    OSError
        If the folder cannot be listed.
    """
    with os.scandir(folder) as entries:
        # A pipe of that name would be waited for, for ever.
        matches = (_NAME.fullmatch(entry.name) for entry in entries if entry.is_file())
        begun = ((match[1], match[2], match[0]) for match in matches if match)
        last = heapq.nlargest(MOST, begun)
    found = (session_so_far(folder / name) for _, _, name in last)
    return tuple(session for session in found if session is not None)


def session_so_far(path: Path) -> PreviousSession | None:
    """Return how far a log goes, from its first line and its last whole one; None if that cannot be told.

    The lines between are not read: `LogStream` checks them.
    """
    try:
        with path.open("rb") as file:
            first = file.readline(LONGEST_LINE_BYTES)
            body, sha256 = unsealed(first, LOG_START)
            session = header_of(body).session
            end = file.seek(0, os.SEEK_END)
            size = _TAIL_BYTES
            while True:
                start = max(len(first), end - size)
                file.seek(start)
                # Before the first newline of what was read there may be the end of a longer line.
                lines = file.read(end - start).splitlines(keepends=True)[0 if start == len(first) else 1 :]
                for line in reversed(lines):
                    number, seal = _SEQUENCE.match(line), seal_of(line)
                    if number and seal:
                        return PreviousSession(session, int(number[1]) + 1, seal)
                if start == len(first):
                    return PreviousSession(session, 1, sha256)
                if size >= LONGEST_LINE_BYTES:
                    return None
                size *= 8
    except (OSError, FaultyLineError):
        return None
