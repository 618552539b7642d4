"""Size and form of a lesion in one slice. By pyradiomics' definitions (its class `shape2D`) where it has one.

The outline is a closed line through the points half-way between neighbouring pixels of which one is inside; where two
pixels touch at a corner only, it cuts off both. Reference: van Griethuysen et al., Cancer Res 2017;77:e104.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.axes import axis_lengths_mm
from SegQCLib.difficulty.descriptors.diameter import largest_distance
from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline
from SegQCLib.difficulty.descriptors.pieces import components_and_holes

MEANINGS = {
    "mesh_area_mm2": Meaning("area inside the outline", "mm2"),
    "pixel_area_mm2": Meaning("area", "mm2"),
    "log_area": Meaning("natural logarithm of the area in mm2"),
    "perimeter_mm": Meaning("perimeter", "mm"),
    "perimeter_to_area_per_mm": Meaning("perimeter to area ratio", "1/mm"),
    "sphericity": Meaning("roundness of the outline, 1 for a circle"),
    "maximum_diameter_mm": Meaning("largest diameter", "mm"),
    "major_axis_mm": Meaning("longer principal axis", "mm"),
    "minor_axis_mm": Meaning("shorter principal axis", "mm"),
    "elongation": Meaning("shorter to longer principal axis, 1 for round"),
    "components": Meaning("number of separate parts"),
    "holes": Meaning("number of holes"),
}


def shape_2d(outline: Outline) -> dict[str, float]:
    """Return size and form of a lesion in one slice.

    With mesh area A, perimeter P, principal axes a >= b:

    - mesh_area_mm2 A; pixel_area_mm2, the number of pixels times a pixel's area; log_area, its natural logarithm;
    - perimeter_mm P, that of holes included; perimeter_to_area_per_mm P / A; sphericity 2 sqrt(pi A) / P, in (0, 1];
    - maximum_diameter_mm between any two points of the outline;
    - major_axis_mm a, minor_axis_mm b; elongation b / a, in [0, 1], undefined (NaN) for a single pixel;
    - components: parts that touch by side or corner count as one; holes: enclosed parts of the outside.

    Parameters
    ----------
    outline : Outline
        2-D.
    """
    area_mm2, perimeter_mm = _area_and_perimeter(outline.mask, outline.spacing_mm)
    pixel_area_mm2 = len(outline.voxels[0]) * math.prod(outline.spacing_mm)
    major, minor = map(float, axis_lengths_mm(outline))
    components, holes = components_and_holes(outline.mask)
    return {
        "mesh_area_mm2": area_mm2,
        "pixel_area_mm2": pixel_area_mm2,
        "log_area": math.log(pixel_area_mm2),
        "perimeter_mm": perimeter_mm,
        "perimeter_to_area_per_mm": perimeter_mm / area_mm2,
        "sphericity": 2 * math.sqrt(math.pi * area_mm2) / perimeter_mm,
        "maximum_diameter_mm": largest_distance(outline.vertices_mm),
        "major_axis_mm": major,
        "minor_axis_mm": minor,
        "elongation": minor / major if major else math.nan,
        "components": components,
        "holes": holes,
    }


def _area_and_perimeter(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> tuple[float, float]:
    """Return area in mm2 and perimeter in mm of the line through the half-way points, from the blocks of 2 x 2 pixels."""
    j_mm, i_mm = spacing_mm
    corner_mm = math.hypot(j_mm, i_mm) / 2
    a, b, c, d = mask[:-1, :-1], mask[:-1, 1:], mask[1:, :-1], mask[1:, 1:]
    codes = a + np.uint8(2) * b + np.uint8(4) * c + np.uint8(8) * d
    counts = np.bincount(codes.ravel(), minlength=16)
    area = perimeter_mm = 0.0
    for code in range(1, 16):
        inside = code.bit_count()
        if code in (3, 12):  # two side by side along i: the line runs along i
            part, line_mm = 1 / 2, i_mm
        elif code in (5, 10):
            part, line_mm = 1 / 2, j_mm
        elif inside == 2:  # two that touch at a corner
            part, line_mm = 1 / 4, 2 * corner_mm
        else:
            part, line_mm = {1: (1 / 8, corner_mm), 3: (7 / 8, corner_mm), 4: (1.0, 0.0)}[inside]
        area += counts[code] * part
        perimeter_mm += counts[code] * line_mm
    return float(area * j_mm * i_mm), float(perimeter_mm)
