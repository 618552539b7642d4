"""JSON Schemas of what is kept in a folder of session logs: a log's line, a deleted session's record."""

from __future__ import annotations

from typing import Any

from SegQCLib.dataclass_json import json_schema
from SegQCLib.readers.log_lines import LogHeader
from SegQCLib.readers.tombstones import Tombstone

_ID = "https://segqc.invalid/schemas/{}.schema.json"
_SEAL = {
    "type": "string",
    "pattern": "^[0-9a-f]{64}$",
    "description": "SHA-256 of the 64 digits of the line before, and of this line's bytes before its own; always the last key.",
}
_EVENT = {
    "type": "object",
    "description": "One event.",
    "properties": {
        "sequence": {"type": "integer", "minimum": 1, "description": "1, 2, 3 ... without a gap."},
        "time": {"type": "string", "format": "date-time", "description": "Wall clock, with milliseconds and time zone."},
        "monotonic_s": {"type": "number", "description": "Monotonic clock, s, comparable within one log only."},
        "kind": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "description": "Kind of event."},
        "facts": {"type": "object", "description": "What happened, by the kind of event."},
    },
    "required": ["sequence", "time", "monotonic_s", "kind", "facts"],
    "additionalProperties": False,
}


def session_log_schema() -> dict[str, Any]:
    """Return the JSON Schema of one line of a session log: the header, or an event. Keys stand in the order given here."""
    header = _sealed(json_schema(LogHeader, title="SegQC session log, one line", identifier=_ID.format("session_log")))
    definitions = {**header.pop("$defs"), "LogEvent": _sealed(_EVENT)}
    top = {key: header.pop(key) for key in ("$schema", "$id", "title")}
    return {
        **top,
        "anyOf": [{"$ref": "#/$defs/LogHeader"}, {"$ref": "#/$defs/LogEvent"}],
        "$defs": dict(sorted({**definitions, "LogHeader": header}.items())),
    }


def deleted_session_schema() -> dict[str, Any]:
    """Return the JSON Schema of what stays of a session that was deleted on its reader's request."""
    return _sealed(json_schema(Tombstone, title="SegQC deleted session", identifier=_ID.format("deleted_session")))


def _sealed(schema: dict[str, Any]) -> dict[str, Any]:
    properties = {key: entry for key, entry in schema["properties"].items() if key != "$schema"}
    return {**schema, "properties": {**properties, "sha256": _SEAL}, "required": [*schema["required"], "sha256"]}
