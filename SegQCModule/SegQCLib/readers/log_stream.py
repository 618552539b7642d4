"""Read a session log line by line: every line is checked against its SHA-256, and only one is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from SegQCLib.errors import BadDataError
from SegQCLib.readers.log_lines import (
    LONGEST_LINE_BYTES,
    START,
    FaultyLineError,
    LogEvent,
    LogHeader,
    event_of,
    header_of,
    unsealed,
)

_REMEDY = "Use a copy from a backup; `segqc records verify FOLDER` tells what else was changed."
_NO_LOG = "Give a session log that SegQC wrote."
# Of a torn line; a power failure can leave megabytes of zeros.
_SHOWN_BYTES = 4096


class LogStream:
    """The events of a log, one after the other: iterate over it once, in a `with` block.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    header : LogHeader
    lines : int
        Whole lines read up to now, the header included.
    sha256 : str
        SHA-256 at the end of the last whole line.
    torn : str or None
        After the last event: what was found behind the last newline (at most 4,096 bytes of it). A log that is whole
        has nothing there; a crash leaves half a line, a power failure also zeros. It is no event.

    Raises
    ------
    BadDataError
        If the file cannot be read or its first line is no header; while iterating, if a line was changed, dropped,
        doubled, inserted or moved, with its number.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.sha256 = START
        self.torn: str | None = None
        try:
            self._file = path.open("rb", buffering=2**18)
        except OSError as error:
            raise BadDataError(path, f"cannot be read ({error.strerror}).", _NO_LOG) from error
        try:
            self.header = self._read_header()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[LogEvent]:
        # The loop runs a million times.
        read = self._file.readline
        sequence, sha256 = self.lines, self.sha256
        try:
            while line := read(LONGEST_LINE_BYTES):
                if line[-1] != 10:
                    self._end(line)
                    return
                body, sha256 = unsealed(line, sha256)
                event = event_of(body, sequence)
                sequence += 1
                self.lines, self.sha256 = sequence, sha256
                yield event
        except FaultyLineError as error:
            raise self._damaged(str(error)) from error
        except OSError as error:
            raise BadDataError(self.path, f"cannot be read to its end ({error.strerror}).", "Copy it again.") from error

    def _read_header(self) -> LogHeader:
        try:
            line = self._file.readline(LONGEST_LINE_BYTES)
            body, sha256 = unsealed(line, START)
            header = header_of(body)
        except OSError as error:
            raise BadDataError(self.path, f"cannot be read ({error.strerror}).", _NO_LOG) from error
        except FaultyLineError as error:
            raise BadDataError(
                f"{self.path}, line 1", f"is not a session log's header as SegQC wrote it: it {error}.", _NO_LOG
            ) from error
        self.lines, self.sha256 = 1, sha256
        return header

    def _end(self, line: bytes) -> None:
        """Look at what has no newline behind it."""
        content = line.rstrip(b"\0")
        try:
            unsealed(content[:-1] + b"\n", self.sha256)
        except FaultyLineError:
            pass
        else:
            # No crash writes a whole line and then another character.
            raise FaultyLineError("was changed: it does not end in a newline")
        # A shorter one is the file's end; of a log that is being written more may follow any moment.
        while len(line) == LONGEST_LINE_BYTES and (rest := self._file.read(LONGEST_LINE_BYTES)):
            if rest.strip(b"\0"):
                raise FaultyLineError(f"is longer than {LONGEST_LINE_BYTES} bytes; no line of a log is")
        self.torn = line[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")

    def _damaged(self, what: str) -> BadDataError:
        return BadDataError(f"{self.path}, line {self.lines + 1}", f"{what}.", _REMEDY)
