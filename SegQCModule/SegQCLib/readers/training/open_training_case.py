"""Open a course's case for a reader: the image, the reader's own segmentation or an empty one, and the starting draft."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from SegQCLib.case_files import CandidateOrigin, OpenedCase, empty_candidate, open_case
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocol import LoadedProtocol, QCProtocol
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.course_file import CourseCase
from SegQCLib.worklist import WorklistCase


def asked_protocol(course: Course, case: CourseCase) -> QCProtocol:
    """Return the course's protocol with only those structures that a case asks for, each required, in the case's order."""
    by_name = {structure.name: structure for structure in course.protocol.protocol.structures}
    asked = tuple(replace(by_name[name], required=True) for name in case.structures)
    return replace(course.protocol.protocol, structures=asked)


def open_training_case(
    course: Course, case: CourseCase, name: str, work: Path, reader: str, progress: Progress = unwatched
) -> OpenedCase:
    """Read a course's case, without any expert's outline.

    Without earlier work of the reader the segmentation is empty, with a coded segment for each structure that the case asks
    for, also where the course has a starting draft: that is shown beside it, so that it is the reader's choice to begin with it.

    Parameters
    ----------
    course : Course
    case : CourseCase
    name : str
        How the case is called in the scene and in logs.
    work : Path
        The reader's work is kept in a sub-folder of it.
    reader : str
    progress : callable, optional

    Raises
    ------
    BadDataError
        As `case_files.open_case`.
    """
    entry = WorklistCase(
        case=name,
        image=course.path(case.image),
        draft=None if case.draft is None else course.path(case.draft),
        labels=course.labels(case),
        training_set=course.file.id,
    )
    rules = asked_protocol(course, case)
    asked = LoadedProtocol(rules, course.protocol.path, course.protocol.sha256)
    opened = replace(open_case(entry, work, reader, asked, progress), protocol=course.protocol)
    if opened.origin is not CandidateOrigin.DRAFT:
        return opened
    return replace(opened, candidate=empty_candidate(opened.image.geometry, rules, reader), origin=CandidateOrigin.EMPTY)
