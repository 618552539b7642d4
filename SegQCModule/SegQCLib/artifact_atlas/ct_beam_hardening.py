"""CT beam hardening: dark bands between dense bones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.artifact_atlas.attenuation import BONE_PER_MM, WATER_PER_MM, measured, transmitted, water_corrected_mm
from SegQCLib.artifact_atlas.ct_slice import CTSlice
from SegQCLib.artifact_atlas.parallel_beam import project

_BONE_HU = 250.0
# HU of ICRU-44 cortical bone at 70 keV by the table of `attenuation`, halfway between 60 and 80 keV.
_CORTICAL_HU = 1650.0


def ct_beam_hardening(image: CTSlice, strength: float) -> NDArray[np.float64]:
    """Return the slice, HU, with the bands that bone makes where only water is corrected for.

    Parameters
    ----------
    image : CTSlice
    strength : float
        How many times the simulated error is applied. 1 is what the four energies of `attenuation` give for this patient's
        bones; larger values stand for denser matter (arms at the sides, dense contrast medium) that the slice does not have.
    """
    bone_part = np.clip((image.hu - _BONE_HU) / (_CORTICAL_HU - _BONE_HU), 0, 1)
    bone_mm = np.clip(project(bone_part, image.angles_deg, image.pixel_mm), 0, None)

    def hardened(projections: NDArray[np.float64]) -> NDArray[np.float64]:
        # At one energy bone weakens as this much water does: what is left beside it is soft tissue.
        bone_as_water_mm = bone_mm * (BONE_PER_MM[1:3].mean() / WATER_PER_MM[1:3].mean())
        soft_mm = np.clip(image.water_paths_mm(projections) - bone_as_water_mm, 0, None)
        share = transmitted(soft_mm, WATER_PER_MM) * transmitted(bone_mm, BONE_PER_MM)
        error_mm = water_corrected_mm(measured(share)) - (soft_mm + bone_as_water_mm)
        return projections + image.projections_of_water(strength * np.where(bone_mm > 0, error_mm, 0))

    return image.with_projections(hardened)
