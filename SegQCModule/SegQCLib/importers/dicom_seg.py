"""DICOM SEG: binary, fractional and label map segmentations, on the grid that their frames' positions give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Segment, Segmentation, Volume
from SegQCLib.dicom.multi_frame_file import open_multi_frame
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, FileKind
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM
from SegQCLib.image_file import source_of
from SegQCLib.importers.damaged_dicom import named_damage
from SegQCLib.importers.dicom_seg_frames import Frames, read_frames
from SegQCLib.importers.dicom_seg_grid import FrameGrid, grid_of, step_of_image_mm
from SegQCLib.importers.dicom_seg_pixels import FramePixels
from SegQCLib.importers.dicom_segment import Color, palette_colors, segment_from_item, text_of
from SegQCLib.importers.label_image import MOST_LABELS
from SegQCLib.importers.layer_stack import LayerStack, Plane

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom import Dataset

_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_LABEL_MAP_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.7"
_AGAIN = "Export the segmentation again."
_COPY_AGAIN = "Copy or export it again."
_NO_PLACE = "A segmentation of a slide or a radiograph cannot be used here; give one of a CT, MR or PET series."


def recognises(header: FileHeader) -> bool:
    """Return whether the file is DICOM; `read` says so if it is another object than a segmentation."""
    return header.kind is FileKind.DICOM


def read(header: FileHeader, name: str, image: Volume | None = None) -> Segmentation:
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
    with named_damage(header.path):
        return _segmentation(header, name, image)


def _segmentation(header: FileHeader, name: str, image: Volume | None) -> Segmentation:
    file = open_multi_frame(header.path)
    dataset = file.header
    _require_segmentation(dataset, header.path)
    kind = str(dataset.get("SegmentationType", ""))
    items = [item for item in dataset.SegmentSequence if not _is_background(item, dataset)]
    frames = read_frames(file, header.path, of_label_map=kind == "LABELMAP")
    series = tuple(uid for item in dataset.get("ReferencedSeriesSequence") or () if (uid := text_of(item, "SeriesInstanceUID")))
    image_step_mm = None if image is None else step_of_image_mm(image, frames, series)
    grid = grid_of(frames, (int(dataset.Rows), int(dataset.Columns)), header.path, image_step_mm)
    pixels = FramePixels(file, header.path)
    if kind == "LABELMAP":
        layers, numbers, voxel_findings = _label_map(items, grid, pixels, dataset.get("PixelPaddingValue"))
    else:
        layers, numbers, voxel_findings = _masks(items, frames, grid, pixels, _threshold(dataset, kind))
    palette = palette_colors(dataset)
    return Segmentation(
        name=name,
        geometry=grid.geometry,
        layers=layers,
        segments=tuple(_colored(segment_from_item(item, layer), palette) for item, layer in zip(items, numbers, strict=True)),
        source=source_of(header),
        findings=(*_file_findings(dataset, grid, kind), *voxel_findings),
        frame_of_reference_uid=text_of(dataset, "FrameOfReferenceUID"),
        referenced_series_uids=series,
    )


def _colored(segment: Segment, palette: dict[int, Color]) -> Segment:
    return segment if segment.color is not None else replace(segment, color=palette.get(segment.label_value))


def _require_segmentation(dataset: Dataset, path: Path) -> None:
    import pydicom

    kind, segments = str(dataset.get("SOPClassUID", "")), dataset.get("SegmentSequence")
    if kind not in (_SEGMENTATION, _LABEL_MAP_SEGMENTATION):
        found = pydicom.uid.UID(kind).name if kind else f"{dataset.get('Modality', '')} without SOP Class UID (0008,0016)".strip()
        raise BadDataError(
            path,
            f"is not a DICOM segmentation but another DICOM object ({found}).",
            "Give a DICOM SEG or RTSTRUCT, or load it in 3D Slicer and save the segmentation as .seg.nrrd.",
        )
    if dataset.get("TotalPixelMatrixRows"):
        raise BadDataError(path, "is the segmentation of a slide: its frames are tiles, not slices of the patient.", _NO_PLACE)
    if not segments:
        raise BadDataError(path, "describes no segment: Segment Sequence (0062,0002) is empty or missing.", _AGAIN)
    for keyword, tag in (("Rows", "(0028,0010)"), ("Columns", "(0028,0011)"), ("BitsAllocated", "(0028,0100)")):
        if not dataset.get(keyword):
            raise BadDataError(path, f"does not say how large its frames are: {keyword} {tag} is missing.", _COPY_AGAIN)
    if len(segments) > MOST_LABELS:
        raise BadDataError(path, f"describes {len(segments):,} segments; read are up to {MOST_LABELS:,}.", _AGAIN)
    numbers = [item.get("SegmentNumber") for item in segments]
    if None in numbers or len(set(numbers)) != len(numbers):
        raise BadDataError(path, f"has Segment Numbers (0062,0004) that are missing or not unique: {numbers}.", _AGAIN)
    least = 0 if dataset.get("SegmentationType") == "LABELMAP" else 1
    wrong = [number for number in numbers if not least <= int(number) < 2**16]
    if wrong:
        # PS3.3 C.8.20.4: 1 and above, in 16 bits; in a label map 0 is the background.
        raise BadDataError(path, f"has Segment Number (0062,0004) {wrong[0]}; allowed is {least} to 65535.", _AGAIN)


def _is_background(item: Dataset, dataset: Dataset) -> bool:
    if str(dataset.get("SegmentationType", "")) != "LABELMAP":
        return False
    padding = dataset.get("PixelPaddingValue", 0)
    return int(item.SegmentNumber) in (0, int(padding))


def _threshold(dataset: Dataset, kind: str) -> float:
    # One bit is 0 or 1; a fraction counts from half of its maximum on, without the half itself.
    return int(dataset.get("MaximumFractionalValue") or 255) / 2 if kind == "FRACTIONAL" else 0.5


# Layers, the layer of each segment, and what the voxels showed.
_Voxels = tuple[tuple[NDArray[np.unsignedinteger], ...], list[int], tuple[Finding, ...]]


def _masks(items: list[Dataset], frames: Frames, grid: FrameGrid, pixels: FramePixels, threshold: float) -> _Voxels:
    order = np.argsort(frames.segments, kind="stable")
    numbers, begins = np.unique(frames.segments[order], return_index=True)
    own_frames = dict(zip(numbers.tolist(), np.split(order, begins[1:]), strict=True))

    def planes(own: NDArray[np.int_]) -> Iterator[Plane]:
        for number in own.tolist():
            first_row, rows = pixels.rows(number)
            yield int(grid.slices[number]), first_row, rows.view(bool) if pixels.holds_bits else rows > threshold

    stack = LayerStack(grid.geometry.size, max(int(item.SegmentNumber) for item in items))
    layers = []
    for item in items:
        own = own_frames.pop(int(item.SegmentNumber), np.empty(0, int))
        layers.append(stack.add_planes(partial(planes, own), int(item.SegmentNumber)))
    return stack.layers, layers, tuple(_undescribed(number) for number in sorted(own_frames))


def _label_map(items: list[Dataset], grid: FrameGrid, pixels: FramePixels, padding: int | None) -> _Voxels:
    known = np.array([int(item.SegmentNumber) for item in items], int)
    layer = np.zeros(grid.geometry.size, np.min_scalar_type(int(known.max(initial=1))))
    values = 2**pixels.bits
    described = np.zeros(values, layer.dtype)
    described[known[known < values]] = known[known < values]
    undescribed: set[int] = set()
    for number, k in enumerate(grid.slices.tolist()):
        first_row, rows = pixels.rows(number)
        # No value lies outside of the table, and numpy is fastest when it need not raise for one.
        labels = described.take(rows, mode="clip")
        left_out = labels != rows
        if left_out.any():
            undescribed.update(np.unique(rows[left_out]).tolist())
        part = layer[k, first_row : first_row + len(rows)]
        np.maximum(part, labels, out=part)
    if padding is not None:
        undescribed.discard(int(padding))
    return (layer,), [0] * len(items), tuple(_undescribed(number) for number in sorted(undescribed))


def _undescribed(number: int) -> Finding:
    return Finding(
        "label_names",
        Status.WARN,
        f"The file has voxels of segment {number}, which its Segment Sequence (0062,0002) does not describe; they are left out.",
        measured=str(number),
    )


def _file_findings(dataset: Dataset, grid: FrameGrid, kind: str) -> Iterator[Finding]:
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
    if grid.is_step_guessed:
        step = f"{grid.geometry.spacing_mm[0]:g}"
        yield Finding(
            "segment_positions",
            Status.WARN,
            "The file does not say how far its slices are apart (Spacing Between Slices (0018,0088) is missing), and its frames do"
            f" not tell: {step} mm was taken, and volumes depend on it.",
            measured=step,
            unit="mm",
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
