"""A reporting checklist as data: what each item asks for in our own words, who asks for it, and how that was verified."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from SegQCLib.dataclass_json import FaultyJSONError, from_json, json_schema
from SegQCLib.errors import BadDataError
from SegQCLib.resources import resource

CHECKLIST_SCHEMA_ID = "https://segqc.invalid/schemas/checklist.schema.json"


@dataclass(frozen=True)
class Question:
    """What a person is asked where files do not show it. Checklists that ask the same share its id, and so its answer."""

    id: str = field(metadata={"doc": "What answers are kept under, for example funding."})
    text: str = field(metadata={"doc": "The question, one short sentence."})
    kind: Literal["text", "choice", "number"] = field(default="text", metadata={"doc": "What kind of answer it takes."})
    choices: tuple[str, ...] = field(default=(), metadata={"doc": "The answers of a choice."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.kind == "choice" and len(self.choices) < 2:
            yield "choices", f"has {len(self.choices)}; a choice needs at least two"
        if self.kind != "choice" and self.choices:
            yield "choices", f"is given for a question of kind {self.kind}; only a choice has them"


@dataclass(frozen=True)
class Verification:
    """A public text by which number and topic of items were verified."""

    how: Literal["primary", "secondary"] = field(
        metadata={"doc": "primary: the authors' own text; secondary: what others write about it."}
    )
    source: str = field(metadata={"doc": "Address, or repository, path and commit."})
    note: str = field(default="", metadata={"doc": "What it shows, and what it does not."})


@dataclass(frozen=True)
class ChecklistItem:
    """One item."""

    number: str = field(metadata={"doc": "Its number in the source, for example 14 or M-6."})
    section: str = field(metadata={"doc": "Section of the source that it stands in."})
    topic: str = field(metadata={"doc": "What it asks for, in SegQC's words; the source's wording is the authority."})
    annotation: bool = field(metadata={"doc": "Whether it is about reference standard, annotation or segmentation."})
    place: str = field(metadata={"doc": "Where in the source it is."})
    verified: tuple[str, ...] = field(metadata={"doc": "Names of the verifications of number and topic."})
    question: Question = field(metadata={"doc": "What is asked where files do not show it."})
    fillers: tuple[str, ...] = field(default=(), metadata={"doc": "Ids of what fills it from SegQC's files; empty: only a person."})
    person_only: str | None = field(
        default=None, metadata={"doc": "The part that no file of SegQC shows, in words; null: files can show all of it."}
    )


@dataclass(frozen=True)
class LeftOutItem:
    """An item, or several, of the source that is not offered."""

    number: str = field(metadata={"doc": "Its number, or the numbers, in the source."})
    why: str = field(metadata={"doc": "Why it is left out."})


@dataclass(frozen=True)
class Checklist:
    """A reporting checklist for SegQC."""

    schema: Literal["segqc-checklist"] = field(metadata={"doc": "Always segqc-checklist."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    id: str = field(metadata={"doc": "Identifier, for example claim-2024."})
    title: str = field(metadata={"doc": "Title for people."})
    source: str = field(metadata={"doc": "The paper, with DOI."})
    licence: str = field(metadata={"doc": "Licence of the source, as far as it was verified, and what is taken from it."})
    items_in_source: int | None = field(metadata={"doc": "How many items the source has; null: that was not verified."})
    verifications: dict[str, Verification] = field(metadata={"doc": "By name: the public texts that items were verified by."})
    items: tuple[ChecklistItem, ...] = field(metadata={"doc": "The items, in the order of the source."})
    left_out: tuple[LeftOutItem, ...] = field(default=(), metadata={"doc": "Items that could not be verified."})

    def faults(self) -> Iterator[tuple[str, str]]:
        for number, count in Counter(item.number for item in self.items).items():
            if count > 1:
                yield "items", f"item {number} is there {count} times; keep one"
        questions: dict[str, Question] = {}
        for n, item in enumerate(self.items):
            for name in item.verified:
                if name not in self.verifications:
                    yield f"items[{n}].verified", f"{name!r} is not in verifications"
            if not item.verified:
                yield f"items[{n}].verified", "is empty; an item that nobody verified is left out, and stands in left_out"
            if questions.setdefault(item.question.id, item.question) != item.question:
                yield f"items[{n}].question", f"{item.question.id!r} is another question in an earlier item; give it another id"

    def questions(self) -> dict[str, Question]:
        """Return the questions by id."""
        return {item.question.id: item.question for item in self.items}


def shipped_checklists() -> dict[str, Path]:
    """Return the ids of the checklists that come with SegQC and their files."""
    return {path.stem: path for path in sorted(resource("Checklists").glob("*.json"))}


def load_checklist(name_or_path: str | Path) -> Checklist:
    """Return a shipped checklist by its id, or one from a JSON file.

    Raises
    ------
    BadDataError
        If there is no such id or file, or the file is not a usable checklist: then with all its faults.
    """
    shipped = shipped_checklists()
    path = shipped.get(str(name_or_path), Path(name_or_path))
    try:
        checklist = from_json(Checklist, path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        near = difflib.get_close_matches(str(name_or_path), shipped, n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise BadDataError(
            name_or_path,
            f"cannot be read as a checklist ({error.strerror}).",
            f"Give a JSON file, or the id of a shipped checklist: {', '.join(shipped)}.{meant}",
        ) from error
    except UnicodeDecodeError as error:
        raise BadDataError(path, "is not UTF-8 text.", "Save the checklist as UTF-8.") from error
    except FaultyJSONError as error:
        listed = "\n".join(f"  {fault}" for fault in error.faults)
        raise BadDataError(path.name, "is not a usable checklist.", f"Correct:\n{listed}") from error
    return checklist


def checklist_schema() -> dict:
    """Return the JSON Schema of a checklist."""
    return json_schema(Checklist, title="SegQC checklist", identifier=CHECKLIST_SCHEMA_ID)
