"""How much Dice a small change of the outline costs: a model of the readers' noise on just this lesion. SegQC's own descriptors.

A reader who draws half a pixel wider loses much Dice on a small or ragged lesion and little on a large round one, whatever
the image looks like. The values are Dice of the outline with itself after the change, 0 to 1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.distance import distance_to_outside_mm
from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline

_STEPS = {"0_5_mm": "0.5 mm", "1_mm": "1 mm", "half_pixel": "half a pixel", "pixel": "one pixel"}

MEANINGS_2D = {
    **{f"eroded_{name}": Meaning(f"Dice with the outline drawn {text} narrower") for name, text in _STEPS.items()},
    **{f"dilated_{name}": Meaning(f"Dice with the outline drawn {text} wider") for name, text in _STEPS.items()},
    "shifted_pixel": Meaning("Dice with the outline moved by one pixel"),
}
MEANINGS_3D = {**MEANINGS_2D, "shifted_slice": Meaning("Dice with the outline moved by one slice")}


def perturbation(outline: Outline) -> dict[str, float]:
    """Return the Dice of a mask with itself drawn narrower, wider, and moved.

    With p the pixel spacing and s the signed distance to the border, in mm: s = (distance to the nearest voxel outside)
    - p / 2 for voxels inside, -(distance to the nearest voxel inside) + p / 2 outside. Drawn wider by d, a voxel is inside
    by the share o = 0.5 + (s + d) / p, limited to 0 and 1; narrower is d < 0. d = 0 gives the mask itself. Dice is
    2 sum(min(mask, o)) / (sum(mask) + sum(o)), so that steps below a pixel count too. In 3-D, s is a distance in space:
    where slices are thicker than 2 d, the change is one within the slices.

    - eroded_..., dilated_...: by 0.5 mm, 1 mm, half a pixel, one pixel;
    - shifted_pixel: moved by one pixel, mean of along j and along i; shifted_slice (3-D only): by one slice.

    All in [0, 1]; eroded is 0 where nothing is left.
    """
    inside = float(len(outline.voxels[0]))
    pixel_mm = outline.pixel_mm
    steps_mm = dict(zip(_STEPS, (0.5, 1.0, pixel_mm / 2, pixel_mm), strict=True))
    limit_mm = max(steps_mm.values()) + pixel_mm
    margin = [(max(0, math.ceil(limit_mm / step_mm) - 2),) * 2 for step_mm in outline.spacing_mm]
    wide = np.pad(outline.mask, margin)
    depth_mm = distance_to_outside_mm(wide, outline.spacing_mm, limit_mm)
    height_mm = distance_to_outside_mm(~wide, outline.spacing_mm, limit_mm)
    depths_mm = depth_mm[(depth_mm > 0) & (depth_mm < limit_mm)] - pixel_mm / 2
    heights_mm = height_mm[(height_mm > 0) & (height_mm < limit_mm)] - pixel_mm / 2
    values = {}
    for name, step_mm in steps_mm.items():
        lost = np.clip(0.5 - (depths_mm - step_mm) / pixel_mm, 0, 1).sum(dtype=float)
        values[f"eroded_{name}"] = float(2 * (inside - lost) / (2 * inside - lost))
    for name, step_mm in steps_mm.items():
        gained = np.clip(0.5 - (heights_mm - step_mm) / pixel_mm, 0, 1).sum(dtype=float)
        values[f"dilated_{name}"] = float(2 * inside / (2 * inside + gained))
    along = [_moved(outline.mask, axis) / inside for axis in range(outline.mask.ndim)]
    values["shifted_pixel"] = (along[-1] + along[-2]) / 2
    if len(along) == 3:
        values["shifted_slice"] = along[0]
    return values


def _moved(mask: NDArray[np.bool_], axis: int) -> float:
    """Return how many voxels a mask has in common with itself moved by one voxel along an axis."""
    ordered = np.moveaxis(mask, axis, 0)
    return float(np.count_nonzero(ordered[1:] & ordered[:-1]))
