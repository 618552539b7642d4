"""Where the frames of a DICOM SEG lie, and which segment each belongs to, from its functional groups."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from SegQCLib.dicom.encoded_elements import Element, Encoding, elements, encoding_of_value, items
from SegQCLib.dicom.multi_frame_file import MultiFrameFile
from SegQCLib.errors import BadDataError

_SEGMENT = "segment"
# Sequence of one item in a functional group -> attributes in it.
_WANTED = {
    0x00209113: {0x00200032: "position"},
    0x00209116: {0x00200037: "orientation"},
    0x00289110: {0x00280030: "spacing", 0x00180088: "step", 0x00180050: "thickness"},
    0x0062000A: {0x0062000B: _SEGMENT},
}
_LENGTHS = {"position": 3, "orientation": 6, "spacing": 2, "step": 1, "thickness": 1, _SEGMENT: 1}
_NO_PLACE = "A segmentation of a slide or a radiograph cannot be used here; give one of a CT, MR or PET series."
_COPY_AGAIN = "Copy or export it again."
# No scanner's coordinates reach a tenth of this; what lies beyond is damage.
_FURTHEST_MM = 1e5

_Values = dict[str, tuple[float, ...]]


@dataclass(frozen=True, eq=False)
class Frames:
    """The frames of a segmentation, in the order of its pixel data.

    Attributes
    ----------
    positions_lps_mm : ndarray, shape (frames, 3)
        Image Position (Patient) (0020,0032).
    orientations : ndarray, shape (frames, 6)
        Image Orientation (Patient) (0020,0037).
    spacings_mm : ndarray, shape (frames, 2)
        Pixel Spacing (0028,0030): of rows, of columns.
    step_mm, thickness_mm : float or None
        Spacing Between Slices (0018,0088) and Slice Thickness (0018,0050) of the first frame.
    segments : ndarray of int, shape (frames,)
        Referenced Segment Number (0062,000B); 0 for frames of a label map.
    """

    positions_lps_mm: NDArray[np.float64]
    orientations: NDArray[np.float64]
    spacings_mm: NDArray[np.float64]
    step_mm: float | None
    thickness_mm: float | None
    segments: NDArray[np.int_]


def read_frames(file: MultiFrameFile, path: Path, *, of_label_map: bool) -> Frames:
    """Return where the frames lie.

    Raises
    ------
    BadDataError
        If frames are not described, lie nowhere in the patient, or belong to no segment.
    ValueError
        If the functional groups are damaged.

    References
    ----------
    DICOM PS3.3 C.7.6.16 (functional groups; what is said for one frame goes before what is said for all), C.8.20.2.
    """
    known: dict[tuple[int, bytes], _Values] = {}
    shared = next(_groups(file, file.shared, known), {})
    promised = int(file.header.get("NumberOfFrames") or 1)
    frames: list[_Values] = []
    for own in _groups(file, file.per_frame, known):
        frames.append({**shared, **own})
        if len(frames) > promised:
            break
    if len(frames) != promised:
        described = f"more than its {promised}" if len(frames) > promised else f"{len(frames)} of its {promised}"
        raise BadDataError(path, f"describes {described} frames (Per-Frame Functional Groups Sequence (5200,9230)).", _COPY_AGAIN)
    _require_complete(frames, path, of_label_map)
    positions, orientations, spacings = (
        np.array([frame[name] for frame in frames]) for name in ("position", "orientation", "spacing")
    )
    for values in (positions, orientations, spacings):
        if not np.all(np.abs(values) < _FURTHEST_MM):
            raise BadDataError(path, "has positions or pixel spacings that no patient and no scanner can have.", _COPY_AGAIN)
    return Frames(
        positions,
        orientations,
        spacings,
        _length_mm(frames[0].get("step")),
        _length_mm(frames[0].get("thickness")),
        np.array([0 if of_label_map else int(frame[_SEGMENT][0]) for frame in frames]),
    )


def _length_mm(values: tuple[float, ...] | None) -> float | None:
    return values[0] if values and 0 < values[0] < _FURTHEST_MM else None


def _require_complete(frames: list[_Values], path: Path, of_label_map: bool) -> None:
    for number, frame in enumerate(frames):
        if not ("position" in frame and "orientation" in frame and "spacing" in frame):
            raise BadDataError(
                path,
                f"does not say where frame {number + 1} lies in the patient (Image Position (Patient) (0020,0032), Image"
                " Orientation (Patient) (0020,0037) or Pixel Spacing (0028,0030) is missing).",
                _NO_PLACE,
            )
        if _SEGMENT not in frame and not of_label_map:
            raise BadDataError(
                path,
                f"does not say which segment frame {number + 1} belongs to (Referenced Segment Number (0062,000B)).",
                "Export the segmentation again.",
            )


def _groups(file: MultiFrameFile, sequence: Element | None, known: dict[tuple[int, bytes], _Values]) -> Iterator[_Values]:
    """Yield what each item of a sequence of functional groups says; what items share byte by byte is understood once."""
    if sequence is None:
        return
    encoding = encoding_of_value(sequence, file.encoding)
    for first, last in items(file.encoded, sequence.first, sequence.last, encoding):
        found: _Values = {}
        for element in elements(file.encoded, first, last, encoding):
            if element.tag in _WANTED:
                encoded = bytes(file.encoded[element.first : element.last])
                key = element.tag, encoded
                if key not in known:
                    known[key] = _values(encoded, _WANTED[element.tag], encoding_of_value(element, encoding))
                found.update(known[key])
        yield found


def _values(encoded: bytes, wanted: dict[int, str], encoding: Encoding) -> _Values:
    """Return the wanted attributes of the only item of a sequence; those without a value are left out."""
    found: _Values = {}
    for first, last in items(encoded, 0, len(encoded), encoding):
        for element in elements(encoded, first, last, encoding):
            name, value = wanted.get(element.tag), encoded[element.first : element.last]
            # The number 32 is a space followed by a zero byte: only text is stripped.
            if name is None or not (value if name == _SEGMENT else value.strip(b"\0 ")):
                continue
            if name == _SEGMENT:
                numbers = struct.unpack(encoding.byte_order + "H", value)
            else:
                numbers = tuple(float(part) for part in value.decode("ascii").rstrip("\0 ").split("\\"))
            if len(numbers) != _LENGTHS[name]:
                raise ValueError(f"{name} has {len(numbers)} values, {_LENGTHS[name]} are needed")
            found[name] = numbers
        break
    return found
