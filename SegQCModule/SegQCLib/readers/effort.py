"""What each read of a case cost, from the readers' session logs.

- A read lasts from the opening of a case until it is finished, over as many sessions as that takes. Time after the case
  was finished counts only if the reader went on editing: else it is the time until the next case was chosen.
- A session goes on with the read before it if its candidate is the reader's own work, saved or kept automatically. A
  candidate from anywhere else begins another read, an intra-reader repeat, if the read before it was finished or its
  edits are thrown away with that. A log that does not say where its candidate came from goes on with a read that is
  not finished, unless its segments are untouched again; after a finished one it begins another, unless its segments are
  those of work that was begun.
- Clinical and training reads of one case are different reads.
- A log that was cut off by a crash is a session that ended there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from SegQCLib.case_files import CandidateOrigin
from SegQCLib.protocol import plain_name
from SegQCLib.readers.case_read import CaseRead, FindingPath, RatingRead, SegmentRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.readers.logged_session import LoggedSegment, Reading, SessionEffort, ShownModel
from SegQCLib.readers.session_effort import session_effort
from SegQCLib.readers.session_log import StoredLog
from SegQCLib.readers.voxel_change import VoxelChange

_OWN_WORK = (CandidateOrigin.SAVED, CandidateOrigin.AUTOSAVED)


def case_reads(logs: Iterable[StoredLog]) -> tuple[CaseRead, ...]:
    """Return all reads of all cases in some logs, by reader, case and time; the logs' order plays no part.

    Parameters
    ----------
    logs : iterable of StoredLog
        All sessions of each reader and case that is asked for; one log is in memory at a time if they come one by one.

    Raises
    ------
    BadDataError
        If a fact of an event is missing or not what `log_events` says, with path and line.
    """
    return reads_of_sessions(session_effort(log.path, log.header, log.events) for log in logs)


def reads_of_sessions(sessions: Iterable[SessionEffort]) -> tuple[CaseRead, ...]:
    """Return all reads as `case_reads`, from sessions whose logs were read before."""

    def whose(session: SessionEffort) -> tuple[str, str, str]:
        header = session.header
        return _name(header.reader), _name(header.case), header.purpose

    def start(session: SessionEffort) -> tuple[datetime, str]:
        return datetime.fromisoformat(session.header.started), session.header.session

    ordered = sorted(sessions, key=lambda session: (*whose(session), *start(session)))
    reads = []
    for _, group in groupby(ordered, key=whose):
        repeat, read = 0, None
        for session in group:
            if read is None or _begins_another(read, session):
                if read is not None:
                    reads.append(read.done())
                repeat += 1
                read = _Read(repeat)
            read.add(session)
        reads.append(read.done())
    return tuple(reads)


def _name(text: str) -> str:
    # Keyboards and file systems write one letter in two ways.
    return unicodedata.normalize("NFC", text).strip()


def _begins_another(read: _Read, session: SessionEffort) -> bool:
    if session.origin is not None:
        return session.origin not in _OWN_WORK and (read.finished or read.edited)
    counts = [segment.first for candidate in session.candidates for segment in candidate.segments.values() if segment.first]
    untouched = all(change.voxels == 0 or change.added == change.removed == 0 for change in counts)
    return untouched if read.finished else bool(counts) and untouched and read.edited


class _Segment:
    """A segment of one candidate, over the sessions of a read."""

    def __init__(self) -> None:
        self.name = ""
        self.seconds: dict[str | None, Seconds] = {}
        self.edited = False
        self.automatic: ShownModel | None = None
        self.last: VoxelChange | None = None
        self.measures = None
        self.removed = False
        self.met = False

    def add(self, segment_id: str, logged: LoggedSegment, came_from_elsewhere: bool) -> None:
        self.name = logged.name or self.name or segment_id
        if logged.touched:
            self.edited = logged.edited
        elif not self.met:
            self.edited = logged.came_edited and not came_from_elsewhere
        self.met = True
        self.automatic = self.automatic or logged.automatic
        self.last = logged.last or self.last
        self.measures = logged.measures or self.measures
        self.removed = logged.removed
        if self.removed and self.last is not None:
            self.last = VoxelChange(0, self.last.draft_voxels, 0, self.last.draft_voxels)


class _Read:
    """A read that sessions are added to in the order of time."""

    def __init__(self, repeat: int) -> None:
        self._repeat = repeat
        self._sessions: list[SessionEffort] = []
        self._segments: dict[tuple[str | None, str], _Segment] = {}
        self._last_candidate: str | None = None
        self._seconds = Seconds()
        self._shown: dict[str, ShownModel] = {}
        self._seen: bytes | None = None
        self._scrolled: bool | None = None
        self._ended = ""
        self.finished = False

    @property
    def edited(self) -> bool:
        return any(segment.edited for segment in self._segments.values())

    def add(self, session: SessionEffort) -> None:
        from_elsewhere = not self._sessions and session.origin == CandidateOrigin.WORKLIST
        self._sessions.append(session)
        for candidate in session.candidates:
            for segment_id, logged in candidate.segments.items():
                segment = self._segments.setdefault((candidate.name, segment_id), _Segment())
                segment.add(segment_id, logged, from_elsewhere)
            if candidate.name is not None:
                self._last_candidate = candidate.name
        if session.finished and not session.edited_after_finish:
            self._count(session, session.at_finish)
        elif session.has_edits or not self.finished:
            self._count(session, session.at_end)
        self.finished = self.finished or session.finished

    def _count(self, session: SessionEffort, reading: Reading) -> None:
        for (number, segment_id, effect), seconds in reading.seconds.items():
            self._seconds += seconds
            if segment_id is not None:
                of_effect = self._segments[session.candidates[number].name, segment_id].seconds
                of_effect[effect] = of_effect.get(effect, Seconds()) + seconds
        self._shown |= reading.shown
        if reading.seen is not None:
            if self._seen is None or len(self._seen) != len(reading.seen):
                self._seen = reading.seen
            else:
                self._seen = bytes(map(max, self._seen, reading.seen))
            self._scrolled = bool(self._scrolled) or bool(reading.scrolled)
        self._ended = reading.time

    def done(self) -> CaseRead:
        headers = [session.header for session in self._sessions]
        verdicts = [session.verdict for session in self._sessions if session.verdict is not None]
        ratings = {rating: grade for session in self._sessions for rating, grade in session.ratings.items()}
        planted = [session.planted for session in self._sessions if session.planted]
        protocol = headers[-1].protocol
        return CaseRead(
            reader=_name(headers[0].reader),
            case=_name(headers[0].case),
            repeat=self._repeat,
            sessions=tuple(header.session for header in headers),
            purpose=headers[0].purpose,
            started=datetime.fromisoformat(headers[0].started),
            ended=datetime.fromisoformat(self._ended),
            finished=self.finished,
            protocol=None if protocol is None else protocol.id,
            protocol_sha256=None if protocol is None else protocol.sha256,
            seconds=self._seconds,
            slices=None if self._seen is None else len(self._seen),
            slices_seen=None if self._seen is None else sum(self._seen),
            scrolled=self._scrolled,
            verdict=verdicts[-1] if verdicts else None,
            segments=self._segment_reads(),
            findings=self._finding_paths(),
            ratings=tuple(RatingRead(rating, grade) for rating, grade in ratings.items()),
            planted=planted[-1] if planted else (),
            simulated=any(header.simulated for header in headers),
        )

    def _segment_reads(self) -> tuple[SegmentRead, ...]:
        by_name: dict[str, list[tuple[bool, _Segment]]] = {}
        for (candidate, _), segment in self._segments.items():
            if segment.removed and not segment.seconds and (segment.last is None or segment.last.draft_voxels == 0):
                # Added by mistake, perhaps: nothing is left of it.
                continue
            by_name.setdefault(segment.name, []).append((candidate == self._last_candidate, segment))
        return tuple(
            self._segment_read(name, [segment for _, segment in found], [segment for final, segment in found if final])
            for name, found in by_name.items()
        )

    def _segment_read(self, name: str, segments: Sequence[_Segment], final: Sequence[_Segment]) -> SegmentRead:
        """Return the read of all segments of one name; what is measured is that of the candidate at the end."""
        effects: dict[str, Seconds] = {}
        for segment in segments:
            for effect, seconds in segment.seconds.items():
                effects[effect or ""] = effects.get(effect or "", Seconds()) + seconds
        shown = self._shown.get(plain_name(name)) or next((s.automatic for s in final if s.automatic), None)
        changes = [segment.last for segment in final if segment.last is not None]
        change = None
        if changes and len(changes) == len(final):
            change = VoxelChange(*(sum(numbers) for numbers in zip(*map(_numbers, changes), strict=True)))
        # Of two segments of one name nobody knows which one was meant.
        measures = final[0].measures if len(final) == 1 else None
        slices = None if measures is None else measures.slices
        return SegmentRead(
            name=name,
            seconds=sum(effects.values(), Seconds()),
            active_s_by_effect={effect: seconds.active for effect, seconds in effects.items() if seconds.active},
            model=None if shown is None else shown.name,
            model_version=None if shown is None else shown.version,
            edited=any(segment.edited for segment in final),
            voxels=None if change is None else change.voxels,
            draft_voxels=None if change is None else change.draft_voxels,
            added_voxels=None if change is None else change.added,
            removed_voxels=None if change is None else change.removed,
            voxel_volume_mm3=None if measures is None else measures.voxel_volume_mm3,
            added_path_length_mm=None if measures is None else measures.added_path_length_mm,
            slices_of_structure=None if slices is None else slices[1] + 1 - slices[0],
            slices_of_structure_seen=None if slices is None or self._seen is None else sum(self._seen[slices[0] : slices[1] + 1]),
            accuracy=None if measures is None else measures.accuracy,
            threshold=None if measures is None else measures.threshold,
        )

    def _finding_paths(self) -> tuple[FindingPath, ...]:
        paths: dict[tuple[str, str | None], dict[str, bool]] = {}
        for session in self._sessions:
            for step in session.findings:
                paths.setdefault((step.check, step.segment), {})[step.what] = step.holds
        return tuple(
            FindingPath(check, segment, True, *(bool(steps.get(what)) for what in ("viewed", "repaired", "kept")))
            for (check, segment), steps in paths.items()
        )


def _numbers(change: VoxelChange) -> tuple[int, int, int, int]:
    return change.voxels, change.draft_voxels, change.added, change.removed
