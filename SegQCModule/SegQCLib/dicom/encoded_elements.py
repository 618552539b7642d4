"""DICOM's encoded elements as ranges of bytes, for sequences whose ten thousands of items would take long as objects."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG_LENGTH = frozenset(vr.encode() for vr in ["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])


# Group and number of a tag and a length of four bytes, which begin items and elements of implicit VR; a length alone.
_ITEM_START = {order: struct.Struct(order + "HHI") for order in "<>"}
_LENGTH = {order: struct.Struct(order + "I") for order in "<>"}
_EXPLICIT_START = {order: struct.Struct(order + "HH2sH") for order in "<>"}


class Encoding(NamedTuple):
    """How elements are written: with their value representation (VR) or not; byte order "<" or ">", as struct has it."""

    implicit_vr: bool
    byte_order: str


class Element(NamedTuple):
    """An element: tag, VR (None where it is implicit), and the range of its value; of a sequence without its delimiter."""

    tag: int
    vr: bytes | None
    first: int
    last: int


def elements(encoded: bytes | memoryview, first: int, last: int, encoding: Encoding) -> Iterator[Element]:
    """Yield the elements between two places.

    Raises
    ------
    ValueError
        Where an element ends beyond `last` or has no VR: the file is cut short or damaged.

    References
    ----------
    DICOM PS3.5 7.1 (data elements), 7.5 (nesting).
    """
    at = first
    while at < last:
        element, at = _element(encoded, at, last, encoding)
        yield element


def items(encoded: bytes | memoryview, first: int, last: int, encoding: Encoding) -> Iterator[tuple[int, int]]:
    """Yield the range of each item of a sequence, or of encapsulated pixel data.

    Raises
    ------
    ValueError
        Where an item ends beyond `last`, or something else than an item stands there.
    """
    at = first
    while at < last:
        tag, length = _item_start(encoded, at, last, encoding)
        if tag == _SEQUENCE_END:
            return
        if tag != _ITEM:
            raise ValueError(f"{_named(tag)} stands at byte {at} where an item of a sequence should begin")
        start = at + 8
        stop, at = _elements_end(encoded, start, last, encoding) if length == _UNDEFINED else (start + length,) * 2
        if at > last:
            raise ValueError(f"the item at byte {start - 8} is cut short")
        yield start, stop


def encoding_of_value(element: Element, encoding: Encoding) -> Encoding:
    """Return how the items of a sequence are written: implicitly where its VR is UN (PS3.5 6.2.2, note)."""
    return Encoding(True, "<") if element.vr == b"UN" else encoding


def _element(encoded: bytes | memoryview, at: int, last: int, encoding: Encoding) -> tuple[Element, int]:
    """Return the element that begins at a place, and where the next one begins."""
    if at + 8 > last:
        raise ValueError(f"an element is cut short at byte {at}")
    start, vr = at + 8, None
    if encoding.implicit_vr:
        group, number, length = _ITEM_START[encoding.byte_order].unpack_from(encoded, at)
    else:
        group, number, vr, length = _EXPLICIT_START[encoding.byte_order].unpack_from(encoded, at)
        if vr in _LONG_LENGTH:
            if at + 12 > last:
                raise ValueError(f"an element is cut short at byte {at}")
            (length,) = _LENGTH[encoding.byte_order].unpack_from(encoded, at + 8)
            start += 4
        elif not (vr.isalpha() and vr.isupper()):
            raise ValueError(f"{_named(group << 16 | number)} at byte {at} has no value representation")
    tag = group << 16 | number
    if length == _UNDEFINED:
        inner = Encoding(True, "<") if vr == b"UN" else encoding
        stop, after = _items_end(encoded, start, last, inner)
    else:
        stop = after = start + length
    if after > last:
        raise ValueError(f"{_named(tag)} at byte {at} is cut short: it has {length} bytes, {last - start} are left")
    return Element(tag, vr, start, stop), after


def _item_start(encoded: bytes | memoryview, at: int, last: int, encoding: Encoding) -> tuple[int, int]:
    if at + 8 > last:
        raise ValueError(f"a sequence is cut short at byte {at}")
    group, number, length = _ITEM_START[encoding.byte_order].unpack_from(encoded, at)
    return group << 16 | number, length


def _items_end(encoded: bytes | memoryview, first: int, last: int, encoding: Encoding) -> tuple[int, int]:
    """Return where the items of a sequence of undefined length end, and where its delimiter ends."""
    stop = first
    for _, stop in items(encoded, first, last, encoding):  # noqa: B007 - the last one's end
        pass
    while stop + 8 <= last:
        tag, length = _item_start(encoded, stop, last, encoding)
        if tag == _SEQUENCE_END:
            return stop, stop + 8
        if tag == _ITEM_END and length == 0:
            stop += 8
            continue
        break
    raise ValueError(f"the sequence at byte {first} has no end")


def _elements_end(encoded: bytes | memoryview, first: int, last: int, encoding: Encoding) -> tuple[int, int]:
    """Return where the elements of an item of undefined length end, and where its delimiter ends."""
    at = first
    while at + 8 <= last:
        tag, _ = _item_start(encoded, at, last, encoding)
        if tag == _ITEM_END:
            return at, at + 8
        _, at = _element(encoded, at, last, encoding)
    raise ValueError(f"the item at byte {first} has no end")


def _named(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
