"""The folders and files below a source, whatever is in the way: loops of links, unreadable folders, a cohort's own results."""

from __future__ import annotations

import os
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
                    files.append(path)
                elif not _holds_results(path):
                    folders.append(path)
    except OSError as error:
        notes.append(f"{shown(folder)}: passed over, because it cannot be read ({error.strerror}).")
    return sorted(folders, key=_in_order), sorted(files, key=_in_order)


def walk(root: Path, notes: list[str]) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each folder at and below a root with its files, in the order of their names.

    A link to a folder above itself would have no end and is passed over; so is one to a folder inside the root, which is read
    where it lies.
    """
    real_root = os.path.realpath(root)
    waiting = [Path(root)]
    while waiting:
        folder = waiting.pop()
        folders, files = entries(folder, notes)
        yield folder, files
        kept = []
        for one in folders:
            target = os.path.realpath(one) if one.is_symlink() else None
            if target is None or not (_holds(real_root, target) or _holds(target, os.path.realpath(folder))):
                kept.append(one)
        waiting.extend(reversed(kept))


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself.
        return False


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
