"""Gating simulations: what passes a quality control that uses a threshold for each image, and what it turns away.

Two of them. The paper's draws one Dice per slice at random and asks how often the predicted threshold decides like the true
agreement of the experts would. It says how close thresholds are, not what happens to real work: random numbers are neither
expert work nor faulty work. The other one is therefore ours: outlines of expert quality (one reader's against another's) and
the same outlines with known defects are compared with the threshold of each image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.difficulty.patient_bootstrap import mean_interval
from SegQCLib.difficulty.read_lesion import ReadLesion
from SegQCLib.metrics.overlap import dice

_MOST_NUMBERS = 4_000_000


@dataclass(frozen=True)
class Share:
    """A share with its interval.

    Attributes
    ----------
    share : float
        0 to 1; NaN where there is nothing to share out.
    lower, upper : float
        95 % interval; over what is said where the share is made.
    count, of : float
        What the share was counted from; means over the draws where there are several.
    """

    share: float
    lower: float
    upper: float
    count: float
    of: float


@dataclass(frozen=True)
class Gating:
    """What a gate does with synthetic Dice coefficients, as in Table 3 of Fournel et al.

    Attributes
    ----------
    good_included : Share
        Of those above the true agreement of their image, those above the threshold too.
    bad_rejected : Share
        Of the others, those not above the threshold.
    draws : int
        How often one Dice per image was drawn; intervals are over these draws.
    """

    good_included: Share
    bad_rejected: Share
    draws: int


def synthetic_gating(
    target: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    *,
    mean: float | None = None,
    sd: float | None = None,
    draws: int = 200,
    seed: int = 0,
) -> Gating:
    """Return the paper's gating simulation: s ~ N(mean, sd) clipped to 0 to 1, one s per image.

    s is good if s > target, and included if s > threshold. With targets spread like s, a constant threshold at the median
    includes 3/4 of the good and rejects 3/4 of the bad by arithmetic alone: that is the level to beat.

    Parameters
    ----------
    target : ndarray, shape (n,)
        True agreement of the experts, 0 to 1: the true threshold of each image.
    thresholds : ndarray, shape (n,) or ()
        What is used in its place: predictions, or one constant.
    mean, sd : float or None
        Of the synthetic Dice; those of `target` where None, as the paper does with its 0.68 and 0.13.
    draws, seed : int
        The paper draws once.

    Raises
    ------
    ValueError
        If a target or threshold is not finite, or shapes differ.

    References
    ----------
    Fournel et al., Difficulty estimation for image-specific medical image segmentation quality control, section 4.2.
    """
    target, thresholds = _finite(target, "target"), _finite(thresholds, "threshold")
    thresholds = np.broadcast_to(thresholds, target.shape)
    mean = float(target.mean()) if mean is None else mean
    sd = float(target.std()) if sd is None else sd
    rng = np.random.default_rng(seed)
    counts = []
    at_once = max(1, _MOST_NUMBERS // len(target))
    for first in range(0, draws, at_once):
        number = min(at_once, draws - first)
        drawn = np.clip(rng.normal(mean, sd, (number, len(target))), 0, 1)
        good, included = drawn > target, drawn > thresholds
        sums = [(part).sum(axis=1) for part in (good & included, good, ~good & ~included, ~good)]
        counts.append(np.stack(sums))
    included_good, all_good, rejected_bad, all_bad = np.concatenate(counts, axis=1)
    return Gating(_over_draws(included_good, all_good), _over_draws(rejected_bad, all_bad), draws)


def pass_share(
    dice_values: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    patients: Sequence[str],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Share:
    """Return the share of outlines whose Dice reaches the threshold of their image.

    Parameters
    ----------
    dice_values : ndarray, shape (n,)
        Dice of each outline with the reference of its image.
    thresholds : ndarray, shape (n,) or ()
    patients : sequence of str
        Patient of each; the interval comes from `resamples` draws of whole patients with replacement.

    Raises
    ------
    ValueError
        If a value is not finite, or shapes differ.
    """
    dice_values, thresholds = _finite(dice_values, "Dice"), _finite(thresholds, "threshold")
    passed = dice_values >= np.broadcast_to(thresholds, dice_values.shape)
    interval = mean_interval(passed, np.ones(len(passed)), patients, draws=resamples, seed=seed)
    return Share(float(passed.mean()), *interval, float(passed.sum()), float(len(passed)))


def defective_outlines(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> dict[str, NDArray[np.bool_]]:
    """Return an outline with known defects, by what was done to it.

    - "shrunken by a quarter of the diameter": what lies deeper than a quarter of the largest diameter of the inscribed
      sphere, so that a sphere keeps (1/2)^3 of its volume;
    - "enlarged by a quarter of the diameter": the same outwards, cut at the image's border;
    - "moved by half of its width": along i by half of its extent, cut at the image's border;
    - "every second slice missing": starting with the second.

    Each is wrong beyond doubt: an expert would send it back. Defects that leave nothing, or that change nothing because
    the outline is a voxel thin, are left out.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
        Not empty.
    spacing_mm : tuple of float
        (k, j, i).
    """
    rows = np.flatnonzero(mask.any(axis=(1, 2)))
    columns = np.flatnonzero(mask.any(axis=(0, 1)))
    if len(rows) == 0:
        raise ValueError("The outline is empty; a defect needs something to be wrong about.")
    # The image's border is no border of the lesion.
    depth_mm = ndimage.distance_transform_edt(np.pad(mask, 1), spacing_mm)[1:-1, 1:-1, 1:-1]
    step_mm = depth_mm.max() / 2
    found = {
        "shrunken by a quarter of the diameter": depth_mm > step_mm,
        "enlarged by a quarter of the diameter": ndimage.distance_transform_edt(~mask, spacing_mm) <= step_mm,
    }
    width = columns[-1] + 1 - columns[0]
    moved = np.zeros_like(mask)
    shift = -(-int(width) // 2)
    if shift < mask.shape[2]:
        moved[..., shift:] = mask[..., :-shift]
    found["moved by half of its width"] = moved
    found["every second slice missing"] = every_second = mask.copy()
    every_second[rows[1::2]] = False
    return {name: outline for name, outline in found.items() if outline.any() and not np.array_equal(outline, mask)}


@dataclass(frozen=True)
class GatedWork:
    """Which outlines pass, by kind of work and by kind of threshold.

    Attributes
    ----------
    work : str
        "expert outline", or the defect of it.
    passed : dict of str to Share
        By the name of the threshold.
    """

    work: str
    passed: dict[str, Share]


def gate_readers(lesions: Sequence[ReadLesion], thresholds: Mapping[str, Sequence[NDArray[np.float64]]]) -> tuple[GatedWork, ...]:
    """Return what happens to expert outlines, and to the same outlines with defects, under thresholds of each image.

    Each reader in turn is the reference, and every other reader's outline is judged against it: once as drawn, and once with
    each of `defective_outlines`. This is how `evaluate` judges a candidate: the threshold is that of the reference outline.

    Parameters
    ----------
    lesions : sequence of ReadLesion
    thresholds : mapping of str to sequence of ndarray
        By name ("mean", "lower", "constant"), per lesion and reader the threshold that holds where this reader's outline is
        the reference, shape (reader,). NaN where the model refuses: that reference is left out under every threshold.

    Returns
    -------
    tuple of GatedWork
        "expert outline" first. Shares are of ordered pairs of readers; intervals by resampling patients.
    """
    measured: dict[str, list[tuple[float, int, int]]] = {}
    for number, lesion in enumerate(lesions):
        usable = [r for r in range(len(lesion.readers)) if all(np.isfinite(kind[number][r]) for kind in thresholds.values())]
        # Room for what a defect moves outwards: a nodule's grid may end at its outline.
        readers = np.pad(lesion.readers, [(0, 0), *((size // 2 + 1,) * 2 for size in lesion.readers.shape[1:])])
        for drawn, outline in enumerate(readers):
            if not outline.any():
                continue
            works = {"expert outline": outline} | defective_outlines(outline, lesion.spacing_mm)
            for reference in usable:
                if reference == drawn or not readers[reference].any():
                    continue
                for name, work in works.items():
                    measured.setdefault(name, []).append((dice(readers[reference], work), number, reference))
    return tuple(
        GatedWork(
            name,
            {
                kind: pass_share(
                    np.array([value for value, _, _ in rows]),
                    np.array([per_lesion[number][reference] for _, number, reference in rows]),
                    [lesions[number].patient for _, number, _ in rows],
                )
                for kind, per_lesion in thresholds.items()
            },
        )
        for name, rows in measured.items()
    )


def _over_draws(count: NDArray, of: NDArray) -> Share:
    """Return the share over all draws with the 95 % interval of single draws; NaN where no draw has anything to share out."""
    if not of.any():
        return Share(math.nan, math.nan, math.nan, 0.0, 0.0)
    lower, upper = np.quantile(count[of > 0] / of[of > 0], (0.025, 0.975))
    return Share(float(count.sum() / of.sum()), float(lower), float(upper), float(count.mean()), float(of.mean()))


def _finite(values: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all() or values.size == 0:
        raise ValueError(f"Gating needs one finite {name} per image; leave out images where it is undefined.")
    return values
