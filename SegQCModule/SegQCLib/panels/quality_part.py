"""The part of the QC report that shows the image's quality, what it is compared with, and where normal tissue was measured."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.mrml.background_nodes import (
    background_of,
    drawn_regions,
    is_measured,
    measured_against,
    remove_background,
    show_background,
)
from SegQCLib.panels.quality_table import QualityTable
from SegQCLib.quality_lines import refused_text
from SegQCLib.report_quality import rating_sentences

STUDY_SETTING = "SegQC/QualityStudyFolder"
_RECORDS = 0  # row of the study selector


class QualityPart:
    """A table of the record's image-quality numbers, the study that they stand in, and the background regions.

    Parameters
    ----------
    session : Session
    resource_path : callable(str) -> str
    on_place : callable()
        Called to place background regions of a case that was not evaluated just now; `place` takes them.
    on_study_chosen : callable()
        Called after another folder was chosen to compare with.

    Attributes
    ----------
    widget : QWidget
        Hidden until `setOpen(True)`.
    """

    def __init__(self, session, resource_path, on_place, on_study_chosen):
        self.session = session
        self.widget = slicer.util.loadUI(resource_path("UI/QualityPart.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._table = QualityTable(session, self.ui.qualityTable)
        self._on_place, self._on_study_chosen = on_place, on_study_chosen
        self._record = None
        self._background = self._layers = None
        self._study_fault = ""
        self._busy = False
        self._fillStudies()
        self.ui.studySelector.connect("activated(int)", self.onStudy)
        self.ui.backgroundButton.connect("toggled(bool)", self.onShowBackground)
        self.ui.editButton.connect("clicked(bool)", self.onEdit)
        self.ui.removeButton.connect("clicked(bool)", self.onRemove)
        self.widget.setVisible(False)

    @property
    def study_folder(self):
        """The folder whose cases are compared with: the records folder, or the one that was chosen."""
        chosen = str(slicer.util.settingsValue(STUDY_SETTING, "") or "")
        return Path(chosen) if chosen else self.session.records_folder

    @property
    def is_own_study(self):
        """Whether it is compared with the records folder, which need not be there yet."""
        return not slicer.util.settingsValue(STUDY_SETTING, "")

    def setOpen(self, is_open):
        self.widget.setVisible(is_open and bool(self.count()))
        if is_open:
            self.showState()

    def count(self):
        """Return how many numbers there are, with or without a value."""
        return 0 if self._record is None else len(self._record.image_quality)

    def follow(self, record, background, layers=None, study_fault=""):
        """Show a record, and what came of its evaluation.

        Parameters
        ----------
        record : QCRecord or None
        background : Segmentation or None
            The regions that were placed; None: none were, or it was not evaluated just now.
        layers : tuple of CroppedLayer, optional
            Of `background`.
        study_fault : str
            Why it could not be compared with other cases, a sentence.
        """
        self._background, self._layers, self._study_fault = background, layers, study_fault
        if record is not self._record:
            self._record = record
            self._table.show(record)
            self._showRefused()
        self.showState()

    def setBusy(self, is_busy):
        """Switch off what would start work while there is some, and look at the regions again."""
        self._busy = is_busy
        if self.widget.visible:
            self.showState()

    def _showRefused(self):
        refused = "" if self._record is None else refused_text(self._record)
        missing = self.count() - len(self._table.lines)
        self.ui.refusedLabel.setText(_("{count} numbers do not apply here: rest the mouse on this line.").format(count=missing))
        self.ui.refusedLabel.setToolTip(refused)
        self.ui.refusedLabel.setVisible(bool(refused))

    def showState(self):
        """Show the study, the reader's own ratings, and what may be done with the background regions."""
        ratings = [] if self._record is None else [r for r in self._record.ratings if r.reader == self.session.reader]
        self.ui.ratingsLabel.setText(_("Your ratings: {ratings}.").format(ratings="; ".join(_in_brief(ratings))))
        self.ui.ratingsLabel.setToolTip("\n".join(rating_sentences(ratings)))
        self.ui.ratingsLabel.setVisible(bool(ratings))
        self._showStudy()
        self._showBackgroundState()

    def _fillStudies(self):
        """Offer the records folder, a chosen folder where there is one, and the choice of another."""
        selector = self.ui.studySelector
        selector.clear()
        selector.addItem(_("the records folder ({name})").format(name=self.session.records_folder.name))
        if not self.is_own_study:
            selector.addItem(self.study_folder.name)
            selector.setCurrentIndex(1)
        selector.addItem(_("another folder ..."))
        selector.setToolTip(str(self.study_folder))

    def onStudy(self, index):
        """Compare with the records folder, with the chosen folder, or with one that is chosen now."""
        if index == self.ui.studySelector.count - 1:
            folder = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder of evaluated cases"), str(self.study_folder))
            if folder:
                self.chooseStudy(Path(folder))
            else:
                self._fillStudies()
        elif index == _RECORDS and not self.is_own_study:
            self.chooseStudy(None)

    def chooseStudy(self, folder):
        """Compare with the cases of a folder; None: of the records folder."""
        qt.QSettings().setValue(STUDY_SETTING, "" if folder is None else str(folder))
        self._fillStudies()
        self._on_study_chosen()

    def _showStudy(self):
        numbers = () if self._record is None else self._record.image_quality
        places = [m.in_study for m in numbers if m.in_study is not None]
        missing = list(dict.fromkeys(m.not_in_study for m in numbers if m.not_in_study is not None))
        if self._study_fault:
            words = self._study_fault
        elif places:
            fewest, most = min(place.cases for place in places), max(place.cases for place in places)
            count = str(most) if fewest == most else _("{fewest} to {most}").format(fewest=fewest, most=most)
            words = _("z: robust z-score among {count} other cases of {stratum}.").format(count=count, stratum=places[0].stratum)
        elif missing:
            words = _("No z-scores yet. {reason}").format(reason=missing[0])
        else:
            words = _("Not compared with other cases: evaluate again.")
        self.ui.studyLabel.setText(words)
        self.ui.studyLabel.setToolTip("\n".join(missing))
        self.ui.studySelector.enabled = not self._busy

    def _candidate(self):
        return None if self.session.case is None else self.session.case.candidate

    def _showBackgroundState(self):
        node, ui = background_of(self._candidate()), self.ui
        drawn = [] if node is None else [node.GetSegmentation().GetSegment(one).GetName() for one in drawn_regions(node)]
        blocked = ui.backgroundButton.blockSignals(True)
        ui.backgroundButton.setChecked(node is not None and bool(node.GetDisplayVisibility()))
        ui.backgroundButton.blockSignals(blocked)
        ui.backgroundButton.enabled = not self._busy and self._candidate() is not None
        for button in (ui.editButton, ui.removeButton):
            button.enabled = node is not None and not self._busy
        if drawn and not is_measured(self._candidate()):
            words = _("Drawn or changed by hand: {names}. Evaluate again to measure against them.")
        elif drawn:
            words = _("Measured against what was drawn or changed by hand: {names}.")
        elif node is not None:
            words = _(
                "Placed automatically. To measure elsewhere, change a region, or add one and name it after the lesion, as"
                " “Lesion 1 background”; then evaluate again. The candidate is not changed."
            )
        else:
            words = _("The normal tissue that lesions are measured against can be shown, and changed by hand.")
        ui.backgroundLabel.setText(words.format(names=", ".join(drawn)))
        measured = self._record is not None and any(m.background is not None for m in self._record.image_quality)
        for widget in (ui.backgroundButton, ui.editButton, ui.removeButton, ui.backgroundLabel):
            widget.setVisible(measured or node is not None)

    def onShowBackground(self, checked):
        """Show the background regions, a segmentation of their own, or hide them."""
        node, candidate = background_of(self._candidate()), self._candidate()
        if node is not None:
            node.SetDisplayVisibility(checked)
        elif checked and candidate is not None and self._background is not None:
            self._show(self._background, self._layers)
        elif checked and candidate is not None:
            self._on_place()
        self.showState()

    def place(self, background, layers):
        """Show regions that were placed without an evaluation; None: none could be, and the segmentation waits for drawn ones."""
        self._show(background, layers)
        self.showState()

    def _show(self, background, layers):
        case = self.session.case
        against = {} if self._record is None else measured_against(self._record)
        name = _("{candidate} background regions").format(candidate=case.candidate.GetName())
        show_background(slicer.mrmlScene, background, case.candidate, case.volume, name, against, layers)
        self.session.watchEdits()

    def onEdit(self, _checked=False):
        """Show the regions in Slicer's Segment Editor."""
        node = background_of(self._candidate())
        if node is None:
            return
        node.SetDisplayVisibility(True)
        slicer.util.selectModule("SegmentEditor")
        editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
        editor.setSegmentationNode(node)
        editor.setSourceVolumeNode(self.session.case.volume)

    def onRemove(self, _checked=False):
        """Remove the regions; what was drawn by hand only after a question."""
        node = background_of(self._candidate())
        if node is None:
            return
        question = _("Regions were drawn or changed by hand. Remove them? They cannot be brought back.")
        if not drawn_regions(node) or self._confirmed(question):
            remove_background(slicer.mrmlScene, self._candidate())
        self.showState()

    def _confirmed(self, question):
        buttons = qt.QMessageBox.Ok | qt.QMessageBox.Cancel
        return qt.QMessageBox.question(self.widget, _("Background regions"), question, buttons) == qt.QMessageBox.Ok


def _in_brief(ratings):
    """Return the grades of each scale in a few words."""
    by_scale = {}
    for given in ratings:
        grade = _("not assessable") if given.grade is None else given.grade
        by_scale.setdefault(given.scale, []).append(f"{given.title} {grade}")
    return [f"{', '.join(grades)} ({scale})" for scale, grades in by_scale.items()]
