"""After each edit: voxels against the draft, and what the segment is now, AUTOMATIC, SEMIAUTOMATIC or MANUAL."""

from __future__ import annotations

import time

import qt
import slicer
from slicer.util import VTKObservationMixin

from SegQCLib.errors import BadDataError
from SegQCLib.mrml.edit_watch import ChangeKind
from SegQCLib.mrml.provenance_tags import read_provenance, write_provenance
from SegQCLib.mrml.voxel_changes import layer_neighbours, painted_voxels, paired_draft_segments, voxel_change
from SegQCLib.readers.provenance import Provenance, ProvenanceWatch, provenance_from_draft

# Strokes come in quick succession; numbers may follow a moment later.
_SETTLE_MS = 300
# Counting many large segments takes turns with the reader's mouse.
_TURN_S, _BETWEEN_TURNS_MS = 0.05, 100


class DraftFollower(VTKObservationMixin):
    """Follow the candidate's segments from edit to edit, one touched segment at a time.

    Parameters
    ----------
    on_met : callable({id: Provenance})
        How segments stand that are counted for the first time.
    on_counted : callable({id: VoxelChange})
    """

    def __init__(self, on_met, on_counted):
        VTKObservationMixin.__init__(self)
        self.watch = ProvenanceWatch()
        self.problem = ""
        self.effect = None
        self._on_met, self._on_counted = on_met, on_counted
        self._candidate = self._draft = None
        self._due: dict[str, None] = {}
        self._perhaps_due: dict[str, None] = {}
        self._met: set[str] = set()
        self._untold: set[str] = set()
        self._may_write = False
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self.onTimeout)

    def follow(self, candidate, draft):
        """Follow a candidate against a draft, each a node or None; the same ones again change nothing."""
        if candidate is self._candidate and draft is self._draft:
            return
        self._timer.stop()
        if self._candidate is not None:
            self.write_tags()
        self.removeObservers()
        self._candidate, self._draft = candidate, draft
        self.watch, self._due, self._perhaps_due = ProvenanceWatch(), {}, {}
        self._met, self._untold, self._may_write = set(), set(), False
        self.problem, self.effect = "", None
        if candidate is not None:
            self.addObserver(candidate, slicer.vtkSegmentation.SourceRepresentationModified, self.onSourceModified)
            self._count_later(candidate.GetSegmentation().GetSegmentIDs(), 0)

    @property
    def candidate(self):
        """The segmentation that is followed, or None."""
        return self._candidate

    def cleanup(self):
        self.follow(None, None)
        self._timer.disconnect("timeout()", self.onTimeout)

    def onSourceModified(self, _caller=None, _event=None):
        # Now: some effects (Threshold) switch themselves off before the edit is reported.
        self.effect = self._active_effect()

    def edited(self, change):
        """Note an edit of the candidate; voxels are counted a moment later."""
        if self._candidate is None:
            return
        present = self._candidate.GetSegmentation().GetSegmentIDs()
        due = present
        self._may_write = change.kind is ChangeKind.EDIT
        if change.kind is ChangeKind.EDIT:
            for segment_id in change.segment_ids or ():
                if segment_id in present:
                    self.watch.begin(segment_id, read_provenance(self._candidate, segment_id))
            self.watch.edited(change.segment_ids, self.effect)
            if change.segment_ids is not None:
                self._untold.update(change.segment_ids)
                due = change.segment_ids
                self._perhaps_due.update(dict.fromkeys(layer_neighbours(self._candidate, due)))
        else:
            self.watch.undone()
        self._count_later(due, _SETTLE_MS)

    def write_tags(self):
        """Write what the segments are now to their tags.

        Slicer forgets what can be redone as soon as anything of a segment changes, its tags too: after undo they are
        left as they are until the next edit, or until the reader has left the Segment Editor.
        """
        for segment_id in self._untold:
            write_provenance(self._candidate, segment_id, self.watch.of(segment_id))
        self._untold.clear()

    def count_now(self):
        """Count at once what would be counted a moment later."""
        while self._timer.active:
            self._timer.stop()
            self.onTimeout()

    def changes(self):
        """Return the voxels of all counted segments against the draft: {id: VoxelChange}."""
        counted = ((segment_id, self.watch.change(segment_id)) for segment_id in self._present())
        return {segment_id: change for segment_id, change in counted if change is not None}

    def provenances(self):
        """Return what is known of all counted segments: {id: Provenance}."""
        return {segment_id: self.watch.of(segment_id) for segment_id in self.changes()}

    def onTimeout(self):
        pairs = {}
        try:
            if self._draft is not None:
                pairs = paired_draft_segments(self._candidate, self._draft)
            met, counted = {}, {}
            until = time.monotonic() + _TURN_S
            while self._due and (not counted or time.monotonic() < until):
                segment_id = next(iter(self._due))
                del self._due[segment_id]
                if self._candidate.GetSegmentation().GetSegment(segment_id) is None:
                    continue
                change = voxel_change(self._candidate, segment_id, self._draft, pairs.get(segment_id))
                if segment_id in self._met and change != self.watch.change(segment_id):
                    self._untold.add(segment_id)
                counted[segment_id] = change
                if segment_id not in self._met:
                    self._met.add(segment_id)
                    met[segment_id] = self._first(segment_id, change, pairs.get(segment_id))
                self.watch.counted(segment_id, change)
            self.problem = ""
        except BadDataError as error:
            self.problem = str(error)
            self._due, self._perhaps_due = {}, {}
            return
        if self._may_write:
            self.write_tags()
        self._on_met(met)
        self._on_counted(counted)
        if not self._due and self._perhaps_due:
            if painted_voxels(self._candidate) != sum(change.voxels for change in self.changes().values()):
                self._due = self._perhaps_due
            self._perhaps_due = {}
        if self._due:
            self._timer.start(_BETWEEN_TURNS_MS)

    def _first(self, segment_id, change, draft_segment_id):
        provenance = read_provenance(self._candidate, segment_id)
        if provenance == Provenance() and draft_segment_id is not None and change.kept > 0:
            drafted = read_provenance(self._draft, draft_segment_id)
            provenance = provenance_from_draft(drafted.draft or self._draft.GetName(), change)
        self.watch.begin(segment_id, provenance)
        return self.watch.of(segment_id)

    def _present(self):
        return () if self._candidate is None else self._candidate.GetSegmentation().GetSegmentIDs()

    def _count_later(self, segment_ids, milliseconds):
        self._due = dict.fromkeys(segment_ids) | self._due
        self._timer.start(milliseconds)

    def _active_effect(self):
        editor = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
        if editor is None or editor.GetSegmentationNode() is not self._candidate:
            return None
        return editor.GetActiveEffectName() or None
