"""An attempt with its score, and all that is needed to show where it differs from the experts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from SegQCLib.case import Segmentation, Volume
from SegQCLib.geometry import part_of
from SegQCLib.metrics.label_planes import foreground_box
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.readers.training.attempt_score import AttemptScore
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.course_file import CourseCase
from SegQCLib.readers.training.error_map import EXTRA, MISSED, error_map
from SegQCLib.readers.training.score import read_references, score_attempt


@dataclass(frozen=True, eq=False)
class ErrorMap:
    """What was missed and what was drawn too much.

    Attributes
    ----------
    map : Volume
        uint8: MISSED, EXTRA, else 0; the part of the image that holds them, one voxel where there are none.
    missed_ml, extra_ml : float
        Their volumes, mL.
    """

    map: Volume
    missed_ml: float
    extra_ml: float


@dataclass(frozen=True, eq=False)
class ScoredAttempt:
    """An attempt, the experts' outlines of its case, and the score.

    Attributes
    ----------
    course : Course
    case : CourseCase
    candidate : Segmentation
        On the image's grid.
    references : tuple of Segmentation
        `name` is the expert's.
    score : AttemptScore
    errors : ErrorMap
        Against the experts' majority, all structures together.
    """

    course: Course
    case: CourseCase
    candidate: Segmentation
    references: tuple[Segmentation, ...]
    score: AttemptScore
    errors: ErrorMap


def scored_attempt(
    course: Course,
    case: CourseCase,
    read: Callable[[], tuple[Segmentation, Volume]],
    references: tuple[Segmentation, ...] = (),
    *,
    seconds: float | None = None,
    score: AttemptScore | None = None,
    progress: Progress = unwatched,
) -> ScoredAttempt:
    """Return an attempt at a case with its score and its errors.

    Parameters
    ----------
    course : Course
    case : CourseCase
    read : callable
        Returns the attempt on the image's grid, and the image.
    references : tuple of Segmentation, optional
        The experts' segmentations; default: they are read.
    seconds : float or None
        Active time, s.
    score : AttemptScore or None
        The score of an attempt that was scored before (an answer of an exam); None: it is scored now.
    progress : callable, optional

    Raises
    ------
    BadDataError
        If the attempt or an expert's outline cannot be read.
    """
    candidate, image = read()
    if not references:
        progress("Reading the experts' outlines", 0.1)
        references = read_references(course, case, image)
    if score is None:
        score = score_attempt(course, case, candidate, image, references, seconds=seconds, progress=part(progress, 0.3, 0.9))
    progress("Making the error map", 0.9)
    return ScoredAttempt(course, case, candidate, references, score, errors_of(course, candidate, references, case.structures))


def errors_of(course: Course, candidate: Segmentation, references: Sequence[Segmentation], structures: Sequence[str]) -> ErrorMap:
    """Return where an attempt differs from one expert, or from the majority of several, on some structures."""
    labels = error_map(candidate, references, course.protocol.protocol, structures)
    (layer,) = labels.layers
    wrong = np.where(layer <= EXTRA, layer, 0).astype(np.uint8)
    box = foreground_box(wrong, 1) or (slice(0, 1),) * 3
    wrong = np.ascontiguousarray(wrong[box])
    geometry = part_of(labels.geometry, [axis.start for axis in box], wrong.shape)
    voxel_ml = float(np.prod(labels.geometry.spacing_mm)) / 1000
    missed, extra = (np.count_nonzero(wrong == value) * voxel_ml for value in (MISSED, EXTRA))
    return ErrorMap(Volume(wrong, geometry), missed, extra)
