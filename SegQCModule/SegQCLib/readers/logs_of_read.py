"""The session logs of one reader's work on one case."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.readers.log_lines import SUFFIX
from SegQCLib.readers.log_stream import LogStream
from SegQCLib.readers.session_log import StoredLog, read_log


def logs_of_read(folder: Path, case: str, reader: str) -> tuple[StoredLog, ...]:
    """Return the training logs of a reader's work on a case, in order of time; one that is being written counts up to now.

    Logs that cannot be read are left out: `segqc records verify` names them, and a case can be finished without them.
    """
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            with LogStream(path) as stream:
                header = stream.header
            if (header.case, header.reader, header.purpose) == (case, reader, "training"):
                found.append(read_log(path))
        except BadDataError:
            continue
    return tuple(sorted(found, key=lambda log: datetime.fromisoformat(log.header.started)))
