"""Simulated readers and stand-in AI models: how far from the true boundary of an implanted lesion each one draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.difficulty.simulated_lesion import ImplantedLesion, smooth_noise

# In the order of the outlines. The repeat shares the first reader's habits, as Obs1B does Obs1A's in Fournel et al.
READERS = ("simulated reader 1", "simulated reader 2", "simulated reader 3", "simulated reader 1, second reading")
REPEAT_OF_FIRST = 3

_DISPLACEMENT_MM = 1.05  # on a plain, strong border
_WEAK_BORDER_MM = 3.4  # more where no contrast is left
_HALF_CONTRAST = 1.0  # contrast-to-noise ratio at which half of that is left
_FARTHEST_MM = 5.0
_CURVATURE_GAIN_MM = 4.0  # a bend of 1/4 mm doubles the displacement
_RADIUS_MM = 13.0  # of the lesion to which the two above belong; they grow with the square root of the radius
_CORRELATION_MM = (3.0, 3.5, 3.5)
_SHARED_BY_REPEAT = 0.5  # part of the variance


@dataclass(frozen=True)
class _Habit:
    """How one reader draws: generous (positive) or tight, how smooth, and how much of a gap in the lesion is left out."""

    generosity: float
    smoothing_mm: float
    leaves_out_gaps_mm: float


_HABITS = (_Habit(0.0, 0.8, 3.0), _Habit(0.35, 1.8, 0.0), _Habit(-0.35, 1.2, 8.0), _Habit(0.0, 0.8, 3.0))
_MODELS = (_Habit(0.1, 1.0, 2.0), _Habit(-0.1, 1.5, 1.0))


def displacement_sd_mm(lesion: ImplantedLesion) -> NDArray[np.float32]:
    """Return how far readers' borders scatter about the true one at each place, as a standard deviation in mm.

    s = sqrt(R / 13 mm) (1.05 + 3.4 / (1 + c^2)) (1 + 4 mm |curvature|) in mm, with R the lesion's radius and c the
    contrast-to-noise ratio across the boundary as the image shows it there: |mean inside - mean outside| / sqrt(mean of the
    two variances), each in a Gaussian window of 3 mm on its own side. Soft borders, noise and coarse texture all lower c.
    SegQC's own assumption, with its numbers chosen so that the agreement of the simulated readers spreads like that of the
    radiologists in Fournel et al. (0.68, standard deviation 0.13 per slice): the simulation can show that descriptors find
    these effects, not how large they are in radiologists.

    Returns
    -------
    ndarray of float32, shape (k, j, i)
        Meaningful near the boundary.
    """
    window_mm = 3.0
    near = np.abs(lesion.distance_mm) < 8
    middle = np.float32(lesion.image[lesion.mask].mean())
    sides = []
    for side in (lesion.mask & near, ~lesion.mask & near):
        weight = _windowed(side.astype(np.float32), window_mm, lesion) + np.float32(1e-6)
        centred = np.where(side, lesion.image - middle, 0)
        mean = _windowed(centred, window_mm, lesion) / weight
        sides.append((mean, np.maximum(_windowed(centred**2, window_mm, lesion) / weight - mean**2, 1.0)))
    (inner, inner_variance), (outer, outer_variance) = sides
    contrast_to_noise = np.abs(inner - outer) / np.sqrt((inner_variance + outer_variance) / 2)
    weak = 1 / (1 + (contrast_to_noise / _HALF_CONTRAST) ** 2)
    spacing_mm = lesion.spacing_mm
    smoothed = ndimage.gaussian_filter(lesion.distance_mm, (0, 2.0 / spacing_mm[1], 2.0 / spacing_mm[2]))
    # In the plane, where readers draw: the divergence of the unit normal of a distance is its Laplacian.
    pixel_mm = spacing_mm[1]
    bend = np.abs(sum(np.gradient(np.gradient(smoothed, pixel_mm, axis=axis), pixel_mm, axis=axis) for axis in (1, 2)))
    size = np.float32(np.sqrt(lesion.design.radius_mm / _RADIUS_MM))
    scatter = size * (_DISPLACEMENT_MM + _WEAK_BORDER_MM * weak) * (1 + _CURVATURE_GAIN_MM * np.minimum(bend, 0.25))
    # It is known at the boundary only; elsewhere it is the mean of the boundary nearby.
    border = (np.abs(lesion.distance_mm) < 1.5 * max(spacing_mm[1:])).astype(np.float32)
    weight = _windowed(border, window_mm, lesion) + np.float32(1e-6)
    return (_windowed(border * scatter, window_mm, lesion) + np.float32(1e-6 * _DISPLACEMENT_MM)) / weight


def _windowed(values: NDArray[np.float32], window_mm: float, lesion: ImplantedLesion) -> NDArray[np.float32]:
    return ndimage.gaussian_filter(values, [window_mm / spacing for spacing in lesion.spacing_mm], truncate=3.0)


def read(lesion: ImplantedLesion, scatter_mm: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return the outlines of three simulated readers and of the first one's second reading.

    Each is {x : distance(x), smoothed as the reader smooths, < s(x) (generosity + noise(x)) - gaps(x)}: the true boundary
    displaced along its normal by smooth noise of standard deviation s, plus the reader's own habits.

    Parameters
    ----------
    lesion : ImplantedLesion
    scatter_mm : ndarray, shape (k, j, i)
        `displacement_sd_mm` of it.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of bool, shape (4, k, j, i)
        In the order of `READERS`.
    """
    # How generous or tight somebody is on a given day with a given lesion.
    moods = rng.normal(0, 0.15, len(READERS))
    fields = [_field(lesion, rng) for _ in READERS]
    shared = np.float32(_SHARED_BY_REPEAT)
    fields[REPEAT_OF_FIRST] = np.sqrt(shared) * fields[0] + np.sqrt(1 - shared) * fields[REPEAT_OF_FIRST]
    moods[REPEAT_OF_FIRST] = np.sqrt(shared) * moods[0] + np.sqrt(1 - shared) * moods[REPEAT_OF_FIRST]
    return np.stack([
        (_level_mm(lesion, scatter_mm, habit, field + np.float32(mood)) < 0) & lesion.organ
        for habit, field, mood in zip(_HABITS, fields, moods, strict=True)
    ])  # fmt: skip


def segment_twice(
    lesion: ImplantedLesion, scatter_mm: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what two stand-in AI models say of the lesion: mean and standard deviation of their soft outlines.

    Each soft outline is 1 / (1 + exp(l(x) / (0.4 + s(x) / 2))), with l the displaced level of a reader-like habit: both
    models are unsure, and differ, where the border is weak. As in Fournel et al. the mean is the segmentation and the
    standard deviation of the two, |p1 - p2| / 2, is the uncertainty map.

    Returns
    -------
    mean, uncertainty : ndarray of float32, shape (k, j, i)
        0 to 1, and 0 to 0.5.
    """
    common = _field(lesion, rng)
    soft = []
    for habit in _MODELS:
        field = np.float32(np.sqrt(0.5)) * (common + _field(lesion, rng))
        level = _level_mm(lesion, scatter_mm, habit, field)
        soft.append(lesion.organ * 0.5 * (1 - np.tanh(level / (2 * (np.float32(0.4) + scatter_mm / 2)))))
    return (soft[0] + soft[1]) / 2, np.abs(soft[0] - soft[1]) / 2


def _field(lesion: ImplantedLesion, rng: np.random.Generator) -> NDArray[np.float32]:
    return smooth_noise(rng, lesion.image.shape, _CORRELATION_MM, lesion.spacing_mm)


def _level_mm(
    lesion: ImplantedLesion, scatter_mm: NDArray[np.float32], habit: _Habit, field: NDArray[np.float32]
) -> NDArray[np.float32]:
    sigma = habit.smoothing_mm / lesion.spacing_mm[1]
    drawn = ndimage.gaussian_filter(lesion.distance_mm, (0, sigma, sigma), truncate=3.0)
    gaps = np.float32(habit.leaves_out_gaps_mm) * (1 - ndimage.gaussian_filter(lesion.fill, (0, 1.5, 1.5), truncate=3.0))
    displacement = np.clip(scatter_mm * (np.float32(habit.generosity) + field), -_FARTHEST_MM, _FARTHEST_MM)
    return drawn - displacement + gaps
