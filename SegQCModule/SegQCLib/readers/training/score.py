"""Score an attempt at a case of a course against every expert, the experts' own range, and the expected expert agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from SegQCLib.alignment import align
from SegQCLib.case import Case, Segment, Segmentation, Volume
from SegQCLib.difficulty.in_case import expected_agreement
from SegQCLib.findings import Finding
from SegQCLib.importers import read_segmentation
from SegQCLib.metrics import SegmentComparison, compare_every_pair
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.protocol import QCProtocol, Structure
from SegQCLib.readers.training.attempt_score import AgainstExpert, AttemptScore, BesideExperts, ExpectedDice, StructureScore
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.course_file import CourseCase
from SegQCLib.readers.training.look_first import look_first
from SegQCLib.readers.training.pass_rule import beside_experts
from SegQCLib.readers.training.structure_voxels import structure_labels
from SegQCLib.recheck import look

# Of structures for which the protocol says none.
TOLERANCE_MM = 2.0
_OWN_TOLERANCE = "SegQC's default; the protocol names no tolerance for this structure"


def read_references(course: Course, case: CourseCase, image: Volume) -> tuple[Segmentation, ...]:
    """Return the experts' segmentations of a case on the image's grid, in the course's order; `name` is the expert's.

    Raises
    ------
    BadDataError
        If one cannot be read or lies outside the image.
    """
    return tuple(
        align(read_segmentation(course.path(one.file), labels=course.labels(case), name=one.expert, image=image), image.geometry)
        for one in case.references
    )


def score_attempt(
    course: Course,
    case: CourseCase,
    candidate: Segmentation,
    image: Volume,
    references: Sequence[Segmentation],
    *,
    seconds: float | None = None,
    progress: Progress = unwatched,
) -> AttemptScore:
    """Return what an attempt is worth.

    Parameters
    ----------
    course : Course
    case : CourseCase
    candidate : Segmentation
        The reader's attempt, on any grid. Segments are found by codes, name or alias, as the protocol says.
    image : Volume
        The case's image.
    references : sequence of Segmentation
        Of the case's experts, as `read_references` returns them.
    seconds : float, optional
        The reader's active time, s.

    Returns
    -------
    AttemptScore
        Dice and surface Dice are 1 where both sides say that a structure is absent and 0 where one does: a reader has to
        decide that too. A structure that the attempt has no segment of counts as absent.

    Raises
    ------
    BadDataError
        If the attempt lies outside the image.
    ValueError
        If the number of references is not the case's number of experts.
    """
    if len(references) != len(case.references):
        raise ValueError(f"{case.id} has {len(case.references)} experts; {len(references)} references were given.")
    rules = course.protocol.protocol
    # What a reader draws on a course's case is marked for the course, and taken with an image of it only.
    image = replace(image, training_set=course.file.id)
    drawn = align(candidate, image.geometry)
    asked = {name: structure for structure in rules.structures if (name := structure.name) in case.structures}
    tolerances = {name: _tolerance(structure) for name, structure in asked.items()}
    labels = [structure_labels(one, rules, case.structures) for one in (drawn, *references)]
    pairs = compare_every_pair(
        [{n: own[name] for n, name in enumerate(case.structures) if name in own} for own in labels],
        image.geometry.spacing_mm,
        labels=range(len(case.structures)),
        tolerances_mm={n: (tolerances[name][0],) for n, name in enumerate(case.structures)},
        progress=part(progress, 0.0, 0.5),
    )
    expected = _expected(course, image, drawn, references)
    structures = tuple(
        _scored(
            case,
            name,
            name in labels[0],
            tolerances[name],
            {pair: compared[n] for pair, compared in pairs.items()},
            expected.get(name),
        )
        for n, name in enumerate(case.structures)
    )
    progress("Looking for technical errors", 0.5)
    mine, others = _split(drawn, rules, case)
    technical = _technical(Case(image, mine), _only(rules, case), part(progress, 0.5, 0.8))
    progress("Looking for the largest differences", 0.8)
    found = look_first(drawn, references, rules, case.structures, image.geometry)
    coarse = [name for name, (tolerance, _) in tolerances.items() if tolerance < min(image.geometry.spacing_mm)]
    notes = (
        *(f"The tolerance of {name} is below the smallest voxel edge: its surface Dice counts every voxel." for name in coarse),
        *(("Image or outlines of this case were made by a program: simulated.",) if case.anything_simulated else ()),
    )
    return AttemptScore(
        course=course.file.id,
        course_version=course.file.version,
        case=case.id,
        mode=case.mode,
        seconds=seconds,
        structures=structures,
        technical=technical,
        look_first=found,
        not_asked=others,
        simulated=case.anything_simulated,
        notes=notes,
    )


def _tolerance(structure: Structure) -> tuple[float, str]:
    own = structure.surface_tolerance_mm
    return (TOLERANCE_MM, _OWN_TOLERANCE) if own is None or own.maximum is None else (own.maximum, own.source)


def _values(compared: SegmentComparison) -> tuple[float, float]:
    """Return Dice and surface Dice; undefined is agreement that there is nothing."""
    surface = compared.surface_dice[0][1]
    return 1.0 if compared.dice is None else compared.dice, 1.0 if surface is None else surface


def _scored(
    case: CourseCase,
    name: str,
    drawn: bool,
    tolerance: tuple[float, str],
    compared: dict[tuple[int, int], SegmentComparison],
    expected: ExpectedDice | None,
) -> StructureScore:
    # The reader is number 0, expert n is number n + 1.
    count = len(case.references)
    values = {pair: _values(one) for pair, one in compared.items()}
    beside = []
    for measure in range(2):
        experts = np.ones((count, count))
        for (a, b), value in values.items():
            if a > 0:
                experts[a - 1, b - 1] = experts[b - 1, a - 1] = value[measure]
        beside.append(beside_experts([values[0, n + 1][measure] for n in range(count)], experts))
    limit = case.limit_for(name)
    return StructureScore(
        structure=name,
        volume_ml=compared[0, 1].volume_reference_mm3 / 1000,
        drawn=drawn,
        tolerance_mm=tolerance[0],
        tolerance_source=tolerance[1],
        against=tuple(
            AgainstExpert(one.expert, *values[0, n + 1], compared[0, n + 1].volume_candidate_mm3 / 1000)
            for n, one in enumerate(case.references)
        ),
        dice=beside[0],
        surface_dice=beside[1],
        expected=expected,
        limit=None if limit is None else limit.dice,
        limit_source=None if limit is None else limit.source,
        words=_words(name, drawn, beside[0], beside[1], None if limit is None else limit.dice),
    )


def _words(name: str, drawn: bool, dice: BesideExperts, surface: BesideExperts, limit: float | None) -> str:
    title = name.replace("_", " ").capitalize()
    if not drawn:
        return f"{title} has no segment in this attempt, so it counts as absent."
    sentences = [f"{title}: mean Dice with the experts {dice.reader:.2f}."]
    if dice.experts is not None:
        among = (
            f"their Dice is {dice.experts.lowest:.2f}"
            if dice.experts.pairs == 1
            else f"their Dice goes from {dice.experts.lowest:.2f} to {dice.experts.highest:.2f}"
        )
        stands = {
            (True, True): "You are within their range by Dice and by surface Dice.",
            (True, False): "You are within their range by Dice and below it by surface Dice: look at the border.",
            (False, True): "You are below their range by Dice and within it by surface Dice: look at the parts listed below.",
            (False, False): "You are below their range: look at the parts listed below.",
        }[bool(dice.within), bool(surface.within)]
        sentences += [f"Among themselves {among}.", stands]
    else:
        sentences.append("There is one outline to compare with, so there is no range of experts.")
    if limit is not None:
        reached = "is reached" if dice.reader >= limit else "is not reached yet"
        sentences.append(f"The course's limit, {limit:.2f}, {reached}.")
    return " ".join(sentences)


def _expected(course: Course, image: Volume, drawn: Segmentation, references: Sequence[Segmentation]) -> dict[str, ExpectedDice]:
    """Return what the protocol's difficulty model expects; of several lesions of a structure, of the hardest one."""
    rules = course.protocol.protocol
    if rules.expected_agreement.model is None:
        return {}
    found: dict[str, ExpectedDice] = {}
    for one in expected_agreement(Case(image, drawn, tuple(references)), course.protocol).segments:
        structure = rules.structure_of(Segment("", one.segment, 1))
        if structure is None:
            continue
        said = ExpectedDice(one.model, one.dice, one.lower, one.upper, one.threshold, one.rule, one.coverage, one.reasons)
        known = found.get(structure.name)
        if known is None or (said.dice is not None and (known.dice is None or said.dice < known.dice)):
            found[structure.name] = said
    return found


def _split(drawn: Segmentation, rules: QCProtocol, case: CourseCase) -> tuple[Segmentation, tuple[str, ...]]:
    """Return the attempt with the segments that the case asks for, and the names of the others."""
    mine, others = [], []
    for segment in drawn.segments:
        structure = rules.structure_of(segment)
        if structure is not None and structure.name in case.structures:
            mine.append(segment)
        else:
            others.append(segment.name)
    return drawn.with_segments(tuple(mine)), tuple(others)


def _only(rules: QCProtocol, case: CourseCase) -> QCProtocol:
    """Return the protocol as if it named the case's structures alone: nothing else is missing from an attempt."""
    return replace(rules, structures=tuple(one for one in rules.structures if one.name in case.structures))


def _technical(case: Case, rules: QCProtocol, progress: Progress) -> tuple[Finding, ...]:
    return tuple(error.finding for error in look(case, rules, progress))
