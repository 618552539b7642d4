"""How materials weaken X-rays of different energies: what a polychromatic beam is simulated with.

Mass attenuation coefficients at 40, 60, 80 and 100 keV (cm2/g) and densities (g/cm3): Hubbell and Seltzer, NISTIR 5632, tables
of X-ray mass attenuation coefficients (water, cortical bone of ICRU-44, iron).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Share of photons at 40, 60, 80 and 100 keV: a rough shape of a filtered 120 kV spectrum, chosen for the pictures.
SPECTRUM = np.array([0.2, 0.4, 0.27, 0.13])

WATER_PER_MM = np.array([0.2683, 0.2059, 0.1837, 0.1707]) * 1.0 / 10
BONE_PER_MM = np.array([0.6655, 0.3148, 0.2229, 0.1855]) * 1.92 / 10
IRON_PER_MM = np.array([3.629, 1.205, 0.5952, 0.3717]) * 7.874 / 10


def transmitted(paths_mm: NDArray[np.floating], material_per_mm: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the share of photons of each energy that passes paths through one material, shape (..., 4)."""
    return np.exp(-paths_mm[..., np.newaxis] * material_per_mm)


def measured(through: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the line integral that a detector reads: minus the logarithm of the share of all photons that arrive."""
    return -np.log(np.maximum(through @ SPECTRUM, 1e-12))


def water_corrected_mm(reading: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the path through water, mm, that explains a detector's reading: the correction that every scanner makes.

    Readings beyond 3 m of water are taken for 3 m.
    """
    paths_mm = np.linspace(0, 3000, 3001)
    return np.interp(reading, -np.log(transmitted(paths_mm, WATER_PER_MM) @ SPECTRUM), paths_mm)
