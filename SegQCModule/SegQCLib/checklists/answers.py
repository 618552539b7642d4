"""What a person answers where files do not show it: questions, answers with who and when, and their file."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from SegQCLib.checklists.checklist import Question, load_checklist, shipped_checklists
from SegQCLib.checklists.filled_checklist import FilledChecklist, FilledItem, GivenAnswer, MethodsPart
from SegQCLib.checklists.item_state import item_state
from SegQCLib.dataclass_json import Fault, FaultyJSONError, from_json, json_schema, to_json
from SegQCLib.errors import BadDataError

ANSWERS_SCHEMA_ID = "https://segqc.invalid/schemas/checklist_answers.schema.json"


@dataclass(frozen=True)
class Answer:
    """One answer. An empty value is a question that nobody has answered yet, as in a template."""

    question: str = field(metadata={"doc": "Id of the question."})
    asks: str = field(default="", metadata={"doc": "The question in words, for whoever edits the file; it is not read."})
    value: str = field(default="", metadata={"doc": "The answer; where not applicable: why. Empty: not answered yet."})
    not_applicable: bool = field(default=False, metadata={"doc": "Whether the question does not apply to the study."})
    who: str = field(default="", metadata={"doc": "Who answered; it stays in this file."})
    when: str = field(default="", metadata={"doc": "When, ISO 8601: a date, or a time with time zone."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.value.strip():
            if self.not_applicable:
                yield "value", "is empty; say why the question does not apply"
            return
        if not self.who.strip():
            yield "who", "is empty; say who answered"
        try:
            datetime.fromisoformat(self.when)
        except ValueError:
            yield "when", f"{self.when!r} is not a date such as 2026-11-22, nor a time such as 2026-11-22T18:59:00+01:00"


@dataclass(frozen=True)
class ChecklistAnswers:
    """Answers of a study. One file does for all checklists: those that ask the same share the question."""

    schema: Literal["segqc-checklist-answers"] = field(
        default="segqc-checklist-answers", metadata={"doc": "Always segqc-checklist-answers."}
    )
    schema_version: Literal["1.0"] = field(default="1.0", metadata={"doc": "Version of this format."})
    answers: tuple[Answer, ...] = field(default=(), metadata={"doc": "The answers."})

    def faults(self) -> Iterator[tuple[str, str]]:
        first: dict[str, int] = {}
        for n, answer in enumerate(self.answers):
            if first.setdefault(answer.question, n) != n:
                yield f"answers[{n}]", f"{answer.question!r} is answered in answers[{first[answer.question]}], too; keep one"

    def to_json(self) -> str:
        return to_json(self)


def answers_schema() -> dict:
    """Return the JSON Schema of a file of answers."""
    return json_schema(ChecklistAnswers, title="SegQC checklist answers", identifier=ANSWERS_SCHEMA_ID)


def open_items(filled: FilledChecklist) -> tuple[FilledItem, ...]:
    """Return the items that a person is still asked about, those about annotation first; each question once."""
    asked: dict[str, FilledItem] = {}
    for item in sorted((item for item in filled.items if item.is_open), key=lambda item: not item.annotation):
        asked.setdefault(item.question.id, item)
    return tuple(asked.values())


def template(filled: FilledChecklist, answers: ChecklistAnswers | None = None) -> ChecklistAnswers:
    """Return the answers with an empty one for every question that is still open, to be completed in an editor."""
    given = () if answers is None else answers.answers
    known = {answer.question for answer in given}
    asked = [item.question for item in open_items(filled) if item.question.id not in known]
    return ChecklistAnswers(answers=(*given, *(Answer(question.id, _asks(question)) for question in asked)))


def set_answer(
    answers: ChecklistAnswers,
    question: Question,
    value: str,
    who: str,
    *,
    not_applicable: bool = False,
    when: str | None = None,
) -> ChecklistAnswers:
    """Return the answers with this one in place of an earlier one to the same question.

    Parameters
    ----------
    answers : ChecklistAnswers
    question : Question
    value : str
        The answer; of a choice one of its choices, of a number its digits. Where not applicable: why.
    who : str
    not_applicable : bool
    when : str, optional
        ISO 8601; default: now.

    Raises
    ------
    ValueError
        If it is empty, or does not fit the question; with what fits.
    """
    when = when or datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    answer = Answer(question.id, _asks(question), value.strip(), not_applicable, who.strip(), when)
    wrong = [text for _, text in (*answer.faults(), *_unfit(answer, question))]
    if not answer.value and not wrong:
        wrong = ["an empty answer says nothing"]
    if wrong:
        raise ValueError(f"{question.text} {'; '.join(wrong)}.")
    kept = [one for one in answers.answers if one.question != question.id]
    return replace(answers, answers=(*kept, answer))


def with_answers(filled: FilledChecklist, answers: ChecklistAnswers) -> FilledChecklist:
    """Return a filled checklist with what persons answered: an answer stands beside what files show, never in its place.

    An item that files fill alone stays as it is, unless a person says that it does not apply.
    """
    given = {answer.question: answer for answer in answers.answers if answer.value.strip()}
    return replace(
        filled,
        items=tuple(_answered(item, given.get(item.question.id)) for item in filled.items),
        methods=tuple(_completed(part, given.get(part.question or "")) for part in filled.methods),
    )


def read_answers(path: Path, checklist_questions: Mapping[str, Question]) -> ChecklistAnswers:
    """Return the answers in a file.

    Parameters
    ----------
    path : Path
    checklist_questions : mapping of str to Question
        Of the checklist in use; questions of the shipped checklists are known besides.

    Raises
    ------
    BadDataError
        With every fault: unknown questions and answers that do not fit their question are among them.
    """
    try:
        answers = from_json(ChecklistAnswers, path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", "Give a JSON file of answers.") from error
    except UnicodeDecodeError as error:
        raise BadDataError(path, "is not UTF-8 text.", "Save the answers as UTF-8.") from error
    except FaultyJSONError as error:
        faults = error.faults
    else:
        faults = list(_faults(answers, {**_shipped_questions(), **checklist_questions}))
        if not faults:
            return answers
    listed = "\n".join(f"  {fault}" for fault in faults)
    raise BadDataError(path, "has no usable answers.", f"Correct:\n{listed}")


def _answered(item: FilledItem, answer: Answer | None) -> FilledItem:
    state = item_state(item.reported, item.missing, None if answer is None else answer.not_applicable)
    return replace(item, state=state, answer=None if answer is None else GivenAnswer(answer.value.strip(), answer.when))


def _completed(part: MethodsPart, answer: Answer | None) -> MethodsPart:
    if part.question is None:
        return part
    if answer is None:
        return replace(part, text="")
    value = answer.value.strip().rstrip(".")
    return replace(part, text=f"(not applicable: {value})" if answer.not_applicable else value)


def _shipped_questions() -> dict[str, Question]:
    return {key: question for name in shipped_checklists() for key, question in load_checklist(name).questions().items()}


def _faults(answers: ChecklistAnswers, questions: Mapping[str, Question]) -> Iterator[Fault]:
    for n, answer in enumerate(answers.answers):
        question = questions.get(answer.question)
        if question is None:
            near = difflib.get_close_matches(answer.question, questions, n=1, cutoff=0.5)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            yield Fault(f"answers[{n}].question", f"{answer.question!r} is asked by no item{meant}")
        else:
            yield from (Fault(f"answers[{n}].{where}", text) for where, text in _unfit(answer, question))


def _unfit(answer: Answer, question: Question) -> Iterator[tuple[str, str]]:
    value = answer.value.strip()
    if not value or answer.not_applicable:
        return
    if question.kind == "choice" and value not in question.choices:
        near = difflib.get_close_matches(value, question.choices, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        yield "value", f"{value!r} is not one of {', '.join(map(repr, question.choices))}{meant}"
    if question.kind == "number" and not _is_number(value):
        yield "value", f"{value!r} is not a number"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _asks(question: Question) -> str:
    return f"{question.text} ({' / '.join(question.choices)})" if question.choices else question.text
