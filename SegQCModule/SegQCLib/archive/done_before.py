"""Was the same asked for before, and is what was written then still there? Then a second run needs no second report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from SegQCLib.hashing import sha256_of, sha256_of_files
from SegQCLib.output import write_files

NOTE = "evaluated.json"


def contents(path: Path | None) -> str | None:
    """Return the SHA-256 of a file, or of all files of a folder but hidden ones; None for None."""
    if path is None:
        return None
    if path.is_file():
        return sha256_of(path)
    return sha256_of_files((one for one in path.rglob("*") if one.is_file() and not one.name.startswith(".")), path)


def is_done(folder: Path, request: Mapping[str, Any]) -> bool:
    """Return whether a folder holds, unchanged, what was written for an equal request."""
    try:
        # By way of JSON, which knows no tuples.
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return note["request"] == json.loads(json.dumps(request)) and all(
            sha256_of(folder / name) == sha256 for name, sha256 in note["written"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def note_done(folder: Path, request: Mapping[str, Any], written: Sequence[str]) -> None:
    """Note what was written into a folder for a request: plain values as JSON has them, no secrets.

    Raises
    ------
    BadDataError
        If the folder cannot be written to.
    """
    note = {"request": dict(request), "written": {name: sha256_of(folder / name) for name in written}}
    write_files(folder, {NOTE: json.dumps(note, indent=2, ensure_ascii=False) + "\n"})
