"""The AI draft: taken from a file or the scene, looked through before it is imported, kept untouched beside the candidate."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from SegQCLib.chosen_segments import chosen_segments
from SegQCLib.errors import BadDataError
from SegQCLib.importers.draft import Draft, DraftKind, on_image, read_draft
from SegQCLib.importers.draft_algorithm import DraftAlgorithm, common_algorithm, made_by
from SegQCLib.importers.draft_preview import RecognisedBy, as_previewed, structures_named_twice
from SegQCLib.importers.uncertainty_map import read_map
from SegQCLib.mrml.draft import add_candidate, add_draft, add_map, is_draft, make_draft, remove_maps, show_segments, was_edited
from SegQCLib.mrml.edit_watch import EditWatch
from SegQCLib.mrml.segmentation import crop_layers, segment_of, segmentation_reader
from SegQCLib.mrml.volume import volume_from_node
from SegQCLib.panels.background import Background
from SegQCLib.panels.draft_maps import DraftMaps
from SegQCLib.panels.draft_preview_table import DraftPreviewTable
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.voxel_hash import voxels_sha256

_MOST_FINDINGS = 2


class DraftPanel(Panel):
    """Import an AI draft, start the candidate from it, and show its uncertainty maps when the protocol lets them be shown."""

    UI = "DraftPanel.ui"

    def __init__(self, session, resource_path):
        Panel.__init__(self, session, resource_path)
        self._job = self._check = self._watch = None
        self._draft: Draft | None = None
        self._new_maps, self._sha256, self._layers = [], "", None
        self._source_node = None
        self._volume = self._protocol = self._draft_node = self._looked_through = None
        self._algorithm_words = self._message = ""
        self._edited = self._choosing_another = False
        self.preview = DraftPreviewTable(self.ui.previewTable, self.ui.detailLabel, self.ui.structureSelector, self.show)
        self.maps = DraftMaps(
            session,
            self.start,
            selector=self.ui.mapSelector,
            show_button=self.ui.showMapButton,
            add_button=self.ui.addMapButton,
            reason=self.ui.mapReasonLabel,
            first_read_button=self.ui.firstReadButton,
        )
        self.ui.pathEdit.connect("returnPressed()", self.onPathEntered)
        self.ui.fileButton.connect("clicked(bool)", self.onPickFile)
        self.ui.folderButton.connect("clicked(bool)", self.onPickFolder)
        self.ui.loadedSelector.connect("currentNodeChanged(vtkMRMLNode*)", self.onLoadedChosen)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancel)
        self.ui.importButton.connect("clicked(bool)", self.onImport)
        self.ui.candidateButton.connect("clicked(bool)", self.onStartCandidate)
        self.ui.anotherButton.connect("clicked(bool)", self.onAnother)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeAboutToBeRemovedEvent, self.onNodeAboutToBeRemoved)
        self.show()

    def title(self):
        return _("AI draft")

    def standing(self):
        if self._volume is None:
            return Standing(Light.WAITING, _("no image"))
        if self._job is not None:
            return Standing(Light.RUNNING, _("reading"))
        if self._message:
            return Standing(Light.ATTENTION, _("see the message"))
        if self._draft is not None:
            return Standing(Light.OPTIONAL, _("not imported yet"))
        if self._draft_node is None:
            return Standing(Light.OPTIONAL, _("none"))
        if not is_draft(self._draft_node):
            return Standing(Light.OPTIONAL, _("algorithm not given"))
        if self._edited:
            return Standing(Light.ATTENTION, _("edited after its import"))
        if not self._algorithm_words:
            return Standing(Light.ATTENTION, _("algorithm not named"))
        return Standing(Light.DONE, self._algorithm_words)

    def cleanup(self):
        self._abandonJob()
        self._followDraft(None)
        # It follows the scene as long as it lives, and Qt lets it live until the next event.
        self.ui.loadedSelector.disconnect("currentNodeChanged(vtkMRMLNode*)", self.onLoadedChosen)
        Panel.cleanup(self)

    def enter(self):
        # A map may have been shown or hidden in another module.
        self.maps.show(self._draft_node)

    def onCaseChanged(self):
        case = self.session.case
        volume, draft_node = (None, None) if case is None else (case.volume, case.draft)
        protocol = None if self.session.protocol is None else self.session.protocol.protocol
        if volume is not self._volume:
            self._volume, self._looked_through = volume, None
            # What was read lies on the grid of the image that was chosen before.
            self._abandonJob()
            self._forgetPreview()
        if protocol is not self._protocol:
            self._protocol = protocol
            self.preview.fill(None if self._draft is None else self._draft.segmentation, protocol)
        if draft_node is not self._draft_node:
            self._choosing_another = False
            self._followDraft(draft_node)
            self._checkDraft()
            self._looked_through = None
        unmarked = draft_node is not None and not is_draft(draft_node)
        if unmarked and volume is not None and self._looked_through is not draft_node:
            # Chosen in the Case step, or it came with the worklist.
            self._looked_through = draft_node
            self._readLoaded(draft_node)
        self.show()

    # A draft is found by what the reader picks.

    def onPathEntered(self):
        text = self.ui.pathEdit.text.strip()
        if text:
            self.read(Path(text))

    def onPickFile(self, _checked=False):
        filters = _("Segmentations") + " (*.nii *.nii.gz *.nrrd *.mha *.mhd *.dcm *.seg);;" + _("All files") + " (*)"
        self._pick(qt.QFileDialog.getOpenFileName(self.widget, _("AI draft"), self._startFolder(), filters))

    def onPickFolder(self, _checked=False):
        self._pick(qt.QFileDialog.getExistingDirectory(self.widget, _("Folder of the AI draft"), self._startFolder()))

    def _startFolder(self):
        path = Path(self.ui.pathEdit.text.strip() or ".")
        return str(path if path.is_dir() else path.parent)

    def _pick(self, path):
        if path:
            self.read(Path(path))

    def read(self, path):
        """Read a file or folder in the background and preview it."""
        if self._volume.GetImageData() is None:
            self._say(_("{name} has no voxels; choose another image.").format(name=self._volume.GetName()))
            return
        self.ui.pathEdit.setText(str(path))
        try:
            image = volume_from_node(self._volume)
        except BadDataError as error:
            self._say(str(error))
            return

        def work(progress):
            draft = on_image(read_draft(path, progress, image=image), image.geometry)
            stored = draft.segmentation if draft.segmentation.stored is None else draft.segmentation.stored
            maps = []
            for number, map_path in enumerate(draft.maps):
                progress(f"Reading {map_path.name}", number / len(draft.maps))
                maps.append((map_path.name, read_map(map_path, stored.geometry)))
            progress("Looking through the segments", 0.9)
            return draft, maps, voxels_sha256(draft.segmentation), crop_layers(draft.segmentation)

        self._forgetPreview()
        self.start(work, self.onRead)

    def onLoadedChosen(self, node):
        if self._volume is None or (node is None and self._source_node is None):
            return
        self._abandonJob()
        self._forgetPreview()
        if node is None:
            self.show()
        else:
            self._readLoaded(node)

    def _readLoaded(self, node):
        if node in (self.session.case.candidate, self.session.case.reference):
            words = _("{name} is the candidate or the reference of this case; a draft is another segmentation.")
            self._say(words.format(name=node.GetName()))
            return
        try:
            # Out of the scene here, the rest in the thread.
            make = segmentation_reader(node, self._volume)
        except BadDataError as error:
            self._say(str(error))
            return

        def work(progress):
            progress("Reading the segmentation", 0.0)
            segmentation = make()
            return Draft(DraftKind.LOADED, segmentation, common_algorithm(segmentation)), [], voxels_sha256(segmentation), None

        self._source_node = node
        self.start(work, self.onRead)

    # Work in the background.

    def start(self, work, on_done):
        """Do work in a thread; only one at a time."""

        def finish(outcome):
            self._job = None
            on_done(outcome)
            self.show()

        self._abandonJob()
        self._message = ""
        self._job = Background(work, finish, self.onFailed, self.onProgress, self.onCancelled)
        self.ui.progressBar.setValue(0)
        self.show()

    def _abandonJob(self):
        if self._job is not None:
            self._job.abandon()
            self._job = None

    def onProgress(self, words, share):
        self.ui.progressBar.setValue(round(100 * share))
        self.ui.progressBar.setFormat(words)

    def onCancel(self, _checked=False):
        if self._job is not None:
            self._job.cancel()

    def onCancelled(self):
        self._job = None
        self._forgetPreview()
        self.show()

    def onFailed(self, error):
        self._job = None
        self._source_node = None
        self._say(str(error) if isinstance(error, BadDataError) else _("It could not be read: {error}").format(error=error))
        if not isinstance(error, BadDataError):
            raise error

    def _say(self, message):
        self._message = message
        self.show()

    # From the preview into the scene.

    def onRead(self, outcome):
        self._draft, self._new_maps, self._sha256, self._layers = outcome
        algorithm = self._draft.algorithm
        self.ui.nameEdit.setText(algorithm.name or "")
        self.ui.versionEdit.setText(algorithm.version or "")
        self.ui.parametersEdit.setText(algorithm.parameters or "")
        self.preview.fill(self._draft.segmentation, self._protocol)
        self.ui.previewTable.setFocus()

    def _forgetPreview(self):
        self._draft, self._source_node, self._new_maps, self._layers, self._message = None, None, [], None, ""
        self.preview.fill(None, self._protocol)

    def onImport(self, _checked=False):
        draft, node, rows = self._draft, self._source_node, self.preview.rows
        typed = [edit.text.strip() or None for edit in (self.ui.nameEdit, self.ui.versionEdit, self.ui.parametersEdit)]
        segmentation = as_previewed(made_by(draft.segmentation, DraftAlgorithm(*typed)), rows, self._protocol)
        try:
            if node is None:
                name = slicer.mrmlScene.GenerateUniqueName(_("{case} draft").format(case=self.session.case_name))
                node = add_draft(slicer.mrmlScene, segmentation, self._volume, name, self._sha256, self._layers)
            else:
                make_draft(node, segmentation, self._volume, self._sha256)
        except BadDataError as error:
            self._say(str(error))
            return
        known = tuple(row.segment_id for row in rows if row.structure is not None)
        source = draft.segmentation.source
        self.session.write_event(
            "draft_imported",
            source_kind=str(draft.kind),
            source=source and source.path,
            sha256=source and source.sha256,
            algorithm=typed[0],
            version=typed[1],
            parameters=typed[2],
            segments=len(rows),
            known=len(known),
            corrected=[row.name for row in rows if row.recognised_by is RecognisedBy.READER],
            maps=len(self._new_maps),
        )
        # A hundred segments take Slicer's views a tenth of a second; the rest takes its own turn.
        self.session.later(partial(self.onAdded, node, known, self._new_maps))
        self._forgetPreview()
        self._choosing_another = False

    def onAdded(self, node, known, maps):
        """Make a draft that is complete in the scene the case's."""
        if self._volume is None or not slicer.mrmlScene.IsNodePresent(node):
            return
        if known:
            show_segments(node, known)
        for name, uncertainty_map in maps:
            add_map(slicer.mrmlScene, uncertainty_map, node, name)
        self.ui.loadedSelector.setCurrentNode(None)
        self._followDraft(node)
        self.session.case.draft = node
        self.show()

    def onStartCandidate(self, _checked=False):
        try:
            make = segmentation_reader(self._draft_node, self._volume)
        except BadDataError as error:
            self._say(str(error))
            return
        protocol = self._protocol if self.ui.onlyProtocolCheckBox.checked else None

        def work(progress):
            progress("Copying the draft", 0.0)
            segmentation = make()
            known = [s.id for s in segmentation.segments if protocol is None or protocol.structure_of(s) is not None]
            chosen = chosen_segments(segmentation, known or [s.id for s in segmentation.segments])
            return chosen, crop_layers(chosen)

        self.start(work, self.onCandidateCopied)

    def onCandidateCopied(self, outcome):
        segmentation, layers = outcome
        name = slicer.mrmlScene.GenerateUniqueName(_("{case} candidate").format(case=self.session.case_name))
        node = add_candidate(slicer.mrmlScene, segmentation, self._draft_node, self._volume, name, layers)
        self.session.write_event("candidate_started", draft=self._draft_node.GetName(), segments=len(segmentation.segments))
        self.session.case.candidate = node

    def onAnother(self, _checked=False):
        self._choosing_another = not self._choosing_another
        self._forgetPreview()
        self.show()
        if self._choosing_another:
            self.ui.pathEdit.setFocus()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAboutToBeRemoved(self, _caller, _event, node=None):
        if node is not None and node.IsA("vtkMRMLSegmentationNode") and is_draft(node) and not slicer.mrmlScene.IsClosing():
            remove_maps(slicer.mrmlScene, node)

    # The draft is not there to be edited; if somebody does, it is said.

    def _followDraft(self, node):
        for observer in (self._watch, self._check):
            if observer is not None:
                observer.stop() if observer is self._watch else observer.abandon()
        self._watch = self._check = None
        self._draft_node, self._edited, self._algorithm_words = node, False, ""
        if is_draft(node):
            self._watch = EditWatch(node, self.onDraftEdited, self.session.selectedSegment, self.session.later)
            segmentation = node.GetSegmentation()
            segments = [segment_of(segment_id, segmentation.GetSegment(segment_id)) for segment_id in segmentation.GetSegmentIDs()]
            named = [" ".join(filter(None, (segment.algorithm_name, segment.algorithm_version))) for segment in segments]
            self._algorithm_words = ", ".join(filter(None, dict.fromkeys(named)))

    def onDraftEdited(self, _change):
        self._checkDraft()

    def _checkDraft(self):
        if self._volume is None or not is_draft(self._draft_node):
            return
        if self._check is not None:
            self._check.abandon()
        try:
            make = segmentation_reader(self._draft_node, self._volume)
        except BadDataError as error:
            self._say(str(error))
            return
        self._check = Background(lambda _progress: voxels_sha256(make()), self.onDraftChecked, self.onCheckFailed)

    def onDraftChecked(self, sha256):
        self._check = None
        edited = was_edited(self._draft_node, sha256)
        if edited != self._edited:
            self._edited = edited
            self.session.write_event("draft_edited" if edited else "draft_restored")
            self.show()

    def onCheckFailed(self, error):
        self._check = None
        self.onFailed(error)

    # What is seen.

    def show(self):
        """Show how things stand."""
        marked = is_draft(self._draft_node)
        message = self._message
        if self._volume is None:
            message = _("Choose an image first: a draft is drawn on it.")
        elif not message and self._draft_node is not None and not marked:
            message = _("Nothing says yet which algorithm made {name}: look it through, and make it the draft.").format(
                name=self._draft_node.GetName()
            )
        self.ui.messageLabel.text = message
        self.ui.messageLabel.visible = bool(message)
        self.ui.progressBox.visible = self._job is not None
        self.ui.importBox.visible = self._volume is not None and (not marked or self._choosing_another)
        for widget in (self.ui.pathEdit, self.ui.fileButton, self.ui.folderButton, self.ui.loadedSelector):
            widget.enabled = self._job is None
        self.ui.previewBox.visible = self._draft is not None
        if self._draft is not None:
            self.ui.summaryLabel.text = self._summary()
            self.ui.importButton.text = _("Import as draft") if self._source_node is None else _("Make it the draft")
        self.ui.draftBox.visible = self._volume is not None and marked and self._draft is None
        self.ui.anotherButton.visible = self._volume is not None and marked
        if marked:
            self._showDraft()
        self.standingChanged()

    def _summary(self):
        rows, findings = self.preview.rows, [finding.message for finding in self._draft.segmentation.findings]
        facts = {"kind": str(self._draft.kind), "count": len(rows), "known": sum(row.structure is not None for row in rows)}
        if self._protocol is None:
            lines = [_("{kind}, segments: {count}. Choose a protocol to name them by.").format(**facts)]
        else:
            lines = [_("{kind}, segments: {count}, known to the protocol: {known}.").format(**facts)]
            twice = structures_named_twice(rows, self._protocol)
            if twice:
                lines.append(_("Named more than once: {names}.").format(names=", ".join(twice)))
        lines += findings[:_MOST_FINDINGS]
        if len(findings) > _MOST_FINDINGS:
            lines.append(_("... and {count} more remarks.").format(count=len(findings) - _MOST_FINDINGS))
        if self._new_maps:
            lines.append(_("Uncertainty maps beside it: {count}.").format(count=len(self._new_maps)))
        return "\n".join(lines)

    def _showDraft(self):
        node = self._draft_node
        words = _("{name} by {algorithm}, segments: {count}.").format(
            name=node.GetName(),
            count=node.GetSegmentation().GetNumberOfSegments(),
            algorithm=self._algorithm_words or _("an algorithm that is not named"),
        )
        if self._edited:
            state = _("It was edited after its import: undo that, or import it again.")
        else:
            state = _("It is as it was imported.")
        self.ui.draftLabel.text = words + " " + state
        side = qt.QFontMetrics(self.widget.font).height()
        icon = qt.QStyle.SP_MessageBoxWarning if self._edited else qt.QStyle.SP_DialogApplyButton
        self.ui.draftIcon.setPixmap(slicer.app.style().standardIcon(icon).pixmap(side, side))
        self.ui.onlyProtocolCheckBox.visible = self._protocol is not None
        self.ui.candidateButton.enabled = self._job is None and not self._edited
        candidate = self.session.case.candidate
        if candidate is None:
            self.ui.candidateButton.text = _("S&tart the candidate from the draft")
            tip = _("A copy to edit; the draft stays.")
        else:
            self.ui.candidateButton.text = _("S&tart another candidate from the draft")
            tip = _("A new copy to edit takes the place of {name} in this case; {name} stays in the scene.").format(
                name=candidate.GetName()
            )
        if self._edited:
            tip = _("The draft is not the algorithm's any more.")
        self.ui.candidateButton.toolTip = tip
        self.ui.addMapButton.enabled = self._job is None
        self.ui.anotherButton.text = _("Keep the present draft") if self._choosing_another else _("Take another draft...")
        self.maps.show(node)
