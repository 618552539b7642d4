"""A course's case that is open: in the scene and the session, with what the reader may begin with, kept automatically."""

from __future__ import annotations

import logging
from functools import partial
from html import escape

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.alignment import align
from SegQCLib.case_files import CandidateOrigin, OpenedCase, autosave_work, empty_candidate, save_work
from SegQCLib.chosen_segments import chosen_segments
from SegQCLib.errors import BadDataError
from SegQCLib.mrml.draft import add_candidate
from SegQCLib.mrml.error_map_node import remove_error_map
from SegQCLib.mrml.expert_nodes import remove_experts
from SegQCLib.mrml.node_removal import remove_with_attendants
from SegQCLib.mrml.open_case import OpenCase
from SegQCLib.mrml.remove_results import remove_results
from SegQCLib.mrml.segmentation import add_segmentation, crop_layers, segment_of, segmentation_reader
from SegQCLib.mrml.volume import volume_from_node
from SegQCLib.mrml.voxel_counts import voxel_counter
from SegQCLib.panels.background import Background
from SegQCLib.protocol import shipped_protocols
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.course_file import CourseCase
from SegQCLib.readers.training.open_training_case import asked_protocol

AUTOSAVE_INTERVAL_MS = 60_000
_LABELMAP = slicer.vtkSegmentationConverter.GetBinaryLabelmapRepresentationName()


class TrainingCaseView:
    """Put one case of a course at a time into the scene, for practice and for the exam alike.

    Whatever becomes of Slicer, the reader's work is kept: every minute, when the scene closes, and when another image is chosen.

    Parameters
    ----------
    session : Session
    resource_path : callable(str) -> str
    start : callable(work, on_done)
        Does work in the background.
    on_changed : callable()
        Called when a case was opened or left, and when it no longer can be kept.

    Attributes
    ----------
    widget : QWidget
    course, case, mode : Course, CourseCase and str
        Of the case that is open, else None; mode is practice, exam or review (an answered case of a finished exam).
    """

    def __init__(self, session, resource_path, start, on_changed):
        self.session, self._start, self._on_changed = session, start, on_changed
        self.widget = slicer.util.loadUI(resource_path("UI/TrainingCase.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.course: Course | None = None
        self.case: CourseCase | None = None
        self.mode: str | None = None
        self.message = ""
        self._open: OpenCase | None = None
        self._drawn = False
        self._free = True
        self._reader = ""
        self._keeping: Background | None = None
        # Not only while the module is entered: the reader draws in the Segment Editor.
        self._autosave = qt.QTimer(self.widget)
        self._autosave.setInterval(AUTOSAVE_INTERVAL_MS)
        self._autosave.connect("timeout()", self.onAutosave)
        ui = self.ui
        ui.draftButton.connect("toggled(bool)", self.onShowDraft)
        ui.fromDraftButton.connect("clicked(bool)", self.onFromDraft)
        ui.anewButton.connect("clicked(bool)", self.onAnew)
        ui.editorButton.connect("clicked(bool)", self.onEditor)
        session.observeEdits(self.onEdit)
        self.show(False)

    def cleanup(self):
        self.session.unobserveEdits(self.onEdit)
        self.keep_now()
        self._autosave.stop()
        self._autosave.disconnect("timeout()", self.onAutosave)
        if self._keeping is not None:
            self._keeping.abandon()
        self._open = None

    @property
    def is_open(self):
        return self._open is not None

    @property
    def nodes(self):
        """The nodes of the open case: `mrml.case_nodes.CaseNodes`."""
        return self._open.nodes

    @property
    def reader(self):
        """Who opened the case; its work stays that reader's."""
        return self._reader

    # In the scene

    def open(self, opened: OpenedCase, course: Course, case: CourseCase, mode: str):
        """Show a case that was read, and choose it in the session; what was open before must have been left."""
        parameters = self.session.case
        if parameters is None:
            return
        self.message = ""
        self._open = OpenCase(slicer.mrmlScene, opened)
        self.course, self.case, self.mode, self._reader = course, case, mode, self.session.reader
        nodes = self._open.nodes
        self._drawn = _is_drawn(nodes.candidate)
        # A worklist's case would give its name to the log.
        self.session.worklist_case = None
        with slicer.util.NodeModify(parameters.parameterNode):
            parameters.volume, parameters.candidate = nodes.volume, nodes.candidate
            parameters.reference, parameters.draft = None, nodes.draft
            parameters.protocol = _protocol_name(course)
        if slicer.app.layoutManager() is not None:
            slicer.util.resetSliceViews()
        self._autosave.start()
        self.session.write_event(EventKind.CASE_OPENED, case=opened.entry.case, candidate=opened.origin.value)
        self.message = "" if mode == "review" else _origins().get(opened.origin, "")
        self._on_changed()

    def copy_of_work(self):
        """Return what of the work is not saved, for a thread to write with `save`, or None."""
        if self._open is None or self.mode == "review" or not self._open.is_unsaved:
            return None
        return self._open.copy()

    def leave(self):
        """Take the case's nodes out of the scene; what is unsaved was saved before."""
        self._autosave.stop()
        if self._open is None:
            return
        left, self._open = self._open, None
        self.course = self.case = self.mode = None
        self.message = ""
        scene = slicer.mrmlScene
        if not scene.IsClosing():
            if left.nodes.volume.GetScene() is not None:
                remove_error_map(scene, left.nodes.volume)
            remove_experts(scene)
            left.remove()
        self._on_changed()

    def onSessionChanged(self):
        """Follow the reader's choice of nodes; another image ends the case, and its work is kept."""
        if self._open is None:
            return
        parameters = self.session.case
        if parameters is None:
            # The scene is closing; its nodes are still there.
            self.keep_now()
            self._open = None
            self.course = self.case = self.mode = None
            self._autosave.stop()
            self._on_changed()
        elif parameters.volume is self._open.nodes.volume:
            self._open.choose(parameters.candidate, parameters.draft)
            if self.mode == "exam" and parameters.reference is not None:
                self.session.later(self.onReferenceInExam)
        else:
            # While a scene is loaded the choice changes more than once.
            self.session.later(self.onAnotherImage)

    def onReferenceInExam(self):
        parameters = self.session.case
        if self.mode == "exam" and parameters is not None and parameters.reference is not None:
            parameters.reference = None
            self.message = _("In an exam there is no reference to compare with; the choice was undone.")
            self._on_changed()

    def onAnotherImage(self):
        parameters = self.session.case
        if self._open is not None and parameters is not None and parameters.volume is not self._open.nodes.volume:
            self.keep_now()
            self.leave()

    # Saving

    def keep_now(self):
        """Keep unsaved work while its nodes are still there: the scene or Slicer closes and waits for nobody."""
        if self._open is None or self.mode == "review" or not self._open.is_unkept:
            return
        try:
            copy = self._open.copy()
            autosave_work(copy.work)
            self._open.mark_kept(copy)
        except BadDataError as error:
            self.message = str(error)
            logging.error("SegQC could not keep the work on %s: %s", self._open.opened.entry.case, error)

    def onAutosave(self):
        waits = not self._free or self._keeping is not None
        if self._open is None or waits or self.mode == "review" or not self._open.is_unkept:
            return
        try:
            copy = self._open.copy()
        except BadDataError as error:
            self.onNotKept(error)
            return
        kept = partial(self.onKept, self._open, copy)
        self._keeping = Background(lambda _progress: autosave_work(copy.work), kept, self.onNotKept)

    def onKept(self, case, copy, _nothing):
        self._keeping = None
        case.mark_kept(copy)

    def onNotKept(self, error):
        self._keeping = None
        self.message = _("Your work could not be kept: {error}").format(error=error)
        logging.error("SegQC could not keep a reader's work.", exc_info=error)
        self._on_changed()

    def mark_saved(self, copy):
        if self._open is not None and copy is not None:
            self._open.mark_saved(copy)

    def empty_structures(self):
        """Return the names of the structures of which nothing is drawn, in the order of the case."""
        node, protocol = self._open.nodes.candidate, self.course.protocol.protocol
        voxels = voxel_counter(node)()
        segmentation = node.GetSegmentation()
        segments = (segment_of(key, segmentation.GetSegment(key)) for key in segmentation.GetSegmentIDs() if voxels.get(key))
        drawn = {found.name for found in map(protocol.structure_of, segments) if found is not None}
        return tuple(name for name in self.case.structures if name not in drawn)

    def reading(self):
        """Take what there is to score from the scene; return what makes segmentation and image of it, in any thread.

        Raises
        ------
        BadDataError
            If image or segmentation cannot be read.
        """
        nodes = self._open.nodes
        image = volume_from_node(nodes.volume)
        make = segmentation_reader(nodes.candidate, nodes.volume)
        return lambda: (make(), image)

    # What the reader sees

    def show(self, free):
        """Show what may be done with the open case. `free`: nothing runs in the background."""
        ui, is_open = self.ui, self._open is not None
        self._free = free
        self.widget.setVisible(is_open)
        if not is_open:
            return
        draft, own = self._open.nodes.draft, self.mode != "review"
        ui.caseLabel.setText(self._words())
        ui.draftButton.setVisible(draft is not None and own)
        ui.fromDraftButton.setVisible(draft is not None and own)
        ui.anewButton.setVisible(self.mode == "practice")
        ui.fromDraftButton.setEnabled(free and not self._drawn)
        ui.anewButton.setEnabled(free and self._drawn)
        ui.editorButton.setVisible(own)
        shown = draft is not None and draft.GetDisplayVisibility()
        blocked = ui.draftButton.blockSignals(True)
        ui.draftButton.setChecked(bool(shown))
        ui.draftButton.blockSignals(blocked)

    def _words(self):
        case = self.case
        lines = [f"<b>{escape(case.title)}</b>"]
        names = ", ".join(name.replace("_", " ") for name in case.structures)
        if self.mode == "review":
            lines.append(_("Your answer in the exam, and the experts' outlines. Nothing that is drawn now counts."))
        else:
            lines.append(_("Segment: {structures}.").format(structures=escape(names)))
        if self._open.nodes.draft is not None and self.mode != "review":
            lines.append(_("A starting draft, made by a program, can be shown. It is not the truth: check and correct all of it."))
        if case.simulated:
            lines.append(_("The image is simulated."))
        if self.message:
            lines.append(escape(self.message))
        return "<br>".join(lines)

    def onEdit(self, _change):
        if self._open is not None and not self._drawn:
            self._drawn = _is_drawn(self._open.nodes.candidate)
            if self._drawn:
                self._on_changed()

    def onShowDraft(self, visible):
        if self._open is not None and self._open.nodes.draft is not None:
            self._open.nodes.draft.SetDisplayVisibility(bool(visible))

    def onFromDraft(self, _checked=False):
        """Replace the empty segmentation by a copy of the draft's segments that the case asks for."""
        if self._open is None or self._open.nodes.draft is None or self._drawn:
            return
        opened, protocol, names = self._open.opened, self.course.protocol.protocol, self.case.structures

        def work(_progress):
            draft = align(opened.draft, opened.image.geometry)
            of_segments = {segment.id: protocol.structure_of(segment) for segment in draft.segments}
            chosen = chosen_segments(
                draft, [key for key, found in of_segments.items() if found is not None and found.name in names]
            )
            return chosen, crop_layers(chosen)

        self._start(work, partial(self.onDraftCopied, self._open))

    def onDraftCopied(self, case, copied):
        if self._open is not case:
            return
        segmentation, layers = copied
        nodes = case.nodes
        node = add_candidate(slicer.mrmlScene, segmentation, nodes.draft, nodes.volume, nodes.candidate.GetName(), layers)
        nodes.draft.SetDisplayVisibility(False)
        self._take(node)

    def onAnew(self, _checked=False):
        """Begin again with an empty segmentation; the one before is saved first, and its file is kept."""
        if self._open is None or self.mode != "practice":
            return
        copy = self.copy_of_work()
        self._start(
            lambda _progress: None if copy is None else save_work(copy.work), partial(self.onSavedForAnew, self._open, copy)
        )

    def onSavedForAnew(self, case, copy, _nothing):
        if self._open is not case:
            return
        self.mark_saved(copy)
        grid, nodes = case.opened.image.geometry, case.nodes
        empty = empty_candidate(grid, asked_protocol(self.course, self.case), self._reader)
        self._take(add_segmentation(slicer.mrmlScene, empty, nodes.volume, nodes.candidate.GetName()))

    def _take(self, node):
        """Make another segmentation the candidate, and remove the one before."""
        before = self._open.nodes.candidate
        node.SetAndObserveTransformNodeID(self._open.nodes.volume.GetTransformNodeID())
        self.session.case.candidate = node
        self._open.choose(node, self._open.nodes.draft)
        remove_results(slicer.mrmlScene, before)
        remove_with_attendants(slicer.mrmlScene, before)
        self._drawn = _is_drawn(node)
        self._on_changed()

    def onEditor(self, _checked=False):
        """Open Slicer's Segment Editor on the case."""
        if self._open is None:
            return
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(self._open.nodes.candidate)
        editor.setSourceVolumeNode(self._open.nodes.volume)


def _protocol_name(course):
    name = course.file.protocol
    return name if name in shipped_protocols() else str(course.path(name))


def _is_drawn(node):
    segmentation = node.GetSegmentation()
    layers = (segmentation.GetLayerDataObject(n, _LABELMAP) for n in range(segmentation.GetNumberOfLayers(_LABELMAP)))
    return any(layer is not None and layer.GetNumberOfPoints() and layer.GetScalarRange()[1] > 0 for layer in layers)


def _origins():
    return {
        CandidateOrigin.SAVED: _("Your saved segmentation is shown."),
        CandidateOrigin.AUTOSAVED: _("Recovered: work that was kept automatically is shown."),
    }
