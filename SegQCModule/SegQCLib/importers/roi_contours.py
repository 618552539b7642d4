"""ROI Contour Sequence (3006,0039) of an RT Structure Set as ranges of bytes: an object for each contour takes minutes."""

from __future__ import annotations

from typing import NamedTuple

from SegQCLib.dicom.encoded_elements import Element, Encoding, elements, encoding_of_value, items

ROI_CONTOURS = 0x30060039
_COLOR, _CONTOURS, _ROI_NUMBER = 0x3006002A, 0x30060040, 0x30060084
_GEOMETRIC_TYPE, _POINTS, _DATA = 0x30060042, 0x30060046, 0x30060050
# A hundred structures in the 2,000 slices of a whole body, one contour each.
MOST_CONTOURS = 200_000


class EncodedContour(NamedTuple):
    """A contour: Contour Geometric Type (3006,0042), Number of Contour Points (3006,0046), Contour Data (3006,0050)."""

    kind: bytes = b""
    points: bytes = b""
    data: bytes = b""


class RoiContours(NamedTuple):
    """An item: Referenced ROI Number (3006,0084), ROI Display Color (3006,002A), Contour Sequence (3006,0040)."""

    number: bytes
    color: bytes
    contours: list[EncodedContour]


def roi_contours(encoded: bytes, sequence: Element, encoding: Encoding) -> list[RoiContours]:
    """Return the items of the sequence, values as text without padding, "" where one is missing.

    Raises
    ------
    ValueError
        If it is damaged, or has more than MOST_CONTOURS contours.

    References
    ----------
    DICOM PS3.3 C.8.8.6 (ROI Contour Module).
    """
    found: list[RoiContours] = []
    count = 0
    encoding = encoding_of_value(sequence, encoding)
    for first, last in items(encoded, sequence.first, sequence.last, encoding):
        texts = {_ROI_NUMBER: b"", _COLOR: b""}
        contours: list[EncodedContour] = []
        for element in elements(encoded, first, last, encoding):
            if element.tag in texts:
                texts[element.tag] = encoded[element.first : element.last].strip(b" \0")
            elif element.tag == _CONTOURS:
                inner = encoding_of_value(element, encoding)
                for begin, end in items(encoded, element.first, element.last, inner):
                    count += 1
                    if count > MOST_CONTOURS:
                        raise ValueError(f"it has more than {MOST_CONTOURS:,} contours")
                    contours.append(_contour(encoded, begin, end, inner))
        found.append(RoiContours(texts[_ROI_NUMBER], texts[_COLOR], contours))
    return found


def _contour(encoded: bytes, first: int, last: int, encoding: Encoding) -> EncodedContour:
    texts = {_GEOMETRIC_TYPE: b"", _POINTS: b"", _DATA: b""}
    for element in elements(encoded, first, last, encoding):
        if element.tag in texts:
            texts[element.tag] = encoded[element.first : element.last].strip(b" \0")
    return EncodedContour(texts[_GEOMETRIC_TYPE], texts[_POINTS], texts[_DATA])
