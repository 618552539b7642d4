"""A training course as its course.json has it: pages of an atlas, practice and exam cases, and when it is passed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from SegQCLib.dataclass_json import json_schema

COURSE_FILE = "course.json"
COURSE_SCHEMA_ID = "https://segqc.invalid/schemas/course.schema.json"


@dataclass(frozen=True)
class AtlasPicture:
    """One picture of an atlas page."""

    file: str = field(metadata={"doc": "Picture file, relative to the course folder."})
    caption: str = field(metadata={"doc": "What it shows, with window and plane: a picture without words teaches little."})
    simulated: bool = field(default=False, metadata={"doc": "True where the image or what is drawn on it was made by a program."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.caption.strip():
            yield "caption", "is empty; say what the picture shows"


@dataclass(frozen=True)
class TypicalError:
    """An error that readers often make, beside the same place drawn right."""

    words: str = field(metadata={"doc": "What goes wrong, why, and how to draw it."})
    wrong: AtlasPicture = field(metadata={"doc": "The error."})
    right: AtlasPicture = field(metadata={"doc": "The same place drawn right."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.words.strip():
            yield "words", "is empty; say what goes wrong and how it is drawn right"


@dataclass(frozen=True)
class AtlasPage:
    """What a reader should know of one structure. Its codes are those of the protocol's structure."""

    structure: str = field(metadata={"doc": "Name of the structure in the protocol."})
    title: str = field(metadata={"doc": "Title of the page."})
    include: tuple[str, ...] = field(metadata={"doc": "What belongs to the structure, one rule each."})
    exclude: tuple[str, ...] = field(metadata={"doc": "What does not belong to it, one rule each."})
    file: str | None = field(
        default=None, metadata={"doc": "Page to read (.md or .html), relative to the course folder; null: rules and pictures only."}
    )
    pictures: tuple[AtlasPicture, ...] = field(default=(), metadata={"doc": "Pictures of the structure drawn right."})
    typical_errors: tuple[TypicalError, ...] = field(default=(), metadata={"doc": "Typical errors, wrong beside right."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.title.strip():
            yield "title", "is empty; give the page a title"


@dataclass(frozen=True)
class ExpertReference:
    """One expert's segmentation of a case."""

    expert: str = field(metadata={"doc": "Name of the expert, or Expert A, Expert B, ... where names are not known."})
    file: str = field(metadata={"doc": "Segmentation, relative to the course folder."})
    simulated: bool = field(default=False, metadata={"doc": "True where a program made the outline: no expert drew it."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.expert.strip():
            yield "expert", "is empty; name the expert"


@dataclass(frozen=True)
class ExplicitLimit:
    """A Dice that must be reached: where there is one expert only and so no range, or as a floor beside the range."""

    structure: str = field(metadata={"doc": "Name of the structure in the protocol; * for all of the case."})
    dice: float = field(metadata={"doc": "Smallest mean Dice with the experts that reaches it, above 0, up to 1."})
    source: str = field(metadata={"doc": "Who set this limit: paper, guideline, or study decision with its reason."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if not 0 < self.dice <= 1:
            yield "dice", f"{self.dice:g} is not in (0, 1]"
        if not self.source.strip():
            yield "source", "is empty; say who set this limit (paper, guideline, or 'study decision' with its reason)"


@dataclass(frozen=True)
class CourseCase:
    """One case to segment."""

    id: str = field(metadata={"doc": "Identifier, unique in the course: letters, digits, hyphen and underscore."})
    title: str = field(metadata={"doc": "How the case is called in lists; it must not tell what is to be found."})
    mode: Literal["practice", "exam"] = field(
        metadata={"doc": "practice: scored at once, as often as the reader likes. exam: once, and the references are hidden."}
    )
    image: str = field(metadata={"doc": "Image file or DICOM folder, relative to the course folder."})
    structures: tuple[str, ...] = field(metadata={"doc": "Structures to segment, by their names in the protocol."})
    references: tuple[ExpertReference, ...] = field(metadata={"doc": "The experts' segmentations, one each."})
    source: str = field(metadata={"doc": "Where image and outlines come from, and their licence."})
    draft: str | None = field(
        default=None,
        metadata={
            "doc": "Segmentation that the reader begins with, relative to the course folder: a starting draft, not the truth."
        },
    )
    labels: str | None = field(
        default=None,
        metadata={
            "doc": "What label values of the case's segmentations mean: totalsegmentator, totalsegmentator_mr, or a names JSON"
            " relative to the course folder."
        },
    )
    simulated: bool = field(default=False, metadata={"doc": "True where the image, or a part of it, was made by a program."})
    limits: tuple[ExplicitLimit, ...] = field(
        default=(), metadata={"doc": "Dice that must be reached: needed for exam structures with one expert only, else a floor."}
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.id):
            yield "id", f"{self.id!r} is not letters, digits, hyphens and underscores"
        for name in ("title", "source"):
            if not getattr(self, name).strip():
                yield name, "is empty"
        for name in ("structures", "references"):
            if not getattr(self, name):
                yield name, "is empty; name at least one"
        yield from _repeated("structures", self.structures)
        yield from _repeated("references", [reference.expert for reference in self.references])
        yield from _repeated("limits", [limit.structure for limit in self.limits])
        for number, limit in enumerate(self.limits):
            if limit.structure not in (*self.structures, "*"):
                yield f"limits[{number}].structure", f"{limit.structure!r} is no structure of this case"

    @property
    def anything_simulated(self) -> bool:
        """Whether a program made the image or an outline."""
        return self.simulated or any(reference.simulated for reference in self.references)

    def limit_for(self, structure: str) -> ExplicitLimit | None:
        """Return the explicit limit that names a structure, else the one for all (*), else None."""
        for wanted in (structure, "*"):
            for limit in self.limits:
                if limit.structure == wanted:
                    return limit
        return None


@dataclass(frozen=True)
class PassRule:
    """When the course is passed: as many exam structures within the experts' own range as an expert would reach.

    See `SegQCLib.readers.training.pass_rule`.
    """

    source: str = field(metadata={"doc": "Who decided on this rule, for example: study decision of the course."})
    expert_passes: float = field(
        default=0.9,
        metadata={
            "doc": "Probability with which a reader who draws like one of the experts shall pass; how many structures must"
            " be within the experts' range follows from it. At least 0.5, below 1."
        },
    )
    failing_checks: tuple[str, ...] = field(
        default=(),
        metadata={
            "doc": "Ids of checks for technical errors: the exam is not passed while one of its cases has a finding of one of them."
        },
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        if not 0.5 <= self.expert_passes < 1:
            yield "expert_passes", f"{self.expert_passes:g} is not in [0.5, 1)"
        if not self.source.strip():
            yield "source", "is empty; say who decided on the rule"


@dataclass(frozen=True)
class DriftRule:
    """When a refresh is due because a reader's agreement has fallen."""

    reads: int = field(metadata={"doc": "How many of the reader's last reads with a reference are looked at, at least 3."})
    allowed_fall: float = field(
        metadata={"doc": "How far their median Dice may be below the reader's median Dice in the exam, above 0, below 1."}
    )
    source: str = field(metadata={"doc": "Who decided on this rule."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.reads < 3:
            yield "reads", f"{self.reads} is below 3: fewer reads say nothing of a reader"
        if not 0 < self.allowed_fall < 1:
            yield "allowed_fall", f"{self.allowed_fall:g} is not in (0, 1)"
        if not self.source.strip():
            yield "source", "is empty; say who decided on this rule"


@dataclass(frozen=True)
class RefreshRule:
    """When a reader is reminded to take the course again."""

    after_months: int | None = field(default=None, metadata={"doc": "Calendar months after the exam; null: not by date."})
    drift: DriftRule | None = field(default=None, metadata={"doc": "By the reader's agreement since; null: not by drift."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.after_months is not None and self.after_months < 1:
            yield "after_months", f"{self.after_months} is not 1 or more"


@dataclass(frozen=True)
class CourseSource:
    """Where something in the course comes from."""

    what: str = field(metadata={"doc": "What was taken: images, outlines, rules."})
    source: str = field(metadata={"doc": "From where: paper with DOI, data set, department."})
    licence: str = field(metadata={"doc": "Under which licence."})


@dataclass(frozen=True)
class CourseFile:
    """A SegQC training course."""

    schema: Literal["segqc-course"] = field(metadata={"doc": "Always segqc-course."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this file format."})
    id: str = field(metadata={"doc": "Identifier: lower case, digits, hyphens."})
    version: str = field(metadata={"doc": "Version of the course, for example 1.0.0."})
    title: str = field(metadata={"doc": "Title."})
    about: str = field(metadata={"doc": "What is learned, from which data, and what in it is simulated."})
    protocol: str = field(
        metadata={"doc": "Protocol that is trained: id of a shipped one, or a JSON file relative to the course folder."}
    )
    pages: tuple[AtlasPage, ...] = field(metadata={"doc": "The atlas, in the order of reading."})
    cases: tuple[CourseCase, ...] = field(metadata={"doc": "Practice cases and exam cases."})
    pass_rule: PassRule = field(metadata={"doc": "When the exam is passed."})
    valid_months: int = field(metadata={"doc": "Calendar months for which a certificate holds."})
    refresh: RefreshRule = field(default=RefreshRule(), metadata={"doc": "When a reader is reminded to take it again."})
    sources: tuple[CourseSource, ...] = field(default=(), metadata={"doc": "Sources and licences of what the course shows."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.id):
            yield "id", f"{self.id!r} is not lower-case letters and digits joined by hyphens, as in ct-abdomen-organs"
        for name in ("version", "title", "about"):
            if not getattr(self, name).strip():
                yield name, "is empty"
        if not 1 <= self.valid_months <= 120:
            yield "valid_months", f"{self.valid_months} is not from 1 to 120"
        # Two names that differ in case only are one file on many systems.
        yield from _repeated("cases", [case.id.casefold() for case in self.cases])
        months = self.refresh.after_months
        if months is not None and months > self.valid_months:
            yield (
                "refresh.after_months",
                f"{months} is later than valid_months, {self.valid_months}: the certificate has expired then",
            )

    def cases_of(self, mode: Literal["practice", "exam"]) -> tuple[CourseCase, ...]:
        """Return the practice cases or the exam cases, in the order of the file."""
        return tuple(case for case in self.cases if case.mode == mode)

    @property
    def anything_simulated(self) -> bool:
        """Whether a program made an image or an outline of a case."""
        return any(case.anything_simulated for case in self.cases)


def _repeated(path: str, names: tuple[str, ...] | list[str]) -> Iterator[tuple[str, str]]:
    for name, count in Counter(names).items():
        if count > 1:
            yield path, f"{name!r} is given {count} times; keep one"


def course_schema() -> dict:
    """Return the JSON Schema of a course file, for editors that complete and check it."""
    return json_schema(CourseFile, title="SegQC training course", identifier=COURSE_SCHEMA_ID)
