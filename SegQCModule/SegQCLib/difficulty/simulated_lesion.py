"""A lesion of controlled shape, contrast and texture, implanted in a real CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.difficulty.host_scans import HostScan

MARGIN_MM = 14.0
HEALTHY_DISTANCE_MM = 7.0
_ACROSS_SLICES = 2.5


@dataclass(frozen=True)
class LesionDesign:
    """What a simulated lesion is made of.

    Attributes
    ----------
    radius_mm : float
        Of the sphere that the lesion starts from.
    half_axes : tuple of float
        (k, j, i), relative to the radius.
    complexity : float
        Standard deviation of the noise on the boundary as a part of the radius; 0 is an ellipsoid.
    contrast_hu : float
        Lesion minus organ, in HU.
    border_mm : float
        Half width of the soft border: the contrast is 1 / (1 + exp(d / border_mm)) at distance d outside the boundary.
    fragmentation : float
        0 to 1: the part of the contrast that gaps in the tissue take away.
    grain_mm : float
        Standard deviation of the Gaussian that the texture's noise is smoothed with.
    texture_hu : float
        Standard deviation of the texture inside the lesion, in HU.
    noise_hu : float
        Standard deviation of the noise that is added to the whole image, in HU.
    """

    radius_mm: float
    half_axes: tuple[float, float, float]
    complexity: float
    contrast_hu: float
    border_mm: float
    fragmentation: float
    grain_mm: float
    texture_hu: float
    noise_hu: float


@dataclass(frozen=True)
class ImplantedLesion:
    """A simulated lesion in a crop of a real CT.

    Attributes
    ----------
    image : ndarray of float32, shape (k, j, i)
        HU, with the lesion in it.
    distance_mm : ndarray of float32, shape (k, j, i)
        To the true boundary, negative inside; distances between slices count `_ACROSS_SLICES` times.
    fill : ndarray of float32, shape (k, j, i)
        0 to 1: how much lesion tissue there is at a place within the boundary; less in gaps of a fragmented lesion.
    organ, healthy : ndarray of bool, shape (k, j, i)
        The organ with the lesion, and the part of it that is organ, `HEALTHY_DISTANCE_MM` or more from the lesion.
    spacing_mm : tuple of float
    design : LesionDesign
    """

    image: NDArray[np.float32]
    distance_mm: NDArray[np.float32]
    fill: NDArray[np.float32]
    organ: NDArray[np.bool_]
    healthy: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    design: LesionDesign

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The true lesion."""
        return self.distance_mm < 0


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], sigma_mm: float | tuple[float, ...], spacing_mm: tuple[float, ...]
) -> NDArray[np.float32]:
    """Return Gaussian noise of mean 0 and standard deviation 1, smoothed with a Gaussian of `sigma_mm`.

    The field repeats at its edges, so that its standard deviation is the same everywhere.
    """
    sigmas = np.broadcast_to(sigma_mm, len(shape)) / np.asarray(spacing_mm)
    noise = rng.standard_normal(shape, np.float32)
    noise = ndimage.gaussian_filter(noise, sigmas, mode="wrap", truncate=3.0)
    shrinkage = 1.0
    for sigma in sigmas:
        offsets = np.arange(-int(3 * sigma + 0.5), int(3 * sigma + 0.5) + 1)
        weights = np.exp(-0.5 * (offsets / max(sigma, 1e-9)) ** 2)
        shrinkage *= np.sqrt((weights**2).sum()) / weights.sum()
    return noise / np.float32(shrinkage)


def implant(host: HostScan, design: LesionDesign, rng: np.random.Generator) -> ImplantedLesion:
    """Return a lesion of this design at a random place of the host's organ.

    The lesion is the part of {|x / axes| R - R + complexity R n(x) < 0} that lies in the organ; n is noise smoothed with
    0.3 R. The image is host + share (contrast (1 - fragmentation gap) + texture) + noise, where `share` falls from 1 to 0
    over the soft border. In half of the lesions each in-plane axis of the host is reversed, for variety.

    Raises
    ------
    ValueError
        If the organ has no place as deep as half of the radius.
    """
    places = np.argwhere(host.depth_mm > 0.6 * design.radius_mm)
    if len(places) == 0:
        raise ValueError(f"{host.name}: no place in the organ is {0.6 * design.radius_mm:g} mm deep; choose a smaller radius.")
    place = places[rng.integers(len(places))]
    box = _box(place, design, host)
    image, organ = host.image[box], host.organ[box]
    center = [middle - part.start for middle, part in zip(place, box, strict=True)]
    for axis in (1, 2):
        if rng.random() < 0.5:
            image, organ = np.flip(image, axis), np.flip(organ, axis)
            center[axis] = image.shape[axis] - 1 - center[axis]
    spacing_mm = host.spacing_mm
    shape = image.shape
    mask = _deformed_ellipsoid(shape, center, design, spacing_mm, rng) & organ
    # Readers draw in the plane: a border that is uncertain by 1 mm there is uncertain by less between slices.
    distance_mm = signed_distance_mm(mask, (_ACROSS_SLICES * spacing_mm[0], *spacing_mm[1:]))
    # Without smoothing, distances on a grid jump by half a voxel at the boundary, and readers' small differences vanish.
    distance_mm = ndimage.gaussian_filter(distance_mm, (0, 0.7, 0.7))
    gaps = smooth_noise(rng, shape, 1.5 * design.grain_mm, spacing_mm)
    fill = 1 - np.float32(design.fragmentation) * _step(gaps + np.float32(0.1), 0.25)
    texture = np.float32(design.texture_hu) * smooth_noise(rng, shape, design.grain_mm, spacing_mm)
    share = _step(-distance_mm, design.border_mm)
    # Kernels of body CT leave noise that is correlated over about a pixel in the plane and hardly between slices.
    noise = np.float32(design.noise_hu) * smooth_noise(rng, shape, (0.0, 0.6, 0.6), spacing_mm)
    return ImplantedLesion(
        image=image + share * (np.float32(design.contrast_hu) * fill + texture) + noise,
        distance_mm=distance_mm,
        fill=fill,
        organ=organ,
        healthy=organ & (distance_mm > HEALTHY_DISTANCE_MM),
        spacing_mm=spacing_mm,
        design=design,
    )


def _box(center: NDArray[np.int64], design: LesionDesign, host: HostScan) -> tuple[slice, ...]:
    half_mm = design.radius_mm * max(design.half_axes) * (1 + design.complexity) + MARGIN_MM
    box = []
    for middle, size, spacing in zip(center, host.image.shape, host.spacing_mm, strict=True):
        half = int(np.ceil(half_mm / spacing))
        box.append(slice(max(0, middle - half), min(size, middle + half + 1)))
    return tuple(box)


def _deformed_ellipsoid(
    shape: tuple[int, ...],
    center: list[int],
    design: LesionDesign,
    spacing_mm: tuple[float, ...],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    squared = np.zeros(shape, np.float32)
    for axis, (size, spacing, half_axis) in enumerate(zip(shape, spacing_mm, design.half_axes, strict=True)):
        along = (np.arange(size, dtype=np.float32) - center[axis]) * np.float32(spacing / (design.radius_mm * half_axis))
        squared += (along**2).reshape([-1 if a == axis else 1 for a in range(3)])
    noise = smooth_noise(rng, shape, 0.3 * design.radius_mm, spacing_mm)
    return np.sqrt(squared) - 1 + np.float32(design.complexity) * noise < 0


def signed_distance_mm(mask: NDArray[np.bool_], spacing_mm: tuple[float, ...]) -> NDArray[np.float32]:
    """Return the distance to the mask's boundary, negative inside, in mm; the boundary runs halfway between voxels.

    A mask that touches the first or last slice goes on beyond it.
    """
    padded = np.pad(mask, [(1, 1)] + [(0, 0)] * (mask.ndim - 1), mode="edge")
    half = min(spacing_mm) / 2
    outside = np.maximum(ndimage.distance_transform_edt(~padded, spacing_mm) - half, 0)
    inside = np.maximum(ndimage.distance_transform_edt(padded, spacing_mm) - half, 0)
    return np.where(padded, -inside, outside)[1:-1].astype(np.float32)


def _step(values: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Return the logistic step 1 / (1 + exp(-values / width))."""
    return (0.5 * (1 + np.tanh(values / np.float32(2 * width)))).astype(np.float32)
