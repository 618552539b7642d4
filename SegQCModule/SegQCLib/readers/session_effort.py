"""Read a session's log for what it says of effort."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from SegQCLib.errors import BadDataError
from SegQCLib.protocol import plain_name
from SegQCLib.readers.case_read import PlantedRead
from SegQCLib.readers.event_facts import NONE, FaultyFactError, change_of, fact
from SegQCLib.readers.log_clock import LogClock
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.log_lines import LogEvent, LogHeader
from SegQCLib.readers.logged_session import (
    FindingStep,
    LoggedCandidate,
    LoggedSegment,
    Reading,
    SegmentMeasures,
    SessionEffort,
    ShownModel,
)
from SegQCLib.readers.provenance import ProvenanceWatch, provenance_from_tags

# A draft of which nobody knows what made it is an AI result as well.
UNNAMED_MODEL = "unnamed model"
# Of a log that says more, memory would be filled.
_MOST_SLICES = 1_000_000
# Readers' scales have five grades or a hundred; all grades between two given ones are looked at.
_LARGEST_GRADE = 1000
_LARGEST_VOXEL_MM3 = 1e9


def session_effort(path: Path, header: LogHeader, events: Iterable[LogEvent]) -> SessionEffort:
    """Return what a log says of effort.

    Events of a kind that nothing is computed from only let time pass.

    Parameters
    ----------
    path : Path
        Named in messages.
    header : LogHeader
    events : iterable of LogEvent
        In their order; each is looked at once, so a `LogStream` will do.

    Raises
    ------
    BadDataError
        If a fact of an event is missing or not what `log_events` says, with path and line.
    """
    session = _Session(header)
    readers = session.readers()
    event = None
    try:
        for event in events:
            if event.kind == EventKind.WAITED:
                session.waited(event)
                continue
            session.until(event)
            read = readers.get(event.kind)
            if read is not None:
                read(event.facts)
    except FaultyFactError as fault:
        raise BadDataError(
            f"{path}, line {event.sequence + 1}",
            f"is the event {event.kind}, but {fault}.",
            "Another program or another version of SegQC wrote the log; leave it out.",
        ) from fault
    return session.effort()


class _Session:
    def __init__(self, header: LogHeader) -> None:
        self.header = header
        self.clock: LogClock | None = None
        self.time = header.started
        self.origin: str | None = None
        self.finished = self.edited_after_finish = self.has_edits = False
        self.at_finish: Reading | None = None
        self.verdict: str | None = None
        self.findings: list[FindingStep] = []
        self.ratings: dict[str, int | None] = {}
        self.planted: list[PlantedRead] = []
        self._planted_before = False
        self._candidates = [LoggedCandidate(None, {})]
        self._watch = ProvenanceWatch()
        self._shown: dict[str, ShownModel] = {}
        self._seen: bytearray | None = None
        self._scrolled: bool | None = None
        self._repaired: dict[str, str] = {}

    def readers(self) -> dict[str, Any]:
        return {
            EventKind.ACTIVITY: self.activity,
            EventKind.CONTEXT: self.context,
            EventKind.FOCUS: self.focus,
            EventKind.PAUSED: self.paused,
            EventKind.RESUMED: self.resumed,
            EventKind.IDLE_LIMIT: self.idle_limit,
            EventKind.CASE_OPENED: self.case_opened,
            EventKind.CASE_FINISHED: self.case_finished,
            EventKind.RATING: self.rating,
            EventKind.SLICES_SEEN: self.slices_seen,
            EventKind.DRAFT_SHOWN: self.draft_shown,
            EventKind.CANDIDATE: self.candidate,
            EventKind.SEGMENTS: self.segments,
            EventKind.EDIT: self.edit,
            EventKind.UNDO_OR_STRUCTURE: self.undo_or_structure,
            EventKind.VOXELS: self.voxels,
            EventKind.SEGMENTS_MEASURED: self.segments_measured,
            EventKind.FINDING_VIEWED: self.finding_viewed,
            EventKind.FINDING_REPAIRED: self.finding_repaired,
            EventKind.REPAIR_UNDONE: self.repair_undone,
            EventKind.FINDING_KEPT: self.finding_kept,
            EventKind.FINDING_KEPT_NO_LONGER: self.finding_kept_no_longer,
            EventKind.EVALUATED: self.evaluated,
            EventKind.PLANTED_ERROR: self.planted_error,
        }

    def effort(self) -> SessionEffort:
        self._end_candidate()
        at_end = self._reading()
        return SessionEffort(
            self.header,
            self.origin,
            self.finished,
            self.edited_after_finish,
            self.has_edits,
            at_end if self.at_finish is None else self.at_finish,
            at_end,
            tuple(self._candidates),
            self.verdict,
            tuple(self.findings),
            self.ratings,
            tuple(self.planted),
        )

    def _reading(self) -> Reading:
        seen = None if self._seen is None else bytes(self._seen)
        seconds = {} if self.clock is None else self.clock.totals()
        return Reading(seconds, dict(self._shown), seen, self._scrolled, self.time)

    # Times

    def until(self, event: LogEvent) -> None:
        self.time = event.time
        if self.clock is None:
            self.clock = LogClock(event.monotonic_s, (0, None, None))
        self.clock.until(event.monotonic_s)

    def waited(self, event: LogEvent) -> None:
        seconds = fact(event.facts, "seconds", float, int)
        if seconds < 0:
            raise FaultyFactError(f"its seconds are {seconds}, less than 0")
        if self.clock is None:
            self.until(event)
        self.time = event.time
        self.clock.waited(event.monotonic_s, seconds)

    def activity(self, _facts: Mapping[str, Any]) -> None:
        self.clock.activity()

    def context(self, facts: Mapping[str, Any]) -> None:
        segment, effect = fact(facts, "segment", dict, NONE), fact(facts, "effect", str, NONE)
        self.clock.context((len(self._candidates) - 1, None if segment is None else self._met(segment), effect))

    def focus(self, facts: Mapping[str, Any]) -> None:
        self.clock.focus(fact(facts, "in_front", bool))

    def paused(self, _facts: Mapping[str, Any]) -> None:
        self.clock.pause()

    def resumed(self, _facts: Mapping[str, Any]) -> None:
        self.clock.resume()

    def idle_limit(self, facts: Mapping[str, Any]) -> None:
        seconds = fact(facts, "seconds", float, int)
        if not seconds > 0:
            raise FaultyFactError(f"its seconds are {seconds}, not larger than 0")
        self.clock.set_idle_after(seconds)

    # The case

    def case_opened(self, facts: Mapping[str, Any]) -> None:
        origin = fact(facts, "candidate", str)
        if self.origin is None:
            self.origin = origin

    def case_finished(self, _facts: Mapping[str, Any]) -> None:
        self.finished, self.edited_after_finish = True, False
        self.at_finish = self._reading()

    def rating(self, facts: Mapping[str, Any]) -> None:
        grade = fact(facts, "grade", int, NONE)
        if grade is not None and abs(grade) > _LARGEST_GRADE:
            raise FaultyFactError(f"its grade is {str(grade)[:80]}; grades go up to {_LARGEST_GRADE:,}")
        self.ratings[fact(facts, "rating", str)] = grade

    def slices_seen(self, facts: Mapping[str, Any]) -> None:
        count = fact(facts, "slices", int)
        if not 0 <= count <= _MOST_SLICES:
            raise FaultyFactError(f"its slices are {count}; an image has up to {_MOST_SLICES:,}")
        if self._seen is None or len(self._seen) != count:
            # Of another image the numbers mean other slices.
            self._seen = bytearray(count)
        for pair in fact(facts, "seen", list):
            if type(pair) is not list or [type(k) for k in pair] != [int, int] or not 0 <= pair[0] <= pair[1] < count:
                raise FaultyFactError(f"it has seen {str(pair)[:80]} where first and last of {count} slices belong")
            first, last = pair
            self._seen[first : last + 1] = b"\1" * (last + 1 - first)
        self._scrolled = fact(facts, "scrolled", bool) or bool(self._scrolled)

    def draft_shown(self, facts: Mapping[str, Any]) -> None:
        model = ShownModel(fact(facts, "algorithm", str, NONE) or UNNAMED_MODEL, fact(facts, "version", str, NONE))
        for segment in fact(facts, "segments", list):
            self._shown[plain_name(fact(segment, "name", str, NONE) or fact(segment, "id", str))] = model

    def planted_error(self, facts: Mapping[str, Any]) -> None:
        if self._planted_before:
            self.planted.clear()
            self._planted_before = False
        self.planted.append(
            PlantedRead(
                fact(facts, "error", str),
                fact(facts, "segment", str),
                fact(facts, "detected", bool),
                float(fact(facts, "corrected", float, int)),
                fact(facts, "seconds", float, int, NONE),
            )
        )

    # The segmentation

    @property
    def _present(self) -> dict[str, LoggedSegment]:
        return self._candidates[-1].segments

    def _met(self, segment: Mapping[str, Any]) -> str:
        """Note a segment that an event names, and return its id."""
        segment_id, name = fact(segment, "id", str), fact(segment, "name", str, NONE)
        met = self._present.get(segment_id)
        if met is None:
            met = self._present[segment_id] = LoggedSegment()
        if name is not None:
            met.name = name
        return segment_id

    def candidate(self, facts: Mapping[str, Any]) -> None:
        self._end_candidate()
        self._candidates.append(LoggedCandidate(fact(facts, "name", str, NONE), {}))
        self._watch = ProvenanceWatch()

    def _end_candidate(self) -> None:
        for segment_id, segment in self._present.items():
            if segment.touched:
                segment.edited = self._watch.of(segment_id).edited

    def segments(self, facts: Mapping[str, Any]) -> None:
        for segment in fact(facts, "segments", list):
            segment_id = self._met(segment)
            kind, name = (fact(segment, tag, str, NONE) for tag in ("algorithm_type", "algorithm_name"))
            try:
                provenance = provenance_from_tags(kind, name)
            except ValueError:
                raise FaultyFactError(f"its algorithm_type is {kind[:80]!r}, which DICOM does not know") from None
            met = self._present[segment_id]
            met.came_edited = provenance.edited
            if kind == "AUTOMATIC":
                met.automatic = ShownModel(name or UNNAMED_MODEL, None)
            # Only what this session changes is this reader's edit.
            self._watch.begin(segment_id, replace(provenance, edited=False))

    def _note_edit(self) -> None:
        self.has_edits = True
        self.edited_after_finish = self.finished
        self._planted_before = bool(self.planted)

    def edit(self, facts: Mapping[str, Any]) -> None:
        segments, effect = fact(facts, "segments", list, NONE), fact(facts, "effect", str, NONE)
        named = None if segments is None else [self._met(segment) for segment in segments]
        for segment_id in named or ():
            self._present[segment_id].touched = True
        self._watch.edited(named, effect)
        self.clock.activity()
        self._note_edit()

    def undo_or_structure(self, facts: Mapping[str, Any]) -> None:
        for segment in fact(facts, "segments", list, NONE) or ():
            segment_id = self._met(segment)
            # Its name cannot be asked for any more.
            self._present[segment_id].removed = segment["name"] is None
        self._watch.undone()
        self._note_edit()

    def voxels(self, facts: Mapping[str, Any]) -> None:
        for segment in fact(facts, "segments", list):
            segment_id, change = self._met(segment), change_of(segment)
            counted, previous = self._present[segment_id], self._watch.change(segment_id)
            if previous is not None and previous != change:
                counted.touched = True
            if counted.first is None:
                counted.first = change
            counted.last, counted.removed = change, False
            self._watch.counted(segment_id, change)

    def segments_measured(self, facts: Mapping[str, Any]) -> None:
        voxel_mm3 = fact(facts, "voxel_volume_mm3", float, int)
        if not 0 < voxel_mm3 <= _LARGEST_VOXEL_MM3:
            raise FaultyFactError(f"its voxel_volume_mm3 is {str(voxel_mm3)[:80]}")
        for segment in fact(facts, "segments", list):
            measured = self._present[self._met(segment)]
            # On the image's grid, which need not be the segment's own: it tells nothing of edits.
            measured.last = change_of(segment)
            path, accuracy, threshold = (
                fact(segment, name, float, int, NONE) for name in ("added_path_length_mm", "accuracy", "threshold")
            )
            for dice in (accuracy, threshold):
                if dice is not None and not 0 <= dice <= 1:
                    raise FaultyFactError(f"it has a Dice of {str(dice)[:80]}, which lies between 0 and 1")
            slices = fact(segment, "slices", list, NONE)
            if slices is not None and ([type(k) for k in slices] != [int, int] or not 0 <= slices[0] <= slices[1]):
                raise FaultyFactError(f"its slices are {str(slices)[:80]} where the first and last index k belong")
            measured.measures = SegmentMeasures(
                float(voxel_mm3), path, None if slices is None else tuple(slices), accuracy, threshold
            )

    # Findings

    def _named(self, segment_id: str) -> str:
        segment = self._present.get(segment_id)
        return segment_id if segment is None or segment.name is None else segment.name

    def evaluated(self, facts: Mapping[str, Any]) -> None:
        self.verdict = fact(facts, "verdict", str)
        for finding in fact(facts, "findings", list):
            self._step(finding, "found")

    def _step(self, facts: Mapping[str, Any], what: str, holds: bool = True) -> None:
        self.findings.append(FindingStep(fact(facts, "check", str), fact(facts, "segment", str, NONE), what, holds))

    def finding_viewed(self, facts: Mapping[str, Any]) -> None:
        check, segment_ids = fact(facts, "check", str), fact(facts, "segment_ids", list)
        for segment_id in segment_ids or [None]:
            self.findings.append(FindingStep(check, None if segment_id is None else self._named(str(segment_id)), "viewed", True))

    def finding_repaired(self, facts: Mapping[str, Any]) -> None:
        check, segment_id = fact(facts, "check", str), fact(facts, "segment_id", str)
        self._repaired[segment_id] = check
        self.findings.append(FindingStep(check, self._named(segment_id), "repaired", True))

    def repair_undone(self, facts: Mapping[str, Any]) -> None:
        segment_id = fact(facts, "segment_id", str)
        check = self._repaired.pop(segment_id, None)
        if check is not None:
            self.findings.append(FindingStep(check, self._named(segment_id), "repaired", False))

    def finding_kept(self, facts: Mapping[str, Any]) -> None:
        self._step(facts, "kept")

    def finding_kept_no_longer(self, facts: Mapping[str, Any]) -> None:
        self._step(facts, "kept", False)
