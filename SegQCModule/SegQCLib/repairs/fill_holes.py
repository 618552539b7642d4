"""Fill the cavities inside a segment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.checks.holes import cavities_of
from SegQCLib.repairs.margin import with_margin

ID = "fill_holes"


def fill_holes(mask: NDArray[np.bool_], others: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Return a mask with its holes filled.

    What a hole is, is said by the check `holes`: a cavity that no shared face connects with the outside
    (6-connected) and that is not larger than the segment itself, which would be a shell. Single voxels, for which
    the check raises no alarm, are filled too.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
    others : ndarray of bool, shape (k, j, i), optional
        Voxels of other segments: they stay theirs.
    """
    repaired = mask.copy()
    crop = with_margin(mask)
    if crop is None:
        return repaired
    labels, sizes = cavities_of(crop.mask)
    filled = ((sizes > 0) & (sizes <= np.count_nonzero(mask)))[labels][1:-1, 1:-1, 1:-1]
    repaired[crop.box] |= filled if others is None else filled & ~others[crop.box]
    return repaired
