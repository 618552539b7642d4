"""Draw a typical error into an outline: for a picture of it, or for a draft on a SIMULATED image of a course."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Box, Segment, Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.protocol import plain_name
from SegQCLib.readers.planted_errors import PlantedErrorKind, plant
from SegQCLib.readers.training.picture_recipe import DrawnError
from SegQCLib.training_set import TrainingSet
from SegQCLib.words import few

# The set exists for the length of a call: only the mask of what is planted leaves it.
_PICTURES = TrainingSet("segqc-training-set", "1.0", "atlas-pictures", "")


def segment_named(segmentation: Segmentation, name: str) -> Segment:
    """Return the segment of a name, as `protocol.plain_name` understands it.

    Raises
    ------
    BadDataError
        If there is none, there are several, or it has no voxels.
    """
    found = [segment for segment in segmentation.segments if plain_name(segment.name) == plain_name(name)]
    if len(found) != 1 or segmentation.box(found[0]) is None:
        raise BadDataError(
            segmentation.name,
            f"has {len(found) if len(found) != 1 else 'no voxels of'} segment {name!r}.",
            f"Name one of {few([one.name for one in segmentation.segments if segmentation.box(one) is not None])}.",
        )
    return found[0]


def wrong_mask(segmentation: Segmentation, structure: str, error: DrawnError, image: Volume) -> NDArray[np.bool_]:
    """Return how a structure looks with an error.

    Parameters
    ----------
    segmentation : Segmentation
        Drawn right, on the image's grid.
    structure : str
    error : DrawnError
        grown: all voxels up to `reach_mm` from the structure. closed: grown and shrunken again by as much. includes: the other
        structures, up to `reach_mm` from it where that is given. leaks: voxels with `values`, up to `reach_mm` from it, that
        are connected with it through such voxels. leaves_out: its voxels with `values` are missing. The other kinds: see
        `planted_errors.plant`.
    image : Volume
        With pixels.

    Returns
    -------
    ndarray of bool, shape (k, j, i)

    Raises
    ------
    BadDataError
        If a segment is missing or too small for the error.
    """
    segment = segment_named(segmentation, structure)
    if error.kind in set(PlantedErrorKind):
        planted = plant(
            segmentation,
            PlantedErrorKind(error.kind),
            structure,
            seed=error.seed,
            training_set=_PICTURES,
            image=replace(image, training_set=_PICTURES.id),
        ).segmentation
        return planted.mask(segment_named(planted, structure))
    mask = segmentation.mask(segment)
    if error.kind == "leaves_out":
        return mask & ~_valued(image.array, error)
    box = _around(segmentation, segment, error.reach_mm)
    wrong = mask.copy()
    wrong[box] = _more(segmentation, mask[box], box, error, image)
    return wrong


def _around(segmentation: Segmentation, segment: Segment, reach_mm: float | None) -> Box:
    """Return the part of the grid that an error reaches."""
    if reach_mm is None:
        return (slice(None),) * 3
    grid = segmentation.geometry
    steps = [int(reach_mm / spacing) + 1 for spacing in grid.spacing_mm]
    return tuple(
        slice(max(0, part.start - n), min(size, part.stop + n))
        for part, n, size in zip(segmentation.box(segment), steps, grid.size, strict=True)
    )


def _more(segmentation: Segmentation, mask: NDArray[np.bool_], box: Box, error: DrawnError, image: Volume) -> NDArray[np.bool_]:
    """Return the part of a structure in a box with what does not belong to it."""
    near = np.ones_like(mask)
    spacing_mm = segmentation.geometry.spacing_mm
    if error.reach_mm is not None:
        near = ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= error.reach_mm
    if error.kind == "grown":
        return near
    if error.kind == "closed":
        return mask | (ndimage.distance_transform_edt(near, sampling=spacing_mm) > error.reach_mm)
    if error.kind == "includes":
        taken = [segmentation.mask(segment_named(segmentation, name), box) for name in error.structures]
        return mask | (near & np.logical_or.reduce(taken))
    return ndimage.binary_propagation(mask, mask=mask | (near & _valued(image.array[box], error)))


def _valued(values: NDArray, error: DrawnError) -> NDArray[np.bool_]:
    low, high = error.values
    return (values >= low) & (values <= high)
