"""Read a training course from its folder, or say everything that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from SegQCLib.protocol import LoadedProtocol
from SegQCLib.readers.training.course_file import COURSE_FILE, CourseCase, CourseFile


@dataclass(frozen=True, eq=False)
class Course:
    """A course as its folder has it.

    Attributes
    ----------
    folder : Path
    file : CourseFile
    protocol : LoadedProtocol
    sha256 : str
        SHA-256 of everything that the course consists of: the lines 'relative path, SHA-256' of course.json and all files
        that it names.
    """

    folder: Path
    file: CourseFile
    protocol: LoadedProtocol
    sha256: str

    def path(self, relative: str) -> Path:
        """Return where a file that the course names is."""
        return self.folder / relative

    def case(self, case_id: str) -> CourseCase:
        """Return a case by its id.

        Raises
        ------
        ValueError
            If there is no such case.
        """
        raise NotImplementedError


def is_course(folder: Path) -> bool:
    """Return whether a folder has a course.json; a folder without one can still be a simple course (`training_course`)."""
    return (folder / COURSE_FILE).is_file()


def read_course(folder: Path) -> Course:
    """Return the course in a folder.

    Raises
    ------
    BadDataError
        If it has faults: with all of them.
    """
    raise NotImplementedError


def course_faults(folder: Path) -> tuple[str, ...]:
    """Return everything that is wrong with a course folder, one sentence each; () for a usable course."""
    raise NotImplementedError
