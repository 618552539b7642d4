"""CT motion: the patient moves while the gantry turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.artifact_atlas.ct_slice import CTSlice


def ct_motion(image: CTSlice, amplitude_mm: float) -> NDArray[np.float64]:
    """Return the slice, HU, of a patient who moves along the rows' direction by up to `amplitude_mm` and back.

    The movement is one cycle of a sine over the half rotation. A moved patient's parallel projection is the same projection,
    moved by the movement's part along the detector, so nothing else is approximated.
    """
    angles = np.deg2rad(image.angles_deg)
    moved_mm = amplitude_mm * np.sin(np.linspace(0, 2 * np.pi, image.views, endpoint=False))
    # A shift down the rows is seen by the detector as far as the rows lie along it.
    along = moved_mm * np.sin(angles) / image.pixel_mm

    def moved(projections: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([ndimage.shift(row, by, order=1) for row, by in zip(projections, along, strict=True)])

    return image.with_projections(moved)
