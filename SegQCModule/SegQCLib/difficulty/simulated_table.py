"""The simulated study as a table: what the stand-in AI outlined on each slice, described, beside how readers agreed there."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from SegQCLib.difficulty.agreement_target import TargetDefinition, target_pairs
from SegQCLib.difficulty.descriptors.describe import GROUPS, describe_slice
from SegQCLib.difficulty.simulated_readers import REPEAT_OF_FIRST
from SegQCLib.difficulty.simulated_study import SimulatedLesion
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.progress import Progress, counted, unwatched

PAPER_TARGET = TargetDefinition(kind="against_operator", unit="slice", operator=0, repeat=REPEAT_OF_FIRST)
"""As in Fournel et al.: the first reader with each other reading, the own second one among them."""

CANDIDATE = -1
"""The describing reader of a row whose outline is the AI's, not a reader's."""


def simulated_table(
    lesions: Sequence[SimulatedLesion],
    *,
    groups: Collection[str] = GROUPS,
    progress: Progress = unwatched,
) -> StudyTable:
    """Return one row per slice that counts, describing the AI's outline as in Fournel et al.

    Parameters
    ----------
    lesions : sequence of SimulatedLesion
    groups : collection of str
        Of `describe.GROUPS`.
    progress : callable

    Returns
    -------
    StudyTable
        `simulated` is True; the target is `PAPER_TARGET`; `describing_reader` is `CANDIDATE`. A slice without healthy tissue has
        NaN for `imaging`.
    """
    rows = []
    for made in counted(progress, "Describing simulated lesions", lesions):
        lesion = made.lesion
        for k in made.slices:
            descriptors = describe_slice(
                made.candidate, k, lesion.spacing_mm, lesion.image, lesion.healthy, lesion.uncertainty, groups=groups
            )
            pairs = target_pairs(lesion.readers[:, k], PAPER_TARGET)
            rows.append((f"{lesion.id} slice {k}", lesion.patient, descriptors, pairs))
    names = tuple(dict.fromkeys(name for _, _, descriptors, _ in rows for name in descriptors))
    return StudyTable(
        unit="slice",
        names=names,
        values=np.array([[descriptors.get(name, math.nan) for name in names] for _, _, descriptors, _ in rows]),
        units=tuple(unit for unit, _, _, _ in rows),
        patients=tuple(patient for _, patient, _, _ in rows),
        describing_reader=np.full(len(rows), CANDIDATE),
        target=np.array([pairs.mean() for _, _, _, pairs in rows]),
        pairs=tuple(pairs for _, _, _, pairs in rows),
        simulated=True,
    )
