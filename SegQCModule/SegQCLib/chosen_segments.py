"""A segmentation with some of its segments."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from SegQCLib.case import Segmentation


def chosen_segments(segmentation: Segmentation, ids: Collection[str]) -> Segmentation:
    """Return a segmentation with the segments of some ids only, in their order; its voxels are copies.

    Raises
    ------
    ValueError
        If it has no segment of an id.
    """
    unknown = set(ids) - {segment.id for segment in segmentation.segments}
    if unknown:
        raise ValueError(f"{segmentation.name} has no segments {sorted(unknown)}.")
    kept = tuple(segment for segment in segmentation.segments if segment.id in ids)
    layers = []
    for number, layer in enumerate(segmentation.layers):
        values = [segment.label_value for segment in kept if segment.layer == number]
        copy = np.zeros_like(layer)
        for target, plane in zip(copy, layer, strict=True):
            inside = np.isin(plane, values)
            target[inside] = plane[inside]
        layers.append(copy)
    return replace(segmentation, layers=tuple(layers), segments=kept, stored=None)
