"""The frames of encapsulated pixel data, without copying them and without believing its lengths."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from SegQCLib.errors import BadDataError

_ITEM = b"\xfe\xff\x00\xe0"
_END = b"\xfe\xff\xdd\xe0"
# JPEG and JPEG-LS: SOI; JPEG 2000: SOC and SIZ, in a bare codestream or in a JP2 file.
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  ")


def encapsulated_frames(
    path: Path, content: memoryview, frames: int, extended_offsets: Sequence[int] = ()
) -> list[list[memoryview]]:
    """Return the fragments of each frame.

    Parameters
    ----------
    path : Path
        For the error messages.
    content : memoryview of bytes
        What follows the element's header: the Basic Offset Table's item, fragments, Sequence Delimitation Item.
    frames : int
        Number of Frames (0028,0008).
    extended_offsets : sequence of int
        Extended Offset Table (7FE0,0001), where there is one.

    Raises
    ------
    BadDataError
        If the items do not end, or the fragments do not make up the frames.

    References
    ----------
    DICOM PS3.5 A.4 Transfer Syntaxes for Encapsulation of Encoded Pixel Data.
    """
    items = _items(path, content)
    if not items:
        raise BadDataError(path, "has encapsulated pixel data without a Basic Offset Table.", "Export the series again.")
    table_at, table = items[0]
    fragments = items[1:]
    if not fragments:
        raise BadDataError(path, "has no pixel data: not one fragment.", "Export the series again.")
    if frames == 1:
        return [[fragment for _, fragment in fragments]]
    first = table_at + len(table) + 8
    offsets = list(extended_offsets) or list(struct.unpack(f"<{len(table) // 4}L", table[: len(table) // 4 * 4]))
    if len(offsets) == frames:
        starts = {at - first: number for number, (at, _) in enumerate(fragments)}
        if all(offset in starts for offset in offsets) and offsets == sorted(set(offsets)) and offsets[0] == 0:
            return _split(fragments, [starts[offset] for offset in offsets])
    if len(fragments) == frames:
        return [[fragment] for _, fragment in fragments]
    starting = [number for number, (_, fragment) in enumerate(fragments) if bytes(fragment[:8]).startswith(_STARTS)]
    if len(starting) == frames and starting[0] == 0:
        return _split(fragments, starting)
    raise BadDataError(
        path,
        f"has {len(fragments)} fragments of pixel data for {frames} frames, and no offset table that tells them apart.",
        "Export the series again.",
    )


def _items(path: Path, content: memoryview) -> list[tuple[int, memoryview]]:
    """Return where each item begins, and its bytes."""
    found = []
    at = 0
    while True:
        header = bytes(content[at : at + 8])
        if header[:4] == _END:
            return found
        (length,) = struct.unpack("<L", header[4:]) if len(header) == 8 else (0,)
        if header[:4] != _ITEM or at + 8 + length > len(content):
            raise BadDataError(
                path,
                f"is cut short: its encapsulated pixel data does not end, {len(found)} items could be read.",
                "Copy or export the series again.",
            )
        found.append((at, content[at + 8 : at + 8 + length]))
        at += 8 + length


def _split(fragments: list[tuple[int, memoryview]], starts: list[int]) -> list[list[memoryview]]:
    ends = [*starts[1:], len(fragments)]
    return [[fragment for _, fragment in fragments[start:end]] for start, end in zip(starts, ends, strict=True)]
