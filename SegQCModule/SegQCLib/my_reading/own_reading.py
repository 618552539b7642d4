"""All that is shown to a reader of the own reading: rows, each structure's usual effort and trend, and own alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from SegQCLib.automation_bias.alert import BiasAlert
from SegQCLib.my_reading.own_alerts import own_alerts
from SegQCLib.my_reading.own_logs import SHOWN_DAYS, KnownLogs, OwnSessions, own_sessions
from SegQCLib.my_reading.read_rows import ReadRow, read_rows, without_untouched
from SegQCLib.my_reading.structure_course import StructureCourse, structure_courses
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.effort import reads_of_sessions


@dataclass(frozen=True)
class OwnReading:
    """A reader's own reading.

    Attributes
    ----------
    reader : str
    reads : tuple of CaseRead
        In order of time.
    rows : tuple of ReadRow
        Newest first.
    courses : tuple of StructureCourse
        The structure that was read most often first.
    alerts : tuple of BiasAlert
        Private to the reader.
    older : int
        Logs that are older than what is shown.
    left_out : tuple of str
        A sentence for each log that cannot be read.
    """

    reader: str
    reads: tuple[CaseRead, ...]
    rows: tuple[ReadRow, ...]
    courses: tuple[StructureCourse, ...]
    alerts: tuple[BiasAlert, ...]
    older: int
    left_out: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Whether any read was made up by a program."""
        return any(read.simulated for read in self.reads)

    @property
    def structures(self) -> tuple[str, ...]:
        """Names of the structures, the one with most rows first."""
        return _by_frequency(self.rows)


def own_reading(folder: Path, reader: str, known: KnownLogs, progress: Progress = unwatched) -> OwnReading:
    """Return a reader's own reading from a folder of session logs.

    Parameters
    ----------
    folder : Path
    reader : str
        Not empty.
    known : KnownLogs
        See `own_logs.own_sessions`.
    progress : callable, optional

    Raises
    ------
    BadDataError
        If the folder cannot be listed.
    ValueError
        If there is no reader's name.
    """
    if not reader.strip():
        raise ValueError("Own reading is that of a reader with a name.")
    found = own_sessions(folder, reader, known, part(progress, 0.0, 0.8))
    progress("Looking at trends", 0.8)
    return reading_of(found, reader, part(progress, 0.8, 1.0))


def reading_of(found: OwnSessions, reader: str, progress: Progress = unwatched) -> OwnReading:
    """Return the reading of sessions that were read before; see `own_reading`."""
    reads = sorted(map(without_untouched, reads_of_sessions(found.sessions)), key=lambda read: (read.started, read.case))
    rows = read_rows(reads)
    courses = structure_courses(reads, _by_frequency(rows), progress)
    alerts = own_alerts(reads, reads[0].reader) if reads else ()
    return OwnReading(reader, tuple(reads), rows, courses, alerts, found.older, found.left_out)


def summary_words(own: OwnReading) -> str:
    """Return the reading in a few sentences, for the reader."""
    reads = own.reads
    if not reads:
        words = "There is no session log of yours in this folder yet."
    else:
        opening = "SIMULATED reads, nobody read anything: " if own.simulated else "Your reading: "
        cases = len({read.case for read in reads})
        training = sum(read.purpose == "training" for read in reads)
        words = (
            f"{opening}{_count(len(reads), 'read')} of {_count(cases, 'case')} from {reads[0].started:%Y-%m-%d} to"
            f" {reads[-1].started:%Y-%m-%d}, {sum(read.finished for read in reads)} of them finished, {training} in training."
        )
        counted = [read for read in reads if read.finished and read.purpose == "clinical"]
        times = [
            f"{median(minutes):.1f} min {how} ({_count(len(minutes), 'read')})"
            for how, anchored in (("with AI drafts", True), ("without", False))
            if (minutes := [read.seconds.active / 60 for read in counted if _saw_draft(read) is anchored])
        ]
        if times:
            words += f" Median active time of a finished clinical read: {', '.join(times)}."
    if own.older:
        words += f" Only the last {SHOWN_DAYS:.0f} days are shown; {_count(own.older, 'older log')} stay in the folder."
    if own.left_out:
        words += f" {_count(len(own.left_out), 'log')} cannot be read and are left out; checking your logs tells why."
    return words


def _saw_draft(read: CaseRead) -> bool:
    return any(segment.ai_anchored for segment in read.segments)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _by_frequency(rows: Sequence[ReadRow]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.structure] = counts.get(row.structure, 0) + 1
    return tuple(sorted(counts, key=lambda name: (-counts[name], name)))
