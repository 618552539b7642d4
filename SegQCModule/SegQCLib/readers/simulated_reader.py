"""Readers that do not exist: how each one treats AI drafts and draws without them, written down in numbers.

The numbers are chosen, not measured: they make a department whose truth is known, against which an alert can be tested.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Correcting this part of a structure (1 - Dice) takes as long as drawing it by hand.
_AS_LONG_AS_BY_HAND = 0.25
# A draft this good (1 - Dice) is often left as it is by everybody.
_GOOD_ENOUGH = 0.015


@dataclass(frozen=True)
class SimulatedReader:
    """How one simulated reader behaves; pairs are the values at the first and the last day, with a straight line between.

    Attributes
    ----------
    name, kind : str
    in_words : str
        What the reader does, in a sentence.
    pace : (float, float)
        Factor of every time that the reader takes; 1 is typical, smaller is faster.
    attention : (float, float)
        0 to 1: how much of a draft is looked at. What is wrong in the rest stays wrong.
    over_correction : (float, float)
        Changes that a draft did not need, as a multiple of how far the reader's own drawing is from the truth.
    own_error : (float, float)
        Factor of 1 - Dice of what the reader draws without a draft; 1 is typical.
    draft_look : (float, float)
        Factor of the time of looking through a draft alone, without looking at less of it.
    """

    name: str
    kind: str
    in_words: str
    pace: tuple[float, float] = (1.0, 1.0)
    attention: tuple[float, float] = (0.9, 0.9)
    over_correction: tuple[float, float] = (0.1, 0.1)
    own_error: tuple[float, float] = (1.0, 1.0)
    draft_look: tuple[float, float] = (1.0, 1.0)


@dataclass(frozen=True)
class SimulatedStructure:
    """What one structure is like.

    Attributes
    ----------
    name : str
    voxels, slices : int
        Typical size.
    voxel_volume_mm3 : float
    by_hand_s, look_s : float
        Typical active time of drawing it without a draft, and of looking through a draft of it, s.
    expert_error : float
        Typical 1 - Dice of an expert's drawing against the truth.
    """

    name: str
    voxels: int
    slices: int
    voxel_volume_mm3: float
    by_hand_s: float
    look_s: float
    expert_error: float


@dataclass(frozen=True)
class SimulatedDraft:
    """A draft of one structure: its size, and its 1 - Dice against the truth."""

    voxels: int
    error: float


@dataclass(frozen=True)
class SimulatedTarget:
    """One structure of one case, the same for all who read it.

    Attributes
    ----------
    structure : SimulatedStructure
    difficulty : float
        Of the case; 0 is typical, 1 is one standard deviation harder.
    voxels, slices : int
        Of the truth.
    threshold : float
        Dice that the expected expert agreement asks for.
    drafts : dict of str to SimulatedDraft
        What each version of the model makes of it.
    """

    structure: SimulatedStructure
    difficulty: float
    voxels: int
    slices: int
    threshold: float
    drafts: dict[str, SimulatedDraft]


@dataclass(frozen=True)
class SimulatedSegment:
    """What a simulated reader did to one structure; without a draft `draft_voxels` is 0 and all voxels are added."""

    structure: SimulatedStructure
    active_s: float
    voxels: int
    draft_voxels: int
    added_voxels: int
    removed_voxels: int
    slices: int
    slices_seen: int
    scrolled: bool
    accuracy: float
    threshold: float

    @property
    def edited(self) -> bool:
        return self.added_voxels + self.removed_voxels > 0


def at(course: tuple[float, float], share_of_year: float) -> float:
    """Return a reader's value at a share of the year, 0 to 1."""
    return course[0] + (course[1] - course[0]) * share_of_year


def simulated_target(
    rng: np.random.Generator, structure: SimulatedStructure, difficulty: float, draft_errors: Mapping[str, float]
) -> SimulatedTarget:
    """Return a structure of a case.

    Parameters
    ----------
    rng : numpy Generator
    structure : SimulatedStructure
    difficulty : float
    draft_errors : mapping of str to float
        Typical 1 - Dice against the truth of each version's drafts.
    """
    voxels = max(30, round(structure.voxels * math.exp(rng.normal(0.0, 0.25))))
    slices = max(3, round(structure.slices * math.exp(rng.normal(0.0, 0.15))))
    threshold = 1 - min(0.7, 1.6 * structure.expert_error * math.exp(0.35 * difficulty + rng.normal(0.0, 0.1)))
    drafts = {}
    for version, typical in draft_errors.items():
        error = min(0.8, typical * math.exp(0.35 * difficulty + rng.normal(0.0, 0.35)))
        drafts[version] = SimulatedDraft(max(20, round(voxels * (1 + rng.normal(0.0, error / 2)))), error)
    return SimulatedTarget(structure, difficulty, voxels, slices, threshold, drafts)


def simulated_segment(
    rng: np.random.Generator, reader: SimulatedReader, share_of_year: float, target: SimulatedTarget, version: str | None
) -> SimulatedSegment:
    """Return what a reader makes of one structure, with the draft of a version or without one (None)."""
    structure = target.structure
    pace = at(reader.pace, share_of_year) * math.exp(0.2 * target.difficulty + rng.normal(0.0, 0.3))
    hardness = math.exp(0.35 * target.difficulty + rng.normal(0.0, 0.25))
    own_error = min(0.6, structure.expert_error * at(reader.own_error, share_of_year) * hardness)
    if version is None:
        voxels = max(20, round(target.voxels * (1 + rng.normal(0.0, own_error / 2))))
        seen = target.slices - int(rng.binomial(target.slices, 0.01))
        active_s = structure.by_hand_s * pace
        return SimulatedSegment(
            structure, active_s, voxels, 0, voxels, 0, target.slices, seen, True, 1 - own_error, target.threshold
        )
    draft_voxels, draft_error = target.drafts[version].voxels, target.drafts[version].error
    attention = at(reader.attention, share_of_year)
    left_as_it_is = rng.random() < 0.75 * (1 - attention) + 0.3 * math.exp(-draft_error / _GOOD_ENOUGH)
    noticed = 0.0 if left_as_it_is else rng.beta(1 + 8 * attention, 1 + 8 * (1 - attention))
    needless = 0.0 if left_as_it_is else at(reader.over_correction, share_of_year) * own_error * math.exp(rng.normal(0.0, 0.3))
    changed = min(0.8, noticed * draft_error + needless)
    added, removed = _changed_voxels(draft_voxels, changed, rng.uniform(0.3, 0.7))
    scrolled = not left_as_it_is or rng.random() < min(1.0, 0.1 + 1.1 * attention)
    share_seen = rng.beta(20 * (0.15 + 0.83 * attention), 20 * (0.85 - 0.83 * attention)) if scrolled else 0.0
    # Without scrolling one slice is on the screen.
    seen = max(1, round(target.slices * share_seen))
    look_s = structure.look_s * (0.2 + 0.9 * attention) * at(reader.draft_look, share_of_year)
    active_s = pace * (look_s + structure.by_hand_s * min(1.2, changed / _AS_LONG_AS_BY_HAND))
    error = min(0.9, draft_error * (1 - noticed) + 0.7 * noticed * min(own_error, draft_error) + needless / 2)
    voxels = draft_voxels + added - removed
    return SimulatedSegment(
        structure, active_s, voxels, draft_voxels, added, removed, target.slices, seen, scrolled, 1 - error, target.threshold
    )


def planted_error_is_found(rng: np.random.Generator, reader: SimulatedReader, share_of_year: float) -> bool:
    """Return whether a reader corrects a planted error: the more of the draft is looked at, the likelier."""
    return bool(rng.random() < 0.1 + 0.88 * at(reader.attention, share_of_year))


def _changed_voxels(draft_voxels: int, changed: float, share_added: float) -> tuple[int, int]:
    """Return voxels added and removed so that the Dice of draft and final is 1 - changed."""
    both = 2 * (1 - share_added) + (1 - changed) * (2 * share_added - 1)
    total = 2 * draft_voxels * changed / both
    added = round(share_added * total)
    return added, min(draft_voxels - 1, round(total) - added)
