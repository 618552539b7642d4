"""How deep the middle of a lesion lies: small where every voxel is near the border and a reader's border noise is most of it."""

from __future__ import annotations

from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline

MEANINGS = {
    "maximum_depth_mm": Meaning("depth of the innermost point below the border", "mm"),
    "mean_depth_mm": Meaning("mean depth below the border", "mm"),
}


def thickness(outline: Outline) -> dict[str, float]:
    """Return the maximum and the mean, over the region's voxels, of the distance in mm to the nearest voxel outside.

    Distances run between voxel centres, so a single voxel has the smallest spacing as both.
    """
    depth_mm = outline.depth_mm[outline.voxels]
    return {"maximum_depth_mm": float(depth_mm.max()), "mean_depth_mm": float(depth_mm.mean(dtype=float))}
