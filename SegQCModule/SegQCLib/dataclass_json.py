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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

T = TypeVar("T")

_MISSING = object()
_UNREADABLE = object()
_PLAIN = frozenset({str, int, float, bool, type(None)})


# Where a value stands: the place of what it is in, and its key or number there. Words are made of it only for a fault.
_Place = tuple["_Place", str | int] | None
_Read = Callable[[Any, _Place, list["Fault"]], Any]


class _RepeatingObject(dict[str, Any]):
    """A JSON object in which a key was given more than once: which, and how often."""

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
        data = _loaded(text)
    except json.JSONDecodeError as error:
        raise FaultyJSONError([Fault(f"line {error.lineno}, column {error.colno}", f"not JSON: {error.msg}")]) from error
    except RecursionError as error:
        raise FaultyJSONError([Fault("", "not usable JSON: lists or objects are nested too deeply")]) from error
    faults: list[Fault] = []
    value = _reader(cls)(data, None, faults)
    if faults:
        raise FaultyJSONError(faults)
    return value


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python reads no integer of so many digits; as a number it is infinite, which is said where it stands.
        return json.loads(
            text, object_pairs_hook=_object, parse_int=lambda digits: int(digits) if len(digits) < 400 else float(digits)
        )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _RepeatingObject(pairs)


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
    fields = _fields(type(value))
    if fields is not None:
        names, values_of = fields
        return {name: item if type(item) in _PLAIN else to_plain(item) for name, item in zip(names, values_of(value), strict=True)}
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
def _fields(cls: type) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]] | None:
    """Return the names of a dataclass's fields and what gives their values; None: it is none."""
    if not dataclasses.is_dataclass(cls):
        return None
    names = tuple(field.name for field in dataclasses.fields(cls))
    # Of a single name, attrgetter would give the bare value.
    return names, attrgetter(*names) if len(names) > 1 else lambda value: tuple(getattr(value, name) for name in names)


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


def _reader(hint: Any) -> _Read:
    """Return what reads a value of a hint: it gives it, or `_UNREADABLE` after adding to the faults why it is not one.

    Hints are looked at once, when a class is first read, and not for each of the thousands of values of a record.
    """
    if _is_optional(hint):
        inner = _reader(_inner(hint))
        return lambda data, place, faults: None if data is None else inner(data, place, faults)
    if dataclasses.is_dataclass(hint):
        return _dataclass_reader(hint)
    origin = get_origin(hint)
    if origin is tuple:
        return _tuple_reader(get_args(hint))
    if origin is dict:
        return _dict_reader(get_args(hint)[1])
    if origin is Literal or (isinstance(hint, type) and issubclass(hint, Enum)):
        return _choice_reader(hint)
    return _number_reader(hint) if hint in (int, float) else _plain_reader(hint)


def _as_it_is(hint: Any) -> frozenset[type]:
    """Return the types of which every value is one of a hint and needs no reading: most of what a record holds."""
    if _is_optional(hint):
        return _as_it_is(_inner(hint)) | {type(None)}
    return frozenset({hint}) if hint in (str, bool) else frozenset()


def _choice_reader(hint: Any) -> _Read:
    is_literal = get_origin(hint) is Literal
    allowed = get_args(hint) if is_literal else tuple(member.value for member in hint)
    texts = {value: value if is_literal else hint(value) for value in allowed if isinstance(value, str)}

    def read(data: Any, place: _Place, faults: list[Fault]) -> Any:
        if type(data) is str and data in texts:
            return texts[data]
        if data in allowed and not isinstance(data, bool):
            return data if is_literal else hint(data)
        near = difflib.get_close_matches(str(data), [str(value) for value in allowed], n=1)
        return _wrong(place, data, f"one of {', '.join(map(_shown, allowed))}", faults, near)

    return read


def _number_reader(hint: type) -> _Read:
    needed = {int: "a whole number", float: "a number"}[hint]

    def read(data: Any, place: _Place, faults: list[Fault]) -> Any:
        if type(data) is hint is float and math.isfinite(data):
            return data
        # bool is a subclass of int in Python, not in JSON.
        if type(data) is not float and type(data) is not int:
            return _wrong(place, data, needed, faults)
        try:
            number = float(data)
        except OverflowError:
            number = math.inf if data > 0 else -math.inf
        if not math.isfinite(number):
            return _wrong(place, number, "a finite number; use null where a value is undefined", faults)
        if hint is float:
            return number
        return int(data) if number.is_integer() else _wrong(place, data, needed, faults)

    return read


def _plain_reader(hint: type) -> _Read:
    needed = {str: "text", bool: "true or false"}[hint]

    def read(data: Any, place: _Place, faults: list[Fault]) -> Any:
        return data if type(data) is hint else _wrong(place, data, needed, faults)

    return read


def _shown(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _wrong(place: _Place, data: Any, needed: str, faults: list[Fault], near: list[str] | None = None) -> Any:
    suggestion = f"; did you mean {_shown(near[0])}?" if near else ""
    faults.append(Fault(_path(place), f"{_shown(data)} is not {needed}{suggestion}"))
    return _UNREADABLE


def _path(place: _Place) -> str:
    """Return a place in words, such as structures[2].name."""
    parts: list[str | int] = []
    while place is not None:
        place, part = place
        parts.append(part)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in reversed(parts)).removeprefix(".")


def _readable(items: Any, whole: Any) -> Any:
    return _UNREADABLE if any(item is _UNREADABLE for item in items) else whole


def _dict_reader(hint: Any) -> _Read:
    read_item = _reader(hint)

    def read(data: Any, place: _Place, faults: list[Fault]) -> Any:
        if not isinstance(data, dict):
            return _wrong(place, data, "an object", faults)
        _read_repeated(data, place, faults)
        values = {key: read_item(item, (place, key), faults) for key, item in data.items()}
        return _readable(values.values(), values)

    return read


def _tuple_reader(hints: tuple[Any, ...]) -> _Read:
    if len(hints) == 2 and hints[1] is Ellipsis:
        read_item, length = _reader(hints[0]), None
    else:
        readers, length = [_reader(hint) for hint in hints], len(hints)

    def read(data: Any, place: _Place, faults: list[Fault]) -> Any:
        if not isinstance(data, list):
            return _wrong(place, data, "a list", faults)
        if length is None:
            items = [read_item(item, (place, n), faults) for n, item in enumerate(data)]
        elif length == len(data):
            items = [one(item, (place, n), faults) for n, (one, item) in enumerate(zip(readers, data, strict=True))]
        else:
            return _wrong(place, data, f"a list of {length}", faults)
        return _readable(items, tuple(items))

    return read


def _read_repeated(data: dict[str, Any], place: _Place, faults: list[Fault]) -> None:
    if isinstance(data, _RepeatingObject):
        faults.extend(Fault(_path((place, key)), f"is given {count} times; keep one") for key, count in data.repeated.items())


@functools.cache
def _dataclass_reader(cls: type) -> _Read:
    fields = {f.name: f for f in dataclasses.fields(cls)}
    known = frozenset({*fields, "$schema"})  # editors add "$schema" to find the schema
    own_rules: Callable[[Any], Iterator[tuple[str, str]]] | None = getattr(cls, "faults", None)
    readers: tuple[tuple[str, frozenset[type], _Read], ...] | None = None

    def read(data: Any, place: _Place, faults: list[Fault]) -> Any:
        nonlocal readers
        if readers is None:
            # Not before: a class may hold others of its own.
            hints = _hints(cls)
            readers = tuple((name, _as_it_is(hints[name]), _reader(hints[name])) for name in fields)
        if not isinstance(data, dict):
            return _wrong(place, data, f"an object with {', '.join(fields)}", faults)
        _read_repeated(data, place, faults)
        if not data.keys() <= known:
            faults.extend(_unknown_key(key, fields, place) for key in data if key not in known)
        values = {}
        readable = True
        for name, as_they_are, read_field in readers:
            given = data.get(name, _MISSING)
            if type(given) in as_they_are:
                values[name] = given
            elif given is not _MISSING:
                value = values[name] = read_field(given, (place, name), faults)
                if value is _UNREADABLE:
                    readable = False
            elif _is_required(fields[name]):
                readable = False
                faults.append(_missing_key(fields[name], place))
        if not readable:
            return _UNREADABLE
        whole = cls(**values)
        if own_rules is not None:
            for where, text in own_rules(whole):
                path = _path(place)
                faults.append(Fault(f"{path}.{where}" if path and where else where or path, text))
        return whole

    return read


def _unknown_key(key: str, fields: Mapping[str, dataclasses.Field], place: _Place) -> Fault:
    near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
    known = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(fields)}"
    return Fault(_path((place, key)), f"unknown key; {known}")


def _missing_key(field: dataclasses.Field, place: _Place) -> Fault:
    meaning = f": {field.metadata['doc']}" if "doc" in field.metadata else ""
    return Fault(_path((place, field.name)), f"is missing{meaning}")


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
