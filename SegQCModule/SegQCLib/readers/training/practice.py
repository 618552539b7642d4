"""A reader's attempts at the practice cases of a course: kept in the records folder, as many as the reader likes.

<records folder>/training/<course>/practice/<case>/<reader>/attempts.json     beside the reader's segmentation
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from SegQCLib.case_files import reader_folder
from SegQCLib.dataclass_json import to_json
from SegQCLib.errors import BadDataError
from SegQCLib.json_file import read_json_file
from SegQCLib.one_writer import one_writer
from SegQCLib.output import require_writable, write_files
from SegQCLib.readers.training.attempt_score import AttemptScore
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.course_file import CourseCase

ATTEMPTS = "attempts.json"


@dataclass(frozen=True)
class PracticeAttempt:
    """One score of a practice case."""

    scored: str = field(metadata={"doc": "When, ISO 8601 with time zone."})
    course_sha256: str = field(metadata={"doc": "SHA-256 of the course's content at that time."})
    score: AttemptScore = field(metadata={"doc": "What it came to."})


@dataclass(frozen=True)
class PracticeAttempts:
    """All scores of one reader on one practice case."""

    schema: Literal["segqc-practice"] = field(metadata={"doc": "Always segqc-practice."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    reader: str = field(metadata={"doc": "Reader's name."})
    course: str = field(metadata={"doc": "Course id."})
    case: str = field(metadata={"doc": "Case id."})
    attempts: tuple[PracticeAttempt, ...] = field(metadata={"doc": "In order of time."})


def practice_folder(course: Course, records: Path) -> Path:
    """Return the folder of all practice in a course; it need not exist."""
    return records / "training" / course.file.id / "practice"


def practice_name(course: Course, case: CourseCase) -> str:
    """Return how a practice case is called in the scene, in logs and as a folder."""
    return f"{course.file.id} {case.id}"


def attempts_folder(course: Course, case: CourseCase, reader: str, records: Path) -> Path:
    """Return the folder of a reader's work on a practice case; it need not exist."""
    return reader_folder(practice_folder(course, records), practice_name(course, case), reader)


def practice_attempts(course: Course, reader: str, records: Path) -> tuple[Mapping[str, PracticeAttempts], tuple[str, ...]]:
    """Return a reader's attempts by the ids of their cases, and a sentence for each file of them that cannot be read."""
    found, unread = {}, []
    for case in course.file.cases_of("practice"):
        path = attempts_folder(course, case, reader, records) / ATTEMPTS
        if path.is_file():
            try:
                found[case.id] = _read(path)
            except BadDataError as error:
                unread.append(str(error))
    return found, tuple(unread)


def keep_attempt(
    course: Course, case: CourseCase, reader: str, records: Path, score: AttemptScore, now: datetime | None = None
) -> PracticeAttempts:
    """Add a score to a reader's attempts and return them all.

    Raises
    ------
    BadDataError
        If the records folder cannot be written to. A file that cannot be read is put aside under another name.
    """
    folder = attempts_folder(course, case, reader, records)
    require_writable(folder)
    path = folder / ATTEMPTS
    moment = (datetime.now().astimezone() if now is None else now).isoformat(timespec="seconds")
    attempt = PracticeAttempt(moment, course.sha256, score)
    with one_writer(folder):
        before = PracticeAttempts("segqc-practice", "1.0", reader, course.file.id, case.id, ())
        if path.is_file():
            try:
                before = _read(path)
            except BadDataError:
                path.replace(path.with_name(f"unreadable.{path.name}"))
        attempts = replace(before, attempts=(*before.attempts, attempt))
        write_files(folder, {path.name: to_json(attempts)})
    return attempts


def _read(path: Path) -> PracticeAttempts:
    return read_json_file(PracticeAttempts, path, "a list of practice attempts", "Take it from a copy, or delete it.")
