"""Segmentations of 3D Slicer (.seg.nrrd): NRRD whose key/value pairs describe the segments."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from SegQCLib.algorithm_type import ALGORITHM_TYPES
from SegQCLib.case import Segment, Segmentation
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, FileKind
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry, geometry_of
from SegQCLib.image_file import open_image, source_of
from SegQCLib.importers.label_image import LabelLayer, read_layers, type_findings
from SegQCLib.importers.label_table import LabelTable
from SegQCLib.importers.terminology_entry import code_from_text, is_damaged_entry, terminology_from_entry
from SegQCLib.training_mark import TRAINING_KEY, TRAINING_TAG

_SEGMENT_KEY = re.compile(r"Segment(\d+)_(ID|Name)")
_SAVE_AGAIN = "Load it in 3D Slicer and save it again."


def recognises(header: FileHeader) -> bool:
    """Return whether a NRRD file says that it is a segmentation, whatever its name."""
    return header.kind is FileKind.NRRD and any(
        _SEGMENT_KEY.fullmatch(key) or key.startswith("Segmentation_") for key in header.keys
    )


def read(header: FileHeader, _table: LabelTable | None, name: str) -> Segmentation:
    """Return a segmentation of 3D Slicer with its own names, codes and colours; see `read_segmentation`.

    Three layouts are read: one 3-D layer; layers in a list axis, first or last; and the one of
    Slicer 4.10 and older, a fourth spatial axis with one binary layer for each segment.
    """
    reader = open_image(header)
    one_segment_a_layer = reader.GetDimension() == 4
    if reader.GetDimension() not in (3, 4):
        raise BadDataError(header.path, f"has {reader.GetDimension()} dimensions; three or four are known.", _SAVE_AGAIN)
    layers = read_layers(header, reader)
    if one_segment_a_layer:
        layers = tuple(_binary(layer) for layer in layers)
    numbers = sorted({int(match[1]) for match in map(_SEGMENT_KEY.fullmatch, header.keys) if match})
    segments = tuple(_segment(header, number, len(layers), one_segment_a_layer) for number in numbers)
    ids = [segment.id for segment in segments]
    if len(set(ids)) != len(ids):
        raise BadDataError(header.path, f"has segments with the same ID ({', '.join(ids)}).", _SAVE_AGAIN)
    return Segmentation(
        name=name,
        geometry=_geometry(header, reader),
        layers=tuple(layer.array for layer in layers),
        segments=segments,
        source=source_of(header),
        findings=(*type_findings(reader), *_code_findings(header, segments, numbers), *_unclaimed_findings(layers, segments)),
    )


def _binary(layer: LabelLayer) -> LabelLayer:
    if layer.values in ((), (1,)):
        return layer
    return LabelLayer((layer.array != 0).view(np.uint8), (1,))


def _geometry(header: FileHeader, reader: sitk.ImageFileReader) -> Geometry:
    geometry = geometry_of(reader)
    if not reader.HasMetaDataKey("NRRD_space"):
        # Slicer 4.10 wrote its RAS numbers without saying so, and ITK takes such a file for LPS.
        geometry = replace(
            geometry,
            origin_lps_mm=_exchange(geometry.origin_lps_mm),
            axes_lps=tuple(_exchange(axis) for axis in geometry.axes_lps),
        )
    extent = header.keys.get("Segmentation_Extent")
    if extent is None or "Segmentation_ReferenceImageExtentOffset" in header.keys:
        # Files with ReferenceImageExtentOffset already have it in their origin.
        return geometry
    try:
        i, _, j, _, k, _ = (int(value) for value in extent.split())
    except ValueError as error:
        raise BadDataError(
            header.path, f"has the Segmentation_Extent '{extent}'; six whole numbers are needed.", _SAVE_AGAIN
        ) from error
    # Slicer 4.10 cropped the voxels but left the origin at index 0 of the uncropped grid.
    return replace(geometry, origin_lps_mm=tuple(float(value) for value in geometry.lps_mm((k, j, i))))


def _exchange(vector: tuple[float, float, float]) -> tuple[float, float, float]:
    """Turn RAS into LPS or back."""
    return (-vector[0], -vector[1], vector[2])


def _segment(header: FileHeader, number: int, layers: int, one_segment_a_layer: bool) -> Segment:
    def value(key: str) -> str:
        return header.keys.get(f"Segment{number}_{key}", "")

    segment_id = value("ID") or f"Segment_{number}"
    # Before Slicer 4.11 files had one layer for each segment and neither key.
    layer = _whole_number(header, number, "Layer", 0 if value("LabelValue") and layers == 1 else number)
    if not 0 <= layer < layers:
        raise BadDataError(
            header.path, f"keeps segment {value('Name') or segment_id} in layer {layer}, but it has {layers} (from 0).", _SAVE_AGAIN
        )
    tags = _tags(value("Tags"))
    algorithm_type = tags.get("DICOM.SegmentAlgorithmType")
    return Segment(
        id=segment_id,
        name=value("Name") or segment_id,
        label_value=1 if one_segment_a_layer else _whole_number(header, number, "LabelValue", 1),
        layer=layer,
        terminology=terminology_from_entry(tags.get("TerminologyEntry", "")),
        color=_color(value("Color") or value("DefaultColor")),
        status=tags.get("Segmentation.Status"),
        algorithm_type=algorithm_type if algorithm_type in ALGORITHM_TYPES else None,
        algorithm_name=tags.get("DICOM.SegmentAlgorithmName"),
        algorithm_version=tags.get("DICOM.AlgorithmVersion"),
        algorithm_parameters=tags.get("DICOM.AlgorithmParameters"),
        algorithm_family=code_from_text(tags.get("DICOM.AlgorithmFamilyCode", "")),
        tracking_id=tags.get("DICOM.TrackingID"),
        tracking_uid=tags.get("DICOM.TrackingUID"),
        # Of the file: also what a reader added on a training case is training.
        training_set=tags.get(TRAINING_TAG) or header.keys.get(TRAINING_KEY),
    )


def _whole_number(header: FileHeader, number: int, key: str, absent: int) -> int:
    text = header.keys.get(f"Segment{number}_{key}")
    if text is None:
        return absent
    try:
        return int(text)
    except ValueError as error:
        raise BadDataError(header.path, f"has '{text}' as Segment{number}_{key}; a whole number is needed.", _SAVE_AGAIN) from error


def _tags(text: str) -> dict[str, str]:
    pairs = (pair.partition(":") for pair in text.split("|"))
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip() and value.strip()}


def _color(text: str) -> tuple[float, float, float] | None:
    try:
        red, green, blue = (float(value) for value in text.split())
    except ValueError:
        return None
    return (red, green, blue) if all(math.isfinite(c) and 0 <= c <= 1 for c in (red, green, blue)) else None


def _code_findings(header: FileHeader, segments: tuple[Segment, ...], numbers: list[int]) -> Iterator[Finding]:
    for segment, number in zip(segments, numbers, strict=True):
        entry = _tags(header.keys.get(f"Segment{number}_Tags", "")).get("TerminologyEntry", "")
        if is_damaged_entry(entry):
            yield Finding(
                "segment_terminology",
                Status.WARN,
                f"The codes of segment {segment.name} cannot be read, so it is recognised by its name only.",
                measured=entry,
                allowed="context~category~type~..., each code as scheme^value^meaning",
                segment=segment.name,
            )


def _unclaimed_findings(layers: tuple[LabelLayer, ...], segments: tuple[Segment, ...]) -> Iterator[Finding]:
    claimed = {(segment.layer, segment.label_value) for segment in segments}
    for number, layer in enumerate(layers):
        for value in layer.values:
            if (number, value) not in claimed:
                yield Finding(
                    "label_names",
                    Status.WARN,
                    f"Layer {number} of the segmentation has voxels with the value {value} that belong to no segment;"
                    " they are not evaluated.",
                    measured=str(value),
                )
