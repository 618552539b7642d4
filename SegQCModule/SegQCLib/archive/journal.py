"""What came from or went to an archive already: one line of JSON per instance, in a file beside the instances."""

from __future__ import annotations

import json
import os
from pathlib import Path

from SegQCLib.errors import BadDataError


def read_journal(path: Path) -> tuple[dict[str, object], ...]:
    """Return the lines of a journal; a last line that was cut short, when the power failed, is no line.

    Raises
    ------
    BadDataError
        If it is there and cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", "Allow reading it, or delete it.") from error
    lines = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            lines.append(entry)
    return tuple(lines)


def add_to_journal(path: Path, entry: dict[str, object]) -> None:
    """Add a line; it is on disk when this returns.

    Raises
    ------
    BadDataError
        If the folder cannot be written to.
    """
    try:
        with path.open("a+b") as file:
            file.seek(0, os.SEEK_END)
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadDataError(path, f"cannot be written ({error.strerror}).", "Free space or use another folder.") from error
