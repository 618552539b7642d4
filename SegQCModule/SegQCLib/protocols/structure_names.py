"""Where a protocol's rules name its structures, and a new name for a structure in all of them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

from SegQCLib.protocols.form import Document, set_value

_LISTS_OF_RULES = ("windows", "decisions", "technical_limits")
_NAMES = re.compile(
    rf"(?:(?:{'|'.join(_LISTS_OF_RULES)})\[\d+\]\.structures|structures\[\d+\]\.may_overlap)(?:\[\d+\])?"
    r"|image_quality\[\d+\]\.(?:region|background)"
)
_NAME = re.compile(r"structures\[(\d+)\]\.name")


def names_structures(path: str) -> bool:
    """Return whether what is at a path of the form is a structure's name, or a list of such names."""
    return _NAMES.fullmatch(path) is not None


def is_structure_s_own_name(path: str) -> bool:
    """Return whether a path of the form is where a structure gets its name."""
    return _NAME.fullmatch(path) is not None


def structure_names(document: Document) -> tuple[str, ...]:
    """Return the names of all structures that have one, in their order."""
    names = (item.get("name") for item in _items(document, "structures"))
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name.strip()))


def rename_structure(document: Document, path: str, name: str) -> Document:
    """Return the document with another name for a structure, also wherever rules name it.

    Rules stay as they are where the structure had no name yet, or another structure has the same name: then nobody can say
    which of the two a rule means.

    Parameters
    ----------
    document : Document
    path : str
        Of the name, as in structures[2].name.
    name : str

    Raises
    ------
    ValueError
        If the document has no such structure.
    """
    found = _NAME.fullmatch(path)
    structures = document.get("structures")
    if found is None or not isinstance(structures, list) or int(found[1]) >= len(structures):
        raise ValueError(f"{path!r} is not the name of a structure, as structures[2].name is.")
    names = [item.get("name") if isinstance(item, dict) else None for item in structures]
    old = names[int(found[1])]
    changed = set_value(document, path, name)
    if not isinstance(old, str) or not old or names.count(old) > 1:
        return changed
    changed = copy.deepcopy(changed)
    for owner, key in _places(changed):
        value = owner.get(key)
        if value == old:
            owner[key] = name
        elif isinstance(value, list):
            owner[key] = [name if one == old else one for one in value]
    return changed


def _places(document: Document) -> Iterator[tuple[dict[str, Any], str]]:
    for item in _items(document, "structures"):
        yield item, "may_overlap"
    for rules in _LISTS_OF_RULES:
        for item in _items(document, rules):
            yield item, "structures"
    for item in _items(document, "image_quality"):
        yield item, "region"
        yield item, "background"


def _items(document: Document, key: str) -> list[dict[str, Any]]:
    value = document.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
