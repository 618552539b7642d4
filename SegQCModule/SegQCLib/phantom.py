"""A simulated case: ellipsoids for organs, and a draft with known errors. For self-tests, screenshots and first steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from SegQCLib.acquisition import HU
from SegQCLib.case import Acquisition, Case, Segment, Segmentation, Volume
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import load_protocol

PROTOCOL_ID = "ct-abdomen-portal-venous"
NAME = "SIMULATED CT of the upper abdomen"
MODEL = "SIMULATED model"
MODEL_VERSION = "1.0"

_SIZE = (40, 180, 180)
_SPACING_MM = (3.0, 2.0, 2.0)
# Patient's right is where x is small. Centre and half axes (k, j, i) in mm from the middle of the image; value in HU.
_ORGANS = {
    "liver": ((4, -22, -62), (48, 62, 68), 110),
    "spleen": ((6, 28, 98), (34, 34, 24), 120),
    "kidney_left": ((-22, 46, 56), (30, 24, 20), 160),
    "kidney_right": ((-24, 48, -48), (30, 22, 19), 160),
    "aorta": ((0, 34, 10), (90, 10, 10), 165),
}
_BODY = ((0, 0, 0), (400, 118, 160), 45)
_SPINE = ((0, 66, 0), (400, 20, 22), 350)
_AIR_HU, _NOISE_HU = -1000, 10


def phantom_case() -> Case:
    """Return a simulated portal venous CT with a reference, an AI draft with errors in it, and the draft as candidate.

    Nothing in it is a measurement of a person, and its names say so. The errors of the draft: a floating piece beside
    the liver, a hole in the liver, a slice of the spleen left out, and the right kidney moved by two voxels.
    The same at every call.
    """
    axes = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    origin = tuple(-spacing * (size - 1) / 2 for size, spacing in zip(reversed(_SIZE), reversed(_SPACING_MM), strict=True))
    geometry = Geometry(_SIZE, _SPACING_MM, origin, axes)
    organs = {name: _ellipsoid(center, axes_mm) for name, (center, axes_mm, _) in _ORGANS.items()}
    reference = _segmentation("SIMULATED reference", geometry, organs)
    draft = _segmentation(f"{MODEL} draft", geometry, _with_errors(organs), by_model=True)
    candidate = replace(draft, name="SIMULATED candidate")
    return Case(_image(geometry, organs), candidate, (reference,), draft)


def _ellipsoid(center_mm: tuple[float, ...], half_axes_mm: tuple[float, ...]) -> NDArray[np.bool_]:
    distance = 0.0
    for axis, (size, spacing) in enumerate(zip(_SIZE, _SPACING_MM, strict=True)):
        along = ((np.arange(size) - (size - 1) / 2) * spacing - center_mm[axis]) / half_axes_mm[axis]
        distance = distance + (along**2).reshape([-1 if a == axis else 1 for a in range(3)])
    return distance <= 1


def _image(geometry: Geometry, organs: dict[str, NDArray[np.bool_]]) -> Volume:
    values = np.full(_SIZE, float(_AIR_HU))
    for center, axes_mm, value in (_BODY, _SPINE):
        values[_ellipsoid(center, axes_mm)] = value
    for name, (_, _, value) in _ORGANS.items():
        values[organs[name]] = value
    values += np.random.default_rng(20261121).normal(0, _NOISE_HU, _SIZE)
    positions = tuple(float(z) for z in np.arange(_SIZE[0]) * _SPACING_MM[0] + geometry.origin_lps_mm[2])
    acquisition = Acquisition(
        source="SIMULATED header of the phantom",
        modality="CT",
        image_type=("DERIVED", "SECONDARY", "SIMULATED"),
        manufacturer="SIMULATED",
        series_description="SIMULATED portal venous phase",
        slice_thicknesses_mm=(_SPACING_MM[0],),
        slice_positions_mm=positions,
        slice_displacement_mm=0.0,
        stack_tilt_deg=0.0,
        convolution_kernel=("B30f",),
        contrast_agent="SIMULATED",
        value_unit=HU,
    )
    return Volume(np.rint(values).astype(np.int16), geometry, acquisition)


def _with_errors(organs: dict[str, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
    drawn = {name: mask.copy() for name, mask in organs.items()}
    drawn["liver"] |= _ellipsoid((20, -70, 30), (7, 6, 6))
    drawn["liver"] &= ~_ellipsoid((6, -22, -62), (8, 10, 10))
    middle = int(np.median(np.nonzero(organs["spleen"])[0]))
    drawn["spleen"][middle] = False
    drawn["kidney_right"] = np.roll(organs["kidney_right"], 2, axis=2)
    return drawn


def _segmentation(name: str, geometry: Geometry, masks: dict[str, NDArray[np.bool_]], by_model: bool = False) -> Segmentation:
    structures = {structure.name: structure for structure in load_protocol(PROTOCOL_ID).protocol.structures}
    layer = np.zeros(_SIZE, np.uint8)
    segments = []
    for value, (structure, mask) in enumerate(masks.items(), 1):
        layer[mask] = value
        segments.append(
            Segment(
                id=structure,
                name=structure,
                label_value=value,
                terminology=structures[structure].terminology,
                algorithm_type="AUTOMATIC" if by_model else "MANUAL",
                algorithm_name=MODEL if by_model else None,
                algorithm_version=MODEL_VERSION if by_model else None,
            )
        )
    return Segmentation(name, geometry, (layer,), tuple(segments))
