"""The folders and files below a source, whatever is in the way: loops of links, unreadable folders, a cohort's own results."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from SegQCLib.cohort.cohort_folder import STORE_NAME
from SegQCLib.cohort.sources.case_names import shown
from SegQCLib.worklist import by_number


def entries(folder: Path, notes: list[str]) -> tuple[list[Path], list[Path]]:
    """Return the sub-folders and the files of a folder that are not passed over, each in the order of their names.

    A folder that cannot be read has none, and a note says so.
    """
    folders, files = [], []
    try:
        with os.scandir(folder) as found:
            # A cohort's results belong to no study, wherever they were put.
            for entry in found:
                if entry.name.startswith("."):
                    continue
                path = Path(entry.path)
                if not _is_folder(entry):
                    if _may_end(entry):
                        files.append(path)
                    else:
                        notes.append(f"{shown(path)}: passed over, because it is a pipe or a device, not a file.")
                elif not _holds_results(path):
                    folders.append(path)
    except OSError as error:
        notes.append(f"{shown(folder)}: passed over, because it cannot be read ({error.strerror}).")
    return sorted(folders, key=_in_order), sorted(files, key=_in_order)


def walk(root: Path, notes: list[str]) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each folder at and below a root with its files, in the order of their names.

    A link to a folder above itself would have no end and is passed over, also where other links are on the way back; so is one
    to a folder inside the root, which is read where it lies.
    """
    # Each with the folders that the links above it led to.
    waiting: list[tuple[Path, tuple[str, ...]]] = [(Path(root), (os.path.realpath(root),))]
    while waiting:
        folder, entered = waiting.pop()
        folders, files = entries(folder, notes)
        yield folder, files
        kept = []
        for one in folders:
            # Unlike Path.is_symlink, this has no error for a path that is too long; whoever opens it tells.
            target = os.path.realpath(one) if os.path.islink(one) else None  # noqa: PTH114
            if target is None:
                kept.append((one, entered))
            elif not any(_holds(place, target) or _holds(target, place) for place in entered):
                kept.append((one, (*entered, target)))
        waiting.extend(reversed(kept))


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself.
        return False


def _may_end(entry: os.DirEntry) -> bool:
    """Return whether reading may end: a file, or a link to nothing, of which who opens it says so; no pipe and no device."""
    try:
        return entry.is_file() or stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return True


def _holds_results(folder: Path) -> bool:
    try:
        return (folder / STORE_NAME).is_dir()
    except OSError:
        # Who opens the folder says that it cannot be read.
        return False


def _holds(folder: str, place: str) -> bool:
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)


def _in_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    return by_number(path.name), path.name
