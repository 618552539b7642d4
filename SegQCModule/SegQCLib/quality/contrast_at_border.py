"""Contrast at the border: the step of the mean from just inside a segment to just outside. Higher shows a border better."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from SegQCLib.quality.near import within_mm
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.site import Sample, Site, sample_of, sd

MEASURE = "contrast_at_border"
SHELL_MM = 3.0

NO_OUTSIDE = "Nothing but air outside the body, or the edge of the image, lies beyond the segment's border."
NO_SCATTER = "Both sides of the border have one value each, or one voxel: there is no scatter to divide by."


def measure(site: Site) -> Iterator[QualityMeasurement]:
    """Yield the step across a segment's border, in the image's unit and in units of the scatter on both sides.

    What lies beyond the border counts whatever it is, other segments too: it is there that the border has to be seen.
    """
    width_mm = shell_width_mm(site.spacing_mm)
    inner, outer = border_shells(site.mask, site.spacing_mm)
    if site.body is not None:
        outer = site.body.cut(outer, site.box)
    inside = sample_of(site.values, inner, NO_OUTSIDE)
    outside = sample_of(site.values, outer, NO_OUTSIDE)
    both = Sample(np.concatenate([inside.values, outside.values]), inside.reason or outside.reason, inside.remark or outside.remark)
    where = f"the {width_mm:.3g} mm just inside and just outside the segment's border, voxel centres"
    step = f"|mean inside - mean outside| of {where}"
    of_step = border_step(inside.values, outside.values)
    yield site.row(MEASURE, "step", step, "shell", both, of_step, site.scale.unit)
    definition = f"{step}, divided by the root of the mean of their two variances"
    value = border_step_to_noise(inside.values, outside.values)
    yield site.row(MEASURE, "step_to_noise", definition, "shell", both, value, "1", NO_SCATTER)


def shell_width_mm(spacing_mm: tuple[float, float, float]) -> float:
    """Return 3 mm, or the distance between voxels in plane where that is more: a shell is at least one voxel thick there."""
    return max(SHELL_MM, *spacing_mm[1:])


def border_shells(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the voxels within the shell's width of the nearest voxel on the other side, centre to centre: inside and outside.

    Distances are in mm, so thick slices have less of a shell above and below than in plane. The edge of the array is
    no border.
    """
    width_mm = shell_width_mm(spacing_mm)
    outside = ~mask
    return mask & within_mm(outside, spacing_mm, width_mm), outside & within_mm(mask, spacing_mm, width_mm)


def border_step(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Return |mean inside - mean outside|, in the unit of the values; NaN where a side has none."""
    return abs(float(np.mean(inside) - np.mean(outside))) if len(inside) and len(outside) else math.nan


def border_step_to_noise(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Return the step / sqrt((variance inside + variance outside) / 2), unit 1; NaN where nothing scatters."""
    noise = math.sqrt((sd(inside) ** 2 + sd(outside) ** 2) / 2)
    return border_step(inside, outside) / noise if noise > 0 else math.nan
