"""Where the voxels of the protocol's structures are in a segmentation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Box, Segmentation
from SegQCLib.protocol import QCProtocol

# A label map (k, j, i) and the value that a structure has in it.
LabelIn = tuple[NDArray[np.integer], int]


def structure_labels(segmentation: Segmentation, protocol: QCProtocol, structures: Sequence[str]) -> dict[str, LabelIn]:
    """Return, for each structure that a segmentation has segments of, in which array it has which value.

    A structure with several segments (lesion 1, lesion 2) is all of them together. One without voxels is there too; one without
    a segment is not.
    """
    segments: dict[str, list] = {}
    for segment in segmentation.segments:
        structure = protocol.structure_of(segment)
        if structure is not None and structure.name in structures:
            segments.setdefault(structure.name, []).append(segment)
    found: dict[str, LabelIn] = {}
    for name, own in segments.items():
        if len(own) == 1:
            found[name] = segmentation.layers[own[0].layer], own[0].label_value
            continue
        together = np.zeros(segmentation.geometry.size, np.uint8)
        for segment in own:
            box = segmentation.box(segment)
            if box is not None:
                together[box] |= segmentation.mask(segment, box)
        found[name] = together, 1
    return found


def structure_box(segmentation: Segmentation, protocol: QCProtocol, name: str) -> Box | None:
    """Return the bounding box of a structure's voxels, or None if it has none."""
    boxes = []
    for segment in segmentation.segments:
        structure = protocol.structure_of(segment)
        box = segmentation.box(segment) if structure is not None and structure.name == name else None
        if box is not None:
            boxes.append(box)
    return union_of(boxes)


def union_of(boxes: Sequence[Box]) -> Box | None:
    """Return the smallest box around some boxes, or None around none."""
    if not boxes:
        return None
    return tuple(slice(min(box[n].start for box in boxes), max(box[n].stop for box in boxes)) for n in range(3))


def structure_mask(segmentation: Segmentation, protocol: QCProtocol, name: str, box: Box) -> NDArray[np.bool_]:
    """Return a structure's voxels inside a box, shape (k, j, i) of the box."""
    mask = np.zeros([side.stop - side.start for side in box], bool)
    for segment in segmentation.segments:
        structure = protocol.structure_of(segment)
        if structure is not None and structure.name == name:
            mask |= segmentation.mask(segment, box)
    return mask
