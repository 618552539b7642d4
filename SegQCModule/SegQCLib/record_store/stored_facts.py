"""Which facts of an event go into a database: those named here, and nothing else.

A list of what is allowed, because a log's facts hold comments, reasons, file paths and names of cases, and tomorrow's
kinds of events hold what nobody has thought of yet. Names of structures, effects, models and checks stay in clear, because
nothing can be counted without them: a segment that is called after a person is stored under that person's name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.log_lines import is_wall_clock
from SegQCLib.record_store.reader_keys import Keys

Rule = Callable[[Any, Keys], Any]

# Kinds that panels add and this list does not know: a line that was there, and nothing of what it said.
OTHER = "other"
LONGEST_WORD = 200
_LARGEST = 2**63 - 1


def stored_kind(kind: str) -> str:
    """Return the kind under which an event is stored."""
    return kind if kind in FACTS else OTHER


def stored_facts(kind: str, facts: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """Return the facts of an event that are stored.

    A fact that is not of the kind that is allowed (a text in place of a number) becomes null, so that its presence is kept.
    """
    rules = FACTS.get(kind)
    if not rules or not facts:
        return {}
    return {name: rules[name](value, keys) for name, value in facts.items() if name in rules}


def clear_word(text: str) -> str:
    """Return a name as every database takes it: at most 200 characters, without NUL and halves of surrogate pairs."""
    return text[:LONGEST_WORD].replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _number(value: Any, keys: Keys) -> float | None:  # noqa: ARG001
    if isinstance(value, int):
        return value if -_LARGEST <= value <= _LARGEST else None
    return value if isinstance(value, float) and math.isfinite(value) else None


def _word(value: Any, keys: Keys) -> str | None:  # noqa: ARG001
    return clear_word(value) if isinstance(value, str) else None


def _withheld(value: Any, keys: Keys) -> str | None:  # noqa: ARG001
    return None if value is None else ""


def _time(value: Any, keys: Keys) -> str | None:  # noqa: ARG001
    return value if isinstance(value, str) and is_wall_clock(value) else None


def _case(value: Any, keys: Keys) -> str | None:
    return keys.case(value) if isinstance(value, str) else None


def _name(value: Any, keys: Keys) -> str | None:
    return keys.other(value) if isinstance(value, str) else None


def _each(rule: Rule) -> Rule:
    return lambda value, keys: [rule(item, keys) for item in value] if isinstance(value, list) else None


def _count_or_each(rule: Rule) -> Rule:
    each = _each(rule)
    return lambda value, keys: each(value, keys) if isinstance(value, list) else _number(value, keys)


def _object(**rules: Rule) -> Rule:
    return lambda value, keys: (
        {name: rules[name](item, keys) for name, item in value.items() if name in rules} if isinstance(value, dict) else None
    )


def _by_word(rule: Rule) -> Rule:
    return lambda value, keys: (
        {clear_word(name): rule(item, keys) for name, item in value.items()} if isinstance(value, dict) else None
    )


_SEGMENT = _object(id=_word, name=_word)
_COUNTS = {"voxels": _number, "draft_voxels": _number, "added": _number, "removed": _number}
_WINDOW = {
    "rule": _word,
    "started": _time,
    "duration_s": _number,
    "count": _number,
    "window": _each(_number),
    "level": _each(_number),
    "unit": _word,
}

FACTS: Mapping[str, Mapping[str, Rule]] = {
    str(kind): rules
    for kind, rules in {
        EventKind.STARTED: {},
        EventKind.STOPPED: {},
        EventKind.IDLE_LIMIT: {"seconds": _number},
        EventKind.CONTEXT: {"segment": _SEGMENT, "effect": _word},
        EventKind.ACTIVITY: {"mouse": _number, "wheel": _number, "key": _number, "tablet": _number, "edit": _number},
        EventKind.FOCUS: {"in_front": _number},
        EventKind.PAUSED: {"reason": _withheld},
        EventKind.RESUMED: {},
        EventKind.WAITED: {"seconds": _number},
        EventKind.CASE_OPENED: {"case": _case, "candidate": _word},
        EventKind.CASE_FINISHED: {"case": _case},
        EventKind.CASE_SAVED: {"case": _case},
        EventKind.GATE_CONFIRMED: {"volume": _name, "checks": _each(_word)},
        EventKind.WINDOW_DEVIATION: _WINDOW,
        EventKind.LOOK_AWAY: _WINDOW,
        EventKind.RATING: {
            "rating": _word,
            "grade": _number,
            "scale": _word,
            "not_assessable": _number,
            "proposes_exclusion": _number,
        },
        EventKind.SLICES_SEEN: {"volume": _name, "slices": _number, "seen": _each(_each(_number)), "scrolled": _number},
        EventKind.DRAFT_IMPORTED: {
            "algorithm": _word,
            "version": _word,
            "segments": _count_or_each(_SEGMENT),
            "known": _number,
            "source_kind": _word,
        },
        EventKind.DRAFT_SHOWN: {"algorithm": _word, "version": _word, "segments": _each(_SEGMENT)},
        EventKind.CANDIDATE: {"name": _name},
        EventKind.CANDIDATE_STARTED: {"draft": _name, "segments": _count_or_each(_SEGMENT)},
        EventKind.SEGMENTS: {"segments": _each(_object(id=_word, name=_word, algorithm_type=_word, algorithm_name=_word))},
        EventKind.EDIT: {"segments": _each(_SEGMENT), "effect": _word, "looking_away": _number},
        EventKind.UNDO_OR_STRUCTURE: {"segments": _each(_SEGMENT), "looking_away": _number},
        EventKind.VOXELS: {"segments": _each(_object(id=_word, name=_word, **_COUNTS))},
        EventKind.SEGMENTS_MEASURED: {
            "voxel_volume_mm3": _number,
            "segments": _each(
                _object(
                    id=_word,
                    name=_word,
                    **_COUNTS,
                    added_path_length_mm=_number,
                    slices=_each(_number),
                    accuracy=_number,
                    expected_dice=_number,
                    threshold=_number,
                )
            ),
        },
        EventKind.TECHNICAL_LOOK: {"errors": _number, "failures": _number},
        EventKind.FINDING_VIEWED: {"check": _word, "segment_ids": _each(_word)},
        EventKind.FINDING_REPAIRED: {"check": _word, "repair": _word, "segment_id": _word},
        EventKind.REPAIR_UNDONE: {"segment_id": _word},
        EventKind.FINDING_KEPT: {"check": _word, "segment": _word},
        EventKind.FINDING_KEPT_NO_LONGER: {"check": _word, "segment": _word},
        EventKind.EVALUATED: {
            "verdict": _word,
            "outdated": _number,
            "findings": _each(_object(check=_word, segment=_word, status=_word)),
        },
        EventKind.PLANTED_ERROR: {
            "error": _word,
            "segment": _word,
            "corrected": _number,
            "detected": _number,
            "seconds": _number,
        },
        EventKind.TRAINING_ATTEMPT: {
            "course": _word,
            "case": _case,
            "mode": _word,
            "passed": _number,
            "scores": _by_word(_number),
        },
        EventKind.DISAGREEMENT_DECIDED: {
            "structure": _word,
            "component": _number,
            "order": _number,
            "decision": _word,
        },
    }.items()
}
