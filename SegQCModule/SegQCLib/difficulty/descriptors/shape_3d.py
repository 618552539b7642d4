"""Size and form of a lesion. By pyradiomics' definitions (its class `shape`) where it has one.

Mesh values come from marching cubes with vertices half-way between voxels (`mesh_3d`); diameters are distances of vertices.
Reference: van Griethuysen et al., Cancer Res 2017;77:e104; IBSI reference manual, morphological features.
"""

from __future__ import annotations

import math

import numpy as np

from SegQCLib.difficulty.descriptors.axes import axis_lengths_mm
from SegQCLib.difficulty.descriptors.diameter import largest_distance, largest_distance_in_planes
from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.mesh_3d import mesh_area_and_volume
from SegQCLib.difficulty.descriptors.outline import Outline
from SegQCLib.difficulty.descriptors.pieces import components_and_holes

MEANINGS = {
    "mesh_volume_mm3": Meaning("volume inside the surface mesh", "mm3"),
    "voxel_volume_mm3": Meaning("volume", "mm3"),
    "log_volume": Meaning("natural logarithm of the volume in mm3"),
    "surface_area_mm2": Meaning("surface area", "mm2"),
    "surface_to_volume_per_mm": Meaning("surface to volume ratio", "1/mm"),
    "sphericity": Meaning("sphericity, 1 for a ball"),
    "maximum_diameter_mm": Meaning("largest diameter in any direction", "mm"),
    "maximum_diameter_slice_mm": Meaning("largest diameter in a slice", "mm"),
    "maximum_diameter_column_mm": Meaning("largest diameter in a plane along the image rows, across slices", "mm"),
    "maximum_diameter_row_mm": Meaning("largest diameter in a plane along the image columns, across slices", "mm"),
    "major_axis_mm": Meaning("longest principal axis", "mm"),
    "minor_axis_mm": Meaning("second principal axis", "mm"),
    "least_axis_mm": Meaning("shortest principal axis", "mm"),
    "elongation": Meaning("second to longest principal axis, 1 for round"),
    "flatness": Meaning("shortest to longest principal axis, 0 for flat"),
    "components": Meaning("number of separate parts"),
    "holes": Meaning("number of cavities"),
}


def shape_3d(outline: Outline) -> dict[str, float]:
    """Return size and form of a lesion.

    With mesh area A, mesh volume V, principal axes a >= b >= c:

    - mesh_volume_mm3 V; voxel_volume_mm3, the number of voxels times a voxel's volume; log_volume, its natural logarithm;
    - surface_area_mm2 A; surface_to_volume_per_mm A / V; sphericity (36 pi V^2)^(1/3) / A, in (0, 1], 1 for a ball;
    - maximum_diameter_mm between any two vertices; _slice, _column, _row: of vertices with the same k, j, i;
    - major_axis_mm a, minor_axis_mm b, least_axis_mm c; elongation b / a and flatness c / a, in [0, 1]; both are
      undefined (NaN) for a single voxel;
    - around voxels that touch at corners only, a mesh can enclose no volume: surface_to_volume_per_mm is undefined (NaN) there;
    - components: parts that touch by face, edge or corner count as one; holes: parts of the outside that are enclosed
      on all sides (joined by faces only).

    Parameters
    ----------
    outline : Outline
        3-D.
    """
    area_mm2, volume_mm3 = mesh_area_and_volume(outline.mask, outline.spacing_mm)
    voxel_volume_mm3 = len(outline.voxels[0]) * float(np.prod(outline.spacing_mm))
    planes_mm = [largest_distance_in_planes(outline.vertices, axis, outline.spacing_mm) for axis in range(3)]
    major, minor, least = map(float, axis_lengths_mm(outline))
    components, holes = components_and_holes(outline.mask)
    return {
        "mesh_volume_mm3": volume_mm3,
        "voxel_volume_mm3": voxel_volume_mm3,
        "log_volume": math.log(voxel_volume_mm3),
        "surface_area_mm2": area_mm2,
        "surface_to_volume_per_mm": area_mm2 / volume_mm3 if volume_mm3 > 0 else math.nan,
        "sphericity": (36 * math.pi * volume_mm3**2) ** (1 / 3) / area_mm2,
        "maximum_diameter_mm": largest_distance(outline.vertices_mm),
        "maximum_diameter_slice_mm": planes_mm[0],
        "maximum_diameter_column_mm": planes_mm[1],
        "maximum_diameter_row_mm": planes_mm[2],
        "major_axis_mm": major,
        "minor_axis_mm": minor,
        "least_axis_mm": least,
        "elongation": minor / major if major else math.nan,
        "flatness": least / major if major else math.nan,
        "components": components,
        "holes": holes,
    }
