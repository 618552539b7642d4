"""Answers that have an end: an archive, or what pretends to be one, cannot fill this computer's memory or disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from SegQCLib.archive.faults import ArchiveError

if TYPE_CHECKING:
    from urllib3 import HTTPResponse

# DICOM JSON of 20,000 instances, from an archive that does not heed the size of pages; Python makes ten times as much of it.
LARGEST_ANSWER = 32 * 2**20
# Pixel Data (7FE0,0010) of a defined length has 4 GiB at most (PS3.5 7.1); only whole slides of pathology have more.
LARGEST_INSTANCE = 16 * 2**30


class BoundedBody:
    """The body of an answer, as urllib3 has it, which ends with an ArchiveError where it is longer than it may be.

    Parameters
    ----------
    body : urllib3.HTTPResponse
    most : int
        Bytes after decompression: a few of them may be a thousand times as many.
    where : str
    """

    def __init__(self, body: HTTPResponse, most: int, where: str) -> None:
        self._body = body
        self._most = most
        self._where = where

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def stream(self, amount: int, decode_content: bool | None = None) -> Iterator[bytes]:
        """Yield the body in parts; this is how requests reads one."""
        count = 0
        for part in self._body.stream(amount, decode_content=decode_content):
            count += len(part)
            if count > self._most:
                raise ArchiveError(
                    self._where,
                    f"answers with more than {self._most // 2**20} MB, which no such answer has.",
                    "Check that the URL is the root of its DICOMweb service, and tell its administrator.",
                )
            yield part
