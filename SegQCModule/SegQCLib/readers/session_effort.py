"""What one session's log says of effort: the part of a read that one log holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from SegQCLib.errors import BadDataError
from SegQCLib.protocol import plain_name
from SegQCLib.readers.case_read import PlantedRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.readers.log_clock import LogClock
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.log_lines import LogEvent, LogHeader
from SegQCLib.readers.provenance import ProvenanceWatch, provenance_from_tags
from SegQCLib.readers.voxel_change import VoxelChange

# A draft of which nobody knows what made it is an AI result as well.
UNNAMED_MODEL = "unnamed model"
# Of a log that says more, memory would be filled.
_MOST_SLICES = 1_000_000

Context = tuple[int, str | None, str | None]


@dataclass(frozen=True)
class ShownModel:
    """The AI result that a reader saw of a structure."""

    name: str
    version: str | None


@dataclass(frozen=True)
class SegmentMeasures:
    """What `segments_measured` says of a segment; see `log_events`."""

    voxel_volume_mm3: float
    added_path_length_mm: float | None
    slices: tuple[int, int] | None
    accuracy: float | None
    threshold: float | None


@dataclass
class LoggedSegment:
    """What a session says of one segment of one candidate.

    Attributes
    ----------
    name : str or None
        The last one in the session.
    came_edited : bool
        Its tags said so when the session met it.
    touched : bool
        Its voxels were changed, by an edit or undo.
    edited : bool
        Where it was touched: not all of it was undone.
    automatic : ShownModel or None
        It came as an algorithm's result.
    first, last : VoxelChange or None
    removed : bool
        It is not in the candidate any more.
    """

    name: str | None = None
    came_edited: bool = False
    touched: bool = False
    edited: bool = False
    automatic: ShownModel | None = None
    first: VoxelChange | None = None
    last: VoxelChange | None = None
    measures: SegmentMeasures | None = None
    removed: bool = False


@dataclass(frozen=True)
class LoggedCandidate:
    """A segmentation that was the candidate in a session. `name` None: there was none yet."""

    name: str | None
    segments: dict[str, LoggedSegment]


@dataclass(frozen=True)
class FindingStep:
    """One thing that happened to a check's findings on a segment: found, viewed, repaired or kept, or that no longer."""

    check: str
    segment: str | None
    what: str
    holds: bool


@dataclass(frozen=True)
class Reading:
    """How far a reader had come at a moment.

    Attributes
    ----------
    seconds : mapping of (number of the candidate, segment id or None, effect or None) to Seconds
    shown : mapping of `plain_name` of a structure to ShownModel
    seen : bytes or None
        1 for each slice k of the image that was shown, else 0.
    time : str
        Wall clock.
    """

    seconds: Mapping[Context, Seconds]
    shown: Mapping[str, ShownModel]
    seen: bytes | None
    scrolled: bool | None
    time: str


@dataclass(frozen=True)
class SessionEffort:
    """One session's part of a read.

    Attributes
    ----------
    header : LogHeader
    origin : str or None
        `case_files.CandidateOrigin` of the case's opening; None: it is not in the log.
    finished : bool
    edited_after_finish : bool
        Then the reading went on to the end.
    has_edits : bool
        Something was edited or undone.
    at_finish, at_end : Reading
        When the case was finished for the last time, else at the end; and at the end.
    candidates : tuple of LoggedCandidate
    verdict : str or None
    findings : tuple of FindingStep
    ratings : mapping of rating to grade, None: not assessable
    planted : tuple of PlantedRead
        Of the last time that the case was finished.
    """

    header: LogHeader
    origin: str | None
    finished: bool
    edited_after_finish: bool
    has_edits: bool
    at_finish: Reading
    at_end: Reading
    candidates: tuple[LoggedCandidate, ...]
    verdict: str | None
    findings: tuple[FindingStep, ...]
    ratings: Mapping[str, int | None]
    planted: tuple[PlantedRead, ...]


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
    except _FaultyFactError as fault:
        raise BadDataError(
            f"{path}, line {event.sequence + 1}",
            f"is the event {event.kind}, but {fault}.",
            "Another program or another version of SegQC wrote the log; leave it out.",
        ) from fault
    return session.effort()


class _FaultyFactError(Exception):
    """A fact that is missing or of another kind; the text is the end of a sentence."""


def _fact(facts: Mapping[str, Any], name: str, *kinds: type) -> Any:
    try:
        value = facts[name]
    except (KeyError, TypeError):
        raise _FaultyFactError(f"has no {name}") from None
    # Not isinstance: true is an int to it.
    if type(value) not in kinds:
        words = {
            str: "text",
            int: "a number",
            float: "a number",
            bool: "true or false",
            list: "a list",
            type(None): "null",
            dict: "{}",
        }
        allowed = " or ".join(dict.fromkeys(words[kind] for kind in kinds))
        raise _FaultyFactError(f"its {name} is {str(value)[:80]!r} where {allowed} belongs")
    return value


_NONE = type(None)


def _change(facts: Mapping[str, Any]) -> VoxelChange:
    change = VoxelChange(*(_fact(facts, name, int) for name in ("voxels", "draft_voxels", "added", "removed")))
    if change.voxels + change.removed != change.draft_voxels + change.added or min(change.added, change.removed, change.kept) < 0:
        raise _FaultyFactError(f"its numbers of voxels contradict each other: {change}")
    return change


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
        seconds = _fact(event.facts, "seconds", float, int)
        if seconds < 0:
            raise _FaultyFactError(f"its seconds are {seconds}, less than 0")
        if self.clock is None:
            self.until(event)
        self.time = event.time
        self.clock.waited(event.monotonic_s, seconds)

    def activity(self, _facts: Mapping[str, Any]) -> None:
        self.clock.activity()

    def context(self, facts: Mapping[str, Any]) -> None:
        segment, effect = _fact(facts, "segment", dict, _NONE), _fact(facts, "effect", str, _NONE)
        self.clock.context((len(self._candidates) - 1, None if segment is None else self._met(segment), effect))

    def focus(self, facts: Mapping[str, Any]) -> None:
        self.clock.focus(_fact(facts, "in_front", bool))

    def paused(self, _facts: Mapping[str, Any]) -> None:
        self.clock.pause()

    def resumed(self, _facts: Mapping[str, Any]) -> None:
        self.clock.resume()

    def idle_limit(self, facts: Mapping[str, Any]) -> None:
        seconds = _fact(facts, "seconds", float, int)
        if not seconds > 0:
            raise _FaultyFactError(f"its seconds are {seconds}, not larger than 0")
        self.clock.set_idle_after(seconds)

    # The case

    def case_opened(self, facts: Mapping[str, Any]) -> None:
        origin = _fact(facts, "candidate", str)
        if self.origin is None:
            self.origin = origin

    def case_finished(self, _facts: Mapping[str, Any]) -> None:
        self.finished, self.edited_after_finish = True, False
        self.at_finish = self._reading()

    def rating(self, facts: Mapping[str, Any]) -> None:
        self.ratings[_fact(facts, "rating", str)] = _fact(facts, "grade", int, _NONE)

    def slices_seen(self, facts: Mapping[str, Any]) -> None:
        count = _fact(facts, "slices", int)
        if not 0 <= count <= _MOST_SLICES:
            raise _FaultyFactError(f"its slices are {count}; an image has up to {_MOST_SLICES:,}")
        if self._seen is None or len(self._seen) != count:
            # Of another image the numbers mean other slices.
            self._seen = bytearray(count)
        for pair in _fact(facts, "seen", list):
            if type(pair) is not list or [type(k) for k in pair] != [int, int] or not 0 <= pair[0] <= pair[1] < count:
                raise _FaultyFactError(f"it has seen {str(pair)[:80]} where first and last of {count} slices belong")
            first, last = pair
            self._seen[first : last + 1] = b"\1" * (last + 1 - first)
        self._scrolled = _fact(facts, "scrolled", bool) or bool(self._scrolled)

    def draft_shown(self, facts: Mapping[str, Any]) -> None:
        model = ShownModel(_fact(facts, "algorithm", str, _NONE) or UNNAMED_MODEL, _fact(facts, "version", str, _NONE))
        for segment in _fact(facts, "segments", list):
            self._shown[plain_name(_fact(segment, "name", str, _NONE) or _fact(segment, "id", str))] = model

    def planted_error(self, facts: Mapping[str, Any]) -> None:
        if self._planted_before:
            self.planted.clear()
            self._planted_before = False
        self.planted.append(
            PlantedRead(
                _fact(facts, "error", str),
                _fact(facts, "segment", str),
                _fact(facts, "detected", bool),
                float(_fact(facts, "corrected", float, int)),
                _fact(facts, "seconds", float, int, _NONE),
            )
        )

    # The segmentation

    @property
    def _present(self) -> dict[str, LoggedSegment]:
        return self._candidates[-1].segments

    def _met(self, segment: Mapping[str, Any]) -> str:
        """Note a segment that an event names, and return its id."""
        segment_id, name = _fact(segment, "id", str), _fact(segment, "name", str, _NONE)
        met = self._present.get(segment_id)
        if met is None:
            met = self._present[segment_id] = LoggedSegment()
        if name is not None:
            met.name = name
        return segment_id

    def candidate(self, facts: Mapping[str, Any]) -> None:
        self._end_candidate()
        self._candidates.append(LoggedCandidate(_fact(facts, "name", str, _NONE), {}))
        self._watch = ProvenanceWatch()

    def _end_candidate(self) -> None:
        for segment_id, segment in self._present.items():
            if segment.touched:
                segment.edited = self._watch.of(segment_id).edited

    def segments(self, facts: Mapping[str, Any]) -> None:
        for segment in _fact(facts, "segments", list):
            segment_id = self._met(segment)
            kind, name = (_fact(segment, fact, str, _NONE) for fact in ("algorithm_type", "algorithm_name"))
            try:
                provenance = provenance_from_tags(kind, name)
            except ValueError:
                raise _FaultyFactError(f"its algorithm_type is {kind[:80]!r}, which DICOM does not know") from None
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
        segments, effect = _fact(facts, "segments", list, _NONE), _fact(facts, "effect", str, _NONE)
        named = None if segments is None else [self._met(segment) for segment in segments]
        for segment_id in named or ():
            self._present[segment_id].touched = True
        self._watch.edited(named, effect)
        self.clock.activity()
        self._note_edit()

    def undo_or_structure(self, facts: Mapping[str, Any]) -> None:
        for segment in _fact(facts, "segments", list, _NONE) or ():
            segment_id = self._met(segment)
            # Its name cannot be asked for any more.
            self._present[segment_id].removed = segment["name"] is None
        self._watch.undone()
        self._note_edit()

    def voxels(self, facts: Mapping[str, Any]) -> None:
        for segment in _fact(facts, "segments", list):
            segment_id, change = self._met(segment), _change(segment)
            counted, previous = self._present[segment_id], self._watch.change(segment_id)
            if previous is not None and previous != change:
                counted.touched = True
            if counted.first is None:
                counted.first = change
            counted.last, counted.removed = change, False
            self._watch.counted(segment_id, change)

    def segments_measured(self, facts: Mapping[str, Any]) -> None:
        voxel_mm3 = float(_fact(facts, "voxel_volume_mm3", float, int))
        for segment in _fact(facts, "segments", list):
            measured = self._present[self._met(segment)]
            # On the image's grid, which need not be the segment's own: it tells nothing of edits.
            measured.last = _change(segment)
            path, accuracy, threshold = (
                _fact(segment, name, float, int, _NONE) for name in ("added_path_length_mm", "accuracy", "threshold")
            )
            slices = _fact(segment, "slices", list, _NONE)
            if slices is not None and ([type(k) for k in slices] != [int, int] or not 0 <= slices[0] <= slices[1]):
                raise _FaultyFactError(f"its slices are {str(slices)[:80]} where the first and last index k belong")
            measured.measures = SegmentMeasures(voxel_mm3, path, None if slices is None else tuple(slices), accuracy, threshold)

    # Findings

    def _named(self, segment_id: str) -> str:
        segment = self._present.get(segment_id)
        return segment_id if segment is None or segment.name is None else segment.name

    def evaluated(self, facts: Mapping[str, Any]) -> None:
        self.verdict = _fact(facts, "verdict", str)
        for finding in _fact(facts, "findings", list):
            self._step(finding, "found")

    def _step(self, facts: Mapping[str, Any], what: str, holds: bool = True) -> None:
        self.findings.append(FindingStep(_fact(facts, "check", str), _fact(facts, "segment", str, _NONE), what, holds))

    def finding_viewed(self, facts: Mapping[str, Any]) -> None:
        check, segment_ids = _fact(facts, "check", str), _fact(facts, "segment_ids", list)
        for segment_id in segment_ids or [None]:
            self.findings.append(FindingStep(check, None if segment_id is None else self._named(str(segment_id)), "viewed", True))

    def finding_repaired(self, facts: Mapping[str, Any]) -> None:
        check, segment_id = _fact(facts, "check", str), _fact(facts, "segment_id", str)
        self._repaired[segment_id] = check
        self.findings.append(FindingStep(check, self._named(segment_id), "repaired", True))

    def repair_undone(self, facts: Mapping[str, Any]) -> None:
        segment_id = _fact(facts, "segment_id", str)
        check = self._repaired.pop(segment_id, None)
        if check is not None:
            self.findings.append(FindingStep(check, self._named(segment_id), "repaired", False))

    def finding_kept(self, facts: Mapping[str, Any]) -> None:
        self._step(facts, "kept")

    def finding_kept_no_longer(self, facts: Mapping[str, Any]) -> None:
        self._step(facts, "kept", False)
