"""How evenly the border surrounds the middle of a lesion.

Reference: Kilday, Palmieri, Fox. Classifying mammographic lesions using computerized image analysis. IEEE Trans Med Imaging
1993;12:664-669 (normalized radial length), here also in 3-D.
"""

from __future__ import annotations

import numpy as np

from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline

MEANINGS = {
    "mean_mm": Meaning("mean distance of the border from the centre", "mm"),
    "variation": Meaning("variation of the border's distance from the centre, 0 for round"),
    "minimum_to_maximum": Meaning("nearest to farthest point of the border from the centre, 1 for round"),
}


def radial(outline: Outline) -> dict[str, float]:
    """Return statistics of the distance r of the border from the region's centre of mass.

    mean_mm: mean r in mm; variation: standard deviation of r over its mean, 0 or more; minimum_to_maximum: smallest over
    largest r, in [0, 1]. The border is the set of points half-way between neighbouring voxels of which one is inside.
    """
    centre_mm = np.array([axis.mean() for axis in outline.voxels]) * np.asarray(outline.spacing_mm)
    r_mm = np.linalg.norm(outline.vertices_mm - centre_mm, axis=1)
    mean_mm = float(r_mm.mean())
    return {
        "mean_mm": mean_mm,
        "variation": float(r_mm.std() / mean_mm),
        "minimum_to_maximum": float(r_mm.min() / r_mm.max()),
    }
