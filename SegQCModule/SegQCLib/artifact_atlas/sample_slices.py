"""The slices that artifacts are simulated on: of the sample CT and the sample MR."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from SegQCLib.artifact_atlas.ct_slice import CTSlice
from SegQCLib.artifact_atlas.partial_volume import partial_volume
from SegQCLib.images import read_image

# In the middle, so that thicker slices have it in their middle too.
_CT_SLICE, _MR_SLICE = 10, 10
# The square of the 512 x 512 matrix that is projected: the patient without the table's lower half.
_SQUARE = (slice(24, 472), slice(32, 480))
_SHOWN = (slice(96, 366), slice(8, 440))
_AIR_HU = -1000.0


@dataclass(frozen=True, eq=False)
class SampleCT:
    """Portal venous CT of the upper abdomen, 0.98 mm pixels, slices 2 mm apart.

    Attributes
    ----------
    slices : ndarray, shape (k, j, i)
        HU.
    pixel_mm : float
    """

    WINDOW: ClassVar[float] = 400.0
    LEVEL: ClassVar[float] = 50.0

    slices: NDArray[np.floating]
    pixel_mm: float

    @cached_property
    def slice(self) -> CTSlice:
        square = self.slices[_CT_SLICE][_SQUARE].astype(np.float64)
        rows, columns = (place - (len(square) - 1) / 2 for place in np.mgrid[: len(square), : len(square)])
        # Projections turn the square: what is in its corners would come and go.
        square[np.hypot(rows, columns) > len(square) / 2 - 1] = _AIR_HU
        return CTSlice(square, self.pixel_mm)

    @property
    def spine(self) -> tuple[float, float, float]:
        """Row beside the vertebral body, and the columns to its left and right on the picture, in the square."""
        return 284.0, 192.0, 246.0

    def thick(self, count: int) -> NDArray[np.float64]:
        return partial_volume(self.slices, _CT_SLICE, count)[_SQUARE]

    def shown(self, drawn: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the part of a drawn slice that a picture shows."""
        return drawn[_SHOWN]

    @property
    def acquired(self) -> NDArray[np.floating]:
        return self.slice.hu


@dataclass(frozen=True, eq=False)
class SampleMR:
    """MR of the abdomen, 3 mm voxels.

    Attributes
    ----------
    slices : ndarray, shape (k, j, i)
        Grey values.
    """

    WINDOW: ClassVar[float] = 500.0
    LEVEL: ClassVar[float] = 250.0
    PIXEL_MM: ClassVar[float] = 3.0

    slices: NDArray[np.floating]

    @property
    def magnitude(self) -> NDArray[np.floating]:
        return self.slices[_MR_SLICE]

    @property
    def metal(self) -> tuple[float, float]:
        """Row and column where the metal lies: before the spine."""
        return 40.0, 58.0

    def thick(self, count: int) -> NDArray[np.float64]:
        return partial_volume(self.slices, _MR_SLICE, count)

    def shown(self, drawn: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return a drawn slice: it is shown whole."""
        return drawn

    @property
    def acquired(self) -> NDArray[np.floating]:
        return self.magnitude


def read_samples(folder: Path) -> tuple[SampleCT, SampleMR]:
    """Return the samples in the folder of TotalSegmentator's test files (`samples.TOTALSEGMENTATOR`)."""
    files = folder / "tests" / "reference_files"
    ct = read_image(files / "example_ct_dicom")
    mr = read_image(files / "example_mr_sm.nii.gz")
    # Interpolation left a few values below 0, which a magnitude image does not have.
    return SampleCT(ct.array, ct.geometry.spacing_mm[2]), SampleMR(np.clip(mr.array, 0, None).astype(np.float64))
