"""The segments of one file with what is known around them, ready for descriptors and predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from SegQCLib.alignment import align, align_map
from SegQCLib.case import Segment, Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.uncertainty_map import read_map


@dataclass(frozen=True, eq=False)
class DescribedSegments:
    """Segments that have voxels, and arrays on their grid.

    Attributes
    ----------
    segmentation : Segmentation
        On the image's grid, where there is an image.
    segments : tuple of Segment
        Those asked for that have voxels, one or more.
    arrays : dict of str to ndarray, shape (k, j, i)
        Of image, healthy, uncertainty what was given: arguments of `describe_lesion` and `DifficultyModel.predict`.
    modality : str or None
        As the image's header says.
    """

    segmentation: Segmentation
    segments: tuple[Segment, ...]
    arrays: dict[str, NDArray]
    modality: str | None

    @property
    def geometry(self) -> Geometry:
        """Grid of all arrays."""
        return self.segmentation.geometry

    def mask(self, segment: Segment) -> NDArray[np.bool_]:
        """Return a segment's voxels, shape (k, j, i)."""
        return self.segmentation.mask(segment)

    def slices(self, segment: Segment) -> range:
        """Return the slices from a segment's first to its last."""
        box = self.segmentation.box(segment)
        return range(box[0].start, box[0].stop)


def read_described(
    segmentation: Path,
    *,
    segment: str | None = None,
    image: Path | None = None,
    healthy: Path | None = None,
    uncertainty: Path | None = None,
    labels: str | None = None,
) -> DescribedSegments:
    """Return the segments of a file.

    Parameters
    ----------
    segmentation : Path
        Label map, .seg.nrrd, DICOM SEG, or with an image RTSTRUCT.
    segment : str or None
        Name, id or label value of the only segment asked for; None: all.
    image, healthy, uncertainty : Path or None
        Image; segmentation of normal tissue of the same organ; uncertainty map. Brought onto one grid, the image's.
    labels : str or None
        What label values mean; see `read_segmentation`.

    Raises
    ------
    BadDataError
        If a file cannot be used or lies elsewhere, there is no such segment, or no segment asked for has voxels.
    """
    volume = None if image is None else read_image(image)
    found = read_segmentation(segmentation, labels=labels, image=volume)
    arrays: dict[str, NDArray] = {}
    modality = None
    if volume is not None:
        found = align(found, volume.geometry)
        arrays["image"] = volume.array
        modality = volume.acquisition.modality
    if healthy is not None:
        grid = volume or Volume(None, found.geometry)
        layers = align(read_segmentation(healthy, image=grid), found.geometry).layers
        arrays["healthy"] = np.any([layer != 0 for layer in layers], axis=0)
    if uncertainty is not None:
        arrays["uncertainty"] = align_map(read_map(uncertainty, found.geometry).volume, found.geometry).array
    chosen = found.segments if segment is None else tuple(one for one in found.segments if goes_by(one, segment))
    if not chosen:
        there = ", ".join(f"{one.name} ({one.label_value})" for one in found.segments) or "none"
        raise BadDataError(segmentation, f"has no segment {segment!r}.", f"There are: {there}.")
    drawn = tuple(one for one in chosen if found.box(one) is not None)
    if not drawn:
        raise BadDataError(segmentation, "has no voxels to describe.", "Give a segmentation that is not empty.")
    return DescribedSegments(found, drawn, arrays, modality)


def goes_by(segment: Segment, called: str) -> bool:
    """Return whether a person who writes a name, an id or a label value means this segment."""
    return called in (segment.name, segment.id, str(segment.label_value))
