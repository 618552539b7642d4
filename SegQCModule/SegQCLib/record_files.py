"""The records below a folder: which files segqc evaluate wrote there, the same for every command that looks at a study."""

from __future__ import annotations

import os
from pathlib import Path

from SegQCLib.errors import BadDataError

RECORD_NAME = "record.json"


def record_files(folder: Path) -> list[Path]:
    """Return every record.json in a folder and below it, in order; hidden folders are passed over.

    Raises
    ------
    BadDataError
        If the folder cannot be listed.
    """
    try:
        with os.scandir(folder):
            pass
    except OSError as error:
        raise BadDataError(folder, f"cannot be listed ({error.strerror}).", "Give a folder of records.") from error
    found = (path for path in folder.rglob(RECORD_NAME) if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
