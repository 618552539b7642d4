"""Whether an outline lies within what a model was fitted on: outside, a prediction would be a guess, and none is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.describe import descriptor_meaning
from SegQCLib.difficulty.descriptors.meaning import Meaning

# A lesion as unusual as one in 200 of the study is still predicted: the study shows how well.
DISTANCE_QUANTILE = 0.995

# A study's largest value is a matter of chance: a pixel spacing of 1 mm is no other kind of image than its 0.98 mm. Models
# hold a descriptor at its range (`Ridge`, trees), so a little outside it they say what they say at its end.
RANGE_MARGIN = 0.1

_LOGARITHMS = {
    "geometry.shape.log_volume": ("volume", "mm3"),
    "geometry.shape.log_area": ("area", "mm2"),
    "geometry.slice.lesion_log_volume": ("volume of the whole lesion", "mm3"),
    "geometry.profile.log_slices": ("number of slices", "1"),
    "geometry.profile.log_ends_volume": ("volume of the first and last slice", "mm3"),
}


@dataclass(frozen=True)
class FittedDescriptor:
    """A descriptor that a model uses, and the values it had in the study."""

    name: str = field(metadata={"doc": "<group>.<family>.<descriptor>."})
    meaning: str = field(metadata={"doc": "In words."})
    unit: str = field(metadata={"doc": "Unit; 1 for a pure number."})
    minimum: float = field(
        metadata={"doc": f"Smallest value in the study; the model refuses below it by more than {RANGE_MARGIN:g} of the range."}
    )
    lower_third: float = field(metadata={"doc": "A third of the study's outlines have less."})
    median: float = field(metadata={"doc": "Median of the study's outlines."})
    upper_third: float = field(metadata={"doc": "A third of the study's outlines have more."})
    maximum: float = field(
        metadata={"doc": f"Largest value in the study; the model refuses above it by more than {RANGE_MARGIN:g} of the range."}
    )


@dataclass(frozen=True)
class Domain:
    """The robust Mahalanobis distance of an outline from the study's, and the largest that is predicted.

    Descriptors are centred on the median and divided by 1.4826 times the median absolute deviation, after they were limited
    to the study's 1st and 99th percentile; counts that are the same for most outlines (cavities, separate parts) have a
    deviation of 0 and are divided by their standard deviation instead, unlimited. Their covariance, shrunk by a tenth towards none,
    gives the distance sqrt(z' C^-1 z). For the distance itself values are not limited.
    """

    centres: tuple[float, ...] = field(metadata={"doc": "Per descriptor the median of the study."})
    scales: tuple[float, ...] = field(metadata={"doc": "Per descriptor the robust standard deviation."})
    inverse_covariance: tuple[tuple[float, ...], ...] = field(metadata={"doc": "Of the descriptors so scaled, shrunk by a tenth."})
    limit: float = field(metadata={"doc": f"Largest distance that is predicted: the {DISTANCE_QUANTILE:g} quantile of the study."})

    def distance(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the robust Mahalanobis distance of each row of descriptors, shape (n,), 0 or more."""
        z = (values - np.asarray(self.centres)) / np.asarray(self.scales)
        return np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", z, np.asarray(self.inverse_covariance), z), 0))


def fit_descriptors(names: Sequence[str], values: NDArray[np.float64]) -> tuple[FittedDescriptor, ...]:
    """Return the ranges of the descriptors of a study, values of shape (n, m)."""
    quantiles = np.quantile(values, (0, 1 / 3, 0.5, 2 / 3, 1), axis=0).T
    return tuple(FittedDescriptor(name, *_in_words(name), *map(float, row)) for name, row in zip(names, quantiles, strict=True))


def _in_words(name: str) -> tuple[str, str]:
    meaning: Meaning = descriptor_meaning(name)
    return meaning.text, meaning.unit


def fit_domain(values: NDArray[np.float64]) -> Domain:
    """Return the domain of a study's descriptors, shape (n, m)."""
    centres = np.median(values, axis=0)
    scales = 1.4826 * np.median(np.abs(values - centres), axis=0)
    scales = np.where(scales > 0, scales, values.std(axis=0))
    scales = np.where(scales > 1e-12, scales, 1.0)
    # Percentiles would leave no variance of a count that is nearly always the same: a single cavity would be infinitely far.
    mostly_same = np.ptp(np.quantile(values, (0.25, 0.75), axis=0), axis=0) == 0
    limited = np.where(mostly_same, values, np.clip(values, *np.quantile(values, (0.01, 0.99), axis=0)))
    z = (limited - centres) / scales
    covariance = z.T @ z / len(z)
    shrunk = 0.9 * covariance + 0.1 * np.diag(np.maximum(np.diag(covariance), 1e-6))
    inverse = np.linalg.inv(shrunk)
    unlimited = Domain(tuple(map(float, centres)), tuple(map(float, scales)), tuple(tuple(map(float, row)) for row in inverse), 0.0)
    limit = float(np.quantile(unlimited.distance(values), DISTANCE_QUANTILE))
    return Domain(unlimited.centres, unlimited.scales, unlimited.inverse_covariance, limit)


def outside(values: NDArray[np.float64], descriptors: Sequence[FittedDescriptor], domain: Domain) -> tuple[str, ...]:
    """Return the sentences that say why an outline is not predicted; none where it lies in the domain.

    Parameters
    ----------
    values : ndarray, shape (m,)
        Its descriptors; NaN is refused with the descriptor named.
    """
    undefined = [descriptor for descriptor, value in zip(descriptors, values, strict=True) if not np.isfinite(value)]
    if undefined:
        return tuple(f"{_named(one)}: undefined for this outline, so the model cannot predict." for one in undefined)
    beyond = tuple(
        f"{_named(one)}: {with_unit(value, one)}; the model was fitted on {with_unit(one.minimum, one)} to"
        f" {with_unit(one.maximum, one)}."
        for one, value in zip(descriptors, values, strict=True)
        if not one.minimum - _slack(one) <= value <= one.maximum + _slack(one)
    )
    if beyond:
        return beyond
    distance = float(domain.distance(values[None])[0])
    if distance <= domain.limit:
        return ()
    z = (values - np.asarray(domain.centres)) / np.asarray(domain.scales)
    # z_i (C^-1 z)_i add up to the squared distance.
    parts = z * (np.asarray(domain.inverse_covariance) @ z)
    worst = [descriptors[index] for index in np.argsort(parts)[::-1][:2]]
    named = " and ".join(f"{_named(one, False)} ({with_unit(values[descriptors.index(one)], one)})" for one in worst)
    sentence = (
        "The combination of descriptors is unlike the outlines that the model was fitted on (robust Mahalanobis distance"
        f" {distance:.1f}, at most {domain.limit:.1f} is predicted); most unusual: {named}."
    )
    return (sentence,)


def _slack(descriptor: FittedDescriptor) -> float:
    # Where the study has one value only, rounding must not refuse it.
    return max(RANGE_MARGIN * (descriptor.maximum - descriptor.minimum), 1e-6 * abs(descriptor.maximum))


def _named(descriptor: FittedDescriptor, starts_sentence: bool = True) -> str:
    text = in_plain_words(descriptor)
    return text[:1].upper() + text[1:] if starts_sentence else text


def in_plain_words(descriptor: FittedDescriptor) -> str:
    """Return a descriptor's meaning; of a logarithm that of the number itself, which readers know."""
    return _LOGARITHMS[descriptor.name][0] if descriptor.name in _LOGARITHMS else descriptor.meaning


def with_unit(value: float, descriptor: FittedDescriptor) -> str:
    """Return a value of a descriptor with its unit; for a logarithm the number itself."""
    unit = descriptor.unit
    if descriptor.name in _LOGARITHMS:
        value, unit = math.exp(value), _LOGARITHMS[descriptor.name][1]
    digits = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return digits + ("" if unit == "1" else f" {unit}".replace("mm2", "mm²").replace("mm3", "mm³"))
