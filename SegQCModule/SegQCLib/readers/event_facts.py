"""Facts of a log's events, taken out with a look at what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from SegQCLib.readers.voxel_change import VoxelChange

NONE = type(None)


class FaultyFactError(Exception):
    """A fact that is missing or of another kind; the text is the end of a sentence."""


def fact(facts: Mapping[str, Any], name: str, *kinds: type) -> Any:
    """Return a fact that is of one of some kinds; raise FaultyFactError if it is missing or of another one."""
    try:
        value = facts[name]
    except (KeyError, TypeError):
        raise FaultyFactError(f"has no {name}") from None
    # Not isinstance: true is an int to it.
    if type(value) not in kinds:
        words = {
            str: "text",
            int: "a number",
            float: "a number",
            bool: "true or false",
            list: "a list",
            NONE: "null",
            dict: "{}",
        }
        allowed = " or ".join(dict.fromkeys(words[kind] for kind in kinds))
        raise FaultyFactError(f"its {name} is {str(value)[:80]!r} where {allowed} belongs")
    return value


def change_of(facts: Mapping[str, Any]) -> VoxelChange:
    """Return a segment's voxels against its draft; raise FaultyFactError if they are missing or contradict each other."""
    change = VoxelChange(*(fact(facts, name, int) for name in ("voxels", "draft_voxels", "added", "removed")))
    if change.voxels + change.removed != change.draft_voxels + change.added or min(change.added, change.removed, change.kept) < 0:
        raise FaultyFactError(f"its numbers of voxels contradict each other: {change}")
    return change
