"""SHA-256 of files and of folders of files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_files(paths: Iterable[Path], folder: Path) -> str:
    """Return one SHA-256 for many files: of the lines 'relative/path sha256', sorted, joined by newlines.

    The same files give the same value on every system and in every order of reading.
    """
    return sha256_of_digests({path.relative_to(folder).as_posix(): sha256_of(path) for path in paths})


def sha256_of_digests(digests: Mapping[str, str]) -> str:
    """Return what `sha256_of_files` does, of the SHA-256 of each file by its relative path."""
    lines = sorted(f"{name} {digest}" for name, digest in digests.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
