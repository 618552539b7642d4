"""The certificate of a passed exam: what was passed, on which images, until when it holds, and what it does not prove."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.exam import Exam, ExamResult


@dataclass(frozen=True)
class CertifiedStructure:
    """One structure of one exam case on a certificate."""

    case: str = field(metadata={"doc": "Case id."})
    structure: str = field(metadata={"doc": "Name in the protocol."})
    dice: float = field(metadata={"doc": "Mean Dice of the reader with the experts."})
    experts_lowest: float | None = field(metadata={"doc": "Lowest Dice of a pair of experts on this image; null with one expert."})
    experts_highest: float | None = field(metadata={"doc": "Highest Dice of a pair of experts; null with one expert."})
    surface_dice: float = field(metadata={"doc": "Mean surface Dice of the reader with the experts."})
    within: bool | None = field(metadata={"doc": "Whether Dice is within the experts' range, or the limit is reached."})
    within_surface: bool | None = field(metadata={"doc": "Whether surface Dice is within the experts' range; null: no range."})


@dataclass(frozen=True)
class Certificate:
    """A SegQC training certificate."""

    schema: Literal["segqc-certificate"] = field(metadata={"doc": "Always segqc-certificate."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    reader: str = field(metadata={"doc": "Reader's name."})
    course: str = field(metadata={"doc": "Course id."})
    course_version: str = field(metadata={"doc": "Course version."})
    course_title: str = field(metadata={"doc": "Course title."})
    course_sha256: str = field(metadata={"doc": "SHA-256 of the course's content."})
    protocol: str = field(metadata={"doc": "Protocol id."})
    protocol_version: str = field(metadata={"doc": "Protocol version."})
    protocol_sha256: str = field(metadata={"doc": "SHA-256 of the protocol file."})
    exam: str = field(metadata={"doc": "Id of the exam."})
    exam_number: int = field(metadata={"doc": "Which of the reader's exams of this course it was, from 1."})
    issued: str = field(metadata={"doc": "When the exam was finished, ISO 8601 with time zone."})
    valid_until: str = field(metadata={"doc": "Last day on which it holds, ISO 8601 date."})
    refresh_due: str | None = field(metadata={"doc": "Day from which a refresh is due, ISO 8601 date; null: by no date."})
    pass_rule: str = field(metadata={"doc": "The rule in words."})
    result: ExamResult = field(metadata={"doc": "What the exam came to."})
    structures: tuple[CertifiedStructure, ...] = field(metadata={"doc": "Every structure of every exam case."})
    median_dice: float = field(metadata={"doc": "Median over them of the reader's mean Dice with the experts: the exam level."})
    drift_reads: int | None = field(metadata={"doc": "See the course's refresh rule; null: no refresh by drift."})
    drift_allowed_fall: float | None = field(metadata={"doc": "See the course's refresh rule; null: no refresh by drift."})
    simulated: bool = field(metadata={"doc": "True where a program made an image or an outline of the exam."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what scored the exam."})
    sha256: str = field(metadata={"doc": "SHA-256 over everything above."})


def issue_certificate(course: Course, exam: Exam) -> Certificate:
    """Return the certificate of a passed exam; BadDataError if it was not passed or the course changed meanwhile."""
    raise NotImplementedError


def write_certificate(certificate: Certificate, folder: Path) -> tuple[Path, Path]:
    """Write a certificate as JSON and as a page to print; return both paths."""
    raise NotImplementedError


def read_certificate(path: Path) -> Certificate:
    """Return a certificate; BadDataError if the file is none or was changed."""
    raise NotImplementedError


def months_later(day: datetime, months: int) -> datetime:
    """Return the same day some calendar months later, or that month's last day where it is shorter."""
    raise NotImplementedError
