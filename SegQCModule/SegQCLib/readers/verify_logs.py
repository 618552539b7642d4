"""Is every session log in a folder as it was written, and are all of them there?

Every line holds the hash of all lines before it, and every session's first line holds how far the logs of the sessions
before it went. What follows from that, and what does not:

- A byte that was changed in a log, a line that was dropped, doubled, inserted or moved is found in the file itself.
- A log that was removed, shortened or written anew is found as long as one session that began after it stands: 16 of
  them know each session, and each knows the lines that were there when it began.
- There is no secret in it. Who can write to the folder and knows the format can write a log anew, with hashes that fit,
  and all later ones that know it. The last sessions are known by none yet, nor are the lines that a session wrote after the
  last one that knows it began: they can be cut off or exchanged. Only a receipt finds that, kept where the same
  person cannot change it: what stood when it was made is compared with what stands now.
- A chain proves that logs were not changed after they were written. It does not prove that they tell the truth: not who
  sat at the computer, not that its clock was right. A deleted session's record does not prove that its reader asked.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, counted, part, unwatched
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.log_files import log_files
from SegQCLib.readers.log_lines import SUFFIX, LogHeader, PreviousSession, log_name
from SegQCLib.readers.log_receipt import LogReceipt
from SegQCLib.readers.log_stream import LogStream
from SegQCLib.readers.tombstones import TOMBSTONE_SUFFIX, Tombstone, read_tombstone, tombstone_name

# Wall and monotonic clock of one computer drift apart by seconds a day; a minute between two events is a clock that was
# set, or a computer that slept.
CLOCK_JUMP_S = 60.0


class LogTrouble(StrEnum):
    """What can be found in a folder of logs. Stored: never rename one.

    - damaged: a line was changed, dropped, doubled, inserted or moved, or the file is no log.
    - doubled: two files are of one session.
    - renamed: a file's name does not fit its header. Names tell later sessions which ones began last.
    - clock_backwards: the monotonic clock went back within a session: no computer's does, and times cannot be counted.
    - missing, shortened, exchanged: a later session or a receipt knows a log that is not there, has fewer lines, or
      other ones.
    - torn: a crash cut the last line off.
    - not_ended: the last event is not logging_stopped. The session crashed, or is still going on.
    - wall_clock_jump: the wall clock was set during a session, or the computer slept. Times are counted by the other clock.
    - wall_clocks_differ: a session began, by its clock, before one that it knows: two computers' clocks differ, or one was
      set. Sessions are put in order by these clocks.
    - deleted: on the reader's request.
    - deletion_unfinished: a session's log is there beside the record that it was deleted.
    """

    DAMAGED = "damaged"
    DOUBLED = "doubled"
    RENAMED = "renamed"
    CLOCK_BACKWARDS = "clock_backwards"
    MISSING = "missing"
    SHORTENED = "shortened"
    EXCHANGED = "exchanged"
    TORN = "torn"
    NOT_ENDED = "not_ended"
    WALL_CLOCK_JUMP = "wall_clock_jump"
    WALL_CLOCKS_DIFFER = "wall_clocks_differ"
    DELETED = "deleted"
    DELETION_UNFINISHED = "deletion_unfinished"

    @property
    def is_damage(self) -> bool:
        """Whether logs with it are not as they were written, or not all there."""
        return self in _DAMAGE


_DAMAGE = frozenset(
    {
        LogTrouble.DAMAGED,
        LogTrouble.DOUBLED,
        LogTrouble.RENAMED,
        LogTrouble.CLOCK_BACKWARDS,
        LogTrouble.MISSING,
        LogTrouble.SHORTENED,
        LogTrouble.EXCHANGED,
    }
)


@dataclass(frozen=True)
class LogFinding:
    """One thing that was found.

    Attributes
    ----------
    trouble : LogTrouble
    file : str or None
        Path below the folder; None where there is no file.
    session : str or None
        Id of the session; None where it cannot be read.
    text : str
        What was found, a sentence.
    """

    trouble: LogTrouble
    file: str | None
    session: str | None
    text: str


@dataclass(frozen=True)
class LogsVerified:
    """A folder of logs as it was found.

    Attributes
    ----------
    folder : str
    logs : int
        Files of logs.
    lines : int
        Whole lines in them, headers included, up to the first damaged one of each.
    simulated : int
        Logs that say themselves that they are simulated.
    sessions : tuple of PreviousSession
        How far each session goes, by id; deleted ones as they stood then. What a receipt keeps.
    findings : tuple of LogFinding
        Damage first.
    """

    folder: str
    logs: int
    lines: int
    simulated: int
    sessions: tuple[PreviousSession, ...]
    findings: tuple[LogFinding, ...]

    @property
    def is_damaged(self) -> bool:
        """Whether anything is not as it was written, or not there."""
        return any(finding.trouble.is_damage for finding in self.findings)

    def files_with(self, trouble: LogTrouble) -> int:
        """Return how many files, or sessions without a file, have a trouble."""
        return len({finding.file or finding.session for finding in self.findings if finding.trouble is trouble})


@dataclass(frozen=True)
class _Known:
    """How a session stood, by somebody's word."""

    session: PreviousSession
    witness: str


@dataclass(frozen=True)
class _Log:
    file: str
    header: LogHeader
    lines: int
    sha256: str
    seals: Mapping[int, str]
    damaged: bool


def verify_logs(folder: Path, receipt: LogReceipt | None = None, progress: Progress = unwatched) -> LogsVerified:
    """Read every session log below a folder and return what is not as it should be.

    One event at a time is in memory, however many there are. Logs that are being written meanwhile may grow.

    Parameters
    ----------
    folder : Path
    receipt : LogReceipt, optional
        An earlier one: what it knows must still be there.
    progress : callable, optional

    Raises
    ------
    BadDataError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise BadDataError(folder, "is no folder.", "Give the folder with readers' session logs.")
    paths = log_files(folder)
    findings: list[LogFinding] = []
    headers: dict[Path, LogHeader] = {}
    for path in counted(part(progress, 0.0, 0.1), "Reading the first lines of logs", paths):
        try:
            with LogStream(path) as stream:
                headers[path] = stream.header
        except BadDataError as error:
            findings.append(LogFinding(LogTrouble.DAMAGED, _below(folder, path), None, _told(error, path)))
    tombstones = list(_tombstones(folder, findings))
    known = list(_all_known(headers.values(), tombstones, receipt))
    wanted: dict[str, set[int]] = defaultdict(set)
    for item in known:
        wanted[item.session.session].add(item.session.lines)
    logs: dict[str, _Log] = {}
    lines = 0
    for path in counted(part(progress, 0.1, 1.0), "Checking logs", [path for path in paths if path in headers]):
        log = _verified(folder, path, headers[path], wanted[headers[path].session], findings)
        lines += log.lines
        first = logs.setdefault(log.header.session, log)
        if first is not log:
            text = f"is of the same session as {first.file}: one of them is a copy. Remove the copy."
            findings.append(LogFinding(LogTrouble.DOUBLED, log.file, log.header.session, text))
    deleted = {tombstone.session: tombstone for _, tombstone in tombstones}
    findings += _clocks(logs.values())
    findings += _deletions(tombstones, logs)
    # Of a file whose first line is damaged nobody can say whose log it is but its name.
    unreadable = {path.name.removesuffix(SUFFIX)[-8:] for path in paths if path not in headers}
    findings += _against_what_is_known(known, logs, deleted, unreadable)
    order = list(LogTrouble)
    so_far = {log.header.session: PreviousSession(log.header.session, log.lines, log.sha256) for log in logs.values()}
    for tombstone in deleted.values():
        so_far.setdefault(tombstone.session, PreviousSession(tombstone.session, tombstone.lines, tombstone.last_sha256))
    return LogsVerified(
        folder=str(folder),
        logs=len(paths),
        lines=lines,
        simulated=sum(header.simulated for header in headers.values()),
        sessions=tuple(so_far[session] for session in sorted(so_far)),
        findings=tuple(sorted(findings, key=lambda finding: (order.index(finding.trouble), finding.file or "", finding.text))),
    )


def _below(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _told(error: BadDataError, path: Path) -> str:
    line = error.where.removeprefix(str(path)).removeprefix(", ")
    return f"{line} {error.found}".strip()


def _tombstones(folder: Path, findings: list[LogFinding]) -> Iterator[tuple[str, Tombstone]]:
    for path in sorted(folder.rglob(f"*{TOMBSTONE_SUFFIX}")):
        if path.name.startswith(".") or not path.is_file():
            continue
        file = _below(folder, path)
        try:
            tombstone = read_tombstone(path)
        except BadDataError as error:
            findings.append(LogFinding(LogTrouble.DAMAGED, file, None, error.found))
            continue
        if path.name != tombstone_name(tombstone):
            text = f"has another name than it was given: {tombstone_name(tombstone)}."
            findings.append(LogFinding(LogTrouble.RENAMED, file, tombstone.session, text))
        yield file, tombstone


def _all_known(
    headers: Iterable[LogHeader], tombstones: Iterable[tuple[str, Tombstone]], receipt: LogReceipt | None
) -> Iterator[_Known]:
    if receipt is not None:
        for session in receipt.sessions:
            yield _Known(session, f"when the receipt of {receipt.created} was made")
    for header in sorted(headers, key=lambda header: datetime.fromisoformat(header.started), reverse=True):
        for session in header.previous:
            yield _Known(session, f"when session {header.session[:8]} began ({header.started})")
    for _, tombstone in tombstones:
        for session in tombstone.previous:
            yield _Known(session, f"when session {tombstone.session[:8]} (deleted) began on {tombstone.day}")


def _verified(folder: Path, path: Path, header: LogHeader, wanted: set[int], findings: list[LogFinding]) -> _Log:
    file = _below(folder, path)

    def found(trouble: LogTrouble, text: str) -> None:
        findings.append(LogFinding(trouble, file, header.session, text))

    seals: dict[int, str] = {}
    before_s, backwards = header.monotonic_s, 0
    before_wall = datetime.fromisoformat(header.started)
    last = ""
    damaged = False
    with LogStream(path) as stream:
        if 1 in wanted:
            seals[1] = stream.sha256
        try:
            for event in stream:
                if stream.lines in wanted:
                    seals[stream.lines] = stream.sha256
                elapsed_s = event.monotonic_s - before_s
                if elapsed_s < 0:
                    backwards = backwards or stream.lines
                wall = datetime.fromisoformat(event.time)
                jump_s = (wall - before_wall).total_seconds() - elapsed_s
                if abs(jump_s) > CLOCK_JUMP_S:
                    moved = "ahead: the clock was set, or the computer slept" if jump_s > 0 else "back: it was set"
                    found(LogTrouble.WALL_CLOCK_JUMP, f"line {stream.lines}: the wall clock jumped {abs(jump_s):.0f} s {moved}.")
                before_s, before_wall, last = event.monotonic_s, wall, event.kind
        except BadDataError as error:
            damaged = True
            found(LogTrouble.DAMAGED, _told(error, path))
        if backwards:
            found(
                LogTrouble.CLOCK_BACKWARDS, f"line {backwards}: the monotonic clock went back, as no computer's does in a session."
            )
        if stream.torn is not None:
            what = "zeros" if not stream.torn.strip("\0") else f"{len(stream.torn)} characters of a line"
            found(
                LogTrouble.TORN,
                f"ends in {what} without a newline, as a crash leaves it. The {stream.lines} lines before are whole.",
            )
        elif last != EventKind.STOPPED and not damaged:
            found(LogTrouble.NOT_ENDED, "does not end with logging_stopped: the program crashed, or the session goes on.")
        # Some file systems give names back with their letters taken apart.
        if unicodedata.normalize("NFC", path.name) != log_name(header):
            found(LogTrouble.RENAMED, f"has another name than it was given: {log_name(header)}.")
        return _Log(file, header, stream.lines, stream.sha256, seals, damaged)


def _clocks(logs: Collection[_Log]) -> Iterator[LogFinding]:
    began = {log.header.session: datetime.fromisoformat(log.header.started) for log in logs}
    for log in logs:
        own = began[log.header.session]
        last = max((began[known.session] for known in log.header.previous if known.session in began), default=own)
        ahead_s = (last - own).total_seconds()
        if ahead_s > CLOCK_JUMP_S:
            text = (
                f"began at {log.header.started} by its clock, {ahead_s:.0f} s before a session that was there already:"
                " set the clocks of the workstations by one time server."
            )
            yield LogFinding(LogTrouble.WALL_CLOCKS_DIFFER, log.file, log.header.session, text)


def _deletions(tombstones: Iterable[tuple[str, Tombstone]], logs: Mapping[str, _Log]) -> Iterator[LogFinding]:
    for file, tombstone in tombstones:
        log = logs.get(tombstone.session)
        if log is None:
            text = f"was deleted {tombstone.reason} ({tombstone.deleted}); it had {tombstone.lines} lines."
            yield LogFinding(LogTrouble.DELETED, file, tombstone.session, text)
        else:
            text = "is to be deleted on its reader's request, and is still there. Delete that reader's logs again."
            yield LogFinding(LogTrouble.DELETION_UNFINISHED, log.file, tombstone.session, text)


def _against_what_is_known(
    known: Iterable[_Known], logs: Mapping[str, _Log], deleted: Mapping[str, Tombstone], unreadable: set[str]
) -> Iterator[LogFinding]:
    witnesses = Counter(item.session.session for item in known)
    told: set[tuple[str, LogTrouble]] = set()
    for item in known:
        session, then = item.session.session, f"{item.witness}, its log had {item.session.lines} lines"
        log, tombstone = logs.get(session), deleted.get(session)
        if log is not None:
            if log.lines < item.session.lines:
                # Where a line is damaged, that is told, and what came after it cannot be.
                trouble = None if log.damaged else LogTrouble.SHORTENED
                text = f"has {log.lines} whole lines; {then}. Lines were cut off."
            elif log.seals[item.session.lines] != item.session.sha256:
                trouble, text = LogTrouble.EXCHANGED, f"is another log than it was: {then} that end in another hash."
            else:
                continue
        elif tombstone is not None:
            as_it_stood = (tombstone.lines, tombstone.last_sha256)
            if tombstone.lines > item.session.lines or as_it_stood == (item.session.lines, item.session.sha256):
                continue
            trouble, text = (
                LogTrouble.EXCHANGED,
                f"does not fit the record that it was deleted with {tombstone.lines} lines: {then}.",
            )
        else:
            trouble = None if session[:8] in unreadable else LogTrouble.MISSING
            others = f" {witnesses[session] - 1} more know it." if witnesses[session] > 1 else ""
            text = f"is not there; {then}.{others}"
        if trouble is not None and (session, trouble) not in told:
            told.add((session, trouble))
            yield LogFinding(trouble, None if log is None else log.file, session, text)
