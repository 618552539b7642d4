"""Why a prediction is what it is, in words: groups of descriptors, what each adds, and the value that adds most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.domain import FittedDescriptor, in_plain_words, with_unit

if TYPE_CHECKING:
    from SegQCLib.difficulty.model_file import DifficultyModel

# Less is not worth a sentence: it is below what readers' Dice is rounded to.
_LEAST_CHANGE = 0.005
_MOST_SENTENCES = 3

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("the sampling of the image", ("geometry.sampling.slice_spacing", "geometry.sampling.pixel_mm", "geometry.sampling.voxel_mm3")),
    (
        "the number of slices",
        ("geometry.sampling.slices", "geometry.slice.lesion_slices", "geometry.profile.log_slices", "geometry.profile.height_mm"),
    ),
    ("the lesion that the slice belongs to", ("geometry.lesion.", "geometry.slice.lesion_")),
    (
        "the change from slice to slice",
        (
            "geometry.profile.", "geometry.neighbours.", "geometry.slice.smaller_neighbour", "geometry.slice.larger_neighbour",
            "geometry.slice.neighbour_dice",
        ),
    ),
    ("the place of the slice in the lesion", ("geometry.slice.",)),
    ("separate parts and holes", ("geometry.shape.components", "geometry.shape.holes")),
    (
        "the border's length for the size",
        ("geometry.shape.surface_to_volume", "geometry.shape.perimeter_to_area", "geometry.perturbation."),
    ),
    (
        "the shape",
        (
            "geometry.shape.sphericity", "geometry.shape.elongation", "geometry.shape.flatness", "geometry.radial.variation",
            "geometry.radial.minimum_to_maximum", "geometry.wavelet", "geometry.fourier",
        ),
    ),
    ("the size", ("geometry.",)),
    ("the grey values of the lesion", ("texture.",)),
    ("the grey values of normal tissue", ("imaging.",)),
    ("the grey values along the border", ("border.",)),
    ("the uncertainty of the AI model", ("uncertainty.",)),
)  # fmt: skip

_ADJECTIVES: tuple[tuple[str, str | None, str | None], ...] = (
    ("geometry.shape.log_volume", "small", "large"),
    ("geometry.shape.log_area", "small", "large"),
    ("geometry.shape.sphericity", "irregular shape", "round shape"),
    ("geometry.shape.elongation", "elongated", None),
    ("geometry.sampling.slices", "on few slices", "on many slices"),
    ("geometry.sampling.slice_spacing_mm", None, "slices far apart"),
    ("geometry.slice.end_distance_slices", "near the end of the lesion", None),
    ("geometry.shape.components", None, "in several parts"),
)


@dataclass(frozen=True)
class GroupContribution:
    """What a group of descriptors adds to the prediction for a mean outline.

    Attributes
    ----------
    group : str
        In words, to stand in a sentence.
    change : float
        In Dice; over all groups they add up to the prediction less that for a mean outline.
    main : FittedDescriptor
        The descriptor of the group that adds most in the same direction.
    value : float
        Its value here.
    """

    group: str
    change: float
    main: FittedDescriptor
    value: float


def group_of(name: str) -> str:
    """Return the group, in words, that a descriptor is told under."""
    return next(group for group, prefixes in _GROUPS if name.startswith(prefixes))


def group_contributions(
    descriptors: Sequence[FittedDescriptor], values: NDArray[np.float64], added: NDArray[np.float64]
) -> tuple[GroupContribution, ...]:
    """Return the contributions by group, the largest change first.

    Parameters
    ----------
    descriptors : sequence of FittedDescriptor
    values, added : ndarray, shape (m,)
        Value of each descriptor here, and what it adds to the prediction (`DifficultyModel.contributions`).
    """
    found = []
    by_group: dict[str, list[int]] = {}
    for index, descriptor in enumerate(descriptors):
        by_group.setdefault(group_of(descriptor.name), []).append(index)
    for group, members in by_group.items():
        change = float(added[members].sum())
        main = max(members, key=lambda index: added[index] * (1 if change >= 0 else -1))
        found.append(GroupContribution(group, change, descriptors[main], float(values[main])))
    return tuple(sorted(found, key=lambda one: -abs(one.change)))


def reasons(model: DifficultyModel, values: NDArray[np.float64], dice: float, reached: float, coverage: float) -> tuple[str, ...]:
    """Return a headline with the numbers, then a sentence for each group of descriptors that moves the prediction most.

    Parameters
    ----------
    model : DifficultyModel
    values : ndarray, shape (m,)
        Descriptors.
    dice, reached : float
        Predicted mean, and the value that a share `coverage` of single expert pairs reaches.
    """
    base, added = model.contributions(values)
    look = appearance(dict(zip(model.names, values, strict=True)), model.descriptors)
    share = f"{100 * coverage:g} % of single expert pairs above {reached:.2f}"
    numbers = f"expected agreement {dice:.2f} (mean Dice of expert pairs), {share}."
    sentences = [f"{look[:1].upper()}{look[1:]}; {numbers}" if look else f"{numbers[:1].upper()}{numbers[1:]}"]
    for one in group_contributions(model.descriptors, values, added)[:_MOST_SENTENCES]:
        if abs(one.change) < _LEAST_CHANGE:
            break
        verb = "lowers" if one.change < 0 else "raises"
        average = f" (an average {model.unit} has {base:.2f})" if len(sentences) == 1 else ""
        sentences.append(
            f"{one.group[:1].upper()}{one.group[1:]} {verb} the expected agreement by {abs(one.change):.2f}{average};"
            f" {in_plain_words(one.main)}: {with_unit(one.value, one.main)}, median of the study"
            f" {with_unit(one.main.median, one.main)}."
        )
    return tuple(sentences)


def appearance(values: Mapping[str, float], descriptors: Sequence[FittedDescriptor]) -> str:
    """Return what stands out against the study's outlines, such as "small, irregular shape"; empty where nothing does.

    A word is used where its descriptor lies in the study's lower or upper third.
    """
    by_name = {descriptor.name: descriptor for descriptor in descriptors}
    words = []
    for name, low, high in _ADJECTIVES:
        if name in by_name:
            if values[name] < by_name[name].lower_third and low:
                words.append(low)
            elif values[name] > by_name[name].upper_third and high:
                words.append(high)
    return ", ".join(words)
