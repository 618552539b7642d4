"""A study's file of answers as several persons write to it: each answer is put in at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from SegQCLib.checklists.answers import ChecklistAnswers, read_answers, set_answer
from SegQCLib.checklists.checklist import Question
from SegQCLib.one_writer import one_writer
from SegQCLib.output import require_writable, write_files

ANSWERS_NAME = "answers.json"


def kept_answers(path: Path, questions: Mapping[str, Question]) -> ChecklistAnswers:
    """Return the answers in a file; none where there is no such file yet.

    Raises
    ------
    BadDataError
        If the file cannot be used; with every fault.
    """
    return read_answers(path, questions) if path.exists() else ChecklistAnswers()


def keep_answer(
    path: Path, questions: Mapping[str, Question], question: Question, value: str, who: str, *, not_applicable: bool = False
) -> ChecklistAnswers:
    """Put an answer into a file, in place of an earlier one to the same question, and return all that are in it then.

    Raises
    ------
    ValueError
        If the answer does not fit the question; nothing is written.
    BadDataError
        If the file cannot be used or written; it is as it was.
    """
    require_writable(path.parent)
    # Read anew each time: others answer too, and the file may have been edited.
    with one_writer(path.parent):
        return _written(path, set_answer(kept_answers(path, questions), question, value, who, not_applicable=not_applicable))


def take_back_answer(path: Path, questions: Mapping[str, Question], question: Question) -> ChecklistAnswers:
    """Remove the answer to a question from a file, and return those that are left.

    Raises
    ------
    BadDataError
        If the file cannot be used or written; it is as it was.
    """
    require_writable(path.parent)
    with one_writer(path.parent):
        answers = kept_answers(path, questions)
        return _written(path, replace(answers, answers=tuple(one for one in answers.answers if one.question != question.id)))


def _written(path: Path, answers: ChecklistAnswers) -> ChecklistAnswers:
    write_files(path.parent, {path.name: answers.to_json()})
    return answers
