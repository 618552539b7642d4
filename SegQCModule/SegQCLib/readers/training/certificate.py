"""The certificate of a passed exam: what was passed, on which images, until when it holds, and what it does not prove."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from statistics import median
from typing import Literal

from SegQCLib.dataclass_json import from_json, json_schema, to_json, to_plain
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import software_versions
from SegQCLib.file_name import file_name
from SegQCLib.json_file import read_json_file
from SegQCLib.output import require_writable, write_files
from SegQCLib.readers.training.attempt_score import StructureScore
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.exam import Exam, ExamResult, canonical_sha256, exam_result, is_moment, rule_words
from SegQCLib.templates import page_templates

CERTIFICATES_FOLDER = "certificates"  # in the records folder
CERTIFICATE_SCHEMA_ID = "https://segqc.invalid/schemas/certificate.schema.json"
NOT_PROVED = (
    "It is about the images and structures listed here, drawn once by this reader, and about nothing else.",
    "It is no board certification and no licence; none is needed to take the course.",
    "Its SHA-256 shows changes by mistake; there is no secret in it. The exam's folder, with every segmentation, is the evidence.",
    "The experts' outlines of the exam lie in the course's folder; the program hides them, and nobody watched the reader.",
)
_AGAIN = "It was not the first attempt: the images were the same, and the experts' outlines are shown at the end of each attempt."
_SIMULATED = "Images or outlines of the exam were made by a program: simulated. No expert drew what is marked so in the course."
_A_COPY = "Take it from a copy, or issue it again from the exam's folder."


@dataclass(frozen=True)
class CertifiedStructure:
    """One structure of one exam case on a certificate."""

    case: str = field(metadata={"doc": "Case id."})
    structure: str = field(metadata={"doc": "Name in the protocol."})
    experts: int = field(metadata={"doc": "Number of experts."})
    dice: float = field(metadata={"doc": "Mean Dice of the reader with the experts."})
    experts_lowest: float | None = field(metadata={"doc": "Lowest Dice of a pair of experts on this image; null with one expert."})
    experts_highest: float | None = field(metadata={"doc": "Highest Dice of a pair of experts; null with one expert."})
    surface_dice: float = field(metadata={"doc": "Mean surface Dice of the reader with the experts."})
    tolerance_mm: float = field(metadata={"doc": "Tolerance of the surface Dice, mm."})
    within: bool | None = field(metadata={"doc": "Whether Dice is within the experts' range; null: no range."})
    within_surface: bool | None = field(metadata={"doc": "Whether surface Dice is within the experts' range; null: no range."})
    limit: float | None = field(metadata={"doc": "Dice that had to be reached; null: no limit."})


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
    drift_reads: int | None = field(metadata={"doc": "Reads looked at for a refresh by drift; null: no refresh by drift."})
    drift_allowed_fall: float | None = field(metadata={"doc": "Fall of the median Dice that is allowed; null: see drift_reads."})
    simulated: bool = field(metadata={"doc": "True where a program made an image or an outline of the exam."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what scored the exam."})
    sha256: str = field(metadata={"doc": "SHA-256 over everything above, as JSON with sorted keys and no spaces."})

    @property
    def issued_on(self) -> date:
        return datetime.fromisoformat(self.issued).date()

    @property
    def last_day(self) -> date:
        return date.fromisoformat(self.valid_until)

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.drift_reads is not None and self.drift_reads < 1:
            yield "drift_reads", f"{self.drift_reads} is not 1 or more"
        for name in ("valid_until", *(("refresh_due",) if self.refresh_due is not None else ())):
            if not _is_date(getattr(self, name)):
                yield name, f"{getattr(self, name)!r} is no ISO 8601 date"
        if not is_moment(self.issued):
            yield "issued", f"{self.issued!r} is no ISO 8601 time with time zone"


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def months_later(day: date, months: int) -> date:
    """Return the same day some calendar months later, or that month's last day where it has no such day.

    29 February 2028 and 12 months are 28 February 2029. Nothing is later than 31 December 9999, where dates end.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > date.max.year:
        return date.max
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def issue_certificate(course: Course, exam: Exam) -> Certificate:
    """Return the certificate of a passed exam.

    Parameters
    ----------
    course : Course
    exam : Exam
        As `read_exam` returns it: its answers are what they were.

    Raises
    ------
    BadDataError
        If the exam goes on, was not passed, is of another course, or the course has changed since it began.
    """
    where = f"exam {exam.number} of {exam.reader}"
    if not exam.finished:
        left = len(exam.order) - len(exam.answers)
        raise BadDataError(where, f"has {left} of {len(exam.order)} cases to do.", "Finish it first.")
    if exam.course != course.file.id or exam.course_sha256 != course.sha256:
        raise BadDataError(
            where,
            f"is of {exam.course} {exam.course_version}; the course in {course.folder} is {course.file.id} {course.file.version}"
            f"{', with other content' if exam.course_version == course.file.version else ''}.",
            "A certificate is about the content that the exam was of. Take the course from a copy, or the exam again.",
        )
    asked = {case.id: set(case.structures) for case in course.file.cases_of("exam")}
    if {answer.case: {one.structure for one in answer.score.structures} for answer in exam.answers} != asked:
        raise BadDataError(where, "is not of all exam cases of the course with all their structures.", "Take the exam again.")
    result = exam_result(course, exam)
    if not result.passed:
        raise BadDataError(where, "was not passed.", result.words)
    issued = exam.answers[-1].answered
    day = datetime.fromisoformat(issued).date()
    rules, refresh = course.protocol.protocol, course.file.refresh
    structures = tuple(_certified(answer.case, one) for answer in exam.answers for one in answer.score.structures)
    certificate = Certificate(
        schema="segqc-certificate",
        schema_version="1.0",
        reader=exam.reader,
        course=course.file.id,
        course_version=course.file.version,
        course_title=course.file.title,
        course_sha256=exam.course_sha256,
        protocol=rules.id,
        protocol_version=rules.version,
        protocol_sha256=course.protocol.sha256,
        exam=exam.id,
        exam_number=exam.number,
        issued=issued,
        valid_until=months_later(day, course.file.valid_months).isoformat(),
        refresh_due=None if refresh.after_months is None else months_later(day, refresh.after_months).isoformat(),
        pass_rule=rule_words(course, result),
        result=result,
        structures=structures,
        median_dice=float(median(one.dice for one in structures)),
        drift_reads=None if refresh.drift is None else refresh.drift.reads,
        drift_allowed_fall=None if refresh.drift is None else refresh.drift.allowed_fall,
        simulated=any(answer.score.simulated for answer in exam.answers),
        software=software_versions(),
        sha256="",
    )
    certificate = from_json(Certificate, to_json(certificate))
    return replace(certificate, sha256=certificate_sha256(certificate))


def _certified(case: str, score: StructureScore) -> CertifiedStructure:
    among = score.dice.experts
    return CertifiedStructure(
        case=case,
        structure=score.structure,
        experts=len(score.against),
        dice=score.dice.reader,
        experts_lowest=None if among is None else among.lowest,
        experts_highest=None if among is None else among.highest,
        surface_dice=score.surface_dice.reader,
        tolerance_mm=score.tolerance_mm,
        within=score.dice.within,
        within_surface=score.surface_dice.within,
        limit=score.limit,
    )


def certificate_sha256(certificate: Certificate) -> str:
    """Return the SHA-256 over everything on a certificate but its own sha256."""
    return canonical_sha256({key: value for key, value in to_plain(certificate).items() if key != "sha256"})


def write_certificate(certificate: Certificate, folder: Path) -> tuple[Path, Path]:
    """Write a certificate as JSON and as a page to print, and return both paths.

    Raises
    ------
    BadDataError
        If the folder cannot be written to, or jinja2, which makes the page, is not installed.
    """
    name = f"{file_name(certificate.reader)}.{certificate.course}.{certificate.issued_on}.{certificate.exam[:8]}"
    require_writable(folder)
    write_files(folder, {f"{name}.json": to_json(certificate), f"{name}.html": certificate_page(certificate)})
    return folder / f"{name}.json", folder / f"{name}.html"


def certificate_page(certificate: Certificate) -> str:
    """Return a certificate as one HTML page, self-contained, to read and to print.

    Raises
    ------
    BadDataError
        If jinja2 is not installed.
    """
    template = page_templates("The certificate's page").get_template("certificate.html")
    return template.render(
        certificate=certificate,
        not_proved=(*NOT_PROVED, _AGAIN) if certificate.exam_number > 1 else NOT_PROVED,
        simulated=_SIMULATED,
    )


def read_certificate(path: Path) -> Certificate:
    """Return the certificate in a file.

    Raises
    ------
    BadDataError
        If it is no certificate, or was changed after it was issued.
    """
    certificate = read_json_file(Certificate, path, "a training certificate", _A_COPY)
    if certificate.sha256 != certificate_sha256(certificate):
        raise BadDataError(path, "was changed after it was issued: its SHA-256 does not fit its content.", _A_COPY)
    return certificate


def certificate_schema() -> dict:
    """Return the JSON Schema of a certificate."""
    return json_schema(Certificate, title="SegQC training certificate", identifier=CERTIFICATE_SCHEMA_ID)
