"""When an exam is passed: within the experts' own range on its images, not above a fixed Dice.

On one structure of one image a reader is within the experts' range if there is an expert in whose place the reader would do
as well: the reader's mean Dice with the other experts is at least that expert's mean Dice with them, less 0.005, which is half
of the last digit that readers are shown. In other words, of the reader and the experts together it is not clearly the reader
who agrees least with the rest.

A reader who draws like the experts is outside of the range now and then too: one of n + 1 equal readers always agrees least, so
such a reader is within with probability n / (n + 1) or more, with 2, 3 and 4 experts 67 %, 75 % and 80 %, whatever the structure
is and however hard the image. (Exchangeable values have exchangeable ranks; nothing else is assumed for one structure. The
same comparison, leaving one annotator out, is made by the alternative annotator test, https://aclanthology.org/2025.acl-long.782.)
To ask for all structures would therefore fail most experts. An exam asks for as many as a reader like the experts reaches with
the course's probability, 90 % where it says nothing else, for Dice and for surface Dice; the number follows from how
many structures and experts the exam has. It supposes that structures are independent of each other, which those of one image
are not quite: `Documentation/training.md` has what real readers reach.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from SegQCLib.readers.training.attempt_score import BesideExperts, ExpertRange

# Half of the last digit that is shown. Where all experts reach 1.00, as surface Dice often does, 0.999 is not below them.
SAME = 0.005
# Sums of the same probabilities in another order differ in their last digits.
_ROUNDING = 1e-9
MEASURES = 2  # Dice and surface Dice


def beside_experts(reader: Sequence[float], experts: NDArray[np.float64]) -> BesideExperts:
    """Return how one measure of a reader on one structure stands beside the experts'.

    Parameters
    ----------
    reader : sequence of float
        The reader's value with each of n experts, higher is better.
    experts : ndarray, shape (n, n)
        The experts' values with each other, symmetric; the diagonal is not looked at.

    Returns
    -------
    BesideExperts
        `within` and `expert_within` are None with one expert: there is no range.

    Raises
    ------
    ValueError
        If there is no expert or the shapes do not fit.
    """
    values, count = np.asarray(reader, float), len(reader)
    if count == 0 or experts.shape != (count, count):
        raise ValueError(f"The experts' values have the shape {experts.shape}; ({count}, {count}) with at least one is needed.")
    if count == 1:
        return BesideExperts(float(values[0]), None, None, None)
    among = np.where(np.eye(count, dtype=bool), 0.0, experts)
    in_place = (values.sum() - values) / (count - 1)
    within = bool((in_place >= among.sum(axis=1) / (count - 1) - SAME).any())
    pairs = among[np.triu_indices(count, 1)]
    own = ExpertRange(len(pairs), float(pairs.min()), float(pairs.mean()), float(pairs.max()))
    return BesideExperts(float(values.mean()), own, within, count / (count + 1))


def required_within(expert_within: Sequence[float], expert_passes: float) -> int:
    """Return how many structures must be within the experts' range, for each of both measures.

    Parameters
    ----------
    expert_within : sequence of float
        For each structure, the probability that a reader like the experts is within.
    expert_passes : float
        Probability with which such a reader shall reach the number for both measures, > 0 and < 1. Each measure takes half of
        what is left to 1, so that the two together keep it however they depend on each other.

    Returns
    -------
    int
        The largest number that is reached so often; 0: the exam has too few structures to tell anybody from an expert.
    """
    level = 1 - (1 - expert_passes) / MEASURES
    reached = np.cumsum(_count_probabilities(expert_within)[::-1])[::-1]  # of at least 0, 1, 2, ...
    return int(np.flatnonzero(reached >= level - _ROUNDING)[-1])


def reaches(within: Sequence[float], required: int) -> float:
    """Return the probability that at least `required` of independent structures are within, each with its own probability."""
    return float(_count_probabilities(within)[required:].sum())


def _count_probabilities(within: Sequence[float]) -> NDArray[np.float64]:
    """Return the probabilities of 0, 1, 2, ... (the Poisson binomial distribution; scipy has it from 1.15 on, Slicer has 1.13)."""
    found = np.ones(1)
    for probability in within:
        found = np.convolve(found, (1 - probability, probability))
    return found
