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

    The same files give the same value on every system and in every order of reading. A file outside the folder, which a
    header names by its path from the root, counts by that path.
    """
    named = {path.relative_to(folder) if path.is_relative_to(folder) else path: path for path in paths}
    return sha256_of_digests({name.as_posix(): sha256_of(path) for name, path in named.items()})


def sha256_of_digests(digests: Mapping[str, str]) -> str:
    """Return what `sha256_of_files` does, of the SHA-256 of each file by its relative path."""
    lines = sorted(f"{name} {digest}" for name, digest in digests.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
