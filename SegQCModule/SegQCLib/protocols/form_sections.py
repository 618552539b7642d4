"""A protocol's form in sections, by what depends on a rule, and what the places in it are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from SegQCLib.protocol import QCProtocol
from SegQCLib.protocols.difference import LOOK_AGAIN, Affects
from SegQCLib.protocols.field_texts import FIELD_TEXTS
from SegQCLib.protocols.form import UNCHANGEABLE, FormField

_UNKNOWN = "unknown"


@dataclass(frozen=True)
class FormSection:
    """Fields of the whole protocol on which the same depends.

    Attributes
    ----------
    key : Affects or "unknown"
        What depends on them; unknown: keys that no protocol has.
    title : str
    fields : tuple of FormField
        In the order of the form.
    """

    key: Affects | str
    title: str
    fields: tuple[FormField, ...]


def form_sections(form: FormField) -> tuple[FormSection, ...]:
    """Return the sections of a protocol's form, in the order in which the form begins them.

    What says that the file is a protocol is left out as long as it is right: it is not edited.
    """
    sections: dict[str, list[FormField]] = {}
    for field in form.children:
        if field.path not in UNCHANGEABLE or field.faults:
            text = FIELD_TEXTS[QCProtocol].get(field.path)
            sections.setdefault(_UNKNOWN if text is None else str(text.affects), []).append(field)
    titles = {affects: title for affects, (title, _advice) in LOOK_AGAIN.items()}
    titles |= {"texts": "Name, version and purpose", _UNKNOWN: "Not part of a protocol"}
    return tuple(FormSection(key, titles[key], tuple(fields)) for key, fields in sections.items())


def has_pages_of_its_own(field: FormField) -> bool:
    """Return whether the entries of a field are too large to stand among other fields: a list of groups of the whole protocol."""
    return field.kind == "list" and field.of_groups and re.fullmatch(r"\w+", field.path) is not None


def place_words(form: FormField, path: str) -> str:
    """Return what a place is called, from the outside in: Structures, liver, tolerance of the surface Dice, maximum."""
    return " › ".join(field.title for field in _way(form, path)) or form.title


def _way(form: FormField, path: str) -> Iterator[FormField]:
    for child in form.children:
        if path == child.path or path.startswith((f"{child.path}.", f"{child.path}[")):
            yield child
            yield from _way(child, path)
