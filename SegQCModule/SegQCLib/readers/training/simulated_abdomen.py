"""SIMULATED portal venous CT of the abdomen whose organ borders are known, and SIMULATED experts who outline them.

The shapes are those that TotalSegmentator found on an unenhanced sample CT, deformed anew for each seed. Where such a shape
lies, the image is painted; so the outline is the truth of the image by construction, whatever it was of the patient. What is
not painted (fat, muscle, bone, bowel) is the sample CT, deformed likewise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.alignment import align
from SegQCLib.case import Acquisition, Segment, Segmentation, Volume
from SegQCLib.difficulty.simulated_lesion import signed_distance_mm, smooth_noise
from SegQCLib.geometry import Geometry
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.protocol import QCProtocol

HOST_IMAGE, HOST_LABELS = "example_ct.nii.gz", "example_seg_fast_force_split.nii.gz"
# HU in the portal venous phase: SegQC's own choice, as in the phantom of the self-tests where that has the organ.
# No pancreas: of the sample CT's the model found a quarter, so that readers would rightly draw what is not painted.
ORGAN_HU = {
    "liver": 110, "spleen": 120, "kidney_left": 160, "kidney_right": 160, "gallbladder": 8, "stomach": 15,
    "duodenum": 60, "adrenal_gland_left": 75, "adrenal_gland_right": 75, "aorta": 150, "inferior_vena_cava": 130,
    "portal_vein_and_splenic_vein": 165,
}  # fmt: skip
_WALL_HU = {"stomach": 80, "gallbladder": 60}
_WALL_MM = {"stomach": 3.0, "gallbladder": 1.5}
NOISE_HU = 11.0
_NOISE_MM = (0.0, 1.0, 1.0)
_SPACING_MM = (3.0, 1.5, 1.5)
_FIRST_SLICE = 60  # below it the sample CT shows pelvis
_SHAPE_BLUR = 0.7  # in voxels of the host: its labels are 3 mm blocks that no reader would follow
_PADDING = 4  # voxels of the host around a shape, for its blur
_EDGE_BLUR = (0.3, 0.7, 0.7)  # in voxels of the phantom: partial volume
_BEND_MM = (3.0, 6.0, 6.0)
_BEND_CONTROL = (5, 6, 7)
_AROUND_MM = 24.0

# Set so that two SIMULATED experts agree on a kidney with a mean Dice of about 0.95; see `simulated_experts`.
EXPERT_SCATTER_MM = 0.65
_SCATTER_CORRELATION_MM = (6.0, 8.0, 8.0)
_MOOD_SD = 0.35


@dataclass(frozen=True, eq=False)
class HostAbdomen:
    """The sample CT and the shapes found on it, both on its grid."""

    image: Volume
    shapes: Segmentation


@dataclass(frozen=True, eq=False)
class SimulatedAbdomen:
    """A simulated CT and the true outlines of its painted organs."""

    image: Volume
    truth: Segmentation


def host_abdomen(folder: Path) -> HostAbdomen:
    """Return the unenhanced sample CT of `samples.TOTALSEGMENTATOR` with its label map.

    Raises
    ------
    BadDataError
        If a file is missing or cannot be read.
    """
    image = read_image(folder / HOST_IMAGE)
    shapes = read_segmentation(folder / HOST_LABELS, labels="totalsegmentator", image=image)
    return HostAbdomen(image, align(shapes, image.geometry))


def simulated_abdomen(host: HostAbdomen, protocol: QCProtocol, seed: int) -> SimulatedAbdomen:
    """Return a simulated abdomen, the same for the same seed.

    Every point is moved by a smooth random displacement (3 mm along the body, 6 mm across, standard deviation at the control
    points) and the whole scaled by 0.93 to 1.07. The image is background (1 - sum f) + sum f HU + noise sum f, with f the
    organ's mask blurred by 0.7 pixels.

    Parameters
    ----------
    host : HostAbdomen
    protocol : QCProtocol
        Whose names and codes the segments get.
    seed : int
    """
    rng = np.random.default_rng(seed)
    source = host.image.geometry
    size = tuple(
        round((n - first) * old / new)
        for n, first, old, new in zip(source.size, (_FIRST_SLICE, 0, 0), source.spacing_mm, _SPACING_MM, strict=True)
    )
    at = _moved_indices(size, source, rng)
    background = ndimage.map_coordinates(host.image.array.astype(np.float32), at, order=1, mode="nearest")
    label = np.zeros(size, np.uint8)
    strongest = np.full(size, 0.5, np.float32)
    names = [name for name in ORGAN_HU if any(segment.name == name for segment in host.shapes.segments)]
    for value, name in enumerate(names, 1):
        segment = next(one for one in host.shapes.segments if one.name == name)
        box = host.shapes.box(segment)
        mask = np.pad(host.shapes.mask(segment, box).astype(np.float32), _PADDING)
        smooth = ndimage.gaussian_filter(mask, _SHAPE_BLUR)
        here = _box_in(at, box)
        first = np.array([part.start - _PADDING for part in box], np.float32)[:, None, None, None]
        share = ndimage.map_coordinates(smooth, at[(slice(None), *here)] - first, order=1)
        better = share >= strongest[here]
        label[here][better] = value
        strongest[here][better] = share[better]
    origin = tuple(-spacing * (n - 1) / 2 for n, spacing in zip(size[::-1], _SPACING_MM[::-1], strict=True))
    geometry = Geometry(size, _SPACING_MM, origin, ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    image = _painted(background, label, names, geometry, rng)
    structures = {structure.name: structure for structure in protocol.structures}
    segments = tuple(
        Segment(id=name, name=name, label_value=value, terminology=structures[name].terminology, algorithm_type="AUTOMATIC",
                algorithm_name="SIMULATED truth of the image", algorithm_version="1.0")
        for value, name in enumerate(names, 1)
    )  # fmt: skip
    return SimulatedAbdomen(image, Segmentation("SIMULATED truth", geometry, (label,), segments))


def _moved_indices(size: tuple[int, int, int], source: Geometry, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return where each voxel's value is taken from, as indices (k, j, i) of the source; shape (3, k, j, i)."""
    scale = 1 / rng.uniform(0.93, 1.07)
    at = np.empty((3, *size), np.float32)
    first = (_FIRST_SLICE, 0, 0)
    for axis in range(3):
        step = _SPACING_MM[axis] / source.spacing_mm[axis]
        along = (np.arange(size[axis]) - (size[axis] - 1) / 2) * step * scale
        # The phantom's axes run up, to the back and to the left; the host's may run against them.
        if source.axes_lps[axis][2 - axis] < 0:
            along = -along
        middle = first[axis] + (source.size[axis] - first[axis] - 1) / 2
        control = rng.normal(0, _BEND_MM[axis] / source.spacing_mm[axis], _BEND_CONTROL)
        at[axis] = middle + along.reshape([-1 if a == axis else 1 for a in range(3)]) + _splined(control, size)
    return at


def _splined(control: NDArray[np.float64], size: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return cubic splines through control points, on a grid of `size`; axis by axis, which is 20 times as fast as at once."""
    for axis, (n, wanted) in enumerate(zip(control.shape, size, strict=True)):
        weights = ndimage.zoom(np.eye(n), (wanted / n, 1), order=3, mode="nearest", grid_mode=True)
        control = np.moveaxis(np.tensordot(weights, control, axes=(1, axis)), 0, axis)
    return control


def _box_in(at: NDArray[np.float32], box: tuple[slice, ...]) -> tuple[slice, ...]:
    """Return the part of the phantom whose voxels come from a box of the host, or from 2 voxels beside it."""
    # Displacements are smooth: every fourth voxel tells the part well enough.
    inside = np.logical_and.reduce([
        (at[axis, :, ::4, ::4] > part.start - 3) & (at[axis, :, ::4, ::4] < part.stop + 2) for axis, part in enumerate(box)
    ])  # fmt: skip
    k, j, i = ndimage.find_objects(inside.view(np.uint8))[0]
    return k, slice(max(0, 4 * j.start - 4), 4 * j.stop + 4), slice(max(0, 4 * i.start - 4), 4 * i.stop + 4)


def _painted(
    background: NDArray[np.float32], label: NDArray[np.uint8], names: list[str], geometry: Geometry, rng: np.random.Generator
) -> Volume:
    values = np.array([0.0, *(ORGAN_HU[name] for name in names)], np.float32)[label]
    for value, name in enumerate(names, 1):
        if name in _WALL_HU:
            box = ndimage.find_objects((label == value).view(np.uint8))[0]
            depth_mm = ndimage.distance_transform_edt(np.pad(label[box] == value, 1), sampling=geometry.spacing_mm)[
                1:-1, 1:-1, 1:-1
            ]
            values[box][(depth_mm > 0) & (depth_mm <= _WALL_MM[name])] = _WALL_HU[name]
    organs = (label > 0).astype(np.float32)
    share = ndimage.gaussian_filter(organs, _EDGE_BLUR)
    # Blurring value and share together and dividing keeps an organ's own value up to its border.
    painted = ndimage.gaussian_filter(values * organs, _EDGE_BLUR)
    noise = np.float32(NOISE_HU) * smooth_noise(rng, label.shape, _NOISE_MM, geometry.spacing_mm)
    image = background * (1 - share) + painted + noise * share
    acquisition = Acquisition(
        source="SIMULATED header of the simulated abdomen",
        modality="CT",
        image_type=("DERIVED", "SECONDARY", "SIMULATED"),
        manufacturer="SIMULATED",
        series_description="SIMULATED portal venous phase",
        slice_thicknesses_mm=(geometry.spacing_mm[0],),
        contrast_agent="SIMULATED",
    )
    return Volume(np.rint(np.clip(image, -1024, 3071)).astype(np.int16), geometry, acquisition)


def simulated_experts(truth: Segmentation, structures: tuple[str, ...], number: int, seed: int) -> tuple[Segmentation, ...]:
    """Return what SIMULATED experts draw of some structures, one segmentation for each expert.

    An expert draws {x : d(x) < s (0.35 m + n(x))}: the true border at distance d, displaced by smooth noise n of standard
    deviation 1 and by the expert's own generosity m, with s = `EXPERT_SCATTER_MM`.

    Parameters
    ----------
    truth : Segmentation
    structures : tuple of str
        Names of segments of it.
    number : int
        Of experts.
    seed : int

    References
    ----------
    Outlines of kidneys on CT by eleven radiologists had a mean volume overlap variability of 8.8 % (Joskowicz et al., Eur Radiol
    2019;29:1391, doi 10.1007/s00330-018-5695-5), read here as 1 - Jaccard, which is a Dice of 0.954. The same millimetres are
    used for every organ: study decision.
    """
    rng = np.random.default_rng(seed)
    moods = _MOOD_SD * rng.standard_normal(number)
    grid = truth.geometry
    drawn: list[list[NDArray[np.uint8]]] = [[] for _ in range(number)]
    segments = []
    for layer, name in enumerate(structures):
        segment = next(one for one in truth.segments if one.name == name)
        box = tuple(
            slice(max(0, part.start - round(_AROUND_MM / step)), min(n, part.stop + round(_AROUND_MM / step)))
            for part, step, n in zip(truth.box(segment), grid.spacing_mm, grid.size, strict=True)
        )
        distance_mm = signed_distance_mm(truth.mask(segment, box), grid.spacing_mm)
        # Distances on a grid jump by half a voxel at the border, and small displacements would vanish.
        distance_mm = ndimage.gaussian_filter(distance_mm, (0, 0.7, 0.7))
        for expert in range(number):
            noise = smooth_noise(rng, distance_mm.shape, _SCATTER_CORRELATION_MM, grid.spacing_mm)
            mask = np.zeros(grid.size, np.uint8)
            mask[box] = distance_mm < EXPERT_SCATTER_MM * (moods[expert] + noise)
            drawn[expert].append(mask)
        segments.append(replace(segment, layer=layer, label_value=1, algorithm_name="SIMULATED expert", algorithm_type="AUTOMATIC"))
    return tuple(
        Segmentation(f"SIMULATED expert {letter}", grid, tuple(layers), tuple(segments))
        for letter, layers in zip("ABCDEFGH", drawn, strict=False)
    )
