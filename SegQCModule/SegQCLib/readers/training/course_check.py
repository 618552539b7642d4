"""Look into every file of a course: what an author is told before readers meet it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from SegQCLib.alignment import align, was_resampled
from SegQCLib.case import Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.readers.training.course import Course, expert_within, read_course
from SegQCLib.readers.training.course_file import CourseCase
from SegQCLib.readers.training.pass_rule import MEASURES, reaches, required_within
from SegQCLib.readers.training.structure_voxels import structure_labels

# A reader who is within the range half as often as an expert: most outlines are worse than all experts'.
_POOR = 0.5


def course_faults(folder: Path, progress: Progress = unwatched) -> tuple[str, ...]:
    """Return everything that is wrong with a course folder, one sentence each; () for a usable course.

    What `read_course` lists, or else what is found in the files: images and segmentations that cannot be read, outlines on
    another grid than the image, structures that an expert did not draw, drafts that are an expert's outline.
    """
    try:
        course = read_course(folder)
    except BadDataError as error:
        first, _, listed = error.remedy.partition("\n")
        return tuple(line.strip() for line in listed.splitlines()) or (f"{error.found} {first}",)
    cases = course.file.cases
    return tuple(fault for case in counted(progress, "Looking at case", cases) for fault in _case_faults(course, case))


def course_remarks(course: Course) -> tuple[str, ...]:
    """Return what an author should know of a usable course: how sharp its exam is, and what is missing for learning."""
    file = course.file
    ranges = expert_within(file)
    required = required_within(ranges, file.pass_rule.expert_passes)
    remarks = []
    if ranges:
        expert = max(0.0, 1 - MEASURES * (1 - reaches(ranges, required)))
        poor = reaches([_POOR * one for one in ranges], required)
        remarks.append(
            f"The exam asks for {required} of {len(ranges)} structures within the experts' range. A reader like the experts reaches"
            f" that at least {100 * expert:.0f} % of the time; a reader who is within half as often as an expert, at most"
            f" {100 * poor:.0f} % (structures taken as independent)."
        )
    taught = {page.structure for page in file.pages}
    asked = {name for case in file.cases for name in case.structures}
    for name in sorted(asked - taught):
        remarks.append(f"{name} is asked for in a case and has no page in the atlas.")
    practised = {name for case in file.cases_of("practice") for name in case.structures}
    for name in sorted({name for case in file.cases_of("exam") for name in case.structures} - practised):
        remarks.append(f"{name} is in the exam and in no practice case.")
    if not file.sources:
        remarks.append("Sources and licences of the course's data are not given.")
    if file.anything_simulated:
        remarks.append("The course says that images or outlines are simulated; certificates say so too.")
    return tuple(remarks)


def _case_faults(course: Course, case: CourseCase) -> Iterator[str]:
    try:
        image = read_image(course.path(case.image))
    except BadDataError as error:
        yield f"{case.id}: {error}"
        return
    experts = []
    for reference in case.references:
        name = f"{case.id}, {reference.expert}"
        try:
            drawn = read_segmentation(course.path(reference.file), labels=course.labels(case), image=image)
            faults = _outline_faults(course, case, drawn, image)
            experts.append((reference.expert, drawn))
        except BadDataError as error:
            faults = [str(error)]
        yield from (f"{name}: {fault}" for fault in faults)
    if case.draft is not None:
        try:
            draft = read_segmentation(course.path(case.draft), labels=course.labels(case), image=image)
            faults = list(_draft_faults(course, case, draft, experts, image))
        except BadDataError as error:
            faults = [str(error)]
        yield from (f"{case.id}, draft: {fault}" for fault in faults)


def _outline_faults(course: Course, case: CourseCase, drawn: Segmentation, image: Volume) -> list[str]:
    aligned = align(drawn, image.geometry)
    faults = []
    if was_resampled(aligned):
        faults.append("is on another grid than the image; save it on the image's grid")
    found = structure_labels(aligned, course.protocol.protocol, case.structures)
    faults += [
        f"has no segment {name}; an expert who looked and found none has an empty one"
        for name in case.structures
        if name not in found
    ]
    return faults


def _draft_faults(
    course: Course, case: CourseCase, draft: Segmentation, experts: list[tuple[str, Segmentation]], image: Volume
) -> Iterator[str]:
    aligned = align(draft, image.geometry)
    own = structure_labels(aligned, course.protocol.protocol, case.structures)
    if not own:
        yield f"has none of {', '.join(case.structures)}"
    for expert, drawn in experts:
        theirs = structure_labels(align(drawn, image.geometry), course.protocol.protocol, case.structures)
        shared = [name for name in own if name in theirs]
        if shared and all(np.array_equal(own[name][0] == own[name][1], theirs[name][0] == theirs[name][1]) for name in shared):
            yield f"is the outline of {expert}, voxel by voxel; the draft that a reader begins with is not the truth"
