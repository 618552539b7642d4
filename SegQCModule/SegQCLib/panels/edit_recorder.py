"""While the reader lets it: the stopwatch and the log of one case, fed by what happens in Slicer."""

from __future__ import annotations

import time
from dataclasses import replace

import qt
import slicer

from SegQCLib.algorithm_type import AlgorithmType
from SegQCLib.evaluate import software_versions
from SegQCLib.mrml.draft_sight import DraftSight
from SegQCLib.mrml.edit_watch import ChangeKind
from SegQCLib.mrml.segmentation import segment_of
from SegQCLib.mrml.slices_seen import SlicesSeen
from SegQCLib.panels.reader_events import ReaderEvents
from SegQCLib.readers.edit_times import Context, EditTimes
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.session_log import SessionLog, new_header
from SegQCLib.record import ProtocolIdentity

_TICK_MS = 1000


class EditRecorder:
    """Measure and log the reader's work on a case until `stop`, also while another module is open.

    Parameters
    ----------
    session : Session
    idle_after_s : int
    on_tick : callable
        Called once a second, and after a change of the pause.

    Raises
    ------
    BadDataError
        If the log's file cannot be made.
    """

    def __init__(self, session, idle_after_s, on_tick):
        self.session = session
        self.problem = ""
        self.edits = self.undos = 0
        self._on_tick = on_tick
        self._candidate = self._draft = None
        self._sight: DraftSight | None = None
        self._scrolled = False
        self.times = EditTimes(time.monotonic, idle_after_s)
        identity = None
        if session.protocol is not None:
            protocol = session.protocol.protocol
            identity = ProtocolIdentity(protocol.id, protocol.version, protocol.title, session.protocol.sha256)
        software = software_versions() | {"3D Slicer": _slicer_version()}
        header = new_header(session.case_name, session.reader, identity, software, purpose=session.purpose)
        self.log = SessionLog(session.logs_folder, header, self.onLogStopped)
        self.log.append(EventKind.STARTED)
        self.log.append(EventKind.IDLE_LIMIT, {"seconds": float(idle_after_s)})
        self._in_front = True
        self._context = Context(None, None)
        self._slices = SlicesSeen(slicer.mrmlScene, session.case.volume)
        self._volume_name = session.case.volume.GetName()
        self._events = ReaderEvents()
        self._events.start()
        self._timer = qt.QTimer()
        self._timer.setInterval(_TICK_MS)
        self._timer.connect("timeout()", self.onTick)
        self._timer.start()
        self.onTick()

    def stop(self):
        """Count and write what is left, and let go of everything."""
        self._timer.stop()
        self._timer.disconnect("timeout()", self.onTick)
        self._count()
        self._events.stop()
        self._slices.stop()
        self.setDraft(None)
        self.log.append(EventKind.STOPPED)
        self.log.close()

    def setCandidate(self, candidate):
        """Note which segmentation is edited from now on, a node or None; the same one again changes nothing."""
        if candidate is not self._candidate:
            self._count()
            self._candidate = candidate
            self.log.append(EventKind.CANDIDATE, {"name": None if candidate is None else candidate.GetName()})

    def setDraft(self, draft):
        """Note which draft the reader may come to see, a node or None; the same one again changes nothing."""
        if draft is self._draft:
            return
        if self._sight is not None:
            self._sight.stop()
        self._draft = draft
        self._sight = None if draft is None else DraftSight(draft, self.onDraftShown)

    def onDraftShown(self, segment_ids):
        """Note that segments of the draft became visible."""
        self._write_shown(segment for segment in _segments_of(self._draft) if segment.id in segment_ids)

    def _write_shown(self, segments):
        by_algorithm = {}
        for segment in segments:
            named = by_algorithm.setdefault((segment.algorithm_name, segment.algorithm_version), [])
            named.append({"id": segment.id, "name": segment.name})
        for (name, version), named in by_algorithm.items():
            self.log.append(EventKind.DRAFT_SHOWN, {"algorithm": name, "version": version, "segments": named})

    def _began_as_drafts(self, provenances):
        """Return the candidate's segments that began as an algorithm's result: there is no reading without it any more."""
        models = tuple(filter(None, (segment.algorithm_name for segment in _segments_of(self._draft))))
        for segment in _segments_of(self._candidate):
            provenance = provenances.get(segment.id)
            if provenance is None or provenance.draft is None or provenance.draft_is_gone:
                continue
            if provenance.algorithm_type is AlgorithmType.AUTOMATIC:
                yield replace(segment, algorithm_name=segment.algorithm_name or provenance.draft)
            # The tag of an edited one may name nothing but effects that chose voxels by the image.
            elif model := next((model for model in models if provenance.draft.startswith(model)), None):
                yield replace(segment, algorithm_name=model)

    def write(self, kind, facts):
        """Write an event of any panel."""
        if kind == EventKind.CASE_OPENED:
            # The views were turned to the new case; the reader did not scroll.
            self._write_slices(by_reader=False)
        self.log.append(kind, facts)

    def pause(self, reason):
        self._count()
        self.times.pause(reason)
        self.log.append(EventKind.PAUSED, {"reason": reason})
        self._on_tick()

    def resume(self):
        self._count()
        self.times.resume()
        self.log.append(EventKind.RESUMED)
        self._on_tick()

    def setIdleAfter(self, seconds):
        self._count()
        self.times.set_idle_after(seconds)
        self.log.append(EventKind.IDLE_LIMIT, {"seconds": float(seconds)})

    def edited(self, change, effect):
        """Note an edit of the candidate, made with an effect or with none (None)."""
        self._count()
        if self.times.pause_reason is not None:
            # Who draws is back, and forgot to say so.
            self.resume()
        self.times.activity()
        facts = {"segments": None if change.segment_ids is None else [self._named(item) for item in change.segment_ids]}
        if change.kind is ChangeKind.EDIT:
            self.edits += 1
            facts["effect"] = effect
        elif change.segment_ids is None:
            self.undos += 1
        facts["looking_away"] = self.session.looking_away
        self.log.append(EventKind.EDIT if change.kind is ChangeKind.EDIT else EventKind.UNDO_OR_STRUCTURE, facts)

    def met(self, provenances):
        """Note how segments stand that are seen for the first time: {id: Provenance}."""
        segments = [
            self._named(segment_id) | {"algorithm_type": item.algorithm_type, "algorithm_name": item.algorithm_name}
            for segment_id, item in provenances.items()
        ]
        if segments:
            self.log.append(EventKind.SEGMENTS, {"segments": segments})
            self._write_shown(self._began_as_drafts(provenances))

    def counted(self, changes):
        """Note voxels against the draft: {id: VoxelChange}."""
        segments = [
            self._named(segment_id)
            | {"voxels": item.voxels, "draft_voxels": item.draft_voxels, "added": item.added, "removed": item.removed}
            for segment_id, item in changes.items()
        ]
        if segments:
            self.log.append(EventKind.VOXELS, {"segments": segments})

    def onTick(self):
        self._count()
        self.log.check()
        self._on_tick()

    def onLogStopped(self, words):
        self.problem = words

    def _count(self):
        held_up_s = self.times.tick()
        if held_up_s:
            self.log.append(EventKind.WAITED, {"seconds": round(held_up_s, 3)})
        if self._events.in_front != self._in_front:
            self._in_front = self._events.in_front
            self.times.focus(self._in_front)
            self.log.append(EventKind.FOCUS, {"in_front": self._in_front})
        done = self._events.take()
        self._write_slices(by_reader=bool(done))
        if done and self._in_front and self.times.pause_reason is None:
            self.times.activity()
            self.log.append(EventKind.ACTIVITY, done)
        context = self._present_context()
        if context != self._context:
            self._context = context
            self.times.context(context)
            segment = None if context.segment is None else self._named(context.segment)
            self.log.append(EventKind.CONTEXT, {"segment": segment, "effect": context.effect})

    def _write_slices(self, by_reader):
        seen, moved = self._slices.take()
        scrolled = moved and by_reader
        if seen or (scrolled and not self._scrolled):
            self._scrolled = self._scrolled or scrolled
            facts = {"volume": self._volume_name, "slices": self._slices.slices, "seen": seen, "scrolled": scrolled}
            self.log.append(EventKind.SLICES_SEEN, facts)

    def _present_context(self):
        editor = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        if self._candidate is None or editor is None or editor.GetSegmentationNode() is not self._candidate:
            return Context(None, None)
        return Context(editor.GetSelectedSegmentID() or None, editor.GetActiveEffectName() or None)

    def _named(self, segment_id):
        segment = None if self._candidate is None else self._candidate.GetSegmentation().GetSegment(segment_id)
        return {"id": segment_id, "name": None if segment is None else segment.GetName()}


def _segments_of(node):
    if node is None:
        return []
    segmentation = node.GetSegmentation()
    return [segment_of(segment_id, segmentation.GetSegment(segment_id)) for segment_id in segmentation.GetSegmentIDs()]


def _slicer_version():
    return f"{slicer.app.majorVersion}.{slicer.app.minorVersion}"
