"""Session logs for tests: small, with the clocks and sessions that a test asks for."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

from SegQCLib.readers.log_lines import LogEvent
from SegQCLib.readers.previous_sessions import previous_sessions
from SegQCLib.readers.session_log import new_header, write_log

MODULE = Path(__file__).parents[1] / "SegQCModule"


def header_at(minute: int, reader="Dr. Éva Szabó", case="case 1", session=None):
    """Return the header of a session that began so many minutes after eight."""
    started = f"2026-11-22T{8 + minute // 60:02d}:{minute % 60:02d}:00.000+01:00"
    header = new_header(case, reader, None, {})
    return replace(header, session=session or header.session, started=started, monotonic_s=60.0 * minute)


def events_from(minute: int, count: int, ended=True):
    """Return so many events, one a second, the last one logging_stopped."""
    kinds = ["edit"] * (count - ended) + ["logging_stopped"] * ended
    began = f"2026-11-22T{8 + minute // 60:02d}:{minute % 60:02d}"
    return [
        LogEvent(number, f"{began}:{number:02d}.000+01:00", 60.0 * minute + number, kind, {"segment": "Leber ä", "stroke": number})
        for number, kind in enumerate(kinds, start=1)
    ]


def a_session(folder: Path, minute: int, events=3, **header) -> Path:
    """Write a session's log that knows the ones in the folder, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    begun = replace(header_at(minute, **header), previous=previous_sessions(folder))
    return write_log(folder, begun, events_from(minute, events))


def start_child(code: str, *arguments, **options) -> subprocess.Popen:
    """Start Python code in a process of its own, with its output to be read as bytes."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], cwd=MODULE, stdout=subprocess.PIPE, **options
    )
