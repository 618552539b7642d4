"""Where the reads of a dashboard come from: a database, or a folder of logs as it is now."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, unwatched
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.log_lines import SUFFIX
from SegQCLib.record_store.connect import connect, sqlite_file
from SegQCLib.record_store.ingest import ingest
from SegQCLib.record_store.reader_keys import Keys, RecordNames, new_names, read_names
from SegQCLib.record_store.store import open_store


@dataclass(frozen=True)
class ReportSource:
    """Reads with keys for names, and how much stands behind them.

    Attributes
    ----------
    reads : tuple of CaseRead
    sessions : int
    left_out : tuple of str or None
        Why each log that was left out was, without its name; None: a database does not keep it.
    cut_off : int or None
        Logs whose last line a crash cut off; all before it counts.
    names : mapping of str to str
        Readers' names by key, as far as they are known here.
    secret : str
        Of the keys; where no names file is at hand, one made for this page.
    """

    reads: tuple[CaseRead, ...]
    sessions: int
    left_out: tuple[str, ...] | None
    cut_off: int | None
    names: Mapping[str, str]
    secret: str

    def study_keys(self, readers: Iterable[str]) -> dict[str, str]:
        """Return the key of each reader of a study, who is called there by name or by key."""
        keys, known = Keys(self.secret), {read.reader for read in self.reads}
        return {reader: reader if reader in known else keys.reader(reader) for reader in readers}

    def key_of(self, reader: str) -> str:
        """Return the key of a reader given as name, as key, or as the beginning of a key.

        Raises
        ------
        BadDataError
            If there are no reads of such a reader, or of several.
        """
        keys = sorted({read.reader for read in self.reads})
        own = Keys(self.secret).reader(reader)
        found = [own] if own in keys else [key for key in keys if reader.startswith("R-") and key.startswith(reader)]
        if len(found) == 1:
            return found[0]
        if found:
            raise BadDataError("--reader", f"{reader!r} is the beginning of {len(found)} keys.", "Give more of its digits.")
        # Who else there is, is not told to somebody who asks for one reader.
        raise BadDataError(
            "--reader",
            f"there are no reads of {reader!r}.",
            "Give a reader's key, which begins with R-, or with the names file the name as in the logs.",
        )


def from_database(url: str, names: Path | None = None) -> ReportSource:
    """Return what a database has.

    Parameters
    ----------
    url : str
        See `open_store`.
    names : Path, optional
        The names file; without it the one beside an SQLite file, where there is one.

    Raises
    ------
    BadDataError
        If the database or the names file cannot be read, or they do not belong together.
    """
    file = sqlite_file(url)
    beside = None if file is None else file.with_suffix(".names.json")
    store = open_store(url)
    known = _names(names, beside)
    if known.readers:
        store.database.require_keys_of(Keys(known.secret).check())
    return ReportSource(store.case_reads(), store.counts().sessions, None, None, known.readers, known.secret)


def from_folder(
    folder: Path, names: Path | None = None, progress: Progress = unwatched, *, processes: int | None = None
) -> ReportSource:
    """Return what the logs below a folder say now; nothing is kept.

    Parameters
    ----------
    folder : Path
    names : Path, optional
        The names file of a database, whose keys are used then; without it the one beside the folder, where there is one.
    progress : Progress
    processes : int, optional
        That read large logs; default: as many as there are processors, eight at most.

    Raises
    ------
    BadDataError
        If the folder has no logs, or a names file that was given cannot be read.
    """
    beside = folder.resolve().parent / "segqc-records.names.json"
    given = names if names is not None else beside if beside.exists() else None
    if given is not None:
        read_names(given)
    # Private, because names are in it for as long as it takes.
    with tempfile.TemporaryDirectory(prefix="segqc-report-") as made:
        copy = Path(made) / "names.json"
        if given is not None:
            shutil.copyfile(given, copy)
        database = connect(f"sqlite:///{(Path(made) / 'records.sqlite').as_posix()}")
        report = ingest(folder, database, copy, progress, processes=processes or min(8, os.cpu_count() or 1))
        store = open_store(f"sqlite:///{(Path(made) / 'records.sqlite').as_posix()}")
        reads, sessions, known = store.case_reads(), store.counts().sessions, read_names(copy)
    told = [(problem.path, problem.text) for problem in report.problems]
    told += [(path, f"{path}: was deleted on the reader's request and lies here again.") for path in report.deleted]
    left_out = tuple(_without_names(path, text) for path, text in told)
    return ReportSource(reads, sessions, left_out, len(report.torn), known.readers, known.secret)


def _names(names: Path | None, beside: Path | None) -> RecordNames:
    if names is not None:
        return read_names(names)
    return read_names(beside) if beside is not None and beside.exists() else new_names()


def _without_names(path: Path, text: str) -> str:
    """Return what is wrong with a log; its name is made of the reader's and the case's, only the last digits are not."""
    digits = path.name.removesuffix(SUFFIX)[-8:]
    if not text.startswith(str(path)) or path.stem in (rest := text.removeprefix(str(path))) or SUFFIX in rest:
        return f"Log …{digits}: cannot be used; segqc records verify says why."
    return f"Log …{digits}{rest}"
