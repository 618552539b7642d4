"""The frames of a DICOM SEG: voxels in bits or label values, and what describes each frame, as bytes.

A segmentation of a whole body has thousands of frames whose descriptions differ in three numbers. Each part
(source image and position of a slice, segment) is encoded once by pydicom and put together for every frame.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom import Dataset

    from SegQCLib.case import Segmentation
    from SegQCLib.dicom.seg_slices import SourceSlice

_ITEM = struct.Struct("<2HI")


class FrameWriter:
    """Frames that are added one by one.

    Parameters
    ----------
    slices : tuple of SourceSlice
        Slices of the image in the order of k.
    segments : int
        Number of segments; 0 for a label map, whose frames belong to no single segment.
    pixel_measures : sequence
        Pixel Measures Sequence (0028,9110) of each slice, where they differ; empty where all frames share one.
    """

    def __init__(self, slices: tuple[SourceSlice, ...], segments: int, pixel_measures: Sequence = ()) -> None:
        codes = _derivation_codes()
        self._source = [_encoded(_derivation(one, *codes)) for one in slices]
        self._position = [_encoded(_position(one)) for one in slices]
        self._measures = [_encoded(_measures(one)) for one in pixel_measures] or [b""] * len(slices)
        self._segment = [_encoded(_identification(number)) for number in range(1, segments + 1)]
        # The index values are the last bytes of their element.
        self._content = _encoded(_content([0, 0] if segments else [0]))[: -8 if segments else -4]
        self._frames: list[tuple[int, int]] = []
        self._pixels = io.BytesIO()
        self._bits: NDArray[np.bool_] = np.zeros(0, bool)

    @property
    def count(self) -> int:
        return len(self._frames)

    def add_mask(self, plane: NDArray[np.bool_], k: int, segment: int) -> None:
        """Add a frame of one bit per voxel, shape (j, i), of slice k, for the segment of that number (from 1)."""
        bits = np.concatenate([self._bits, plane.ravel()]) if len(self._bits) else plane.ravel()
        # Bits run on from frame to frame, lowest first, so a frame may end inside a byte (PS3.5 8.1.1).
        whole = len(bits) // 8 * 8
        self._pixels.write(np.packbits(bits[:whole], bitorder="little").tobytes())
        # A copy: callers reuse the plane.
        self._bits = bits[whole:].copy()
        self._frames.append((k, segment))

    def add_labels(self, plane: NDArray[np.unsignedinteger], k: int) -> None:
        """Add a frame of label values, shape (j, i), of slice k."""
        self._pixels.write(plane.tobytes())
        self._frames.append((k, 0))

    def per_frame_groups(self) -> bytes:
        """Return the value of Per-Frame Functional Groups Sequence (5200,9230), explicit VR little endian."""
        # Index values count the slices that have a frame, without gaps.
        place = {k: number for number, k in enumerate(sorted({k for k, _ in self._frames}), start=1)}
        items = io.BytesIO()
        for k, segment in self._frames:
            index_values = struct.pack("<2I", segment, place[k]) if segment else struct.pack("<I", place[k])
            own = self._segment[segment - 1] if segment else b""
            # In the order of tags: (0008,9124), (0020,9111), (0020,9113), (0028,9110), (0062,000A).
            parts = (self._source[k], self._content, index_values, self._position[k], self._measures[k], own)
            items.write(_ITEM.pack(0xFFFE, 0xE000, sum(map(len, parts))))
            items.writelines(parts)
        return items.getvalue()

    def pixel_data(self) -> bytes:
        """Return the value of Pixel Data (7FE0,0010), padded to an even length."""
        self._pixels.write(np.packbits(self._bits, bitorder="little").tobytes())
        self._bits = self._bits[:0]
        if self._pixels.tell() % 2:
            self._pixels.write(b"\0")
        return self._pixels.getvalue()


def mask_frames(candidate: Segmentation) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
    """Yield segment index, slice k and mask, shape (j, i), of every slice in which a segment has voxels; the mask is reused."""
    plane = np.zeros(candidate.geometry.size[1:], bool)
    for index, segment in enumerate(candidate.segments):
        box = candidate.box(segment)
        if box is None:
            continue
        layer = candidate.layers[segment.layer]
        for k in range(box[0].start, box[0].stop):
            part = layer[k][box[1:]] == segment.label_value
            if part.any():
                plane[box[1:]] = part
                yield index, k, plane
                plane[box[1:]] = False


def label_planes(candidate: Segmentation) -> Iterator[tuple[int, NDArray[np.unsignedinteger]]]:
    """Yield slice k and segment numbers (from 1), shape (j, i), of every slice with voxels of a segment.

    Where segments overlap the later one wins: `seg_preflight` refuses that before.
    """
    dtype = np.uint8 if len(candidate.segments) < 256 else np.uint16
    boxes = [candidate.box(segment) for segment in candidate.segments]
    for k in range(candidate.geometry.size[0]):
        plane = np.zeros(candidate.geometry.size[1:], dtype)
        for number, (segment, box) in enumerate(zip(candidate.segments, boxes, strict=True), start=1):
            if box is not None and box[0].start <= k < box[0].stop:
                part = candidate.layers[segment.layer][k][box[1:]] == segment.label_value
                plane[box[1:]][part] = number
        if plane.any():
            yield k, plane


def _encoded(dataset: Dataset) -> bytes:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def _derivation_codes() -> tuple[Dataset, Dataset]:
    """Return why the source image is named and what was done to it (PS3.16 CID 7202 and 7203)."""
    from highdicom.sr import CodedConcept
    from pydicom.sr.codedict import codes

    purpose, derivation = codes.cid7202.SourceImageForImageProcessingOperation, codes.cid7203.SegmentationImageDerivation
    return CodedConcept.from_code(purpose), CodedConcept.from_code(derivation)


def _derivation(one: SourceSlice, purpose: Dataset, done: Dataset) -> Dataset:
    from pydicom import Dataset

    source, derivation, groups = Dataset(), Dataset(), Dataset()
    source.ReferencedSOPClassUID = one.header.SOPClassUID
    source.ReferencedSOPInstanceUID = one.header.SOPInstanceUID
    if one.frame is not None:
        source.ReferencedFrameNumber = one.frame
    source.SpatialLocationsPreserved = "YES"
    source.PurposeOfReferenceCodeSequence = [purpose]
    derivation.SourceImageSequence = [source]
    derivation.DerivationCodeSequence = [done]
    groups.DerivationImageSequence = [derivation]
    return groups


def _position(one: SourceSlice) -> Dataset:
    from pydicom import Dataset

    plane, groups = Dataset(), Dataset()
    plane.ImagePositionPatient = list(one.position)
    groups.PlanePositionSequence = [plane]
    return groups


def _measures(sequence: object) -> Dataset:
    from pydicom import Dataset

    groups = Dataset()
    groups.PixelMeasuresSequence = sequence
    return groups


def _identification(number: int) -> Dataset:
    from pydicom import Dataset

    identification, groups = Dataset(), Dataset()
    identification.ReferencedSegmentNumber = number
    groups.SegmentIdentificationSequence = [identification]
    return groups


def _content(index_values: list[int]) -> Dataset:
    from pydicom import Dataset

    content, groups = Dataset(), Dataset()
    content.DimensionIndexValues = index_values
    groups.FrameContentSequence = [content]
    return groups
