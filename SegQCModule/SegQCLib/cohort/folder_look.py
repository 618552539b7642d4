"""One look at files and folders: what lies where, and of which size and time of change."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from SegQCLib.cohort.cohort_folder import STORE_NAME
from SegQCLib.steady_file import stamp

# Browsers, copy programs and archives give files such an ending until they are whole.
_BEING_COPIED = (".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp")

Stamps = dict[str, tuple[int, int]]


class FolderLook:
    """What lies in folders at one moment; each folder is listed once, however many cases share it.

    Folders whose name starts with a dot are passed over, and so are output folders of cohorts. Files whose name starts with a dot
    count: some programs copy under such names.
    """

    def __init__(self) -> None:
        self._listed: dict[str, tuple[Stamps, tuple[str, ...]]] = {}

    def stamps(self, path: Path) -> Stamps:
        """Return size and time of change (bytes, ns) of each file that belongs to a path, by the file's path.

        Of a folder: all files in it and below it. Of a file: itself, and the files beside it whose names are the same up to the
        first dot, because the voxels of a header lie in such a one. Nothing where nothing is there.
        """
        if path.is_dir():
            return dict(self._below(str(path), set()))
        files, _ = self._list(str(path.parent))
        start = path.name.partition(".")[0]
        return {file: known for file, known in files.items() if _name(file).lstrip(".").partition(".")[0] == start}

    def _below(self, folder: str, entered: set[tuple[int, int]]) -> Iterator[tuple[str, tuple[int, int]]]:
        try:
            status = Path(folder).stat()
        except OSError:
            return
        # A link may lead back to a folder above it.
        if (status.st_dev, status.st_ino) in entered:
            return
        entered.add((status.st_dev, status.st_ino))
        files, folders = self._list(folder)
        yield from files.items()
        for below in folders:
            yield from self._below(below, entered)

    def _list(self, folder: str) -> tuple[Stamps, tuple[str, ...]]:
        known = self._listed.get(folder)
        if known is None:
            known = self._listed[folder] = _listed(folder)
        return known


def _listed(folder: str) -> tuple[Stamps, tuple[str, ...]]:
    files: Stamps = {}
    folders = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == STORE_NAME:
                    return {}, ()
                try:
                    if entry.is_dir():
                        folders.append(entry.path)
                    else:
                        files[entry.path] = stamp(entry.stat())
                except OSError:
                    # It went away between listing and looking, or is a link to nowhere.
                    continue
    except OSError:
        # A folder that went away has no files; the source says what is wrong with one that may not be read.
        return {}, ()
    return files, tuple(path for path in sorted(folders) if not _name(path).startswith("."))


def _name(path: str) -> str:
    # Of many thousands of files: making a Path of each takes longer than listing them.
    return path.rpartition(os.sep)[2]


def being_copied(stamps: Stamps) -> str | None:
    """Return the name of a file that a program has not finished copying, going by its ending; None: there is none."""
    names = (_name(file) for file in stamps)
    return next((name for name in sorted(names) if name.lower().endswith(_BEING_COPIED)), None)
