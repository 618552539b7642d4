"""When a reader corrected a planted error, as far as the session logs say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.log_times import times_of
from SegQCLib.readers.planted_errors import PlantedError
from SegQCLib.readers.planted_outcome import DETECTED_FROM
from SegQCLib.readers.session_log import StoredLog


def seconds_until_corrected(logs: Sequence[StoredLog], error: PlantedError) -> float | None:
    """Return the active time from the first sight of the draft to the correction of an error, s.

    The logs count voxels, not where they are: the correction is taken to be the first count at which as many voxels were changed
    in the segment, in the direction that corrects the error, as its detection needs (half of the planted ones). Another large
    edit of the same segment before it makes the time shorter than it was.

    Parameters
    ----------
    logs : sequence of StoredLog
        Of one reader's read of one case, in order of time.
    error : PlantedError

    Returns
    -------
    float or None
        None where no such count is in the logs. Without a word of when the draft was shown, time begins with the first log.
    """
    seconds, shown = 0.0, False
    has_sight = any(event.kind == EventKind.DRAFT_SHOWN for log in logs for event in log.events)
    changed: dict[int, int] = {}
    for log in logs:
        start = 0.0
        for number, event in enumerate(log.events, start=1):
            if event.kind == EventKind.DRAFT_SHOWN and not shown:
                shown, start = True, _active_s(log, number)
            if event.kind == EventKind.VOXELS:
                # A count has only the segments that were edited since the one before.
                changed |= _changed(event.facts, error)
                if (shown or not has_sight) and _suffices(changed, error):
                    return seconds + _active_s(log, number) - start
        if shown or not has_sight:
            seconds += _active_s(log, len(log.events)) - start
    return None


def _active_s(log: StoredLog, events: int) -> float:
    return times_of(replace(log, events=log.events[:events])).total().active


def _changed(facts: Mapping[str, Any], error: PlantedError) -> dict[int, int]:
    """Return the voxels changed in the direction that corrects the error, for each part of it that is counted here."""
    changed = {}
    for number, wrong in enumerate(error.voxels):
        for one in facts["segments"]:
            if wrong.segment_id == one["id"] or wrong.segment == one["name"]:
                changed[number] = int(one["added"] if wrong.belongs else one["removed"])
    return changed


def _suffices(changed: Mapping[int, int], error: PlantedError) -> bool:
    needed = [DETECTED_FROM * np.count_nonzero(wrong.mask) for wrong in error.voxels]
    return all(changed.get(number, 0) >= voxels for number, voxels in enumerate(needed))
