"""Where the voxels of an array are: size, spacing, origin and axes in patient space (LPS)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

Vector = tuple[float, float, float]

# Headers store positions and direction cosines in decimal text (DICOM DS: 16 characters, NIfTI: float32),
# so two descriptions of one grid differ by rounding. A twentieth of a millimetre is far below a voxel.
SAME_GRID_TOLERANCE_MM = 0.05
_MOST_ALONG_AN_AXIS, _MOST_VOXELS, _FURTHEST_MM = 100_000, 2**36, 1e6
# As far as a tilted gantry's grid is from one at right angles, and more.
_UNIT_TOLERANCE = 0.5


@dataclass(frozen=True)
class Geometry:
    """A regular grid in patient space.

    Attributes
    ----------
    size : tuple of int
        Voxels along (k, j, i).
    spacing_mm : tuple of float
        Distance between voxel centres along (k, j, i), in mm, > 0.
    origin_lps_mm : tuple of float
        Centre of voxel (0, 0, 0) as (left, posterior, superior), in mm.
    axes_lps : tuple of three vectors
        Unit vectors of the k, j and i axes in LPS. DICOM Image Orientation (Patient)
        (0020,0037) gives the i axis first, then the j axis.
    """

    size: tuple[int, int, int]
    spacing_mm: Vector
    origin_lps_mm: Vector
    axes_lps: tuple[Vector, Vector, Vector]

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with a grid that a file describes."""
        if not all(1 <= n <= _MOST_ALONG_AN_AXIS for n in self.size) or math.prod(self.size) > _MOST_VOXELS:
            yield "size", f"{self.size} is no size of an image: at least one voxel along each axis, and not more than there can be"
        if not all(0 < mm < _FURTHEST_MM for mm in self.spacing_mm):
            yield "spacing_mm", f"{self.spacing_mm} is no distance between voxels: above 0 mm"
        if not all(abs(mm) < _FURTHEST_MM for mm in self.origin_lps_mm):
            yield "origin_lps_mm", f"{self.origin_lps_mm} is no place in a scanner"
        with np.errstate(all="ignore"):
            volume = abs(np.linalg.det(np.clip(self.axes_lps, -2, 2)))
        if not abs(volume - 1) < _UNIT_TOLERANCE:
            yield "axes_lps", f"{self.axes_lps} are not three unit vectors at right angles"

    @property
    def voxel_volume_mm3(self) -> float:
        return math.prod(self.spacing_mm)

    @property
    def index_to_lps_matrix(self) -> NDArray[np.float64]:
        """Return the 3 x 3 matrix whose columns are one step along k, j and i, in mm (LPS)."""
        return (np.array(self.axes_lps) * np.array(self.spacing_mm)[:, None]).T

    def lps_mm(self, index_kji: Sequence[float] | NDArray) -> NDArray[np.float64]:
        """Return the LPS position in mm of one index (k, j, i) or of many, shape (..., 3)."""
        return np.asarray(index_kji, float) @ self.index_to_lps_matrix.T + np.array(self.origin_lps_mm)

    def index_kji(self, lps_mm: Sequence[float] | NDArray) -> NDArray[np.float64]:
        """Return the continuous index (k, j, i) of one LPS position in mm or of many, shape (..., 3)."""
        offset = np.asarray(lps_mm, float) - np.array(self.origin_lps_mm)
        return offset @ np.linalg.inv(self.index_to_lps_matrix).T

    def corners_lps_mm(self) -> NDArray[np.float64]:
        """Return the outer corners of the corner voxels, shape (8, 3): half a voxel beyond the centres."""
        last = np.array(self.size) - 0.5
        corners = np.stack(np.meshgrid(*[(-0.5, end) for end in last], indexing="ij"), axis=-1)
        return self.lps_mm(corners.reshape(8, 3))


def geometry_of(image: sitk.Image | sitk.ImageFileReader) -> Geometry:
    """Return the geometry of an image, or of a header that was read, in its first three axes; ITK's positions are LPS."""
    dimensions = image.GetDimension()
    matrix = np.array(image.GetDirection()).reshape(dimensions, dimensions)
    axes = tuple(tuple(float(value) for value in matrix[:3, column]) for column in (2, 1, 0))
    return Geometry(
        size=tuple(reversed(image.GetSize()[:3])),
        spacing_mm=tuple(reversed(image.GetSpacing()[:3])),
        origin_lps_mm=tuple(image.GetOrigin()[:3]),
        axes_lps=axes,
    )


def sitk_image(array: NDArray, geometry: Geometry) -> sitk.Image:
    """Return the array (k, j, i) as a SimpleITK image in this geometry."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(tuple(reversed(geometry.spacing_mm)))
    image.SetOrigin(geometry.origin_lps_mm)
    image.SetDirection(np.array(geometry.axes_lps)[::-1].T.ravel().tolist())
    return image


def corner_difference_mm(a: Geometry, b: Geometry) -> float:
    """Return the largest distance in mm between corners with the same index in two grids of one size.

    Raises
    ------
    ValueError
        If the sizes differ: then corners with the same index mean different voxels.
    """
    if a.size != b.size:
        raise ValueError(f"corner_difference_mm needs grids of one size: {a.size} and {b.size} (k, j, i).")
    return float(np.linalg.norm(a.corners_lps_mm() - b.corners_lps_mm(), axis=1).max())


def same_grid(a: Geometry, b: Geometry, tolerance_mm: float = SAME_GRID_TOLERANCE_MM) -> bool:
    """Return whether voxel (k, j, i) of one grid is voxel (k, j, i) of the other, to `tolerance_mm`."""
    return a.size == b.size and corner_difference_mm(a, b) <= tolerance_mm


@dataclass(frozen=True)
class AxisOrder:
    """How one grid's axes are stored compared with another's: a permutation and flips, no resampling."""

    permutation: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]

    @property
    def is_identity(self) -> bool:
        return self.permutation == (0, 1, 2) and not any(self.flipped)

    def apply(self, array: NDArray) -> NDArray:
        """Return a view of an array (k, j, i) with its axes in the target's order."""
        return array.transpose(self.permutation)[tuple(slice(None, None, -1 if f else None) for f in self.flipped)]


def reorder_axes(geometry: Geometry, order: AxisOrder) -> Geometry:
    """Return the geometry of `order.apply(array)` for an array in `geometry`."""
    size = tuple(geometry.size[axis] for axis in order.permutation)
    spacing = tuple(geometry.spacing_mm[axis] for axis in order.permutation)
    axes = np.array([geometry.axes_lps[axis] for axis in order.permutation])
    first = [0, 0, 0]
    for target, (axis, flip) in enumerate(zip(order.permutation, order.flipped, strict=True)):
        if flip:
            first[axis] = geometry.size[axis] - 1
            axes[target] *= -1
    return Geometry(
        size=size,
        spacing_mm=spacing,
        origin_lps_mm=tuple(float(value) for value in geometry.lps_mm(first)),
        axes_lps=tuple(tuple(float(value) for value in axis) for axis in axes),
    )


def axis_order(source: Geometry, target: Geometry) -> AxisOrder:
    """Return the order in which `source`'s axes run closest to `target`'s.

    NIfTI writers often store the same voxels with flipped rows: that is a matter of memory
    order, and undoing it loses nothing.
    """
    cosines = np.array(target.axes_lps) @ np.array(source.axes_lps).T
    left, permutation = np.abs(cosines), [0, 0, 0]
    for _ in range(3):
        row, column = np.unravel_index(np.argmax(left), left.shape)
        permutation[row] = int(column)
        left[row, :] = left[:, column] = -1
    return AxisOrder(tuple(permutation), tuple(bool(cosines[t, s] < 0) for t, s in enumerate(permutation)))


def boxes_overlap(a: Geometry, b: Geometry) -> bool:
    """Return whether any voxel of `b` can lie inside `a`: their boxes overlap along the axes of both grids."""
    for grid, other in ((a, b), (b, a)):
        low = grid.index_kji(other.corners_lps_mm()).min(axis=0)
        high = grid.index_kji(other.corners_lps_mm()).max(axis=0)
        if np.any(high <= -0.5) or np.any(low >= np.array(grid.size) - 0.5):
            return False
    return True


def part_of(lattice: Geometry, start: Sequence[float] | NDArray, size: Sequence[int] | NDArray) -> Geometry:
    """Return the grid of `size` voxels of a lattice from an index (k, j, i) on; both may reach beyond it."""
    return Geometry(tuple(int(n) for n in size), lattice.spacing_mm, tuple(lattice.lps_mm(start).tolist()), lattice.axes_lps)


def start_in(lattice: Geometry, part: Geometry) -> tuple[int, int, int] | None:
    """Return the index (k, j, i) in `lattice` where `part` begins, or None if their voxels do not coincide.

    The index may lie outside the lattice. The axes must run in the same order: see `axis_order`.
    """
    start = np.rint(lattice.index_kji(part.origin_lps_mm)).astype(int)
    return tuple(start.tolist()) if same_grid(part, part_of(lattice, start, part.size)) else None
