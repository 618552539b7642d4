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
import json
import math
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

T = TypeVar("T")

_MISSING = object()


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
        values outside what is allowed, keys given twice.
    """
    faults: list[Fault] = []

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        for key in dict.fromkeys(key for key in keys if keys.count(key) > 1):
            faults.append(Fault("", f"key {key!r} is given {keys.count(key)} times in one object; keep one"))
        return dict(pairs)

    def no_constant(name: str) -> float:
        faults.append(Fault("", f"{name} is not a JSON number; use null where a value is undefined"))
        return 0.0

    try:
        data = json.loads(text, object_pairs_hook=unique_keys, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        raise FaultyJSONError([Fault(f"line {error.lineno}, column {error.colno}", f"not JSON: {error.msg}")]) from error
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
    if dataclasses.is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
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
    if _is_optional(hint):
        return None if data is None else _read(_inner(hint), data, path, faults)
    if dataclasses.is_dataclass(hint):
        return _read_dataclass(hint, data, path, faults)
    origin = get_origin(hint)
    if origin is tuple:
        return _read_tuple(get_args(hint), data, path, faults)
    if origin is dict:
        if not isinstance(data, dict):
            return _wrong(path, data, "an object", faults)
        return {key: _read(get_args(hint)[1], item, f"{path}.{key}", faults) for key, item in data.items()}
    if origin is Literal or isinstance(hint, type) and issubclass(hint, Enum):
        allowed = get_args(hint) if origin is Literal else tuple(member.value for member in hint)
        if data not in allowed or isinstance(data, bool):
            near = difflib.get_close_matches(str(data), [str(value) for value in allowed], n=1)
            hint_text = f"; did you mean {near[0]!r}?" if near else ""
            faults.append(Fault(path, f"{data!r} is not one of {', '.join(map(repr, allowed))}{hint_text}"))
            return None
        return data if origin is Literal else hint(data)
    return _read_scalar(hint, data, path, faults)


def _read_scalar(hint: type, data: Any, path: str, faults: list[Fault]) -> Any:
    words = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    if hint is float and isinstance(data, int | float) and not isinstance(data, bool):
        return float(data)
    # bool is a subclass of int in Python, not in JSON.
    if isinstance(data, hint) and (hint is bool or not isinstance(data, bool)):
        return data
    return _wrong(path, data, words[hint], faults)


def _wrong(path: str, data: Any, needed: str, faults: list[Fault]) -> None:
    shown = json.dumps(data, ensure_ascii=False)
    faults.append(Fault(path, f"{shown if len(shown) <= 60 else shown[:57] + '...'} is not {needed}"))


def _read_tuple(items: tuple[Any, ...], data: Any, path: str, faults: list[Fault]) -> Any:
    if not isinstance(data, list):
        return _wrong(path, data, "a list", faults)
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_read(items[0], item, f"{path}[{n}]", faults) for n, item in enumerate(data))
    if len(items) != len(data):
        return _wrong(path, data, f"a list of {len(items)}", faults)
    return tuple(_read(hint, item, f"{path}[{n}]", faults) for n, (hint, item) in enumerate(zip(items, data, strict=True)))


def _read_dataclass(cls: type, data: Any, path: str, faults: list[Fault]) -> Any:
    if not isinstance(data, dict):
        return _wrong(path, data, f"an object with {', '.join(f.name for f in dataclasses.fields(cls))}", faults)
    hints, fields = _hints(cls), {f.name: f for f in dataclasses.fields(cls)}
    before = len(faults)

    def at(name: str) -> str:
        return f"{path}.{name}" if path else name

    for key in data:
        if key not in fields and key != "$schema":  # editors add "$schema" to find the schema
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
            known = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(fields)}"
            faults.append(Fault(at(key), f"unknown key; {known}"))
    values = {}
    for name, field in fields.items():
        given = data.get(name, _MISSING)
        if given is not _MISSING:
            values[name] = _read(hints[name], given, at(name), faults)
        elif _is_required(field):
            faults.append(Fault(at(name), "missing"))
    if len(faults) > before:
        return None
    value = cls(**values)
    own_rules: Callable[[], Iterator[tuple[str, str]]] | None = getattr(value, "faults", None)
    if own_rules is not None:
        faults.extend(Fault(at(where) if where else path, text) for where, text in own_rules())
    for name, item in values.items():
        if isinstance(item, float) and not math.isfinite(item):
            faults.append(Fault(at(name), f"{item} is not a finite number"))
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
