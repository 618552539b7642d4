"""Versions of a cohort's tables: a new one is made whole beside the old one, and shown in one step.

<folder>/tables is a link to <folder>/.segqc-cohort/tables/<version>: replacing a link is one step on every file system that
has links, network drives too; replacing a folder with files in it is not. A version is named by its parts, and parts that do
not change are the same files in both (hard links). The version before stays until the next change, for who reads it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.errors import BadDataError

_UNFINISHED = ".new-"
_LINK = ".tables-"


def versions_folder(folder: CohortFolder) -> Path:
    """Return where the versions are."""
    return folder.store / "tables"


def shown_version(folder: CohortFolder) -> Path | None:
    """Return the folder with the tables as they are now, itself and not the link to it; None: there are none yet."""
    return folder.tables.resolve() if folder.tables.is_dir() else None


@contextlib.contextmanager
def one_version(folder: CohortFolder) -> Iterator[None]:
    """Let several tables be read as those of one run.

    Raises
    ------
    BadDataError
        If other tables are shown at the end than at the beginning: what was read is of two runs.
    """
    before = shown_version(folder)
    try:
        yield
    except (BadDataError, OSError):
        if shown_version(folder) == before:
            raise
    if shown_version(folder) != before:
        raise BadDataError(
            folder.tables, "was replaced while it was read, because a run has just ended.", "Give this command again."
        )


def version_name(parts: Iterable[str]) -> str:
    """Return the name of a version of these parts, each 'table/file'."""
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:32]


def begin_version(folder: CohortFolder) -> Path:
    """Return a new empty folder for a version; what stopped runs left is removed: one run at a time writes into the folder."""
    versions = versions_folder(folder)
    versions.mkdir(parents=True, exist_ok=True)
    for left in versions.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left)
    for link in folder.path.glob(f"{_LINK}*"):
        link.unlink()
    new = versions / f"{_UNFINISHED}{secrets.token_hex(8)}"
    new.mkdir()
    return new


def take_over(file: Path, to: Path) -> None:
    """Put a file of the shown version into another one."""
    try:
        to.hardlink_to(file)
    except OSError:
        # Some file systems know no hard links.
        shutil.copy2(file, to)


def show_version(folder: CohortFolder, made: Path, name: str) -> None:
    """Give a finished version its name and show it; the one that was shown until now stays, older ones are removed."""
    before = shown_version(folder)
    final = versions_folder(folder) / name
    if final.exists():
        # A run that was stopped made it and could not show it; or it is shown, and a file of it was damaged.
        final.replace(versions_folder(folder) / f"{_UNFINISHED}{secrets.token_hex(8)}")
    made.replace(final)
    _link(folder, final)
    for other in versions_folder(folder).iterdir():
        if other not in (final, before):
            shutil.rmtree(other)


def _link(folder: CohortFolder, final: Path) -> None:
    link = folder.path / f"{_LINK}{secrets.token_hex(8)}"
    try:
        link.symlink_to(os.path.relpath(final, folder.path), target_is_directory=True)
    except OSError:
        # Windows may forbid links, and FAT has none: then a moment without tables cannot be avoided.
        _replace_folder(folder, final)
        return
    try:
        if folder.tables.is_dir() and not folder.tables.is_symlink():
            # The folder was copied without its links, or came from a system that has none.
            shutil.rmtree(folder.tables)
        link.replace(folder.tables)
    finally:
        with contextlib.suppress(FileNotFoundError):
            link.unlink()


def _replace_folder(folder: CohortFolder, final: Path) -> None:
    versions = versions_folder(folder)
    copy = versions / f"{_UNFINISHED}{secrets.token_hex(8)}"
    shutil.copytree(final, copy, copy_function=lambda file, to: take_over(Path(file), Path(to)))
    if folder.tables.is_symlink():
        folder.tables.unlink()
    elif folder.tables.exists():
        folder.tables.replace(versions / f"{_UNFINISHED}{secrets.token_hex(8)}")
    copy.replace(folder.tables)
