"""Both models' segmentations of every case against its reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from SegQCLib.alignment import align, was_resampled
from SegQCLib.case import Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.importers import read_segmentation
from SegQCLib.metrics import compare
from SegQCLib.model_comparison.cohort import Cohort, CohortCase, LeftOut
from SegQCLib.pairing import Pair, pair_segments
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.protocol import plain_name

TOLERANCE_MM = 2.0
Presence = Literal["both", "reference only", "model only", "neither"]


@dataclass(frozen=True)
class ModelValues:
    """One model's segment against the reference's, in one case. null: undefined."""

    presence: Presence = field(metadata={"doc": "Where the structure has voxels."})
    dice: float | None = field(metadata={"doc": "Dice, 0 to 1; 0: on one side only; null: on neither."})
    surface_dice_2mm: float | None = field(metadata={"doc": "Surface Dice at 2 mm, 0 to 1; 0 and null as Dice."})
    hausdorff_95_mm: float | None = field(metadata={"doc": "95th percentile of surface distances, mm; null: not on both sides."})


@dataclass(frozen=True)
class MeasuredStructure:
    """One structure of one case: both models against the reference."""

    case: str = field(metadata={"doc": "Name of the case."})
    patient: str = field(metadata={"doc": "Its patient; the case where no table of patients was given."})
    structure: str = field(metadata={"doc": "Name of the structure, as the reference has it."})
    a: ModelValues = field(metadata={"doc": "Model A."})
    b: ModelValues = field(metadata={"doc": "Model B."})


@dataclass(frozen=True)
class MeasuredCohort:
    """What was measured.

    Attributes
    ----------
    rows : tuple of MeasuredStructure
    structures : tuple of str
        That were compared, in the order in which references have them.
    not_in_a, not_in_b, not_in_reference : tuple of str
        Structures of which a model, or the reference, has no voxel in any case, though the other has: they are not compared.
    resampled : tuple of str
        Cases in which a model's output had to be resampled to the reference's grid.
    left_out : tuple of LeftOut
        Cases that could not be read.
    """

    rows: tuple[MeasuredStructure, ...]
    structures: tuple[str, ...]
    not_in_a: tuple[str, ...]
    not_in_b: tuple[str, ...]
    not_in_reference: tuple[str, ...]
    resampled: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class _Case:
    """All that is kept of a case: names and values, by plain name."""

    case: CohortCase
    names: dict[str, str]
    a: dict[str, ModelValues]
    b: dict[str, ModelValues]
    resampled: bool


def measure_cohort(cohort: Cohort, *, labels: str | None = None, progress: Progress = unwatched) -> MeasuredCohort:
    """Return the values of both models in every case; one case at a time is in memory.

    Segments are matched by name, else by code (see `pairing.pair_segments`), and models' outputs are brought onto the
    reference's grid. A structure is compared if the reference and both models have voxels of it in at least one case. In
    a case, it is absent on a side that has no segment of it, or one without voxels: absent on one side is a Dice of 0, absent
    in model and reference is not counted.

    Parameters
    ----------
    cohort : Cohort
    labels : str, optional
        What label values mean; see `read_segmentation`.
    progress : Progress

    Raises
    ------
    BadDataError
        If no case can be read, or no structure is in the reference and both models.
    """
    measured: list[_Case] = []
    left_out: list[LeftOut] = []
    for number, case in enumerate(cohort.cases):
        first, last = number / len(cohort.cases), (number + 1) / len(cohort.cases)
        progress(f"Comparing {case.case} ({number + 1} of {len(cohort.cases)})", first)
        try:
            measured.append(_measure(case, labels, part(progress, first, last)))
        except BadDataError as error:
            left_out.append(LeftOut(case.case, str(error)))
    if not measured:
        raise BadDataError(
            "The cohort", f"has no case that can be compared. {left_out[0].case}: {left_out[0].reason}", "Correct the files."
        )
    return _gathered(measured, tuple(left_out))


def _measure(case: CohortCase, labels: str | None, progress: Progress) -> _Case:
    reference = read_segmentation(case.reference, labels=labels)
    grid = Volume(None, reference.geometry)
    names = {plain_name(segment.name): segment.name for segment in reference.segments}
    values, resampled = [], False
    for path, first, last in ((case.a, 0.0, 0.5), (case.b, 0.5, 1.0)):
        candidate = align(read_segmentation(path, labels=labels, image=grid), reference.geometry)
        resampled |= was_resampled(candidate)
        pairs = pair_segments(reference, candidate)
        values.append(_values(case.case, reference, candidate, pairs, part(progress, first, last)))
        names |= {_key(pair): pair.name for pair in pairs if pair.reference is None}
    return _Case(case, names, *values, resampled)


def _key(pair: Pair) -> str:
    return plain_name((pair.reference or pair.candidate).name)


_PRESENCE: dict[tuple[bool, bool], Presence] = {
    (True, True): "both",
    (True, False): "reference only",
    (False, True): "model only",
    (False, False): "neither",
}


def _values(
    case: str, reference: Segmentation, candidate: Segmentation, pairs: Sequence[Pair], progress: Progress
) -> dict[str, ModelValues]:
    def told(words: str, share: float) -> None:
        progress(f"{case}: {words}", share)

    comparisons = compare(
        {n: reference.cropped_reader(pair.reference) for n, pair in enumerate(pairs) if pair.reference is not None},
        {n: candidate.cropped_reader(pair.candidate) for n, pair in enumerate(pairs) if pair.candidate is not None},
        reference.geometry.spacing_mm,
        labels=range(len(pairs)),
        tolerances_mm=(TOLERANCE_MM,),
        pieces=False,
        progress=told,
    )
    return {
        _key(pair): ModelValues(
            _PRESENCE[one.voxels_reference > 0, one.voxels_candidate > 0], one.dice, one.surface_dice[0][1], one.hausdorff_95_mm
        )
        for pair, one in zip(pairs, comparisons, strict=True)
    }


def _gathered(measured: Sequence[_Case], left_out: tuple[LeftOut, ...]) -> MeasuredCohort:
    names: dict[str, str] = {}
    for one in measured:
        for key, name in one.names.items():
            names.setdefault(key, name)

    in_a = {key for one in measured for key, value in one.a.items() if value.presence in ("both", "model only")}
    in_b = {key for one in measured for key, value in one.b.items() if value.presence in ("both", "model only")}
    in_reference = {key for one in measured for key, value in one.a.items() if value.presence in ("both", "reference only")}
    compared = [key for key in names if key in in_reference & in_a & in_b]
    if not compared:
        raise BadDataError(
            "The cohort",
            "has no structure that the reference and both models have.",
            "Are the structures named alike? For label maps say with --labels what their values mean.",
        )
    absent = ModelValues("neither", None, None, None)
    rows = [
        MeasuredStructure(one.case.case, one.case.patient, names[key], one.a.get(key, absent), one.b.get(key, absent))
        for key in compared
        for one in measured
    ]
    # What neither the reference nor a model has in a case says nothing about either of them.
    counted = [row for row in rows if row.a.dice is not None or row.b.dice is not None]

    def named(keys: set[str]) -> tuple[str, ...]:
        return tuple(name for key, name in names.items() if key in keys)

    return MeasuredCohort(
        rows=tuple(counted),
        structures=named(set(compared)),
        not_in_a=named(in_reference - in_a),
        not_in_b=named(in_reference - in_b),
        not_in_reference=named((in_a | in_b) - in_reference),
        resampled=tuple(one.case.case for one in measured if one.resampled),
        left_out=left_out,
    )
