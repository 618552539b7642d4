"""Frozen dataclasses to JSON, from JSON with every fault at once, and their JSON Schema.

The type hints and the `doc` metadata of a dataclass are the one description of a file format:
reading, writing, checking and the schema that editors complete with all come from it.

Supported hints: str, int, float, bool, Enum, Literal, nested dataclasses, tuple[X, ...], fixed tuples,
dict[str, X], and X | None. A dataclass may add rules between its fields as a method
`faults(self) -> Iterator[tuple[path, text]]`.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import math
import types
import typing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

T = TypeVar("T")

_MISSING = object()
_UNREADABLE = object()
_PLAIN = frozenset({str, int, float, bool, type(None)})

# float() of a longer integer can overflow, and Python refuses to read one of more than 4,300 digits.
_LONGEST_INTEGER = 300


class _JSONObject(dict[str, Any]):
    """A JSON object that remembers which keys were given more than once, and how often."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.repeated = {key: count for key, count in counts.items() if count > 1}


@dataclass(frozen=True)
class Fault:
    """One thing wrong in a JSON file: where (a path such as structures[2].name) and what."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class FaultyJSONError(Exception):
    """All faults of one JSON text at once."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def from_json(cls: type[T], text: str) -> T:
    """Return `text` as an instance of the dataclass `cls`.

    Raises
    ------
    FaultyJSONError
        With every fault: syntax, unknown keys (and the nearest known one), missing keys, wrong types,
        values outside what is allowed, keys given twice. Rules between the fields of an object are
        checked if all its fields could be read, so a wrong type can hide a contradiction until it is corrected.
    """
    try:
        data = json.loads(
            text,
            object_pairs_hook=_JSONObject,
            parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits),
        )
    except json.JSONDecodeError as error:
        raise FaultyJSONError([Fault(f"line {error.lineno}, column {error.colno}", f"not JSON: {error.msg}")]) from error
    except RecursionError as error:
        raise FaultyJSONError([Fault("", "not usable JSON: lists or objects are nested too deeply")]) from error
    faults: list[Fault] = []
    value = _read(cls, data, "", faults)
    if faults:
        raise FaultyJSONError(faults)
    return value


def to_json(value: Any) -> str:
    """Return a dataclass instance as indented JSON text ending in a newline.

    Raises
    ------
    ValueError
        If a number is NaN or infinite: an undefined value is None, with its reason beside it.
    """
    return json.dumps(to_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_plain(value: Any) -> Any:
    """Return a dataclass instance as dicts, lists and plain values."""
    # Most values are plain already, and a record has thousands. An Enum is a subclass of these, not one of them.
    if type(value) in _PLAIN:
        return value
    if dataclasses.is_dataclass(value):
        return {name: to_plain(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value


def json_schema(cls: type, *, title: str, identifier: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a dataclass: what `from_json` accepts, as far as a schema can say it."""
    definitions: dict[str, Any] = {}
    root = _schema(cls, definitions)
    name = root["$ref"].rpartition("/")[2]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": identifier,
        "title": title,
        **definitions.pop(name),
        "$defs": dict(sorted(definitions.items())),
    }


@functools.cache
def _names(cls: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls))


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _inner(hint: Any) -> Any:
    (inner,) = [argument for argument in get_args(hint) if argument is not type(None)]
    return inner


def _is_required(field: dataclasses.Field) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _read(hint: Any, data: Any, path: str, faults: list[Fault]) -> Any:
    """Return `data` as `hint`, or `_UNREADABLE` after adding to `faults` why it is not one."""
    if _is_optional(hint):
        return None if data is None else _read(_inner(hint), data, path, faults)
    if dataclasses.is_dataclass(hint):
        return _read_dataclass(hint, data, path, faults)
    origin = get_origin(hint)
    if origin is tuple:
        return _read_tuple(get_args(hint), data, path, faults)
    if origin is dict:
        return _read_dict(get_args(hint)[1], data, path, faults)
    if origin is Literal or (isinstance(hint, type) and issubclass(hint, Enum)):
        return _read_choice(hint, data, path, faults)
    return _read_scalar(hint, data, path, faults)


def _read_choice(hint: Any, data: Any, path: str, faults: list[Fault]) -> Any:
    is_literal = get_origin(hint) is Literal
    allowed = get_args(hint) if is_literal else tuple(member.value for member in hint)
    if data in allowed and not isinstance(data, bool):
        return data if is_literal else hint(data)
    near = difflib.get_close_matches(str(data), [str(value) for value in allowed], n=1)
    return _wrong(path, data, f"one of {', '.join(map(_shown, allowed))}", faults, near)


def _read_scalar(hint: type, data: Any, path: str, faults: list[Fault]) -> Any:
    words = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    # bool is a subclass of int in Python, not in JSON.
    if hint in (int, float) and isinstance(data, int | float) and not isinstance(data, bool):
        if not math.isfinite(data):
            return _wrong(path, data, "a finite number; use null where a value is undefined", faults)
        if hint is float or float(data).is_integer():
            return hint(data)
    elif hint in (str, bool) and isinstance(data, hint):
        return data
    return _wrong(path, data, words[hint], faults)


def _shown(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _wrong(path: str, data: Any, needed: str, faults: list[Fault], near: list[str] | None = None) -> Any:
    suggestion = f"; did you mean {_shown(near[0])}?" if near else ""
    faults.append(Fault(path, f"{_shown(data)} is not {needed}{suggestion}"))
    return _UNREADABLE


def _readable(items: Any, whole: Any) -> Any:
    return _UNREADABLE if any(item is _UNREADABLE for item in items) else whole


def _read_dict(hint: Any, data: Any, path: str, faults: list[Fault]) -> Any:
    if not isinstance(data, _JSONObject):
        return _wrong(path, data, "an object", faults)
    _read_repeated(data, path, faults)
    values = {key: _read(hint, item, _at(path, key), faults) for key, item in data.items()}
    return _readable(values.values(), values)


def _read_tuple(hints: tuple[Any, ...], data: Any, path: str, faults: list[Fault]) -> Any:
    if not isinstance(data, list):
        return _wrong(path, data, "a list", faults)
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = (hints[0],) * len(data)
    if len(hints) != len(data):
        return _wrong(path, data, f"a list of {len(hints)}", faults)
    items = [_read(hint, item, f"{path}[{n}]", faults) for n, (hint, item) in enumerate(zip(hints, data, strict=True))]
    return _readable(items, tuple(items))


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _read_repeated(data: _JSONObject, path: str, faults: list[Fault]) -> None:
    faults.extend(Fault(_at(path, key), f"is given {count} times; keep one") for key, count in data.repeated.items())


def _read_dataclass(cls: type, data: Any, path: str, faults: list[Fault]) -> Any:
    fields = {f.name: f for f in dataclasses.fields(cls)}
    if not isinstance(data, _JSONObject):
        return _wrong(path, data, f"an object with {', '.join(fields)}", faults)
    _read_repeated(data, path, faults)
    for key in data:
        if key not in fields and key != "$schema":  # editors add "$schema" to find the schema
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
            known = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(fields)}"
            faults.append(Fault(_at(path, key), f"unknown key; {known}"))
    hints = _hints(cls)
    values = {}
    for name, field in fields.items():
        given = data.get(name, _MISSING)
        if given is not _MISSING:
            values[name] = _read(hints[name], given, _at(path, name), faults)
        elif _is_required(field):
            values[name] = _UNREADABLE
            meaning = f": {field.metadata['doc']}" if "doc" in field.metadata else ""
            faults.append(Fault(_at(path, name), f"is missing{meaning}"))
    if _readable(values.values(), values) is _UNREADABLE:
        return _UNREADABLE
    value = cls(**values)
    own_rules: Callable[[], Iterator[tuple[str, str]]] | None = getattr(value, "faults", None)
    if own_rules is not None:
        faults.extend(Fault(_at(path, where) if where else path, text) for where, text in own_rules())
    return value


def _schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if _is_optional(hint):
        return {"anyOf": [_schema(_inner(hint), definitions), {"type": "null"}]}
    if dataclasses.is_dataclass(hint):
        if hint.__name__ not in definitions:
            definitions[hint.__name__] = {}  # reserves the name while the fields are walked
            definitions[hint.__name__] = _dataclass_schema(hint, definitions)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    origin = get_origin(hint)
    if origin is tuple:
        items = get_args(hint)
        if len(items) == 2 and items[1] is Ellipsis:
            return {"type": "array", "items": _schema(items[0], definitions)}
        prefix = [_schema(item, definitions) for item in items]
        return {"type": "array", "prefixItems": prefix, "minItems": len(items), "maxItems": len(items)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(get_args(hint)[1], definitions)}
    if origin is Literal:
        return {"enum": list(get_args(hint))}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    return {"type": {str: "string", bool: "boolean", int: "integer", float: "number"}[hint]}


def _dataclass_schema(cls: type, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = _hints(cls)
    properties: dict[str, Any] = {}
    for field in dataclasses.fields(cls):
        entry = _schema(hints[field.name], definitions)
        if "doc" in field.metadata:
            entry = {**entry, "description": field.metadata["doc"]}
        properties[field.name] = entry
    return {
        "type": "object",
        "description": (cls.__doc__ or "").split("\n\n")[0].replace("\n", " "),
        "properties": {"$schema": {"type": "string"}, **properties},
        "required": [f.name for f in dataclasses.fields(cls) if _is_required(f)],
        "additionalProperties": False,
    }
