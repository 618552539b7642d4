"""Is each segmentation on the image's grid?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from SegQCLib.alignment import was_resampled
from SegQCLib.case import Case, Segmentation
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM, Geometry, axis_order, reorder_axes
from SegQCLib.part_of_grid import place_in_grid
from SegQCLib.protocol import QCProtocol

ID = "geometry_match"
WHY = (
    "A segmentation on another grid is resampled, which moves its surface by up to half a voxel. Another origin or "
    "direction can also mean that it belongs to another image."
)
ALLOWED = f"corners within {SAME_GRID_TOLERANCE_MM:g} mm"
SOURCE = "SegQC: rounding of positions in DICOM (16 characters) and NIfTI (float32) headers"


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:  # noqa: ARG001
    """Compare size, spacing, origin and direction of every segmentation, as stored, with the image's."""
    for role, segmentation in case.segmentations_by_role():
        yield _finding(role, segmentation, case.image.geometry)


def _finding(role: str, segmentation: Segmentation, image: Geometry) -> Finding:
    if segmentation.stored is None:
        return Finding(ID, Status.PASS, f"{role} is on the image's grid.", "same grid", ALLOWED, "mm", SOURCE)
    stored = segmentation.stored.geometry
    if not any(layer.any() for layer in segmentation.stored.layers):
        return Finding(ID, Status.PASS, f"{role} has no voxels, so its grid does not matter.", "empty", ALLOWED, "mm", SOURCE)
    if not was_resampled(segmentation):
        if reorder_axes(stored, axis_order(stored, image)).size != image.size:
            return _of_a_part(role, stored, image)
        message = (
            f"{role} is on the image's grid; its file stores the axes in another order, which was put right without resampling."
        )
        return Finding(ID, Status.PASS, message, "same grid, axes reordered", ALLOWED, "mm", SOURCE)
    upright = reorder_axes(stored, axis_order(stored, image))
    message = (
        f"{role} is on another grid than the image and was resampled to the nearest voxel, which moves its surface by up to half a"
        f" voxel: {'; '.join(_differences(upright, image))}."
    )
    return Finding(ID, Status.WARN, message, "; ".join(_differences(upright, image)), ALLOWED, "mm", SOURCE)


def _of_a_part(role: str, stored: Geometry, image: Geometry) -> Finding:
    own = reorder_axes(stored, axis_order(stored, image))
    message = f"{role} is stored on {_times(own.size)} of the image's own voxels (k x j x i); nothing was resampled."
    first = np.array(place_in_grid(stored, image))
    if np.any(first < 0) or np.any(first + np.array(own.size) > image.size):
        message += " It reaches beyond the image, where nothing was taken over."
    return Finding(ID, Status.PASS, message, "same voxels, another extent", ALLOWED, "mm", SOURCE)


def _differences(found: Geometry, image: Geometry) -> list[str]:
    """Return the differences between two grids in words, (k, j, i) order."""
    differences = []
    if found.size != image.size:
        differences.append(f"size {_times(found.size)} instead of {_times(image.size)} voxels (k x j x i)")
    if not np.allclose(found.spacing_mm, image.spacing_mm, atol=1e-4):
        differences.append(f"spacing {_times(found.spacing_mm)} instead of {_times(image.spacing_mm)} mm")
    origin_mm = float(np.linalg.norm(np.subtract(found.origin_lps_mm, image.origin_lps_mm)))
    if origin_mm > SAME_GRID_TOLERANCE_MM:
        differences.append(f"first voxel {origin_mm:.2f} mm away")
    cosines = np.clip(np.sum(np.array(found.axes_lps) * np.array(image.axes_lps), axis=1), -1, 1)
    angle_deg = float(np.degrees(np.arccos(cosines)).max())
    if angle_deg > 0.01:
        differences.append(f"axes turned by {angle_deg:.2f} deg")
    return differences or ["corners differ by rounding that adds up over the grid"]


def _times(values: tuple) -> str:
    return " x ".join(f"{value:g}" for value in values)
