"""Content items of a structured report from plain codes, texts and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from SegQCLib.case import Code

if TYPE_CHECKING:
    from highdicom.sr import (
        AlgorithmIdentification,
        CodeContentItem,
        CodedConcept,
        ContainerContentItem,
        ContentItem,
        Measurement,
        TextContentItem,
    )

# Value Representations LO (Code Meaning) and SH (Coding Scheme Designator), PS3.5 table 6.2-1.
_LONGEST_MEANING = 64
# All control characters but tab, line feed, form feed and carriage return, PS3.5 6.1.3.
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f]")

_UNIT_MEANINGS = {
    "1": "no units", "mm": "mm", "mm3": "cubic millimeter", "{voxels}": "voxels", "{slices}": "slices",
    "[hnsf'U]": "Hounsfield unit", "g/ml": "gram per milliliter", "{arbitrary}": "arbitrary unit",
}  # fmt: skip


def concept(code: Code) -> CodedConcept:
    """Return a code as DICOM's sequence item; a meaning that is too long for Code Meaning (0008,0104) is cut."""
    from highdicom.sr import CodedConcept

    # A backslash would make it two values.
    meaning = _CONTROL.sub("", code.meaning).replace("\\", "/").strip() or code.value
    return CodedConcept(code.value, code.scheme, meaning[:_LONGEST_MEANING].rstrip())


def plain_text(text: str) -> str:
    """Return a text without the characters that a DICOM text cannot hold; what is then empty is a question mark."""
    return _CONTROL.sub("", text).strip() or "?"


def unit_code(unit: str) -> Code:
    """Return a UCUM unit as a code."""
    return Code(unit, "UCUM", _UNIT_MEANINGS.get(unit, unit))


def text_item(name: Code, value: str, relationship: str = "CONTAINS") -> TextContentItem:
    """Return a text; its length is not limited (Text Value (0040,A160) has the value representation UT)."""
    from highdicom.sr import TextContentItem

    return TextContentItem(concept(name), plain_text(value), relationship)


def code_item(name: Code, value: Code, properties: Iterable[ContentItem] = (), relationship: str = "CONTAINS") -> CodeContentItem:
    """Return a coded answer to a coded question, with what is to be said about it."""
    from highdicom.sr import CodeContentItem, ContentSequence

    item = CodeContentItem(concept(name), concept(value), relationship)
    properties = list(properties)
    if properties:
        item.ContentSequence = ContentSequence(properties)
    return item


def properties_of(*named: tuple[Code, str | None]) -> list[TextContentItem]:
    """Return texts about another item; those that are None or empty are left out."""
    return [text_item(name, text, "HAS PROPERTIES") for name, text in named if text]


def separate(container: ContainerContentItem) -> ContainerContentItem:
    """Return a container whose items stand for themselves: viewers leave out the names of items in continuous text."""
    container.ContinuityOfContent = "SEPARATE"
    return container


def algorithm(name: str, version: str, *parameters: str) -> AlgorithmIdentification:
    """Return TID 4019 Algorithm Identification."""
    from highdicom.sr import AlgorithmIdentification

    return AlgorithmIdentification(plain_text(name), plain_text(version), [plain_text(text) for text in parameters])


def number(
    name: Code,
    value: float,
    unit: str,
    made_by: AlgorithmIdentification,
    method: Code | None = None,
    modifiers: Iterable[tuple[Code, Code]] = (),
) -> Measurement:
    """Return TID 300 Measurement: a number with its unit, its definition among the parameters of what made it, and modifiers."""
    from highdicom.sr import Measurement

    measured = Measurement(
        concept(name),
        float(value),
        concept(unit_code(unit)),
        algorithm_id=made_by,
        method=None if method is None else concept(method),
    )
    # What people read; Floating Point Value (0040,A161) has all digits.
    measured[0].MeasuredValueSequence[0].NumericValue = f"{value:.10g}"
    for place, (modifier, answer) in enumerate(modifiers):
        measured[0].ContentSequence.insert(place, code_item(modifier, answer, relationship="HAS CONCEPT MOD"))
    return measured
