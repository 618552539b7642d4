"""Codes of structures to choose from, so that nobody types a code: those that come with SegQC, and words to find one by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cache

from SegQCLib.case import Terminology
from SegQCLib.importers.label_names import SHIPPED, read_label_names
from SegQCLib.protocol import load_protocol, plain_name, shipped_protocols
from SegQCLib.protocols.form import Document, clear_optional, set_value


@dataclass(frozen=True)
class KnownCodes:
    """The codes of one structure.

    Attributes
    ----------
    words : str
        What it is, for people: the meanings of its codes.
    terminology : Terminology
    origin : str
        Where the codes come from.
    names : tuple of str
        What else it is found by.
    """

    words: str
    terminology: Terminology
    origin: str
    names: tuple[str, ...] = ()


def terminology_words(terminology: Terminology) -> str:
    """Return the meanings of a structure's codes, with the category where it is more than anatomy: Kidney, Right."""
    return ", ".join(
        code.meaning
        for code in (terminology.type, terminology.modifier, terminology.region, terminology.region_modifier)
        if code is not None
    )


@cache
def known_codes() -> tuple[KnownCodes, ...]:
    """Return the codes of all structures that shipped label tables and protocols name, each once, by their words."""
    found: dict[object, KnownCodes] = {}

    def add(name: str, terminology: Terminology, origin: str) -> None:
        before = found.get(terminology.structure_codes)
        if before is None:
            found[terminology.structure_codes] = KnownCodes(terminology_words(terminology), terminology, origin, (name,))
        elif name not in before.names:
            found[terminology.structure_codes] = KnownCodes(before.words, before.terminology, before.origin, (*before.names, name))

    for identifier in shipped_protocols():
        for structure in load_protocol(identifier).protocol.structures:
            for name in (structure.name, *structure.aliases):
                add(name, structure.terminology, "protocols of SegQC")
    for table in SHIPPED:
        for label in read_label_names(table).labels:
            if label.terminology is not None:
                add(label.name, label.terminology, "TotalSegmentator's table")
    return tuple(sorted(found.values(), key=lambda one: one.words.casefold()))


def matching_codes(codes: Iterable[KnownCodes], words: str) -> tuple[KnownCodes, ...]:
    """Return the codes that have all of some words, or words that begin so; those that begin with the first of them first.

    Case and separators do not count. Code values are words too. Of codes for the same structure the first are returned.
    """
    wanted = plain_name(words).split()
    each: dict[object, KnownCodes] = {}
    for one in codes:
        if all(any(known.startswith(word) for known in _words(one)) for word in wanted):
            each.setdefault(one.terminology.structure_codes, one)
    return tuple(sorted(each.values(), key=lambda one: not plain_name(one.words).startswith(tuple(wanted[:1]))))


@cache
def _words(one: KnownCodes) -> frozenset[str]:
    return frozenset(" ".join((*map(plain_name, (one.words, *one.names)), one.terminology.type.value.casefold())).split())


def set_codes(document: Document, path: str, terminology: Terminology) -> Document:
    """Return the document with a structure's codes, those that it had before gone.

    Parameters
    ----------
    document : Document
    path : str
        Of the codes, as in structures[2].terminology.
    terminology : Terminology

    Raises
    ------
    ValueError
        If the document has no such structure.
    """
    changed = document
    for item in fields(terminology):
        code, at = getattr(terminology, item.name), f"{path}.{item.name}"
        if code is None:
            changed = clear_optional(changed, at)
            continue
        for part in fields(code):
            changed = set_value(changed, f"{at}.{part.name}", getattr(code, part.name))
    return changed
