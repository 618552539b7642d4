"""SHA-256 of files and of folders of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_files(paths: Iterable[Path], folder: Path) -> str:
    """Return one SHA-256 for many files: of the lines 'relative/path sha256', sorted, joined by newlines.

    The same files give the same value on every system and in every order of reading.
    """
    lines = sorted(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}" for path in paths)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
