"""The panel that compares the readers of one image: matrix, worst slices, map, consensus, and blinded adjudication."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.agreement.adjudication import all_components, voxel_checksums
from SegQCLib.agreement.case_agreement import CaseAgreement, agreement_of
from SegQCLib.agreement.consensus import HOW, consensus
from SegQCLib.agreement.disagreement import DisagreementComponent, DisagreementSlice, disagreement_map, worst_slices
from SegQCLib.agreement.outlier_readers import outliers_by_structure
from SegQCLib.agreement.readers_of_case import ReadersOfCase, readers_of_case
from SegQCLib.case import Volume
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import part_of
from SegQCLib.metrics.label_planes import foreground_box
from SegQCLib.mrml.adjudication_nodes import add_made_from_readers, remove_outlines, show_hidden
from SegQCLib.mrml.agreement_readers import segmentations_on
from SegQCLib.mrml.disagreement_map_node import map_is_shown, map_of, remove_map, show_map_over, write_map
from SegQCLib.mrml.edit_watch import EditWatch
from SegQCLib.mrml.segmentation import crop_layers, segmentation_reader
from SegQCLib.mrml.slice_views import jump_slices
from SegQCLib.mrml.volume import volume_geometry
from SegQCLib.number_texts import millilitres, ratio
from SegQCLib.panels.adjudication import AdjudicationView
from SegQCLib.panels.agreement_matrix import AgreementMatrix
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.panels.panel_work import PanelWork
from SegQCLib.panels.reader_choice import ReaderChoice
from SegQCLib.panels.table_columns import set_columns
from SegQCLib.progress import part

_WORST_SLICES = 20
_WORST_LINES = 5
_STRUCTURE, _SLICE, _SIZE, _DICE = range(4)


@dataclass(frozen=True, eq=False)
class Compared:
    """What a comparison gave."""

    case: ReadersOfCase
    agreement: CaseAgreement
    worst: dict[str, tuple[DisagreementSlice, ...]]  # of each structure
    components: tuple[DisagreementComponent, ...]
    checksums: tuple[str, ...]


class AgreementPanel(Panel):
    """Compare in the background; readers' segmentations are read and never changed."""

    UI = "AgreementPanel.ui"

    def __init__(self, session, resource_path):
        super().__init__(session, resource_path)
        self._work = PanelWork(self.ui.progressBar, self._setMessage, self.showState)
        self._unread = []  # segmentations that are still to be copied from the scene
        self._makes = []
        self._message = ""
        self._compared: Compared | None = None
        self._outdated = False
        self._watches = []
        self._volume = None
        self._groups = ()
        self._worst = ()  # the slices in the table
        ui = self.ui
        self._choice = ReaderChoice(ui.readersTable, self.showState)
        self._matrix = AgreementMatrix(ui.matrixTable, ui.structureSelector, ui.measureSelector, self._fillWorst)
        self._adjudication = AdjudicationView(session, resource_path, self._work.start, self.onAdjudicationRunning)
        ui.adjudicationFrame.layout().addWidget(self._adjudication.widget)
        self._setUpWorst()
        ui.compareButton.connect("clicked(bool)", self.onCompare)
        ui.cancelButton.connect("clicked(bool)", self.onCancel)
        ui.worstTable.connect("cellClicked(int,int)", self.onSliceChosen)
        ui.worstTable.connect("cellActivated(int,int)", self.onSliceChosen)
        ui.mapButton.connect("clicked(bool)", self.onShowMap)
        ui.removeMapButton.connect("clicked(bool)", self.onRemoveMap)
        ui.consensusSelector.connect("currentIndexChanged(int)", self.onConsensusChosen)
        ui.consensusButton.connect("clicked(bool)", self.onConsensus)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.NodeAddedEvent, self.onNodes)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodes)
        # A child: it goes with the widgets that it would fill.
        self._listing = qt.QTimer(self.widget)
        self._listing.setSingleShot(True)
        self._listing.setInterval(0)
        self._listing.connect("timeout()", self.onList)
        self._entered = False
        self.showState()

    def _setUpWorst(self):
        table = self.ui.worstTable
        titles = (
            (_("Structure"), ""),
            (_("Slice k"), _("Number of the slice in the image, from 0.")),
            (_("In dispute"), _("Volume on this slice that some readers drew and others did not.")),
            (
                _("Dice"),
                _("Mean over the pairs of readers, on this slice alone. On the last slices of a structure a few voxels make it 0."),
            ),
        )
        set_columns(table, titles)
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(_STRUCTURE, qt.QHeaderView.Stretch)
        line = qt.QFontMetrics(table.font).height()
        table.verticalHeader().setDefaultSectionSize(round(1.3 * line))
        height = round((_WORST_LINES + 1.3) * 1.3 * line)
        table.setMinimumHeight(height)
        table.setMaximumHeight(height)

    def title(self):
        return _("Agreement")

    def standing(self):
        if self._adjudication.running:
            return Standing(Light.RUNNING, _("adjudication"))
        if self._busy():
            return Standing(Light.RUNNING, _("running"))
        if self._compared is None:
            return Standing(Light.OPTIONAL, self._obstacle() or _("not compared"))
        count = len(self._compared.agreement.readers)
        if self._outdated:
            return Standing(Light.OPTIONAL, _("outdated"))
        if self._compared.agreement.outliers:
            return Standing(Light.ATTENTION, _("{count} readers, one stands out").format(count=count))
        return Standing(Light.DONE, _("{count} readers compared").format(count=count))

    def onCaseChanged(self):
        case = self.session.case
        volume = None if case is None else case.volume
        if volume is not self._volume:
            self._stopWork()
            self._forget()
            self._choice.forget()
            self._volume = volume
            if volume is not None:
                # A scene that was saved, or a program that crashed, while readers were hidden.
                remove_outlines(slicer.mrmlScene)
                show_hidden(slicer.mrmlScene)
        self._adjudication.onSessionChanged()
        self.onList()

    def enter(self):
        self._entered = True
        self._adjudication.enter()
        self.onList()

    def exit(self):
        # What other modules add is listed on coming back.
        self._entered = False
        self._listing.stop()

    def cleanup(self):
        # First: nodes that go below would start the list anew, whose widgets are then gone.
        self.removeObservers()
        self._listing.stop()
        self._work.cleanup()
        self._listing.disconnect("timeout()", self.onList)
        self._stopWatches()
        self._adjudication.cleanup()
        self._choice.cleanup()
        super().cleanup()

    def onNodes(self, _caller=None, _event=None):
        if self._entered and not slicer.mrmlScene.IsClosing():
            self._listing.start()

    def onList(self):
        """List the segmentations that can be compared now."""
        if self._adjudication.running:
            return
        volume = self._volume
        if volume is not None and volume.GetScene() is None:
            volume = None
        self._choice.show([] if volume is None else segmentations_on(slicer.mrmlScene, volume))
        self.showState()

    def onAdjudicationRunning(self):
        self.onList()
        self.showState()

    def onCompare(self, _checked=False):
        """Copy the ticked segmentations from the scene, one after the other, and compare them in the background."""
        if self._busy() or self._obstacle():
            return
        self._message = ""
        self._forget()
        self._unread, self._makes = list(self._choice.chosen()), []
        self._work.reset_bar()
        self.showState()
        qt.QTimer.singleShot(0, partial(self.onReadNext, self._work.turn))

    def onReadNext(self, turn):
        """Copy one segmentation: the window answers between two."""
        if turn != self._work.turn:
            return
        if self._unread:
            chosen = self._unread.pop(0)
            try:
                if chosen.node.GetScene() is None:
                    raise BadDataError(chosen.name, "is no longer in the scene.", "Choose again.")
                self._makes.append((chosen, segmentation_reader(chosen.node, self._volume)))
            except BadDataError as error:
                self._unread, self._makes = [], []
                self._work.fail(error)
                return
            self._watches.append(EditWatch(chosen.node, self.onEdited, self.session.selectedSegment, self.session.later))
            qt.QTimer.singleShot(0, partial(self.onReadNext, turn))
            return
        makes, self._makes = self._makes, []
        readers = [(chosen.name, chosen.saw_draft, make) for chosen, make in makes]
        self._work.start(partial(_compare, readers, volume_geometry(self._volume)), self.onCompared)

    def onCompared(self, compared):
        self._compared = compared
        agreement = compared.agreement
        self.session.write_event("agreement_compared", readers=len(agreement.readers), structures=len(agreement.structures))
        self._matrix.show(agreement)
        self._showOutliers()
        self._fillConsensus()
        self._adjudication.follow(compared.case, compared.components, compared.checksums, self._volume)
        self.showState()

    def onEdited(self, _change):
        """A compared segmentation was edited: what is shown is about what it was before."""
        self._outdated = self._compared is not None
        self._adjudication.outdate()
        self.showState()

    def onCancel(self, _checked=False):
        self._stopWork()
        self._message = _("Stopped. Nothing was changed.")
        self.showState()

    def _setMessage(self, words):
        self._message = words

    def _stopWork(self):
        self._work.stop()
        self._unread, self._makes = [], []

    def _busy(self):
        return self._work.busy or bool(self._unread or self._makes)

    def _forget(self):
        """Let go of a comparison: its copies are as large as the images."""
        self._stopWatches()
        self._compared, self._outdated = None, False
        self._matrix.show(None)
        self._adjudication.follow(None, None, None, self._volume)

    def _stopWatches(self):
        for watch in self._watches:
            watch.stop()
        self._watches = []

    def _obstacle(self):
        """Return why nothing can be compared yet, in a few words, or an empty text."""
        if self._volume is None:
            return _("choose the image")
        return self._choice.obstacle()

    def showState(self):
        """Show what may be done now."""
        ui, busy, obstacle = self.ui, self._busy(), self._obstacle()
        deciding, compared = self._adjudication.running, self._compared
        for widget in (ui.choiceFrame, ui.compareButton):
            widget.setVisible(not deciding)
        ui.compareButton.enabled = not busy and not obstacle
        tip = _("Every two readers on every structure, by the same measures as the QC report.")
        ui.compareButton.setToolTip(_("To compare: {obstacle}.").format(obstacle=obstacle) if obstacle else tip)
        for widget in (ui.progressBar, ui.cancelButton):
            widget.setVisible(busy)
        # Readers' names, and how many differ where, would undo the blinding.
        ui.resultsFrame.setVisible(compared is not None and not deciding)
        told = self._adjudication.is_closed
        ui.adjudicationFrame.setVisible(compared is not None and (deciding or told or not self._outdated))
        text = "" if deciding else self._message
        if not text and self._outdated and not deciding:
            text = _("A segmentation was edited after this comparison: compare again.")
        elif not text and obstacle and compared is None and self._volume is not None:
            text = _("To compare: {obstacle}.").format(obstacle=obstacle)
        ui.messageLabel.setText(text)
        ui.messageLabel.setVisible(bool(text))
        self._showMap(busy)
        ui.consensusButton.enabled = compared is not None and not busy and not self._outdated and bool(self._groups)
        self.standingChanged()

    def _showMap(self, busy):
        ui, volume = self.ui, self._volume
        alive = volume is not None and volume.GetScene() is not None
        has_map = alive and map_of(volume) is not None
        ui.mapButton.enabled = not busy and (has_map or (self._compared is not None and not self._outdated))
        ui.mapButton.setChecked(alive and map_is_shown(slicer.mrmlScene, volume))
        ui.mapButton.setToolTip(_("For each voxel the share of pairs of readers who differ there: 0 (all agree) to 1."))
        ui.removeMapButton.setVisible(has_map)

    def _showOutliers(self):
        agreement = self._compared.agreement
        sentences = [f"{outlier.reader}: {outlier.evidence}" for outlier in agreement.outliers]
        if len(agreement.readers) == 2:
            sentences.append(agreement.outlier_rule)
        self.ui.outlierLabel.setText("\n".join(sentences))
        self.ui.outlierLabel.setToolTip(agreement.outlier_rule)
        self.ui.outlierLabel.setVisible(bool(sentences))

    def _fillWorst(self):
        table, compared, structure = self.ui.worstTable, self._compared, self._matrix.structure
        table.setRowCount(0)
        if compared is None:
            self._worst = ()
            return
        found = [one for slices in compared.worst.values() for one in slices if structure in (None, one.structure)]
        self._worst = worst = sorted(found, key=lambda one: -one.size_ml)[:_WORST_SLICES]
        table.setRowCount(len(worst))
        for row, one in enumerate(worst):
            dice = "–" if one.mean_dice is None else ratio(one.mean_dice)
            for column, text in enumerate((one.structure, str(one.k), millilitres(1000 * one.size_ml), dice)):
                item = qt.QTableWidgetItem(text)
                if column > _STRUCTURE:
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                table.setItem(row, column, item)

    def onSliceChosen(self, row, _column):
        if 0 <= row < len(self._worst):
            jump_slices(slicer.mrmlScene, self._worst[row].location_lps_mm)

    def onShowMap(self, checked=False):
        """Lay the map over the image, or take it away; it is made when it is asked for first."""
        if checked and self._compared is not None and not self._outdated:
            structure = self._matrix.structure
            self._work.start(partial(_map, self._compared.case, structure), partial(self.onMapMade, structure))
        else:
            show_map_over(slicer.mrmlScene, self._volume, checked)
            self.showState()

    def onMapMade(self, structure, volume):
        what = _("all structures") if structure is None else structure
        count = len(self._compared.agreement.readers)
        write_map(
            slicer.mrmlScene,
            volume,
            self._volume,
            _("Disagreement: {what}").format(what=what),
            _("Pairs who differ"),
            _("Share of the pairs among {count} readers who differ at a voxel, 0 to 1; {what}.").format(count=count, what=what),
        )
        show_map_over(slicer.mrmlScene, self._volume, True)

    def onRemoveMap(self, _checked=False):
        remove_map(slicer.mrmlScene, self._volume)
        self.showState()

    def _fillConsensus(self):
        """Offer both methods for every kind of readers that there are two of: those who saw an AI draft apart from the others."""
        readers = self._compared.case.readers
        groups = []
        for saw, words in ((False, _("AI-free")), (True, _("AI-anchored")), (None, _("not known"))):
            names = tuple(reader.name for reader in readers if reader.ai_anchored is saw)
            if len(names) > 1:
                groups.append((words, names))
        if len({reader.ai_anchored for reader in readers}) > 1:
            groups.append((_("all, AI-free or not"), tuple(reader.name for reader in readers)))
        elif groups:
            groups = [(_("all"), groups[0][1])]
        self._groups = [(method, names, words) for words, names in groups for method in HOW]
        selector = self.ui.consensusSelector
        selector.clear()
        for method, names, words in self._groups:
            method_words = {"STAPLE": "STAPLE", "majority": _("Majority")}[method]
            selector.addItem(_("{method} of {count} readers ({who})").format(method=method_words, count=len(names), who=words))
        self.onConsensusChosen()

    def onConsensusChosen(self, _index=0):
        index = self.ui.consensusSelector.currentIndex
        if 0 <= index < len(self._groups):
            method, names, _words = self._groups[index]
            self.ui.consensusButton.setToolTip(
                "<p>" + _("Adds a segmentation of {names}.").format(names=", ".join(names)) + "</p><p>" + HOW[method] + "</p>"
            )

    def onConsensus(self, _checked=False):
        method, names, _words = self._groups[self.ui.consensusSelector.currentIndex]
        outliers = outliers_by_structure(self._compared.agreement.outliers)
        self._work.start(partial(_consensus, self._compared.case, method, names, outliers), self.onConsensusMade)

    def onConsensusMade(self, outcome):
        found, layers = outcome
        node = add_made_from_readers(slicer.mrmlScene, found.segmentation, self._volume, layers)
        left_out = sorted({name for one in found.summary.structures for name in one.left_out})
        self._message = _("Added: {name}.").format(name=node.GetName())
        if left_out:
            self._message += " " + _("Left out where they stand out: {names}.").format(names=", ".join(left_out))
        self.session.write_event(
            "consensus_made", method=found.summary.method, readers=list(found.summary.readers), name=node.GetName()
        )


def _compare(readers, geometry, progress):
    segmentations = []
    for number, (name, _saw, make) in enumerate(readers):
        progress(name, 0.1 * number / len(readers))
        segmentations.append(replace(make(), name=name))
    names = [name for name, _saw, _make in readers]
    case = readers_of_case(segmentations, Volume(None, geometry), names=names)
    told = {True: "as the scene says, or as stated", False: "as the scene says, or as stated", None: "nobody said"}
    stated = tuple(
        replace(reader, ai_anchored=saw, anchoring_basis=told[saw])
        for reader, (_name, saw, _make) in zip(case.readers, readers, strict=True)
    )
    case = replace(case, readers=stated)
    agreement = agreement_of(case, progress=part(progress, 0.1, 0.7))
    worst = {}
    for number, structure in enumerate(case.structures):
        progress("Looking for the worst slices", 0.7 + 0.05 * number / len(case.structures))
        worst[structure.name] = worst_slices(case, [structure.name], most=_WORST_SLICES)
    return Compared(case, agreement, worst, all_components(case, part(progress, 0.75, 0.95)), voxel_checksums(case))


def _map(case, structure, progress):
    whole = disagreement_map(case, None if structure is None else [structure], progress)
    # A hundred megabytes would be copied into the scene while the window waits; most of it is 0.
    box = foreground_box(whole.array > 0, 1) or (slice(0, 1),) * 3
    geometry = part_of(whole.geometry, [part.start for part in box], [part.stop - part.start for part in box])
    return Volume(whole.array[box].copy(), geometry)


def _consensus(case, method, names, outliers, progress):
    found = consensus(case, method, readers=names, outliers=outliers, progress=progress)
    return found, crop_layers(found.segmentation)
