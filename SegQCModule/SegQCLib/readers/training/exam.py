"""An exam: its cases in an order of its own, one attempt each, the experts' outlines hidden until the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from SegQCLib.case import Segmentation, Volume
from SegQCLib.progress import Progress, unwatched
from SegQCLib.readers.training.attempt_score import AttemptScore
from SegQCLib.readers.training.course import Course


@dataclass(frozen=True)
class ExamAnswer:
    """One case of an exam that the reader is done with."""

    case: str = field(metadata={"doc": "Case id."})
    answered: str = field(metadata={"doc": "When, ISO 8601 with time zone."})
    file: str = field(metadata={"doc": "The reader's segmentation, beside exam.json."})
    file_sha256: str = field(metadata={"doc": "SHA-256 of that file."})
    score: AttemptScore = field(metadata={"doc": "Its score."})
    previous_sha256: str = field(metadata={"doc": "sha256 of the answer before; of the first: of the exam's beginning."})
    sha256: str = field(metadata={"doc": "SHA-256 over this answer and previous_sha256."})


@dataclass(frozen=True)
class Exam:
    """One reader's exam as exam.json has it."""

    schema: Literal["segqc-exam"] = field(metadata={"doc": "Always segqc-exam."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    id: str = field(metadata={"doc": "Random id, 32 hexadecimal digits."})
    reader: str = field(metadata={"doc": "Reader's name."})
    course: str = field(metadata={"doc": "Course id."})
    course_version: str = field(metadata={"doc": "Course version."})
    course_sha256: str = field(metadata={"doc": "SHA-256 of the course's content at the beginning."})
    number: int = field(metadata={"doc": "Which of the reader's exams of this course it is, from 1."})
    seed: int = field(metadata={"doc": "Seed of the order."})
    order: tuple[str, ...] = field(metadata={"doc": "Case ids in the order of the exam."})
    started: str = field(metadata={"doc": "When it began, ISO 8601 with time zone."})
    answers: tuple[ExamAnswer, ...] = field(default=(), metadata={"doc": "What is done, in the order of the exam."})
    finished: str | None = field(default=None, metadata={"doc": "When the last case was done; null: it goes on."})

    @property
    def next_case(self) -> str | None:
        """Id of the case that is to be done next; None at the end."""
        return None if len(self.answers) == len(self.order) else self.order[len(self.answers)]


@dataclass(frozen=True)
class ExamResult:
    """What an exam came to."""

    passed: bool = field(metadata={"doc": "Whether it was passed."})
    within: int = field(metadata={"doc": "Structures within the experts' range by Dice."})
    within_surface: int = field(metadata={"doc": "Structures within the experts' range by surface Dice."})
    judged: int = field(metadata={"doc": "Structures that were judged by a range."})
    required: int = field(metadata={"doc": "How many of them have to be within, for each of both measures."})
    limits_met: int = field(metadata={"doc": "Structures with an explicit limit that was reached."})
    limits: int = field(metadata={"doc": "Structures with an explicit limit: all have to be reached."})
    failed_checks: tuple[str, ...] = field(metadata={"doc": "Technical errors that the course does not allow, in words."})
    words: str = field(metadata={"doc": "The result as sentences for the reader."})


def start_exam(course: Course, reader: str, records: Path, *, seed: int | None = None, now: datetime | None = None) -> Path:
    """Begin an exam, or return the one that this reader has not finished; return its folder (exam.json is in it)."""
    raise NotImplementedError


def open_exams(course: Course, reader: str, records: Path) -> tuple[Path, ...]:
    """Return the folders of a reader's exams of a course, finished or not, oldest first."""
    raise NotImplementedError


def read_exam(folder: Path) -> Exam:
    """Return the exam in a folder; BadDataError if its file was changed."""
    raise NotImplementedError


def answer_case(
    course: Course,
    folder: Path,
    case_id: str,
    candidate: Segmentation,
    image: Volume,
    *,
    seconds: float | None = None,
    now: datetime | None = None,
    progress: Progress = unwatched,
) -> Exam:
    """Save a reader's only attempt at the next case, score it, and return the exam."""
    raise NotImplementedError


def exam_result(course: Course, exam: Exam) -> ExamResult:
    """Return what a finished exam came to."""
    raise NotImplementedError


def attempt_facts(score: AttemptScore) -> dict:
    """Return the facts of the event `training_attempt` for a session log."""
    raise NotImplementedError
