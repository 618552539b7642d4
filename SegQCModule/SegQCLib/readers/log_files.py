"""The files of session logs below a folder."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.readers.log_lines import SUFFIX


def log_files(folder: Path, *, hidden: bool = False) -> tuple[Path, ...]:
    """Return the session logs below a folder by path: files only, for a folder is no log and a pipe would be waited for.

    Parameters
    ----------
    folder : Path
    hidden : bool, optional
        Also those whose name begins with a point, as other programs' copies do.
    """
    found = (path for path in folder.rglob(f"*{SUFFIX}") if hidden or not path.name.startswith("."))
    return tuple(sorted(path for path in found if path.is_file()))
