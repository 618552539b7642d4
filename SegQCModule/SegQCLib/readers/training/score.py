"""Score an attempt at a case of a course against every expert, the experts' own range, and the expected expert agreement."""

from __future__ import annotations

from SegQCLib.case import Segmentation, Volume
from SegQCLib.progress import Progress, unwatched
from SegQCLib.readers.training.attempt_score import AttemptScore
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.course_file import CourseCase


def read_references(course: Course, case: CourseCase, image: Volume) -> tuple[Segmentation, ...]:
    """Return the experts' segmentations of a case on the image's grid, in the course's order; `name` is the expert's."""
    raise NotImplementedError


def score_attempt(
    course: Course,
    case: CourseCase,
    candidate: Segmentation,
    image: Volume,
    references: tuple[Segmentation, ...],
    *,
    seconds: float | None = None,
    progress: Progress = unwatched,
) -> AttemptScore:
    """Return what an attempt is worth."""
    raise NotImplementedError
