"""Write files so that an old one is never half overwritten."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from SegQCLib.errors import BadDataError


def require_writable(folder: Path) -> None:
    """Create a folder if needed and make sure that files can be written there: before an hour's work, not after it.

    Raises
    ------
    BadDataError
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadDataError(folder, f"cannot be written to ({error.strerror}).", "Choose another output folder.") from error


def write_files(folder: Path, contents: Mapping[str, str | Callable[[Path], None]]) -> None:
    """Write files to a folder, all or none: every file is complete on disk before the first old one is replaced.

    Parameters
    ----------
    folder : Path
    contents : mapping of a file's name to its content
        UTF-8 text, or what writes the file to the path that it is given, which exists and is empty.

    Raises
    ------
    BadDataError
        If the disk is full or the folder cannot be written to. What was there before is unchanged.
    """
    waiting: list[tuple[Path, Path]] = []
    try:
        for name, content in contents.items():
            temporary = folder / f".{name}.{secrets.token_hex(8)}"
            # Not mkstemp, which makes files private: reports are shared like any other new file.
            # A path that is not Unicode is written as \udcff, which JSON reads as it was.
            with temporary.open("x", encoding="utf-8", errors="backslashreplace", newline="") as file:
                waiting.append((temporary, folder / name))
                if isinstance(content, str):
                    file.write(content)
                    file.flush()
                else:
                    content(temporary)
                os.fsync(file.fileno())
        for temporary_path, final in waiting:
            temporary_path.replace(final)
    except OSError as error:
        raise BadDataError(
            folder,
            f"could not be written to ({error.strerror}).",
            "Free space or choose another folder; older files there are unchanged.",
        ) from error
    finally:
        for temporary_path, _ in waiting:
            temporary_path.unlink(missing_ok=True)
