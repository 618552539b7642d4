"""DICOM SEG: binary, fractional and label map segmentations, on the grid that their frames' positions give."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Segment, Segmentation
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, FileKind
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM, Geometry
from SegQCLib.image_file import source_of
from SegQCLib.importers.dicom_segment import segment_from_item
from SegQCLib.importers.label_table import LabelTable
from SegQCLib.importers.layer_stack import LayerStack

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom import Dataset

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_LABEL_MAP_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.7"
_AGAIN = "Export the segmentation again."
_COPY_AGAIN = "Copy or export it again."
# Their voxels are as they stand in the file, little endian; pydicom undoes the deflation of the last one itself.
_UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99")
_NO_PLACE = "A segmentation of a slide or a radiograph cannot be used here; give one of a CT, MR or PET series."
# Whole-body series have about 2,000; frames further apart than that are of different scans, or their positions are damaged.
_MOST_SLICES = 20_000

_DAMAGE = (
    ValueError, TypeError, AttributeError, LookupError, OSError, EOFError, RuntimeError, NotImplementedError, ImportError,
    StopIteration, ArithmeticError, struct.error,
)  # fmt: skip

# Frames of one slice have positions that differ by rounding of decimal text.
_SAME_SLICE_MM = 1e-3


def recognises(header: FileHeader) -> bool:
    """Return whether the file is DICOM; `read` says so if it is another object than a segmentation."""
    return header.kind is FileKind.DICOM


def read(header: FileHeader, _table: LabelTable | None, name: str) -> Segmentation:
    """Return a DICOM SEG with its own names, codes, colours and algorithms; see `read_segmentation`.

    The grid holds the slices from the first to the last frame; slices without a frame are empty. Segments
    that overlap lie in several layers. In a FRACTIONAL segmentation a voxel belongs to a segment if its value
    is above half of Maximum Fractional Value (0062,000E). Segment 0 and the padding value are background.

    Raises
    ------
    BadDataError
        If the file is cut short, another DICOM object, compressed in a way that the installed pydicom
        does not undo, or its frames lie nowhere in the patient (slide microscopy, radiographs).
    """
    from pydicom.errors import BytesLengthException

    try:
        return _segmentation(header, name)
    except (*_DAMAGE, BytesLengthException) as error:
        # pydicom looks at an element when it is asked for, so damage shows anywhere.
        raise BadDataError(header.path, f"holds something that cannot be understood ({error}).", _COPY_AGAIN) from error


def _segmentation(header: FileHeader, name: str) -> Segmentation:
    dataset = _dataset(header.path)
    kind = str(dataset.get("SegmentationType", ""))
    items = [item for item in dataset.SegmentSequence if not _is_background(item, dataset)]
    frames = _frames(dataset, header.path, kind)
    grid = _grid(frames, dataset, header.path)
    pixels = _Pixels(dataset, header.path)
    if kind == "LABELMAP":
        layers, segments, voxel_findings = _label_map(items, frames, grid, pixels)
    else:
        layers, segments, voxel_findings = _masks(items, frames, grid, pixels, _threshold(dataset, kind))
    return Segmentation(
        name=name,
        geometry=grid.geometry,
        layers=layers,
        segments=segments,
        source=source_of(header),
        findings=(*_file_findings(dataset, grid, kind), *voxel_findings),
    )


def _dataset(path: Path) -> Dataset:
    import pydicom

    dataset = pydicom.dcmread(path, force=True)
    kind, segments = str(dataset.get("SOPClassUID", "")), dataset.get("SegmentSequence")
    if kind not in (_SEGMENTATION, _LABEL_MAP_SEGMENTATION):
        found = pydicom.uid.UID(kind).name if kind else f"{dataset.get('Modality', '')} without SOP Class UID (0008,0016)".strip()
        raise BadDataError(
            path,
            f"is not a DICOM segmentation but another DICOM object ({found}).",
            "Give a DICOM SEG, or load it in 3D Slicer and save the segmentation as .seg.nrrd.",
        )
    if dataset.get("TotalPixelMatrixRows"):
        raise BadDataError(path, "is the segmentation of a slide: its frames are tiles, not slices of the patient.", _NO_PLACE)
    if not segments:
        raise BadDataError(path, "describes no segment: Segment Sequence (0062,0002) is empty or missing.", _AGAIN)
    for keyword, tag in (("Rows", "(0028,0010)"), ("Columns", "(0028,0011)"), ("BitsAllocated", "(0028,0100)")):
        if not dataset.get(keyword):
            raise BadDataError(path, f"does not say how large its frames are: {keyword} {tag} is missing.", _COPY_AGAIN)
    numbers = [item.get("SegmentNumber") for item in segments]
    if None in numbers or len(set(numbers)) != len(numbers):
        raise BadDataError(path, f"has Segment Numbers (0062,0004) that are missing or not unique: {numbers}.", _AGAIN)
    return dataset


def _is_background(item: Dataset, dataset: Dataset) -> bool:
    if str(dataset.get("SegmentationType", "")) != "LABELMAP":
        return False
    padding = dataset.get("PixelPaddingValue", 0)
    return int(item.SegmentNumber) in (0, int(padding))


@dataclass(frozen=True)
class _Frame:
    """Where a frame lies: its place in the pixel data, first voxel, and segment (None in a label map)."""

    number: int
    position_lps_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, float]
    segment: int | None


def _frames(dataset: Dataset, path: Path, kind: str) -> list[_Frame]:
    shared = _item(dataset, "SharedFunctionalGroupsSequence")
    each = dataset.get("PerFrameFunctionalGroupsSequence") or []
    promised = int(dataset.get("NumberOfFrames") or 1)
    if len(each) != promised:
        raise BadDataError(
            path,
            f"describes {len(each)} of its {promised} frames (Per-Frame Functional Groups Sequence (5200,9230)).",
            _COPY_AGAIN,
        )
    frames = []
    for number, own in enumerate(each):

        def attribute(sequence: str, keyword: str, own: Dataset = own) -> object:
            for groups in (own, shared):
                item = _item(groups, sequence)
                if item is not None and item.get(keyword) is not None:
                    return item.get(keyword)
            return None

        position = attribute("PlanePositionSequence", "ImagePositionPatient")
        orientation = attribute("PlaneOrientationSequence", "ImageOrientationPatient")
        spacing = attribute("PixelMeasuresSequence", "PixelSpacing")
        if position is None or orientation is None or spacing is None:
            raise BadDataError(
                path,
                f"does not say where frame {number + 1} lies in the patient (Image Position (Patient) (0020,0032), Image"
                " Orientation (Patient) (0020,0037) or Pixel Spacing (0028,0030) is missing).",
                _NO_PLACE,
            )
        segment = attribute("SegmentIdentificationSequence", "ReferencedSegmentNumber")
        if segment is None and kind != "LABELMAP":
            raise BadDataError(path, f"does not say which segment frame {number + 1} belongs to (0062,000B).", _AGAIN)
        frames.append(
            _Frame(
                number,
                tuple(float(value) for value in position),
                tuple(float(value) for value in orientation),
                tuple(float(value) for value in spacing),
                None if segment is None else int(segment),
            )
        )
    return frames


def _item(dataset: Dataset | None, keyword: str) -> Dataset | None:
    sequence = None if dataset is None else dataset.get(keyword)
    return sequence[0] if sequence else None


@dataclass(frozen=True)
class _Grid:
    """The grid of all frames, each frame's slice on it, and how far the frames are from where it puts them, in mm."""

    geometry: Geometry
    slices: tuple[int, ...]
    displacement_mm: float


def _grid(frames: list[_Frame], dataset: Dataset, path: Path) -> _Grid:
    first = frames[0]
    for frame in frames:
        if not np.allclose(frame.orientation, first.orientation, atol=1e-4) or not np.allclose(
            frame.spacing_mm, first.spacing_mm, atol=1e-4
        ):
            raise BadDataError(
                path, f"has frames in different planes or with different pixel sizes (frames 1 and {frame.number + 1}).", _AGAIN
            )
    i_axis, j_axis = np.array(first.orientation[:3]), np.array(first.orientation[3:])
    lengths = np.linalg.norm(i_axis), np.linalg.norm(j_axis)
    if not np.allclose(lengths, 1, atol=1e-3) or abs(i_axis @ j_axis) > 1e-3 or min(first.spacing_mm) <= 0:
        raise BadDataError(
            path,
            f"has the orientation {list(first.orientation)} and pixel spacing {list(first.spacing_mm)} mm, which are no grid.",
            _AGAIN,
        )
    i_axis, j_axis = i_axis / lengths[0], j_axis / lengths[1]
    normal = np.cross(i_axis, j_axis)
    positions = np.array([frame.position_lps_mm for frame in frames])
    along = positions @ normal
    start = positions[np.argmin(along)]
    step, slices = _steps(along - along.min(), _written_mm(dataset, "SpacingBetweenSlices"), _written_mm(dataset, "SliceThickness"))
    if slices.max() >= _MOST_SLICES:
        raise BadDataError(path, f"has frames {np.ptp(along):.0f} mm apart in slices of {step:g} mm.", _AGAIN)
    regular = start + np.outer(slices * step, normal)
    displacement = float(np.linalg.norm(positions - regular, axis=1).max())
    geometry = Geometry(
        size=(int(slices.max()) + 1, int(dataset.Rows), int(dataset.Columns)),
        spacing_mm=(step, *first.spacing_mm),
        origin_lps_mm=tuple(float(value) for value in start),
        axes_lps=tuple(tuple(float(value) for value in axis) for axis in (normal, j_axis, i_axis)),
    )
    return _Grid(geometry, tuple(int(k) for k in slices), round(displacement, 4))


def _written_mm(dataset: Dataset, keyword: str) -> float | None:
    """Return a length of the Pixel Measures Sequence (0028,9110), shared or of the first frame, mm, or None."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        measures = _item(_item(dataset, groups), "PixelMeasuresSequence")
        value = None if measures is None else measures.get(keyword)
        if value is not None and float(value) > 0:
            return float(value)
    return None


def _steps(along_mm: NDArray[np.float64], spacing_mm: float | None, thickness_mm: float | None) -> tuple[float, NDArray[np.int_]]:
    """Return the distance of slices in mm and the slice of each frame; positions start at 0.

    Frames that are left out make gaps multiples of the true step: 5 and 7.5 mm for slices 2.5 mm apart.
    Spacing Between Slices (0018,0088) says the step; else it is the smallest gap, or Slice Thickness
    (0018,0050) where only that fits: thickness comes last because slices may lie apart or overlap.
    """
    distinct = np.unique(np.round(along_mm / _SAME_SLICE_MM)) * _SAME_SLICE_MM
    if len(distinct) == 1:
        return spacing_mm or thickness_mm or 1.0, np.zeros(len(along_mm), int)
    gaps = np.diff(distinct)
    steps = [step for step in (spacing_mm, float(gaps.min()), thickness_mm) if step is not None and _are_multiples(gaps, step)]
    if not steps:
        # Uneven slices are stacked one after the other; a finding says how far that is from their places.
        return float(np.median(gaps)), np.searchsorted(distinct, along_mm - _SAME_SLICE_MM)
    slices = np.rint(along_mm / steps[0]).astype(int)
    # Decimal text adds up over many slices; the whole stack gives the step better than one gap.
    return round(float(along_mm @ slices / (slices @ slices)), 6), slices


def _are_multiples(gaps_mm: NDArray[np.float64], step_mm: float) -> bool:
    whole = np.rint(gaps_mm / step_mm)
    return bool(np.all(whole >= 1) and np.all(np.abs(gaps_mm - whole * step_mm) <= SAME_GRID_TOLERANCE_MM))


class _Pixels:
    """The frames' pixels, one frame at a time: bits are unpacked when they are wanted."""

    def __init__(self, dataset: Dataset, path: Path) -> None:
        self._shape = (int(dataset.Rows), int(dataset.Columns))
        self._bits = int(dataset.BitsAllocated)
        padding = dataset.get("PixelPaddingValue")
        self.padding = None if padding is None else int(padding)
        self._decoded: NDArray | None = None
        self._bytes = b""
        frames = int(dataset.get("NumberOfFrames") or 1)
        syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
        if syntax is not None and syntax not in _UNCOMPRESSED:
            self._decoded = _decoded(dataset, path).reshape(frames, *self._shape)
            return
        if self._bits not in (1, 8, 16):
            raise BadDataError(path, f"has {self._bits} bits per voxel; 1, 8 and 16 are known.", _AGAIN)
        self._bytes = dataset.get("PixelData") or b""
        needed = -(-frames * self._shape[0] * self._shape[1] * self._bits // 8)
        if len(self._bytes) < needed:
            raise BadDataError(
                path,
                f"is cut short: its {frames} frames need {needed} bytes, {len(self._bytes)} are there.",
                _COPY_AGAIN,
            )

    def frame(self, number: int) -> NDArray[np.unsignedinteger]:
        """Return one frame, shape (j, i): 0 or 1 where a voxel has one bit."""
        if self._decoded is not None:
            return self._decoded[number]
        voxels = self._shape[0] * self._shape[1]
        if self._bits == 1:
            # Bits run on from frame to frame, lowest first, so a frame may begin inside a byte (PS3.5 8.1.1).
            first = number * voxels
            part = np.frombuffer(self._bytes, np.uint8, -(-(first % 8 + voxels) // 8), first // 8)
            return np.unpackbits(part, bitorder="little")[first % 8 : first % 8 + voxels].reshape(self._shape)
        size = self._bits // 8
        return np.frombuffer(self._bytes, f"<u{size}", voxels, number * voxels * size).reshape(self._shape)


def _decoded(dataset: Dataset, path: Path) -> NDArray:
    try:
        return dataset.pixel_array
    except _DAMAGE as error:
        syntax, reason = dataset.file_meta.TransferSyntaxUID, " ".join(str(error).split())
        raise BadDataError(
            path,
            f"has voxels in {syntax.name}, which the installed pydicom cannot decode ({reason}).",
            "Export it uncompressed (Explicit VR Little Endian), for example with dcmdjpeg, dcmdrle or gdcmconv --raw.",
        ) from error


def _threshold(dataset: Dataset, kind: str) -> float:
    # One bit is 0 or 1; a fraction counts from half of its maximum on, without the half itself.
    return int(dataset.get("MaximumFractionalValue") or 255) / 2 if kind == "FRACTIONAL" else 0.5


_Voxels = tuple[tuple[NDArray[np.unsignedinteger], ...], tuple[Segment, ...], tuple[Finding, ...]]


def _masks(items: list[Dataset], frames: list[_Frame], grid: _Grid, pixels: _Pixels, threshold: float) -> _Voxels:
    by_segment = defaultdict(list)
    for frame in frames:
        by_segment[frame.segment].append(frame)
    stack = LayerStack(grid.geometry.size, max(int(item.SegmentNumber) for item in items))
    segments = []
    for item in items:
        planes: dict[int, NDArray[np.bool_]] = {}
        for frame in by_segment.pop(int(item.SegmentNumber), ()):
            plane = pixels.frame(frame.number) > threshold
            k = grid.slices[frame.number]
            if k in planes:
                plane |= planes[k]
            if plane.any():
                planes[k] = plane
        segments.append(segment_from_item(item, stack.add(planes, int(item.SegmentNumber))))
    return stack.layers, tuple(segments), tuple(_undescribed(number) for number in sorted(by_segment))


def _label_map(items: list[Dataset], frames: list[_Frame], grid: _Grid, pixels: _Pixels) -> _Voxels:
    known = np.array(sorted(int(item.SegmentNumber) for item in items))
    layer = np.zeros(grid.geometry.size, np.min_scalar_type(int(known.max(initial=1))))
    unknown: set[int] = set()
    for frame in frames:
        plane = pixels.frame(frame.number)
        described = np.isin(plane, known)
        layer[grid.slices[frame.number]][described] = plane[described]
        unknown.update(int(value) for value in np.unique(plane[~described]))
    background = {0, *(() if pixels.padding is None else (pixels.padding,))}
    segments = tuple(segment_from_item(item, 0) for item in items)
    return (layer,), segments, tuple(_undescribed(number) for number in sorted(unknown - background))


def _undescribed(number: int) -> Finding:
    return Finding(
        "label_names",
        Status.WARN,
        f"The file has voxels of segment {number}, which its Segment Sequence (0062,0002) does not describe; they are left out.",
        measured=str(number),
    )


def _file_findings(dataset: Dataset, grid: _Grid, kind: str) -> Iterator[Finding]:
    if kind == "FRACTIONAL":
        maximum = int(dataset.get("MaximumFractionalValue") or 255)
        meaning = str(dataset.get("SegmentationFractionalType") or "kind not given").lower()
        yield Finding(
            "segment_representation",
            Status.WARN,
            f"The segmentation is fractional ({meaning}): voxels above half of the maximum of {maximum} count as inside.",
            measured="FRACTIONAL",
            allowed="BINARY or LABELMAP",
        )
    if not dataset.get("ReferencedSeriesSequence"):
        yield Finding(
            "segmentation_reference",
            Status.WARN,
            "The file does not say which series it was drawn on: Referenced Series Sequence (0008,1115) is missing.",
        )
    if grid.displacement_mm > SAME_GRID_TOLERANCE_MM:
        yield Finding(
            "segment_positions",
            Status.WARN,
            f"The frames do not lie on a regular grid: up to {grid.displacement_mm:g} mm from where they are shown.",
            measured=f"{grid.displacement_mm:g}",
            allowed=f"up to {SAME_GRID_TOLERANCE_MM:g}",
            unit="mm",
        )
