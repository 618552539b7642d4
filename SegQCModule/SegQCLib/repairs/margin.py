"""The part of a mask that a repair works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Box
from SegQCLib.metrics.label_planes import foreground_box


@dataclass(frozen=True, eq=False)
class MaskWithMargin:
    """The voxels of a mask in their bounding box, with a margin of one empty voxel on all six sides."""

    mask: NDArray[np.bool_]
    box: Box
    shape: tuple[int, ...]

    def at_border(self, crop_box: Box) -> bool:
        """Return whether a box of the crop reaches the border of the whole array."""
        first = [part.start + whole.start - 1 for part, whole in zip(crop_box, self.box, strict=True)]
        stop = [part.stop + whole.start - 1 for part, whole in zip(crop_box, self.box, strict=True)]
        return min(first) == 0 or any(a == b for a, b in zip(stop, self.shape, strict=True))


def with_margin(mask: NDArray[np.bool_]) -> MaskWithMargin | None:
    """Return the crop of a mask, or None if it is empty."""
    box = foreground_box(mask, 1)
    return None if box is None else MaskWithMargin(np.pad(mask[box], 1), box, mask.shape)
