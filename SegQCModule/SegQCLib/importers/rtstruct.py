"""DICOM RT Structure Set: contours, filled on the grid of the image that they are used with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from SegQCLib.case import Segmentation, Volume
from SegQCLib.dicom.object_kind import sop_class_and_modality
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, FileKind
from SegQCLib.image_file import source_of
from SegQCLib.importers.contour_slices import contour_axis, slice_planes
from SegQCLib.importers.damaged_dicom import named_damage
from SegQCLib.importers.drawn_structure import DrawnStructure, draw
from SegQCLib.importers.layer_stack import LayerStack
from SegQCLib.importers.rt_findings import structure_set_findings
from SegQCLib.importers.rt_structure_set import RT_STRUCTURE_SET, StructureSet, read_structure_set

if TYPE_CHECKING:
    from pathlib import Path

# A hundred structures in 300 slices with a hundred rows each cross six million times; each million takes a third of a second.
_MOST_CROSSINGS = 2**24


def recognises(header: FileHeader) -> bool:
    """Return whether the file is an RT Structure Set, by its SOP Class UID (0008,0016), else its Modality (0008,0060)."""
    if header.kind is not FileKind.DICOM:
        return False
    sop_class, modality = sop_class_and_modality(header.path)
    return sop_class == RT_STRUCTURE_SET or (not sop_class and modality == "RTSTRUCT")


def read(header: FileHeader, image: Volume | None, name: str) -> Segmentation:
    """Return the structures of an RT Structure Set on the image's own grid.

    A voxel belongs to a structure if its centre lies inside the contours of its slice, or on them, by the even-odd rule: see
    `fill_even_odd`. Nothing is interpolated: slices without a contour stay empty, and a finding names them.

    Structures without any contour are segments without voxels. Those that are no volume (points, open contours) or whose
    contours do not lie in the image's slices are left out, and a finding says so.

    Parameters
    ----------
    header : FileHeader
    image : Volume or None
        Whose grid is filled: contours have none of their own. Its voxels are not looked at.
    name : str

    Raises
    ------
    BadDataError
        If there is no image, the file is damaged, no structure can be used, or all contours lie outside the image.

    References
    ----------
    DICOM PS3.3 C.8.8.6 (ROI Contour Module): points in mm in the patient's coordinates (LPS); inner contours by
    CLOSEDPLANAR_XOR or, in CLOSED_PLANAR, by the keyhole technique. Contours inside others as separate CLOSED_PLANAR, which
    many planning systems write, mean the same.
    """
    if image is None:
        raise BadDataError(
            header.path,
            "is an RT Structure Set: it has contours, no voxels, and no grid of its own to fill them on.",
            "Give the image that they were drawn on as well.",
        )
    with named_damage(header.path):
        return _segmentation(header, read_structure_set(header.path), image, name)


def _segmentation(header: FileHeader, structure_set: StructureSet, image: Volume, name: str) -> Segmentation:
    usable = [one for one in structure_set.structures if one.fault is None and one.is_volume]
    planes = slice_planes(image, contour_axis([one.contours for one in usable], image))
    stack = LayerStack((len(planes.positions_mm), *planes.size), len(structure_set.structures))
    drawn, segments = [], []
    for structure in usable:
        one = draw(structure, planes, _MOST_CROSSINGS - sum(other.crossings for other in drawn))
        drawn.append(replace(one, filled=()))
        if not one.oblique:
            segment = structure.segment
            layer = stack.add_planes(lambda filled=one.filled: filled, segment.label_value)
            segments.append(replace(segment, layer=layer))
    _require_usable(header.path, structure_set, drawn)
    frame = structure_set.frame_of_reference_uid(image.acquisition.frame_of_reference_uid)
    return Segmentation(
        name=name,
        geometry=image.geometry,
        layers=tuple(np.moveaxis(layer, 0, planes.axis) for layer in stack.layers),
        segments=tuple(segments),
        source=source_of(header),
        findings=tuple(structure_set_findings(structure_set, drawn, planes, frame)),
        frame_of_reference_uid=frame,
        referenced_series_uids=structure_set.series_uids,
    )


def _require_usable(path: Path, structure_set: StructureSet, drawn: Sequence[DrawnStructure]) -> None:
    if all(one.oblique for one in drawn):
        raise BadDataError(
            path,
            f"has no structure that can be filled: {'; '.join(_unusable(structure_set, drawn))}.",
            "Give a structure set with closed contours in the slices of the image.",
        )
    contoured = [one for one in drawn if one.contours]
    if contoured and all(one.misses for one in contoured):
        raise BadDataError(
            path,
            "lies outside the image: none of its contours reaches into it.",
            "Is it of another patient or another scan? Give the structure set that was drawn on this image.",
        )


def _unusable(structure_set: StructureSet, drawn: Sequence[DrawnStructure]) -> Iterator[str]:
    for one in structure_set.structures:
        if one.fault is not None:
            yield f"{one.segment.name} {one.fault}"
        elif not one.is_volume:
            yield f"{one.segment.name} has only {one.others_in_words}"
    for one in drawn:
        if one.oblique:
            yield f"{one.name} has contours oblique to the image's slices"
