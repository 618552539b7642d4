"""Which artifact is shown how at which grade: the whole atlas as one table.

A grade's parameters were chosen by looking: the picture has to show what the grade's wording says of borders. Grade 5 is the
slice as it was acquired. The ratings' scale is 1 (severe) to 5 (none).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from SegQCLib.artifact_atlas.ct_beam_hardening import ct_beam_hardening
from SegQCLib.artifact_atlas.ct_metal import ct_metal
from SegQCLib.artifact_atlas.ct_motion import ct_motion
from SegQCLib.artifact_atlas.ct_noise import ct_noise
from SegQCLib.artifact_atlas.ct_rings import ct_rings
from SegQCLib.artifact_atlas.mr_aliasing import mr_aliasing
from SegQCLib.artifact_atlas.mr_metal import mr_metal
from SegQCLib.artifact_atlas.mr_motion import mr_motion
from SegQCLib.artifact_atlas.mr_noise import mr_noise
from SegQCLib.artifact_atlas.mr_ringing import mr_ringing
from SegQCLib.artifact_atlas.sample_slices import SampleCT, SampleMR

SEED = 1
GRADES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Shown:
    """One grade: what its slice is, and what was done to it in words, with numbers and units."""

    draw: Callable[[SampleCT | SampleMR], NDArray[np.floating]]
    words: str


@dataclass(frozen=True)
class Artifact:
    """One rating's pictures.

    Attributes
    ----------
    modality : {"CT", "MR"}
    rating : str
        Id of the rating in protocols.
    grades : mapping of int to Shown
        Grades 1 to 4; 5 is the slice itself.
    """

    modality: Literal["CT", "MR"]
    rating: str
    grades: dict[int, Shown]


def _grades(draw: Callable, words: Callable[..., str], *parameters: object) -> dict[int, Shown]:
    """Return grades 4 to 1 of a drawing function (slice, parameter) and its words by parameter."""
    return {
        grade: Shown(lambda sample, one=one: draw(sample, one), words(one))
        for grade, one in zip((4, 3, 2, 1), parameters, strict=True)
    }


def _discs(sample: SampleCT, radius_mm: float) -> NDArray[np.float64]:
    row, left, right = sample.spine
    return ct_metal(sample.slice, ((row, left, radius_mm), (row, right, radius_mm)), 3e6, SEED)


ARTIFACTS = (
    Artifact("CT", "noise", _grades(
        lambda sample, photons: ct_noise(sample.slice, photons, SEED),
        lambda photons: f"{photons:,.0f} photons per detector element and view",
        1_000_000, 400_000, 120_000, 20_000,
    )),
    Artifact("CT", "motion", _grades(
        lambda sample, mm: ct_motion(sample.slice, mm),
        lambda mm: f"patient moves by ±{mm:g} mm during the half rotation",
        1.5, 3.0, 5.0, 10.0,
    )),
    Artifact("CT", "metal", _grades(
        _discs, lambda mm: f"two steel rods of {2 * mm:g} mm beside the spine", 1.25, 3.0, 5.5, 11.0,
    )),
    Artifact("CT", "beam_hardening", _grades(
        lambda sample, strength: ct_beam_hardening(sample.slice, strength),
        lambda strength: f"hardening by bone, {strength:g} times that of this patient",
        8, 18, 35, 80,
    )),
    Artifact("CT", "ringing", _grades(
        lambda sample, error: ct_rings(sample.slice, error, SEED),
        lambda error: f"a quarter of the detector elements off by {error:.1%} (SD)",
        0.012, 0.03, 0.06, 0.15,
    )),
    Artifact("CT", "partial_volume", _grades(
        lambda sample, count: sample.thick(count), lambda count: f"slice of {2 * count:g} mm", 3, 7, 13, 20,
    )),
    Artifact("MR", "noise", _grades(
        lambda sample, sigma: mr_noise(sample.magnitude, sigma, SEED),
        lambda sigma: f"noise of SD {sigma:g} in each channel; window {SampleMR.WINDOW:g}",
        25, 60, 110, 200,
    )),
    Artifact("MR", "motion", _grades(
        lambda sample, pixels: mr_motion(sample.magnitude, pixels, 9.3),
        lambda pixels: f"patient moves by ±{pixels * SampleMR.PIXEL_MM:.1f} mm, 9.3 breaths per acquisition",
        0.4, 0.9, 1.8, 4.0,
    )),
    Artifact("MR", "ringing", _grades(
        lambda sample, kept: mr_ringing(sample.magnitude, kept),
        lambda kept: f"{kept:.0%} of the phase-encoding lines acquired",
        0.6, 0.42, 0.27, 0.15,
    )),
    Artifact("MR", "aliasing", _grades(
        lambda sample, share: mr_aliasing(sample.magnitude, round(share * sample.magnitude.shape[0])),
        lambda share: f"field of view {share:.0%} of what the patient needs",
        0.92, 0.84, 0.7, 0.52,
    )),
    Artifact("MR", "metal", _grades(
        lambda sample, one: mr_metal(sample.magnitude, sample.metal, one[0], one[1]),
        lambda one: f"metal sphere of {2 * one[0] * SampleMR.PIXEL_MM:g} mm",
        (1.5, 3.0), (3.0, 7.0), (6.0, 15.0), (11.0, 30.0),
    )),
    Artifact("MR", "partial_volume", _grades(
        lambda sample, count: sample.thick(count), lambda count: f"slice of {3 * count:g} mm", 3, 6, 11, 20,
    )),
)  # fmt: skip
