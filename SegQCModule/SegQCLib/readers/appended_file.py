"""A file that grows at its end, from threads, so that a disk or network folder that hangs holds up nobody."""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from pathlib import Path

# A power failure loses at most this much; after a crash of the program nothing that was appended in time is lost.
SYNC_INTERVAL_S = 1.0
# A write takes microseconds; one that takes longer waits for something, and whoever appends does not wait with it.
PATIENCE_S = 0.05


class AppendedFile:
    """Append to a file that exists.

    What is appended is with the operating system when `append` returns, so that a crash of the program loses nothing.
    While the disk or the network does not answer, `append` returns all the same, and what is appended waits in memory:
    a program that is killed meanwhile loses it. A second thread has the disk confirm what was written, about once a second.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    problem : str or None
        Why nothing can be written any more, in the operating system's words. The file ends with the last whole
        append where the system lets it.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.problem: str | None = None
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        self._length = os.fstat(self._file).st_size
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._hangs = self._unsynced = self._closing = self._written = False
        self._writer = threading.Thread(target=self._write, name=f"Writing {path.name}", daemon=True)
        self._syncer = threading.Thread(target=self._sync, name=f"Confirming {path.name}", daemon=True)
        self._writer.start()
        self._syncer.start()

    def append(self, content: bytes) -> None:
        """Append something as a whole; nothing happens once there was a problem."""
        with self._changed:
            if self.problem is not None:
                return
            self._waiting.append(content)
            self._changed.notify_all()
            if not self._hangs:
                self._hangs = not self._changed.wait_for(lambda: not self._waiting, PATIENCE_S)

    def close(self, patience_s: float) -> int:
        """Have everything confirmed by the disk, in this time at most, s; return how many appends were not written."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._syncer.join(patience_s)
        with self._changed:
            return len(self._waiting)

    def _write(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting or self._closing or self.problem is not None)
                    if not self._waiting or self.problem is not None:
                        return
                    content = self._waiting[0]
                written = os.write(self._file, content)
                # A disk that becomes full takes a part first and refuses the rest.
                while written < len(content):
                    written += os.write(self._file, content[written:])
                self._length += written
                with self._changed:
                    # The other thread may have given up meanwhile, and nobody waits any more.
                    if self._waiting:
                        self._waiting.popleft()
                    self._hangs = self._hangs and bool(self._waiting)
                    self._unsynced = True
                    self._changed.notify_all()
        except OSError as error:
            self._cut_off_what_is_half_written()
            self._give_up(error)
        finally:
            with self._changed:
                self._written = True
                self._changed.notify_all()

    def _sync(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._unsynced or self._written)
                    if not self._unsynced:
                        break
                    self._unsynced = False
                os.fsync(self._file)
                # Linux goes on writing to a file that was deleted, without a word.
                if not self._path.exists():
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                with self._changed:
                    self._changed.wait_for(lambda: self._closing or self._written, SYNC_INTERVAL_S)
        except OSError as error:
            self._give_up(error)
        finally:
            self._writer.join()
            os.close(self._file)

    def _give_up(self, error: OSError) -> None:
        with self._changed:
            self.problem = self.problem or error.strerror
            self._waiting.clear()
            self._changed.notify_all()

    def _cut_off_what_is_half_written(self) -> None:
        try:
            os.ftruncate(self._file, self._length)
        except OSError:
            # Then the end stays torn, and reading leaves it out.
            return
