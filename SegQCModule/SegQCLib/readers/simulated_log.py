"""A simulated read as the events that Slicer would have logged: one session, or two where the reader broke off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from SegQCLib.case_files import CandidateOrigin
from SegQCLib.readers.edit_times import IDLE_AFTER_S
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.log_lines import LogEvent
from SegQCLib.readers.simulated_department import SimulatedRead
from SegQCLib.readers.simulated_reader import SimulatedSegment

RESUMED_SHARE = 0.08
CRASHED_SHARE = 0.03
PAUSED_SHARE = 0.06
IDLE_SHARE = 0.1
# Mean time between two activities: a log has at most one a second.
_ACTIVITY_EVERY_S = 2.5
_LONGEST_GAP_S = 12.0

_REASONS = ("telephone", "question of a colleague", "emergency case", "lunch")
_FINDINGS = ("islands", "holes", "end_slices", "skipped_slices", "flat_faces")


@dataclass(frozen=True)
class SimulatedSession:
    """One session: its events, and whether the program crashed, so that its last line is cut off."""

    session: str
    started: datetime
    monotonic_s: float
    events: tuple[LogEvent, ...]
    crashed: bool


def simulated_sessions(rng: np.random.Generator, read: SimulatedRead) -> tuple[SimulatedSession, ...]:
    """Return the sessions of a read in order of time: two where it was broken off, by the reader or by a crash."""
    ids = {segment.structure.name: f"Segment_{rng.bytes(4).hex()}" for segment in read.segments}
    drawn = rng.random()
    is_broken_off = len(read.segments) > 1 and drawn < CRASHED_SHARE + RESUMED_SHARE
    split = int(rng.integers(1, len(read.segments))) if is_broken_off else len(read.segments)
    crashed = is_broken_off and drawn < CRASHED_SHARE
    writer = _Writer(rng, read, ids, read.started)
    writer.open(CandidateOrigin.DRAFT if read.version is not None else CandidateOrigin.EMPTY)
    for segment in read.segments[:split]:
        writer.work(segment)
    if not is_broken_off:
        writer.finish()
        return (writer.session(crashed=False),)
    if not crashed:
        writer.break_off()
    first = writer.session(crashed)
    writer = _Writer(rng, read, ids, first.started + timedelta(seconds=writer.elapsed_s + float(rng.uniform(60, 1200))))
    writer.open(CandidateOrigin.AUTOSAVED if crashed else CandidateOrigin.SAVED)
    # All that was measured of the first part is known again when the saved candidate is opened.
    writer.voxels(read.segments[:split])
    for segment in read.segments[split:]:
        writer.work(segment)
    writer.finish()
    return first, writer.session(crashed=False)


class _Writer:
    """A session that is being written; time goes on by what the reader does."""

    def __init__(self, rng: np.random.Generator, read: SimulatedRead, ids: dict[str, str], started: datetime) -> None:
        self._rng = rng
        self._read = read
        self._ids = ids
        self._started = started
        self._session = rng.bytes(16).hex()
        self._monotonic_s = round(float(rng.uniform(1e3, 1e6)), 3)
        self._events: list[LogEvent] = []
        self._shown: set[int] = set()
        self._place = self._places()
        self.elapsed_s = 0.0

    def session(self, crashed: bool) -> SimulatedSession:
        return SimulatedSession(self._session, self._started, self._monotonic_s, tuple(self._events), crashed)

    def open(self, origin: CandidateOrigin) -> None:
        read, version = self._read, self._read.version
        self._write(EventKind.STARTED)
        self._write(EventKind.IDLE_LIMIT, seconds=IDLE_AFTER_S)
        self._write(EventKind.CASE_OPENED, case=read.case.name, candidate=origin.value)
        self._wait(float(self._rng.uniform(1.6, 6.0)))
        if version is not None:
            draft = {"algorithm": read.case.model.name, "version": version.version}
            named = [self._named(segment) for segment in read.segments]
            if origin is CandidateOrigin.DRAFT:
                self._write(
                    EventKind.DRAFT_IMPORTED,
                    **draft,
                    parameters=None,
                    segments=len(named),
                    known=len(named),
                    source="simulated",
                    sha256=None,
                    source_kind="label map",
                )
            self._write(EventKind.DRAFT_SHOWN, **draft, segments=named)
        self._write(EventKind.CANDIDATE, name=f"{read.case.name} candidate")
        if origin is CandidateOrigin.DRAFT:
            self._write(EventKind.CANDIDATE_STARTED, draft=f"{read.case.name} draft", segments=len(read.segments))
        self._write(EventKind.SEGMENTS, segments=[self._as_met(segment, origin) for segment in read.segments])
        self.elapsed_s += 1.0
        self._be_active(float(self._rng.uniform(8, 25)))
        self._rate()

    def work(self, segment: SimulatedSegment) -> None:
        rng, named = self._rng, self._named(segment)
        effect = "Paint" if rng.random() < 0.7 else "Scissors"
        self._write(EventKind.CONTEXT, segment=named, effect=effect)
        if rng.random() < PAUSED_SHARE / 3:
            self._pause()
        if rng.random() < IDLE_SHARE / 3:
            self._be_idle()
        waits = self._show_slices(segment)
        gaps = self._gaps(segment.active_s)
        strokes = set()
        if segment.edited:
            count = max(1, min(len(gaps) // 3, 60))
            strokes = set(rng.choice(len(gaps), min(count, len(gaps)), replace=False).tolist())
        shown_at = set(np.linspace(0, len(gaps) - 1, len(waits)).astype(int).tolist())
        for number, gap in enumerate(gaps):
            self.elapsed_s += gap
            if number in shown_at and waits:
                self._slices(waits.pop(0), segment.scrolled)
            if number in strokes:
                self._write(EventKind.EDIT, segments=[named], effect=effect, looking_away=False)
            else:
                self._activity()
        for seen in waits:
            self._slices(seen, segment.scrolled)
        self.voxels([segment])

    def voxels(self, segments: Sequence[SimulatedSegment]) -> None:
        self._write(EventKind.VOXELS, segments=[self._counts(segment) for segment in segments])

    def break_off(self) -> None:
        self._measured()
        self._write(EventKind.CASE_SAVED, case=self._read.case.name)
        self._write(EventKind.STOPPED)

    def finish(self) -> None:
        read = self._read
        self._write(EventKind.CONTEXT, segment=None, effect=None)
        self._be_active(float(self._rng.uniform(3, 10)))
        self._wait(float(self._rng.uniform(1.6, 9.0)))
        self._measured()
        self._evaluate()
        for plant, segment in zip(read.planted, read.segments, strict=False):
            detected = plant.seconds is not None
            self._write(
                EventKind.PLANTED_ERROR,
                error=plant.error,
                segment=segment.structure.name,
                corrected=round(float(self._rng.uniform(0.7, 1.0) if detected else self._rng.uniform(0.0, 0.2)), 3),
                detected=detected,
                seconds=plant.seconds,
            )
        if read.purpose == "training":
            mean = float(np.mean([segment.accuracy for segment in read.segments]))
            self._write(
                EventKind.TRAINING_ATTEMPT,
                course="Simulated course",
                case=read.case.name,
                mode="practice",
                passed=None,
                scores={"dice": round(mean, 4)},
            )
        self._write(EventKind.CASE_FINISHED, case=read.case.name)
        self._write(EventKind.CASE_SAVED, case=read.case.name)
        self._write(EventKind.STOPPED)

    def _places(self) -> dict[str, int]:
        """Return the first slice of each structure."""
        slices = self._read.case.slices
        return {
            segment.structure.name: int((slices - min(slices, segment.slices)) * (0.2 + 0.15 * number))
            for number, segment in enumerate(self._read.segments)
        }

    def _write(self, kind: EventKind, **facts: Any) -> None:
        time = (self._started + timedelta(seconds=self.elapsed_s)).isoformat(timespec="milliseconds")
        self._events.append(LogEvent(len(self._events) + 1, time, round(self._monotonic_s + self.elapsed_s, 3), str(kind), facts))

    def _named(self, segment: SimulatedSegment) -> dict[str, Any]:
        return {"id": self._ids[segment.structure.name], "name": segment.structure.name}

    def _as_met(self, segment: SimulatedSegment, origin: CandidateOrigin) -> dict[str, Any]:
        version = self._read.version
        algorithm_type = None
        if version is not None:
            algorithm_type = "AUTOMATIC" if origin is CandidateOrigin.DRAFT or not segment.edited else "SEMIAUTOMATIC"
        elif origin is not CandidateOrigin.EMPTY:
            algorithm_type = "MANUAL"
        name = None if version is None else f"{self._read.case.model.name} {version.version}"
        return self._named(segment) | {"algorithm_type": algorithm_type, "algorithm_name": name}

    def _counts(self, segment: SimulatedSegment) -> dict[str, Any]:
        return self._named(segment) | {
            "voxels": segment.voxels,
            "draft_voxels": segment.draft_voxels,
            "added": segment.added_voxels,
            "removed": segment.removed_voxels,
        }

    def _measured(self) -> None:
        segments = []
        for segment in self._read.segments:
            first = self._place[segment.structure.name]
            changed = segment.added_voxels + segment.removed_voxels
            # A contour that was moved by d over a length l changes l * d: here by two voxels on average.
            path_mm = round(changed / 2 * 0.8, 1) if segment.draft_voxels else None
            segments.append(
                self._counts(segment)
                | {
                    "added_path_length_mm": path_mm,
                    "slices": [first, first + segment.slices - 1],
                    "accuracy": round(segment.accuracy, 4) if self._read.case.has_reference else None,
                    "expected_dice": round(min(0.99, segment.threshold + 0.05), 4),
                    "threshold": round(segment.threshold, 4),
                }
            )
        voxel_volume_mm3 = round(self._read.segments[0].structure.voxel_volume_mm3, 4)
        self._write(EventKind.SEGMENTS_MEASURED, voxel_volume_mm3=voxel_volume_mm3, segments=segments)

    def _evaluate(self) -> None:
        rng, read = self._rng, self._read
        found = [
            (check, segment)
            for segment in read.segments
            for check in _FINDINGS
            if rng.random() < min(0.5, 0.06 + 0.6 * (1 - segment.accuracy))
        ]
        self._write(EventKind.TECHNICAL_LOOK, errors=len(found), failures=0)
        open_findings = []
        # Whoever looks at half of a draft looks at half of the list too.
        attention = read.segments and np.mean([segment.slices_seen / segment.slices for segment in read.segments])
        for check, segment in found:
            if rng.random() > 0.2 + 0.8 * attention:
                open_findings.append((check, segment))
                continue
            self.elapsed_s += float(rng.uniform(1, 4))
            self._write(EventKind.FINDING_VIEWED, check=check, segment_ids=[self._ids[segment.structure.name]])
            self.elapsed_s += float(rng.uniform(1, 4))
            self._activity()
            answer = rng.random()
            if answer < 0.6:
                self._write(
                    EventKind.FINDING_REPAIRED,
                    check=check,
                    repair="remove_islands" if check == "islands" else "fill",
                    segment_id=self._ids[segment.structure.name],
                    segment=segment.structure.name,
                    added_voxels=0,
                    removed_voxels=0,
                )
            elif answer < 0.85:
                self._write(
                    EventKind.FINDING_KEPT,
                    check=check,
                    segment=segment.structure.name,
                    message="Simulated finding.",
                    reason="true anatomy (simulated)",
                )
            else:
                open_findings.append((check, segment))
        below = [segment for segment in read.segments if segment.accuracy < segment.threshold]
        verdict = "ACCEPT" if not below else "REVIEW" if len(below) < len(read.segments) else "REJECT"
        findings = [{"check": check, "segment": segment.structure.name, "status": "WARN"} for check, segment in found]
        self._write(EventKind.EVALUATED, verdict=verdict, protocol=read.case.model.protocol, outdated=False, findings=findings)

    def _rate(self) -> None:
        # Better images are easier cases; readers differ by a grade now and then.
        mean = 4.0 - 0.7 * self._read.case.targets[0].difficulty
        for rating in ("motion", "overall"):
            grade = int(np.clip(round(mean + self._rng.normal(0.0, 0.5)), 1, 5))
            self._write(
                EventKind.RATING,
                rating=rating,
                grade=grade,
                scale="1 to 5, 5 is best",
                not_assessable=False,
                comment=None,
                proposes_exclusion=grade == 1,
            )

    def _gaps(self, active_s: float) -> list[float]:
        """Return times between activities that sum up to an active time; none is long enough to count as idle."""
        count = max(1, round(active_s / _ACTIVITY_EVERY_S))
        while True:
            gaps = self._rng.exponential(1.0, count) + 0.4
            gaps *= active_s / gaps.sum()
            if gaps.max() <= _LONGEST_GAP_S or count == 1:
                return gaps.tolist()
            count += 1

    def _be_active(self, seconds: float) -> None:
        for gap in self._gaps(seconds):
            self.elapsed_s += gap
            self._activity()

    def _activity(self) -> None:
        kinds = {"mouse": int(self._rng.integers(1, 30)), "wheel": int(self._rng.integers(0, 6))}
        self._write(EventKind.ACTIVITY, **{kind: count for kind, count in kinds.items() if count})

    def _pause(self) -> None:
        self._write(EventKind.PAUSED, reason=_REASONS[self._rng.integers(len(_REASONS))])
        self.elapsed_s += float(self._rng.uniform(60, 900))
        self._write(EventKind.RESUMED)

    def _be_idle(self) -> None:
        self.elapsed_s += 1.0
        self._write(EventKind.FOCUS, in_front=False)
        self.elapsed_s += float(self._rng.uniform(40, 240))
        self._write(EventKind.FOCUS, in_front=True)

    def _wait(self, seconds: float) -> None:
        self.elapsed_s += seconds
        self._write(EventKind.WAITED, seconds=round(seconds, 3))

    def _show_slices(self, segment: SimulatedSegment) -> list[list[list[int]]]:
        """Return the slices that the reader sees of a structure, in a few portions of [first, last] each."""
        first = self._place[segment.structure.name]
        # From its middle outwards; whoever sees few slices sees those.
        middle = first + (segment.slices - segment.slices_seen) // 2
        edges = np.linspace(middle, middle + segment.slices_seen, min(8, segment.slices_seen) + 1).astype(int)
        return [[[int(begin), int(end) - 1]] for begin, end in pairwise(edges) if end > begin]

    def _slices(self, seen: list[list[int]], scrolled: bool) -> None:
        self._write(EventKind.SLICES_SEEN, volume=self._read.case.name, slices=self._read.case.slices, seen=seen, scrolled=scrolled)
