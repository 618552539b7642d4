"""The segments of a segmentation as a study follows them: voxels, volume, diameter, and whether an algorithm took part."""

from __future__ import annotations

import numpy as np

from SegQCLib.alignment import align
from SegQCLib.case import Segment, Segmentation
from SegQCLib.geometry import Geometry
from SegQCLib.metrics.pieces import pieces_of
from SegQCLib.protocol import QCProtocol
from SegQCLib.study_consistency.longest_diameter import longest_diameter_mm
from SegQCLib.study_consistency.study_series import SeenLesion

# Segmented Property Category (0062,0003): Morphologically Abnormal Structure.
_ABNORMAL = ("SCT", "49755003")


def measured_segments(
    segmentation: Segmentation, geometry: Geometry, protocol: QCProtocol | None, *, from_draft: bool
) -> tuple[SeenLesion, ...]:
    """Return every segment measured on the image's grid.

    Parameters
    ----------
    segmentation : Segmentation
    geometry : Geometry
        Of the image.
    protocol : QCProtocol or None
        Which structures are lesions.
    from_draft : bool
        The segmentation is known to have begun as an AI draft.

    Raises
    ------
    BadDataError
        If the segmentation lies outside the image.
    """
    aligned = align(segmentation, geometry)
    return tuple(_measured(aligned, segment, protocol, from_draft) for segment in aligned.segments)


def _measured(segmentation: Segmentation, segment: Segment, protocol: QCProtocol | None, from_draft: bool) -> SeenLesion:
    structure = protocol.structure_of(segment) if protocol else None
    category = segment.terminology.category if segment.terminology else None
    abnormal = category is not None and (category.scheme, category.value) == _ABNORMAL
    # Made by an algorithm, or by a person; without a word of it nobody knows.
    assisted = True if from_draft else None if segment.algorithm_type is None else segment.algorithm_type != "MANUAL"
    box, geometry = segmentation.box(segment), segmentation.geometry
    mask = np.zeros((1, 1, 1), bool) if box is None else segmentation.mask(segment, box)
    voxels = int(np.count_nonzero(mask))
    edge = box is not None and any(part.start == 0 or part.stop == n for part, n in zip(box, geometry.size, strict=True))
    return SeenLesion(
        name=segment.name,
        structure=structure.name if structure else None,
        tracking_uid=segment.tracking_uid,
        is_lesion=structure.is_lesion if structure else abnormal,
        voxels=voxels,
        slices=int(np.count_nonzero(mask.any(axis=(1, 2)))),
        volume_mm3=voxels * geometry.voxel_volume_mm3,
        longest_diameter_mm=longest_diameter_mm(mask, geometry.spacing_mm),
        why_no_diameter=None,
        across_pieces_mm=longest_diameter_mm(mask, geometry.spacing_mm, across_pieces=True),
        at_edge=edge,
        pieces=pieces_of(mask).islands + 1 if voxels else 0,
        assisted=assisted,
    )
