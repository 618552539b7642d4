"""A protocol as a form to fill in: its fields with titles, explanations, units and faults, made from the protocol's own types.

The form stands on the JSON document as it is in the file, because what is half filled in is no protocol yet. Changing functions
return a new document; whoever shows the form keeps the old one for undo.
"""

from __future__ import annotations

import copy
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union

from SegQCLib.dataclass_json import Fault, FaultyJSONError, from_json
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.protocols.field_texts import FIELD_TEXTS

FieldKind = Literal["text", "number", "whole_number", "switch", "choice", "group", "list", "unknown"]
Document = dict[str, Any]

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_PATH = re.compile(r"(?:[^.\[\]]+(?:\[\d+\])*)(?:\.[^.\[\]]+(?:\[\d+\])*)*")
# How keys end that are kept in one unit, and what numbers beside them are shown with.
_UNITS_BY_ENDING = {"_mm": "mm", "_deg": "deg", "_ms": "ms", "_s": "s", "_min": "min", "_d": "d", "_t": "T", "kvp": "kV"}
_SCHEMA_KEY = "$schema"  # editors of text files find the schema by it
UNCHANGEABLE = ("schema", "schema_version")  # what kind of file it is


@dataclass(frozen=True)
class FormField:
    """One field of the form, with all below it.

    Attributes
    ----------
    path : str
        Where in the document, as faults name it: structures[2].surface_tolerance_mm.maximum. The form itself has "".
    title : str
        What the field is called; of an entry of a list, what the entry is called.
    doc : str
        What it means.
    kind : FieldKind
        group: several fields; list: entries of one kind; unknown: a key that no protocol has, to be removed.
    required : bool
        False: it can be left out (`clear_optional`).
    given : bool
        Whether the document has it. Of a group that is not given there are no fields below.
    value : text, number, bool or None
        What the document has where the field is no group and no list; also what does not belong there, told by `faults`.
    default : text, number, bool or None
        What stands where the field is not given; None: nothing.
    unit : str or None
        UCUM unit of a number.
    choices : tuple of str
        All values of a choice.
    of_groups : bool
        Of a list: whether each entry has several fields.
    children : tuple of FormField
        Fields of a group, entries of a list.
    faults : tuple of str
        What is wrong here, in the words of `load_protocol`; faults of fields below stand there.
    """

    path: str
    title: str
    doc: str
    kind: FieldKind
    required: bool = True
    given: bool = True
    value: Any = None
    default: Any = None
    unit: str | None = None
    choices: tuple[str, ...] = ()
    of_groups: bool = False
    children: tuple[FormField, ...] = ()
    faults: tuple[str, ...] = ()

    def walk(self) -> Iterator[FormField]:
        """Yield this field and all below it, in the order of the form."""
        yield self
        for child in self.children:
            yield from child.walk()

    def at(self, path: str) -> FormField:
        """Return the field at a path; raise ValueError if there is none."""
        for one in self.walk():
            if one.path == path:
                return one
        raise ValueError(f"The form has no field {path!r}.")


def blank_protocol() -> Document:
    """Return the document of a new protocol: all that is required, as yet empty."""
    return _blank(QCProtocol, "")


def protocol_form(document: Document) -> FormField:
    """Return the form of a document, every fault at its field."""
    found: dict[str, list[str]] = {}
    for fault in form_faults(document):
        found.setdefault(fault.path, []).append(fault.text)
    return _field(QCProtocol, document, "", "Protocol", QCProtocol.__doc__ or "", True, {}, found)


def form_faults(document: Document) -> tuple[Fault, ...]:
    """Return everything that is wrong with a document, in the words of `load_protocol`; () for a usable protocol.

    A text that is required and empty, and an entry of a list that was added and not filled in, are faults here too: a structure
    without name and codes would be one.
    """
    faults: list[Fault] = []
    try:
        from_json(QCProtocol, json.dumps(document))
    except FaultyJSONError as error:
        faults = error.faults
    told = {fault.path for fault in faults}
    empty = (path for path in _empty(QCProtocol, document, "") if path not in told)
    words = {True: "is empty; fill it in, or remove it", False: "is empty; fill it in"}
    return (*faults, *(Fault(path, words[path.endswith("]")]) for path in empty))


def set_value(document: Document, path: str, value: str | float | bool | None) -> Document:
    """Return the document with another value at a path; groups on the way that were not given are begun.

    Any text, number, yes or no is taken, because a form is filled in step by step: what does not belong there is a fault.
    None leaves the field out.

    Raises
    ------
    ValueError
        If there is no such field, it is a group or list, or it cannot be changed (the file format).
    """
    hint = _hint_at(path)
    if path in UNCHANGEABLE:
        raise ValueError(f"{path} says what kind of file it is; it is not edited.")
    if is_dataclass(hint) or _entry_hint(hint) is not None:
        raise ValueError(f"{path} is no single value.")
    if not isinstance(value, str | int | float | bool | None):
        raise ValueError(f"{path} takes a text, a number, yes or no; not {type(value).__name__}.")
    changed = copy.deepcopy(document)
    parent, last = _parent_of(changed, path, begin=True)
    if isinstance(last, int):
        if value is None:
            raise ValueError(f"{path} is an entry of a list: remove it with remove_item.")
        parent[last] = value
    elif value is None:
        parent.pop(last, None)
    else:
        parent[last] = value
    return changed


def add_item(document: Document, path: str) -> Document:
    """Return the document with one more entry, as yet empty, at the end of the list at `path`.

    Raises
    ------
    ValueError
        If there is no such list.
    """
    entry = _entry_hint(_hint_at(path))
    if entry is None:
        raise ValueError(f"{path} is no list.")
    changed = copy.deepcopy(document)
    parent, last = _parent_of(changed, path, begin=True)
    items = parent.get(last) if isinstance(parent, dict) else parent[last]
    if not isinstance(items, list):
        items = parent[last] = []
    items.append(_blank(entry, f"{path}[{len(items)}]"))
    return changed


def remove_item(document: Document, path: str) -> Document:
    """Return the document without the entry at `path`, such as structures[2], or without a key that no protocol has.

    Raises
    ------
    ValueError
        If there is no such entry.
    """
    changed = copy.deepcopy(document)
    parent, last = _parent_of(changed, path, begin=False)
    there = last < len(parent) if isinstance(last, int) else isinstance(parent, dict) and last in parent
    if not there or (isinstance(last, str) and _is_known(path)):
        raise ValueError(f"{path} is no entry of a list in this document.")
    del parent[last]
    return changed


def set_optional(document: Document, path: str) -> Document:
    """Return the document with a group that may be left out begun, as yet empty; as it is where the group is given.

    Raises
    ------
    ValueError
        If there is no such group.
    """
    hint = _hint_at(path)
    if not is_dataclass(hint):
        raise ValueError(f"{path} is no group.")
    changed = copy.deepcopy(document)
    parent, last = _parent_of(changed, path, begin=True)
    if isinstance(last, int):
        raise ValueError(f"{path} is an entry of a list; add one with add_item.")
    if not isinstance(parent.get(last), dict):
        parent[last] = _blank(hint, path)
    return changed


def clear_optional(document: Document, path: str) -> Document:
    """Return the document without what may be left out at `path`.

    Raises
    ------
    ValueError
        If there is no such field, or a protocol needs it.
    """
    _hint_at(path)
    if _is_required(path):
        raise ValueError(f"{path} cannot be left out.")
    changed = copy.deepcopy(document)
    try:
        parent, last = _parent_of(changed, path, begin=False)
    except ValueError:
        return changed  # a group above it is not given
    if isinstance(parent, dict):
        parent.pop(last, None)
    return changed


def _empty(hint: Any, value: Any, path: str) -> Iterator[str]:
    """Yield the paths of empty texts that are required or entries of a list."""
    if is_dataclass(hint) and isinstance(value, dict):
        for item in fields(hint):
            at = f"{path}.{item.name}" if path else item.name
            inner, one = _without_none(_hints(hint)[item.name]), value.get(item.name)
            if inner is str and isinstance(one, str) and not one.strip() and item.default is MISSING:
                yield at
            yield from _empty(inner, one, at)
    elif _entry_hint(hint) is not None and isinstance(value, list):
        for number, one in enumerate(value):
            if isinstance(one, str) and not one.strip():
                yield f"{path}[{number}]"
            yield from _empty(_entry_hint(hint), one, f"{path}[{number}]")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _without_none(hint: Any) -> Any:
    if typing.get_origin(hint) not in (Union, types.UnionType):
        return hint
    (inner,) = [argument for argument in typing.get_args(hint) if argument is not type(None)]
    return inner


def _entry_hint(hint: Any) -> Any | None:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else None


def _steps(path: str) -> list[str | int]:
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path such as structures[2].name.")
    return [int(number) if number else name for number, name in _STEP.findall(path)]


def _hint_at(path: str) -> Any:
    """Return the type of what is at a path, None aside; raise ValueError where a protocol has nothing."""
    hint: Any = QCProtocol
    for step in _steps(path):
        inner = _entry_hint(hint) if isinstance(step, int) else _hints(hint).get(step) if is_dataclass(hint) else None
        if inner is None:
            raise ValueError(f"A protocol has no {path!r}.")
        hint = _without_none(inner)
    return hint


def _is_known(path: str) -> bool:
    try:
        _hint_at(path)
    except ValueError:
        return False
    return True


def _is_required(path: str) -> bool:
    *above, last = _steps(path)
    if isinstance(last, int):
        return True
    hint: Any = QCProtocol
    for step in above:
        hint = _without_none(_entry_hint(hint) if isinstance(step, int) else _hints(hint)[step])
    return next(item.default is MISSING for item in fields(hint) if item.name == last)


def _parent_of(document: Document, path: str, *, begin: bool) -> tuple[Any, str | int]:
    """Return what holds the last step of a path, and that step; ValueError where the document has no such place."""
    *above, last = _steps(path)
    here: Any = document
    for number, step in enumerate(above):
        so_far = _joined(above[: number + 1])
        if isinstance(step, int):
            if not isinstance(here, list) or step >= len(here):
                raise ValueError(f"The document has no {so_far!r}.")
            here = here[step]
            continue
        if not isinstance(here, dict):
            raise ValueError(f"The document has no {so_far!r}.")
        if not isinstance(here.get(step), dict | list):
            if not begin:
                raise ValueError(f"The document has no {so_far!r}.")
            here[step] = _blank(_hint_at(so_far), so_far)
        here = here[step]
    if isinstance(last, int) and not (isinstance(here, list) and last < len(here)):
        raise ValueError(f"The document has no {path!r}.")
    if isinstance(last, str) and not isinstance(here, dict):
        raise ValueError(f"The document has no {path!r}.")
    return here, last


def _joined(steps: list[str | int]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _blank(hint: Any, path: str) -> Any:
    """Return an empty value: texts are empty, the first choice is taken, numbers that nobody knows are left out."""
    if is_dataclass(hint):
        hints = _hints(hint)
        required = [item for item in fields(hint) if item.default is MISSING and item.default_factory is MISSING]
        blank = {item.name: _blank(_without_none(hints[item.name]), f"{path}.{item.name}") for item in required}
        blank = {name: value for name, value in blank.items() if value is not None}
        if hint is Range:
            blank["unit"] = unit_of(path) or "1"
        return blank
    if typing.get_origin(hint) is tuple:
        return []
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)[0]
    return {str: "", bool: False}.get(hint, 0 if path.endswith("]") else None)


def unit_of(path: str) -> str | None:
    """Return the UCUM unit that the limit at a path is kept in, from the ending of its key; None where the key has none."""
    key = path.rpartition(".")[2]
    ending = next((ending for ending in _UNITS_BY_ENDING if key.endswith(ending)), None)
    return None if ending is None else _UNITS_BY_ENDING[ending]


def _field(
    hint: Any,
    value: Any,
    path: str,
    title: str,
    doc: str,
    required: bool,
    owner: Any,
    faults: Mapping[str, list[str]],
    default: Any = None,
) -> FormField:
    common = {"required": required, "given": value is not None, "faults": tuple(faults.get(path, ()))}
    if is_dataclass(hint):
        children = tuple(_fields_of(hint, value, path, faults)) if isinstance(value, dict) else ()
        return FormField(path, title, doc, "group", children=children, **common)
    entry = _entry_hint(hint)
    if entry is not None:
        items = value if isinstance(value, list) else []
        children = tuple(
            _field(entry, item, f"{path}[{n}]", _entry_title(item, n), _entry_doc(entry, doc), True, value, faults)
            for n, item in enumerate(items)
        )
        return FormField(path, title, doc, "list", of_groups=is_dataclass(entry), children=children, **common)
    kinds: dict[Any, FieldKind] = {str: "text", float: "number", int: "whole_number", bool: "switch"}
    kind = "choice" if typing.get_origin(hint) is Literal else kinds[hint]
    choices = tuple(map(str, typing.get_args(hint))) if kind == "choice" else ()
    unit = _unit_shown(path, owner) if kind in ("number", "whole_number") else None
    return FormField(path, title, doc, kind, value=value, default=default, unit=unit, choices=choices, **common)


def _fields_of(cls: type, value: Document, path: str, faults: Mapping[str, list[str]]) -> Iterator[FormField]:
    hints, texts = _hints(cls), FIELD_TEXTS[cls]
    for item in fields(cls):
        at = f"{path}.{item.name}" if path else item.name
        label = texts[item.name].label
        required = item.default is MISSING and item.default_factory is MISSING
        yield _field(
            _without_none(hints[item.name]),
            value.get(item.name),
            at,
            label[0].upper() + label[1:],
            item.metadata.get("doc", ""),
            required,
            value,
            faults,
            item.default if isinstance(item.default, str | int | float | bool) else None,
        )
    for key in value:
        if key not in hints and key != _SCHEMA_KEY:
            at = f"{path}.{key}" if path else key
            words = "No protocol has this key: remove it."
            yield FormField(at, key, words, "unknown", required=False, faults=tuple(faults.get(at, ())))


def _entry_title(item: Any, number: int) -> str:
    if not isinstance(item, dict):
        return str(item)
    name = next((item[key] for key in ("name", "title", "metric", "measure", "wording") if item.get(key)), None)
    return f"{number + 1}" if name is None else str(name)


def _entry_doc(entry: Any, doc: str) -> str:
    return (entry.__doc__ or "").partition("\n")[0] if is_dataclass(entry) else doc


def _unit_shown(path: str, owner: Any) -> str | None:
    if path.endswith((".minimum", ".maximum")) and isinstance(owner, dict):
        unit = owner.get("unit")
        return unit if isinstance(unit, str) else None
    if path.endswith((".apply_window", ".apply_level")) and isinstance(owner, dict):
        limit = owner.get(path.rpartition(".apply_")[2])
        unit = limit.get("unit") if isinstance(limit, dict) else None
        return unit if isinstance(unit, str) else None
    return unit_of(path)
