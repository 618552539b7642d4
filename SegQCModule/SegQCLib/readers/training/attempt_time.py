"""How long a reader has worked on a course's case, as far as the session logs say."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.readers.log_times import times_of
from SegQCLib.readers.logs_of_read import logs_of_read


def active_seconds(logs: Path, case: str, reader: str) -> float | None:
    """Return a reader's active time on a training case up to now, over all its sessions, s; None where nothing was logged."""
    found = logs_of_read(logs, case, reader)
    return sum(times_of(log).total().active for log in found) if found else None
