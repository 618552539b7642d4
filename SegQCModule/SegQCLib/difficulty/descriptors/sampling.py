"""How finely a lesion is sampled: voxels, slices and their spacing."""

from __future__ import annotations

import math

from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline

MEANINGS_2D = {
    "pixels": Meaning("number of pixels"),
    "pixel_mm": Meaning("pixel spacing", "mm"),
}
MEANINGS_3D = {
    "voxels": Meaning("number of voxels"),
    "slices": Meaning("number of slices"),
    "slice_spacing_mm": Meaning("distance between slices", "mm"),
    "pixel_mm": Meaning("pixel spacing", "mm"),
    "voxel_mm3": Meaning("volume of a voxel", "mm3"),
}


def sampling_2d(outline: Outline) -> dict[str, float]:
    """Return the number of pixels of a region in a slice, and pixel_mm, the square root of a pixel's area in mm2."""
    return {"pixels": float(len(outline.voxels[0])), "pixel_mm": outline.pixel_mm}


def sampling_3d(outline: Outline) -> dict[str, float]:
    """Return the number of voxels of a lesion, of slices that it lies in, and the spacing in mm.

    pixel_mm is the square root of a pixel's area in mm2; voxel_mm3 is the product of the spacings.
    """
    return {
        "voxels": float(len(outline.voxels[0])),
        "slices": float(outline.mask.any(axis=(1, 2)).sum()),
        "slice_spacing_mm": outline.spacing_mm[0],
        "pixel_mm": outline.pixel_mm,
        "voxel_mm3": math.prod(outline.spacing_mm),
    }
