"""The command line of whether every log is as it was written: segqc records verify."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.terminal import say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.readers.verify_logs import LogFinding, LogsVerified

_MOST_TOLD = 20

_EPILOG = """\
Every line of a session log holds a hash of all lines before it, and every session's first line holds how far the logs
of the sessions before it went. So a changed, dropped, doubled or moved line is found, and a log that was removed,
shortened or exchanged is found as long as one session that began after it stands.

There is no secret in it: who can write to the folder and knows the format can write a log anew with all later ones, and
the newest logs are known by no later one yet. Only a receipt finds that: make one now and then, keep it where the same
person cannot change it, and compare. A receipt has no names in it. Nothing here proves that a log tells the truth, only
that it is as it was written.

exit codes: 0 every log is whole (lines that a crash cut off, sessions without an end and deletions on a reader's
request are told); 1 logs are damaged or missing; 2 wrong usage."""


def add_actions(actions: Any) -> None:
    """Add the actions to the subparsers of segqc records."""
    verify = actions.add_parser(
        "verify",
        help="whether every session log is there, and as it was written",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verify.add_argument("folder", type=Path, metavar="FOLDER", help="folder with session logs; folders below it count too")
    verify.add_argument("--receipt", type=Path, metavar="F", help="write how far every log goes, to compare with later")
    verify.add_argument("--against", type=Path, metavar="F", help="compare with an earlier receipt; logs may have grown since")
    verify.add_argument("--json", choices=["-"], help="print everything to standard output as JSON")
    verify.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    from SegQCLib.dataclass_json import to_json
    from SegQCLib.errors import BadDataError
    from SegQCLib.output import require_writable
    from SegQCLib.readers.log_receipt import new_receipt, read_receipt, write_receipt
    from SegQCLib.readers.verify_logs import verify_logs

    earlier = None if options.against is None else read_receipt(options.against)
    if options.receipt is not None:
        require_writable(options.receipt.parent)
    progress = terminal_progress()
    verified = verify_logs(options.folder, earlier, progress)
    progress("Done", 1.0)
    if not verified.logs and not verified.findings:
        raise BadDataError(options.folder, "holds no session logs.", "Give the folder with files named *.session-log.jsonl.")
    receipt = new_receipt(verified.sessions)
    if options.receipt is not None:
        write_receipt(options.receipt, receipt)
    if options.json:
        print(to_json(verified), end="")
        return int(verified.is_damaged)
    print(_summary(verified))
    if earlier is not None:
        print(f"Compared with the receipt of {earlier.created}: {_counted(len(earlier.sessions), 'session')} in it.")
    for finding in _most_important(verified):
        print(f"  {finding.trouble}: {finding.file or f'session {finding.session}'} {finding.text}")
    left_out = len(verified.findings) - len(_most_important(verified))
    if left_out:
        print(f"  ... and {left_out} more that are no damage; --json - prints all.")
    if options.receipt is not None:
        say(f"The receipt is in {options.receipt}. Hash over all sessions, to be written down: {receipt.sha256}")
    return int(verified.is_damaged)


def _summary(verified: LogsVerified) -> str:
    from SegQCLib.readers.verify_logs import LogTrouble

    words = {
        LogTrouble.DAMAGED: "damaged",
        LogTrouble.DOUBLED: "there twice",
        LogTrouble.RENAMED: "renamed",
        LogTrouble.CLOCK_BACKWARDS: "with a clock that runs backwards",
        LogTrouble.MISSING: "missing",
        LogTrouble.SHORTENED: "shortened",
        LogTrouble.EXCHANGED: "exchanged",
    }
    harmless = {
        LogTrouble.TORN: "with a last line that a crash cut off",
        LogTrouble.NOT_ENDED: "without an end: crashed, or still going on",
        LogTrouble.WALL_CLOCK_JUMP: "in which the wall clock was set or the computer slept",
        LogTrouble.WALL_CLOCKS_DIFFER: "from computers whose clocks differ",
        LogTrouble.DELETED: "deleted on the reader's request",
        LogTrouble.DELETION_UNFINISHED: "whose deletion is not finished",
    }

    def told(troubles: dict[LogTrouble, str]) -> str:
        counts = ((verified.files_with(trouble), text) for trouble, text in troubles.items())
        return "; ".join(f"{count} {text}" for count, text in counts if count)

    lines = [f"{_counted(verified.logs, 'session log')} with {_counted(verified.lines, 'whole line')}."]
    lines.append(
        f"Damage: {told(words)}." if verified.is_damaged else "All are as they were written, and none is known to be missing."
    )
    if told(harmless):
        lines.append(f"No damage, but worth knowing: {told(harmless)}.")
    if verified.simulated:
        lines.append(f"SIMULATED: {_counted(verified.simulated, 'log')}; nobody read anything for them.")
    return "\n".join(lines)


def _most_important(verified: LogsVerified) -> list[LogFinding]:
    damage = [finding for finding in verified.findings if finding.trouble.is_damage]
    return damage + [finding for finding in verified.findings if not finding.trouble.is_damage][:_MOST_TOLD]


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
