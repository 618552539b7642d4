"""Where a reader stands with the training that a protocol asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Literal

from SegQCLib.errors import BadDataError
from SegQCLib.file_name import file_name
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.reader_logs import same_reader
from SegQCLib.readers.training.certificate import Certificate, read_certificate
from SegQCLib.readers.training.course import Course

# So that there is time for the exam before it expires.
EXPIRING_D = 30
# A protocol may allow any number of days; dates end in the year 9999.
_LONGEST_D = 36_500

TrainingState = Literal["valid", "expiring", "not_yet_valid", "other_version", "expired", "altered", "missing"]
# With several certificates the one that says most for the reader counts.
_BEST_FIRST: tuple[TrainingState, ...] = ("valid", "expiring", "not_yet_valid", "other_version", "expired", "altered", "missing")


@dataclass(frozen=True)
class TrainingStanding:
    """Where a reader stands.

    Attributes
    ----------
    reader, course : str
    state : TrainingState
        valid; expiring: valid, for 30 days at most; not_yet_valid: issued later than it is now, so a clock is wrong; other_version:
        of another version of the protocol; expired; altered: the file was changed; missing: no certificate.
    words : str
        In whole sentences, without the reader's name.
    certificate : Certificate or None
        The one that the state rests on.
    valid_until : date or None
        Last day on which it holds for this protocol.
    days_left : int or None
        0 on the last day, negative afterwards.
    refresh_due : bool
    refresh_words : str
        Why a refresh is due; "" where it is not.
    """

    reader: str
    course: str
    state: TrainingState
    words: str
    certificate: Certificate | None = None
    valid_until: date | None = None
    days_left: int | None = None
    refresh_due: bool = False
    refresh_words: str = ""

    @property
    def holds(self) -> bool:
        """Whether the reader's training holds today."""
        return self.state in ("valid", "expiring")


def training_standing(
    protocol: LoadedProtocol,
    reader: str,
    certificates: Path,
    *,
    now: datetime | None = None,
    reads: Iterable[CaseRead] = (),
    course: Course | None = None,
) -> TrainingStanding | None:
    """Return where a reader stands, or None if the protocol asks for no training.

    Parameters
    ----------
    protocol : LoadedProtocol
        A certificate counts if its course's id or title is the one that `reader_training.course` names. It holds until its last
        day, or until the protocol's days after it was issued, whichever is earlier.
    reader : str
    certificates : Path
        Folder with certificates of any readers (JSON), looked through with its sub-folders; it need not exist.
    now : datetime, optional
    reads : iterable of CaseRead, optional
        The reader's reads, for a refresh by drift; those of other readers are left out.
    course : Course, optional
        The course as it is now, where it is at hand: that it has changed since is told.

    Raises
    ------
    BadDataError
        If the folder cannot be listed.
    """
    training = protocol.protocol.reader_training
    if training is None:
        return None
    today = (datetime.now().astimezone() if now is None else now).date()
    found = [_of_certificate(one, protocol, reader, today) for one in _certificates(certificates, reader, training.course)]
    if not found:
        words = f"The protocol asks for the course {training.course!r}; no certificate of it was found."
        return TrainingStanding(reader, training.course, "missing", words)
    best = min(found, key=lambda one: (_BEST_FIRST.index(one.state), -(one.valid_until or date.min).toordinal()))
    if course is not None and best.certificate is not None and best.certificate.course_sha256 != course.sha256:
        of_then, of_now = best.certificate.course_version, course.file.version
        changed = f"from version {of_then} to {of_now}" if of_then != of_now else "without another version number"
        best = replace(best, words=f"{best.words} The course has changed since, {changed}.")
    if not best.holds:
        return best
    why = _refresh_words(best.certificate, reader, today, list(reads))
    return replace(best, refresh_due=bool(why), refresh_words=why)


def _certificates(folder: Path, reader: str, course: str) -> list[Certificate | Path]:
    """Return a reader's certificates of a course; those that cannot be read and are the reader's by their name, as paths."""
    try:
        paths = sorted(folder.rglob("*.json")) if folder.is_dir() else []
    except OSError as error:
        raise BadDataError(folder, f"cannot be listed ({error.strerror}).", "Ask for the right to read it.") from error
    found: list[Certificate | Path] = []
    for path in paths:
        try:
            certificate = read_certificate(path)
        except BadDataError:
            if reader.strip() and path.name.startswith(f"{file_name(reader)}."):
                found.append(path)
            continue
        names = {certificate.course.casefold(), certificate.course_title.strip().casefold()}
        if same_reader(certificate.reader, reader) and course.strip().casefold() in names:
            found.append(certificate)
    return found


def _of_certificate(certificate: Certificate | Path, protocol: LoadedProtocol, reader: str, today: date) -> TrainingStanding:
    rules = protocol.protocol
    training = rules.reader_training
    if isinstance(certificate, Path):
        words = "A certificate was changed after it was issued, so it does not count. Take it from a copy, or issue it again."
        return TrainingStanding(reader, training.course, "altered", words)
    days = min(training.valid_d.maximum, _LONGEST_D, (date.max - certificate.issued_on).days)
    by_protocol = certificate.issued_on + timedelta(days=days)
    last_day = min(certificate.last_day, by_protocol)
    days_left = (last_day - today).days
    title = f"{certificate.course_title} {certificate.course_version}"
    passed = f"{title} was passed on {certificate.issued_on}"
    state, words = "valid", f"{passed}; this holds until {last_day}."
    if certificate.issued_on > today:
        state = "not_yet_valid"
        words = f"{passed}, which is later than today, {today}: the clock of this computer or of the other one is wrong."
    elif days_left < 0:
        state, words = "expired", f"{passed}; this held until {last_day}."
    elif certificate.protocol == rules.id and certificate.protocol_version != rules.version:
        state = "other_version"
        words = f"{passed} under version {certificate.protocol_version} of the protocol; this is version {rules.version}."
    elif days_left <= EXPIRING_D:
        days = "today is the last day" if days_left == 0 else f"{days_left} {'day is' if days_left == 1 else 'days are'} left"
        state, words = "expiring", f"{words[:-1]}: {days}."
    if certificate.protocol != rules.id:
        words += f" The course trains the protocol {certificate.protocol}."
    elif state in ("valid", "expiring") and certificate.protocol_sha256 != protocol.sha256:
        words += f" The protocol's file has changed since, and its version is {rules.version} still."
    if certificate.simulated:
        words += " Images or outlines of the exam were simulated."
    return TrainingStanding(reader, training.course, state, words, certificate, last_day, days_left)


def _refresh_words(certificate: Certificate, reader: str, today: date, reads: Sequence[CaseRead]) -> str:
    words = []
    if certificate.refresh_due is not None and today >= date.fromisoformat(certificate.refresh_due):
        words.append(f"A refresh of the course is due since {certificate.refresh_due}.")
    drift = _drift_words(certificate, reader, reads)
    return " ".join([*words, drift]).strip()


def _drift_words(certificate: Certificate, reader: str, reads: Sequence[CaseRead]) -> str:
    """Return why a refresh is due by drift; "" where it is not, or where there are fewer reads than the course looks at."""
    if certificate.drift_reads is None or certificate.drift_allowed_fall is None:
        return ""
    issued = datetime.fromisoformat(certificate.issued)
    since = sorted(
        (read for read in reads if read.finished and same_reader(read.reader, reader) and read.ended > issued),
        key=lambda read: read.ended,
    )
    values = [median(known) for read in since if (known := [one.accuracy for one in read.segments if one.accuracy is not None])]
    last = values[-certificate.drift_reads :]
    if len(last) < certificate.drift_reads or median(last) >= certificate.median_dice - certificate.drift_allowed_fall:
        return ""
    return (
        f"A refresh of the course is due: the last {len(last)} reads with a reference have a median Dice of {median(last):.2f}, in"
        f" the exam it was {certificate.median_dice:.2f}, and the course allows a fall of {certificate.drift_allowed_fall:g}."
        " Harder images lower it too."
    )
