"""A checklist as it is filled: what files show with its place, what a person said, and what is still to answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from SegQCLib.checklists.checklist import LeftOutItem, Question
from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.json_file import read_json_file

FILLED_SCHEMA_ID = "https://segqc.invalid/schemas/filled_checklist.schema.json"


class ItemState(StrEnum):
    """How an item stands."""

    FILLED = "filled"
    PARTLY = "partly"
    OPEN = "to answer"
    ANSWERED = "answered"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Evidence:
    """Where something stands that fills an item; files are told by kind and number, because their names may be a patient's."""

    source: str = field(metadata={"doc": "What kind of file, how many of them, or which table."})
    path: str = field(metadata={"doc": "JSON path in the file, or column of the table."})


@dataclass(frozen=True)
class Reported:
    """What SegQC's files show."""

    text: str = field(metadata={"doc": "Sentences, with numbers and units."})
    evidence: tuple[Evidence, ...] = field(metadata={"doc": "Where it stands."})


@dataclass(frozen=True)
class GivenAnswer:
    """What a person said; who said it stays in the file of answers."""

    text: str = field(metadata={"doc": "The answer, or why the item is not applicable."})
    when: str = field(metadata={"doc": "When, ISO 8601."})


@dataclass(frozen=True)
class FilledItem:
    """One item of a checklist."""

    number: str = field(metadata={"doc": "Its number in the source."})
    section: str = field(metadata={"doc": "Section of the source."})
    topic: str = field(metadata={"doc": "What it asks for, in SegQC's words."})
    annotation: bool = field(metadata={"doc": "Whether it is about reference standard, annotation or segmentation."})
    verified: Literal["primary", "secondary"] = field(
        metadata={"doc": "Whether number and topic were verified by the authors' own text, or by what others write about it."}
    )
    state: ItemState = field(
        metadata={
            "doc": "filled: by evidence alone; partly: by evidence, with what is missing; to answer: nothing is known; answered: by"
            " a person, beside the evidence; not applicable: a person says why."
        }
    )
    reported: tuple[Reported, ...] = field(metadata={"doc": "What SegQC's files show."})
    missing: tuple[str, ...] = field(metadata={"doc": "What they do not show."})
    question: Question = field(metadata={"doc": "What is asked of a person."})
    answer: GivenAnswer | None = field(default=None, metadata={"doc": "What a person said; null: nothing."})

    @property
    def is_open(self) -> bool:
        """Whether a person is still asked."""
        return self.state in (ItemState.PARTLY, ItemState.OPEN)


@dataclass(frozen=True)
class MethodsPart:
    """A piece of the methods paragraph: known text, or what is to be completed until its question is answered."""

    text: str = field(default="", metadata={"doc": "Text that is known."})
    to_complete: str = field(default="", metadata={"doc": "What is to be completed, in words; empty: nothing."})
    question: str | None = field(default=None, metadata={"doc": "Id of the question whose answer stands here; null: none."})


@dataclass(frozen=True)
class FilledChecklist:
    """A checklist filled for one study."""

    schema: Literal["segqc-filled-checklist"] = field(metadata={"doc": "Always segqc-filled-checklist."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    created: str = field(metadata={"doc": "When, ISO 8601 with time zone."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what filled it."})
    checklist: str = field(metadata={"doc": "Id of the checklist."})
    title: str = field(metadata={"doc": "Title of the checklist."})
    source: str = field(metadata={"doc": "The paper, with DOI."})
    licence: str = field(metadata={"doc": "Licence of the source."})
    items_in_source: int | None = field(metadata={"doc": "How many items the source has; null: not verified."})
    simulated: bool = field(metadata={"doc": "Whether any of what was read says that it is simulated."})
    read: tuple[str, ...] = field(metadata={"doc": "What was read, in sentences."})
    notes: tuple[str, ...] = field(metadata={"doc": "What to know before using it."})
    items: tuple[FilledItem, ...] = field(metadata={"doc": "The items, in the order of the source."})
    left_out: tuple[LeftOutItem, ...] = field(metadata={"doc": "Items of the source that are not offered, and why."})
    methods: tuple[MethodsPart, ...] = field(metadata={"doc": "The methods paragraph, piece by piece."})

    @property
    def missing_annotation(self) -> tuple[FilledItem, ...]:
        """Items about annotation that are still open: what reviewers of a segmentation study look for first."""
        return tuple(item for item in self.items if item.annotation and item.is_open)

    def to_json(self) -> str:
        return to_json(self)


def read_filled_checklist(path: Path) -> FilledChecklist:
    """Return a filled checklist from its JSON file.

    Raises
    ------
    BadDataError
        If it cannot be read or is something else.
    """
    remedy = "Give the checklist.json that segqc checklist fill wrote."
    return read_json_file(FilledChecklist, path, "a filled checklist", remedy)


def filled_checklist_schema() -> dict:
    """Return the JSON Schema of checklist.json."""
    return json_schema(FilledChecklist, title="SegQC filled checklist", identifier=FILLED_SCHEMA_ID)
