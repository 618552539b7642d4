"""Between a node's IJK-to-RAS matrix and the core's geometry in LPS."""

from __future__ import annotations

import numpy as np
import vtk
from slicer import vtkOrientedImageData

from SegQCLib.geometry import Geometry

# RAS to LPS and back: the first two coordinates change sign.
_FLIP = np.array([-1.0, -1.0, 1.0])


def ijk_to_ras(geometry: Geometry) -> vtk.vtkMatrix4x4:
    """Return the matrix from voxel indices (i, j, k) to RAS in mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = _FLIP[:, None] * geometry.index_to_lps_matrix[:, ::-1]
    matrix[:3, 3] = _FLIP * np.array(geometry.origin_lps_mm)
    ijk_to_ras = vtk.vtkMatrix4x4()
    ijk_to_ras.DeepCopy(matrix.ravel())
    return ijk_to_ras


def geometry_from_ijk_to_ras(matrix: vtk.vtkMatrix4x4, extent: tuple[int, int, int, int, int, int]) -> Geometry:
    """Return the geometry of the voxels of a VTK extent (first and last i, j and k).

    VTK images may start at any index, even a negative one: Slicer crops segments to what is painted.
    """
    columns = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(3)]) * _FLIP[:, None]
    steps, first_ijk = columns[:, :3], np.array(extent[::2])
    spacing = np.linalg.norm(steps, axis=0)
    return Geometry(
        size=tuple(int(last - first + 1) for first, last in zip(extent[::2], extent[1::2], strict=True))[::-1],
        spacing_mm=tuple(spacing[::-1].tolist()),
        origin_lps_mm=tuple((steps @ first_ijk + columns[:, 3]).tolist()),
        axes_lps=tuple(tuple(axis) for axis in (steps / spacing).T[::-1].tolist()),
    )


def image_geometry(image: vtkOrientedImageData) -> Geometry:
    """Return the geometry of the voxels that an image of a segmentation holds."""
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    return geometry_from_ijk_to_ras(matrix, image.GetExtent())
