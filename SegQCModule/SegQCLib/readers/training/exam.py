"""An exam: its cases in an order of its own, one attempt each, the experts' outlines hidden until the end.

<records folder>/training/<course>/exams/<reader>/exam-01/exam.json            what was done, each answer sealed with those before
                                                          answer-<case>.seg.nrrd
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from SegQCLib.alignment import align
from SegQCLib.case import Segmentation, Volume
from SegQCLib.dataclass_json import from_json, to_json, to_plain
from SegQCLib.errors import BadDataError
from SegQCLib.file_name import file_name
from SegQCLib.findings import Status
from SegQCLib.hashing import sha256_of
from SegQCLib.json_file import read_json_file
from SegQCLib.one_writer import one_writer
from SegQCLib.output import require_writable, write_files
from SegQCLib.progress import Progress, unwatched
from SegQCLib.readers.training.attempt_score import AttemptScore
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.pass_rule import required_within
from SegQCLib.readers.training.score import read_references, score_attempt
from SegQCLib.segmentation_file import write_segmentation

EXAM_FILE = "exam.json"
_A_COPY = "Take the folder from a copy, or move it away and take the exam again."


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

    def faults(self) -> Iterator[tuple[str, str]]:
        if not is_moment(self.answered):
            yield "answered", f"{self.answered!r} is no ISO 8601 time with time zone"


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

    @property
    def next_case(self) -> str | None:
        """Id of the case that is to be done next; None at the end."""
        return None if self.finished else self.order[len(self.answers)]

    @property
    def finished(self) -> bool:
        """Whether every case is done: only then are references shown."""
        return len(self.answers) == len(self.order)


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


def exams_folder(course: Course, reader: str, records: Path) -> Path:
    """Return the folder of a reader's exams of a course; it need not exist."""
    return records / "training" / course.file.id / "exams" / file_name(reader)


def exam_folders(course: Course, reader: str, records: Path) -> tuple[Path, ...]:
    """Return the folders of a reader's exams of a course, finished or not, in the order in which they were begun."""
    found = (path.parent for path in exams_folder(course, reader, records).glob(f"exam-*/{EXAM_FILE}"))
    # A copy that somebody made beside one, as "exam-01 (copy)", is no other exam.
    return tuple(sorted((path for path in found if re.fullmatch("exam-[0-9]{2,9}", path.name)), key=_number))


def _number(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def start_exam(course: Course, reader: str, records: Path, *, seed: int | None = None, now: datetime | None = None) -> Path:
    """Begin an exam and return its folder; or return that of the exam which this reader began and did not finish.

    An exam that was begun before the course's content changed cannot be finished; then a new one begins.

    Parameters
    ----------
    course : Course
    reader : str
    records : Path
        Records folder.
    seed : int, optional
        Of the order of the cases; default: a random one. It is recorded.
    now : datetime, optional

    Raises
    ------
    BadDataError
        If the records folder cannot be written to, or an exam there was changed.
    """
    exams = exams_folder(course, reader, records)
    require_writable(exams)
    with one_writer(exams):
        before = exam_folders(course, reader, records)
        for folder in before:
            exam = read_exam(folder)
            if not exam.finished and exam.course_sha256 == course.sha256:
                return folder
        number = 1 + max(map(_number, before), default=0)
        folder = exams / f"exam-{number:02d}"
        require_writable(folder)
        write_files(folder, {EXAM_FILE: to_json(_new_exam(course, reader, number, seed, now))})
    return folder


def _new_exam(course: Course, reader: str, number: int, seed: int | None, now: datetime | None) -> Exam:
    chosen = secrets.randbits(32) if seed is None else seed
    cases = [case.id for case in course.file.cases_of("exam")]
    order = tuple(cases[n] for n in np.random.default_rng(chosen).permutation(len(cases)))
    return Exam(
        schema="segqc-exam",
        schema_version="1.0",
        id=uuid.uuid4().hex,
        reader=reader,
        course=course.file.id,
        course_version=course.file.version,
        course_sha256=course.sha256,
        number=number,
        seed=chosen,
        order=order,
        started=_moment(now),
    )


def read_exam(folder: Path) -> Exam:
    """Return the exam in a folder.

    Raises
    ------
    BadDataError
        If it cannot be read, or an answer, its score or its segmentation was changed afterwards.
    """
    path = folder / EXAM_FILE
    exam = read_json_file(Exam, path, "a reader's exam", _A_COPY)
    previous = _beginning_sha256(exam)
    for number, answer in enumerate(exam.answers):
        out_of_place = number >= len(exam.order) or answer.case != exam.order[number] or answer.case != answer.score.case
        if out_of_place or answer.previous_sha256 != previous or answer.sha256 != _answer_sha256(answer):
            raise BadDataError(path, f"was changed: answer {number + 1}, {answer.case}, is not as it was saved.", _A_COPY)
        segmentation = folder / Path(answer.file).name
        try:
            same = sha256_of(segmentation) == answer.file_sha256
        except (OSError, ValueError):  # missing, not to be read, or no name of a file
            same = False
        if not same:
            raise BadDataError(path, f"names {answer.file!r:.100}, which is missing or was changed after the exam.", _A_COPY)
        previous = answer.sha256
    return exam


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
    """Save a reader's only attempt at the next case of an exam, score it, and return the exam as it stands now.

    Parameters
    ----------
    course : Course
    folder : Path
        The exam's.
    case_id : str
    candidate : Segmentation
        The reader's attempt.
    image : Volume
        The case's image.
    seconds : float, optional
        The reader's active time, s.
    now : datetime, optional

    Raises
    ------
    BadDataError
        If the case was done already or is not the next one, also where another window was faster; the course's files have changed
        since the exam began; or the folder cannot be written to. Nothing is half saved: whatever was done before stays.
    """
    exam = read_exam(folder)
    # As the files are now, not as they were when the course was opened: an author may have changed them since.
    if exam.course_sha256 != replace(course).sha256:
        raise BadDataError(
            course.folder,
            f"has changed since this exam began (version {exam.course_version} then, {course.file.version} now).",
            "An exam is judged by one content of the course. Begin a new exam.",
        )
    if case_id != exam.next_case:
        done = case_id in exam.order[: len(exam.answers)]
        found = f"{case_id} is done: each case of an exam has one attempt." if done else f"{case_id} is not its next case."
        to_do = "Every case is done." if exam.finished else f"Go on with {exam.next_case}."
        raise BadDataError(folder, found, to_do)
    case = course.case(case_id)
    drawn = align(candidate, image.geometry)
    score = score_attempt(course, case, drawn, image, read_references(course, case, image), seconds=seconds, progress=progress)
    name = f"answer-{case_id}.seg.nrrd"
    with one_writer(folder):
        if read_exam(folder) != exam:
            raise BadDataError(folder, "went on in another window meanwhile.", "This answer was not taken. Open the exam again.")
        write_segmentation(folder / name, drawn)
        previous = exam.answers[-1].sha256 if exam.answers else _beginning_sha256(exam)
        answer = ExamAnswer(case_id, _moment(now), name, sha256_of(folder / name), score, previous, "")
        # As it will be read: 10 seconds become 10.0, and the seal is over the text.
        answer = from_json(ExamAnswer, to_json(answer))
        exam = replace(exam, answers=(*exam.answers, replace(answer, sha256=_answer_sha256(answer))))
        write_files(folder, {EXAM_FILE: to_json(exam)})
    return exam


def exam_result(course: Course, exam: Exam) -> ExamResult:
    """Return what a finished exam came to; see `pass_rule`.

    Raises
    ------
    ValueError
        If cases are left to do.
    """
    if not exam.finished:
        raise ValueError(f"The exam goes on: {len(exam.answers)} of {len(exam.order)} cases are done.")
    rule = course.file.pass_rule
    structures = [one for answer in exam.answers for one in answer.score.structures]
    judged = [one for one in structures if one.dice.within is not None]
    required = required_within([one.dice.expert_within for one in judged], rule.expert_passes)
    within = sum(bool(one.dice.within) for one in judged)
    within_surface = sum(bool(one.surface_dice.within) for one in judged)
    limited = [one for one in structures if one.limit is not None]
    met = sum(one.dice.reader >= one.limit for one in limited)
    failed = tuple(
        f"{course.case(answer.case).title}: {finding.message}"
        for answer in exam.answers
        for finding in answer.score.technical
        # Checks of an outline's shape only ever warn: whoever names one means the error, not the word for it.
        if finding.status in (Status.WARN, Status.FAIL) and finding.check in rule.failing_checks
    )
    passed = min(within, within_surface) >= required and met == len(limited) and not failed
    result = ExamResult(passed, within, within_surface, len(judged), required, met, len(limited), failed, "")
    return replace(result, words=" ".join(_result_words(result)))


def _result_words(result: ExamResult) -> list[str]:
    words = ["You passed the exam." if result.passed else "The exam is not passed yet; you can take it again after more practice."]
    if result.judged:
        words.append(
            f"{result.within} of {result.judged} structures are within the experts' range by Dice and {result.within_surface} by"
            f" surface Dice; {result.required} are asked for, each."
        )
    if result.limits:
        words.append(f"{result.limits_met} of {result.limits} Dice limits of the course are reached; all are asked for.")
    if result.failed_checks:
        words.append(f"Technical errors to put right: {'; '.join(result.failed_checks)}")
    return words


def rule_words(course: Course, result: ExamResult) -> str:
    """Return the pass rule of a course as it was applied, in sentences."""
    rule, words = course.file.pass_rule, []
    if result.judged:
        words.append(
            "A structure is within the experts' range if there is an expert in whose place the reader would agree with the other"
            f" experts at least as well. {result.required} of {result.judged} structures had to be within, by Dice and by surface"
            f" Dice each: so many are reached by at least {100 * rule.expert_passes:g} % of readers who draw like the experts"
            " (structures taken as independent)."
        )
    if result.limits:
        words.append("Every Dice limit that the course states had to be reached.")
    if rule.failing_checks:
        words.append(f"No attempt was allowed to have a finding of these technical checks: {', '.join(rule.failing_checks)}.")
    return " ".join([*words, f"Source of the rule: {rule.source.rstrip('.')}."])


def attempt_facts(score: AttemptScore, passed: bool | None = None) -> dict[str, Any]:
    """Return the facts of the event `training_attempt` for a session log.

    Parameters
    ----------
    score : AttemptScore
    passed : bool, optional
        With the last case of an exam: its result. None: nothing was decided.
    """
    scores = {f"{one.structure} dice": one.dice.reader for one in score.structures}
    scores |= {f"{one.structure} surface_dice": one.surface_dice.reader for one in score.structures}
    return {"course": score.course, "case": score.case, "mode": score.mode, "passed": passed, "scores": scores}


def canonical_sha256(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of plain values, the same however a file with them is laid out."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _beginning_sha256(exam: Exam) -> str:
    return canonical_sha256({key: value for key, value in to_plain(exam).items() if key != "answers"})


def _answer_sha256(answer: ExamAnswer) -> str:
    return canonical_sha256({key: value for key, value in to_plain(answer).items() if key != "sha256"})


def is_moment(text: str) -> bool:
    """Return whether a text is an ISO 8601 time with time zone."""
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _moment(now: datetime | None) -> str:
    # With its time zone also where somebody gives a time without one.
    return (datetime.now() if now is None else now).astimezone().isoformat(timespec="seconds")
