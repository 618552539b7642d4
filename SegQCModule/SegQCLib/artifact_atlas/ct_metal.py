"""CT metal: beam hardening and missing photons behind an implant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from SegQCLib.artifact_atlas.attenuation import IRON_PER_MM, SPECTRUM, WATER_PER_MM, measured, transmitted, water_corrected_mm
from SegQCLib.artifact_atlas.ct_slice import CTSlice
from SegQCLib.artifact_atlas.parallel_beam import project

METAL_HU = 3000.0


def ct_metal(image: CTSlice, pieces: Sequence[tuple[float, float, float]], photons: float, seed: int) -> NDArray[np.float64]:
    """Return the slice, HU, with steel discs in it.

    Parameters
    ----------
    image : CTSlice
    pieces : sequence of (row, column, radius)
        Discs of iron: centre in pixels of the slice, radius in mm.
    photons : float
        Per detector element and view, before the patient: behind thick metal next to none is left.
    seed : int

    Notes
    -----
    The patient counts as water, the beam has four energies (`attenuation`), and the scanner corrects for water alone, as
    scanners do: what is left is the hardening by metal and the noise of the photons that it stops (Barrett and Keat,
    RadioGraphics 2004;24:1679).
    """
    rows, columns = np.mgrid[: image.hu.shape[0], : image.hu.shape[1]]
    metal = np.zeros(image.hu.shape, bool)
    for row, column, radius_mm in pieces:
        metal |= np.hypot(rows - row, columns - column) * image.pixel_mm <= radius_mm
    metal_mm = np.clip(project(metal.astype(float), image.angles_deg, image.pixel_mm), 0, None)

    def through_metal(projections: NDArray[np.float64]) -> NDArray[np.float64]:
        water_mm = image.water_paths_mm(projections)
        share = transmitted(water_mm, WATER_PER_MM) * transmitted(metal_mm, IRON_PER_MM)
        counted = np.random.default_rng(seed).poisson(photons * (share @ SPECTRUM))
        read = -np.log(np.maximum(counted, 1) / photons)
        noiseless = measured(transmitted(water_mm, WATER_PER_MM))
        # Only rays that meet metal change: the rest of the slice keeps the noise it has.
        behind = np.where(metal_mm > 0, water_corrected_mm(read) - water_corrected_mm(noiseless), 0)
        return projections + image.projections_of_water(behind)

    drawn = image.with_projections(through_metal)
    drawn[metal] = METAL_HU
    return drawn
