"""DICOM objects in HTTP messages of type multipart/related (PS3.18 8.6.1.2, RFC 2387): from the wire to disk and back.

dicomweb-client keeps a message in memory, three times when it sends one, and takes a message that was cut short for a
whole one. Here 64 kB are in memory at a time, and a message has to have its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from SegQCLib.archive.faults import ArchiveError
from SegQCLib.archive.patience import Deadline

# Compressed on the way, it may become a thousand times as much in memory.
CHUNK = 2**16
# Longer headers of a part are no headers.
_LONGEST_HEADER = 2**14


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary in a Content-Type field, or None where the message is not multipart."""
    if not content_type.lower().startswith("multipart/"):
        return None
    found = re.search(r';\s*boundary=(?:"([^"]+)"|([^;\s]+))', content_type, re.IGNORECASE)
    return (found[1] or found[2]).encode() if found else None


def write_only_part(chunks: Iterable[bytes], boundary: bytes, file: BinaryIO, where: str) -> None:
    """Write the content of a message of one part to a file.

    Raises
    ------
    ArchiveError
        If the message ends early, or has no part or more than one.
    """
    delimiter = b"\r\n--" + boundary
    # The first delimiter may stand at the very beginning, without its line break.
    held = b"\r\n"
    part = 0  # 0 before the first delimiter, 1 in the headers of the part, 2 in its content, 3 after it
    for chunk in chunks:
        held += chunk
        if part == 0:
            start = held.find(delimiter)
            # Before the first delimiter anything may stand (RFC 2046 5.1.1), and the delimiter may straddle two chunks.
            held, part = (held[1 - len(delimiter) :], 0) if start < 0 else (held[start + len(delimiter) :], 1)
        if part == 1 and (end := held.find(b"\r\n\r\n")) >= 0:
            held, part = held[end + 4 :], 2
        elif part == 1 and len(held) > _LONGEST_HEADER:
            break
        if part == 2:
            end = held.find(delimiter)
            if end < 0:
                safe = max(0, len(held) - len(delimiter) + 1)
                file.write(held[:safe])
                held = held[safe:]
            else:
                file.write(held[:end])
                held, part = held[end + len(delimiter) :], 3
        if part == 3 and len(held) >= 2:
            break
    if part == 3 and held.startswith(b"--"):
        return
    if part == 3 and len(held) >= 2:
        raise ArchiveError(where, "answers with more than the one instance that was asked for.", "Tell its administrator.")
    raise ArchiveError(where, "broke off in the middle of an answer.", "Run the same command again.", again=True)


class DicomMessage:
    """The body of a request that stores one file; it can be sent any number of times.

    Parameters
    ----------
    path : Path
    size : int
        Bytes of the file.
    deadline : Deadline
    """

    # Fixed and long: no DICOM object holds it by chance. RFC 2046 5.1.1 allows 70 characters.
    _BOUNDARY = b"SegQC-d6c1f0a5b4e94cf1a2f7b1b2c9d9e36a7c55e2bd1f7a4b0d8e2f3a"
    CONTENT_TYPE = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY.decode()}'

    def __init__(self, path: Path, size: int, deadline: Deadline) -> None:
        self._path = path
        self._size = size
        self._deadline = deadline
        self._head = b"--" + self._BOUNDARY + b"\r\nContent-Type: application/dicom\r\n\r\n"
        self._tail = b"\r\n--" + self._BOUNDARY + b"--\r\n"

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        with self._path.open("rb") as file:
            while chunk := file.read(CHUNK):
                self._deadline.moved(len(chunk))
                yield chunk
        yield self._tail
