"""A CT slice as attenuation, and what changed projections do to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from SegQCLib.artifact_atlas.parallel_beam import project, reconstruct, view_angles_deg

# Linear attenuation of water at 70 keV, 1/mm, between NIST's values at 60 and 80 keV (0.2059 and 0.1837 cm2/g).
_WATER_70_KEV_PER_MM = 0.0193


@dataclass(frozen=True, eq=False)
class CTSlice:
    """One axial slice of a CT.

    Attributes
    ----------
    hu : ndarray, shape (n, n)
        Hounsfield units. Air fills the square's corners.
    pixel_mm : float
    views : int
        Projections over the half rotation.
    """

    hu: NDArray[np.floating]
    pixel_mm: float
    views: int = 540

    @property
    def angles_deg(self) -> NDArray[np.float64]:
        return view_angles_deg(self.views)

    @property
    def attenuation_per_mm(self) -> NDArray[np.float64]:
        return np.clip(self.hu / 1000 + 1, 0, None) * _WATER_70_KEV_PER_MM

    def water_paths_mm(self, projections: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the paths through water, mm, that projections of this slice stand for."""
        return np.clip(projections / _WATER_70_KEV_PER_MM, 0, None)

    def projections_of_water(self, paths_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the projections of paths through water, mm; the opposite of `water_paths_mm`."""
        return paths_mm * _WATER_70_KEV_PER_MM

    @cached_property
    def projections(self) -> NDArray[np.float64]:
        return project(self.attenuation_per_mm, self.angles_deg, self.pixel_mm)

    def with_projections(self, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the slice, HU, with the artifact that a change of its projections makes.

        Reconstruction is linear: only what the change adds is reconstructed, so that the slice keeps its own sharpness and
        grain, and projections that do not change leave it as it is.
        """
        added = change(self.projections) - self.projections
        return self.hu + reconstruct(added, self.angles_deg, self.pixel_mm) * (1000 / _WATER_70_KEV_PER_MM)
