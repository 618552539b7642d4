"""Are a reader's own logs as they were written? Of the others' it is only said that they should be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from SegQCLib.my_reading.own_logs import is_own_name
from SegQCLib.progress import Progress, unwatched
from SegQCLib.readers.log_files import log_files
from SegQCLib.readers.verify_logs import LogFinding, LogTrouble, verify_logs

_MOST_TOLD = 12


@dataclass(frozen=True)
class OwnCheck:
    """One reader's logs as they were found.

    Attributes
    ----------
    folder : Path
    logs : int
        Of this reader.
    findings : tuple of LogFinding
        On these logs, damage first.
    missing : int
        Sessions that others know and that are not there; whose they were nobody can tell.
    others_damaged : bool
        Whether another reader's log, or a file of no known reader, is not as it was written.
    """

    folder: Path
    logs: int
    findings: tuple[LogFinding, ...]
    missing: int
    others_damaged: bool

    @property
    def damaged(self) -> tuple[LogFinding, ...]:
        """Findings that are damage, and no crash or clock."""
        return tuple(finding for finding in self.findings if finding.trouble.is_damage)


def check_own_logs(folder: Path, reader: str, progress: Progress = unwatched) -> OwnCheck:
    """Check all logs in a folder, because each vouches for others, and return what was found on one reader's.

    Raises
    ------
    BadDataError
        If there is no such folder.
    """
    found = verify_logs(folder, progress=progress)
    own = tuple(one for one in found.findings if one.file is not None and is_own_name(PurePosixPath(one.file).name, reader))
    others = [one for one in found.findings if one not in own]
    return OwnCheck(
        folder,
        sum(is_own_name(path.name, reader) for path in log_files(folder)),
        tuple(one for one in own if one.trouble is not LogTrouble.DELETED),
        sum(one.trouble is LogTrouble.MISSING for one in others),
        any(one.trouble.is_damage and one.trouble is not LogTrouble.MISSING for one in others),
    )


def check_words(check: OwnCheck) -> str:
    """Return what was found, for the reader; one line for each finding, at most 12."""
    damaged = len({finding.file for finding in check.damaged})
    logs = f"{check.logs} log{'' if check.logs == 1 else 's'}"
    if damaged:
        lines = [
            f"{damaged} of your {logs} {'is' if damaged == 1 else 'are'} not as SegQC wrote {'it' if damaged == 1 else 'them'}:"
        ]
    else:
        lines = [f"Your {logs} in this folder: every line as SegQC wrote it."]
        if check.findings:
            lines.append("Worth knowing, and no damage:")
    lines += [f"– {finding.file}: {finding.text}" for finding in check.findings[:_MOST_TOLD]]
    if len(check.findings) > _MOST_TOLD:
        lines.append(f"– and {len(check.findings) - _MOST_TOLD} more: `segqc records verify` lists them all.")
    if check.missing:
        are = "session is" if check.missing == 1 else "sessions are"
        lines.append(f"{check.missing} {are} missing that later logs know; whose, nobody can tell from what is left.")
    if check.others_damaged:
        lines.append(f'Other logs in the folder should be looked at: segqc records verify "{check.folder}" names them.')
    return "\n".join(lines)
