"""A place for an atlas to read and for practice cases."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.errors import BadDataError
from SegQCLib.mrml.slice_views import jump_slices
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.readers.planted_outcome import DETECTION_RULES
from SegQCLib.training_course import page_title, read_course

COURSE_FOLDER_SETTING = "SegQC/CourseFolder"
_PAGE_LINES = 14


class TrainingPanel(Panel):
    """Read the pages of a course, and open its practice cases as the session's worklist."""

    UI = "TrainingPanel.ui"

    def __init__(self, session, resource_path):
        super().__init__(session, resource_path)
        self._course = None
        self._message = ""
        self._listed = ()
        self.ui.courseButton.connect("clicked(bool)", self.onChooseCourse)
        self.ui.casesButton.connect("clicked(bool)", self.onOpenCases)
        self.ui.previousPageButton.connect("clicked(bool)", self.onPreviousPage)
        self.ui.nextPageButton.connect("clicked(bool)", self.onNextPage)
        self.ui.pageSelector.connect("currentIndexChanged(int)", self.onPageChosen)
        self.ui.plantedList.connect("itemActivated(QListWidgetItem*)", self.onPlantedActivated)
        self.ui.plantedList.connect("currentRowChanged(int)", self.onPlantedChosen)
        # The browser's own height of 192 pixels is half a picture.
        self.ui.pageBrowser.setMinimumHeight(qt.QFontMetrics(self.ui.pageBrowser.font).lineSpacing() * _PAGE_LINES)
        self._folder = str(slicer.util.settingsValue(COURSE_FOLDER_SETTING, "") or "")
        self.show()

    def title(self):
        return _("Training")

    def standing(self):
        if self._planted():
            return Standing(Light.ATTENTION, _("what was planted in this case"))
        training = self._trainingAskedFor()
        if training is None:
            return Standing(Light.OPTIONAL, _("none is asked for"))
        return Standing(Light.OPTIONAL, _("asked for: {course}").format(course=training.course))

    def enter(self):
        # Only now: the folder may be on a slow drive, and the module opens without it.
        if self._course is None and self._folder:
            self.openCourse(Path(self._folder))

    def onCaseChanged(self):
        self.show()
        self.standingChanged()

    def _trainingAskedFor(self):
        return None if self.session.protocol is None else self.session.protocol.protocol.reader_training

    def onChooseCourse(self, _checked=False):
        folder = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder of the training course"), self._folder)
        if folder:
            self.openCourse(Path(folder))

    def openCourse(self, folder):
        """Show the course in a folder, or why there is none."""
        self._folder = str(folder)
        try:
            self._course, self._message = read_course(folder), ""
            qt.QSettings().setValue(COURSE_FOLDER_SETTING, self._folder)
        except BadDataError as error:
            self._course, self._message = None, str(error)
        self.ui.pageSelector.clear()
        for page in self._course.pages if self._course is not None else ():
            self.ui.pageSelector.addItem(page_title(page))
        self.show()

    def onOpenCases(self, _checked=False):
        self.session.open_course_cases(self._course.cases)
        self._message = _("The practice cases are in step 1, Case.")
        self.show()

    def onPreviousPage(self, _checked=False):
        self.ui.pageSelector.setCurrentIndex(self.ui.pageSelector.currentIndex - 1)

    def onNextPage(self, _checked=False):
        self.ui.pageSelector.setCurrentIndex(self.ui.pageSelector.currentIndex + 1)

    def onPageChosen(self, index):
        if self._course is not None and index >= 0:
            self.ui.pageBrowser.setSource(qt.QUrl.fromLocalFile(str(self._course.pages[index])))
        self._showPageButtons()

    def show(self):
        """Show the present state in every widget."""
        training, course, ui = self._trainingAskedFor(), self._course, self.ui
        if training is None:
            ui.requirementLabel.text = _("The protocol asks for no training.")
        else:
            ui.requirementLabel.text = _(
                "The protocol asks the reader to have passed {course} within the last {days:g} days."
                " SegQC does not know yet whether it was passed."
            ).format(course=training.course, days=training.valid_d.maximum)
        ui.courseButton.text = _("Choose a course ...") if course is None else course.name
        ui.courseButton.toolTip = _("Choose the folder of a course: pages in its sub-folder atlas, practice cases in cases.csv.")
        ui.casesButton.enabled = course is not None and course.cases is not None
        ui.casesButton.toolTip = _("Open the practice cases as the worklist of step 1.")
        ui.pagesFrame.visible = course is not None and bool(course.pages)
        ui.courseMessageLabel.text = self._message
        ui.courseMessageLabel.visible = bool(self._message)
        self._showPlanted()
        self._showPageButtons()

    def _planted(self):
        """Return what became of the errors planted into the case that is shown, once the reader has finished it."""
        result, case = self.session.planted_result, self.session.case
        if result is None or case is None or case.volume is None:
            return ()
        shown = (self.session.worklist_case, self.session.reader)
        return result.outcomes if shown == (result.case, result.reader) else ()

    def _showPlanted(self):
        outcomes = self._planted()
        self.ui.plantedFrame.visible = bool(outcomes)
        if outcomes == self._listed:
            return
        self._listed = outcomes
        self.ui.plantedList.clear()
        for one in outcomes:
            self.ui.plantedList.addItem(_plantedWords(one))
            self.ui.plantedList.item(self.ui.plantedList.count - 1).setToolTip(_plantedTip(one))
        found = sum(one.detected for one in outcomes)
        self.ui.plantedLabel.text = _(
            "Errors had been put into this draft on purpose, to practise finding them. You found {found} of {count}."
            " Choose one to see where it was."
        ).format(found=found, count=len(outcomes))
        row = self.ui.plantedList.sizeHintForRow(0)
        self.ui.plantedList.setMaximumHeight(row * max(2, min(4, len(outcomes))) + 6)

    def onPlantedActivated(self, item):
        self.onPlantedChosen(self.ui.plantedList.row(item))

    def onPlantedChosen(self, row):
        outcomes = self._planted()
        if 0 <= row < len(outcomes):
            jump_slices(slicer.mrmlScene, outcomes[row].centre_lps_mm)

    def _showPageButtons(self):
        index, count = self.ui.pageSelector.currentIndex, self.ui.pageSelector.count
        self.ui.previousPageButton.enabled = index > 0
        self.ui.nextPageButton.enabled = index < count - 1


def _plantedWords(outcome):
    words = _("{error}: {structure}").format(error=outcome.kind.words.capitalize(), structure=_structures(outcome))
    if not outcome.detected:
        return _("{words}, still there").format(words=words)
    if outcome.seconds is None:
        return _("{words}, found").format(words=words)
    return _("{words}, found after {seconds:.0f} s").format(words=words, seconds=outcome.seconds)


def _plantedTip(outcome):
    return _("{volume:.2f} mL, of which {corrected:.0%} are corrected. Found means: {rule}.").format(
        volume=outcome.volume_ml, corrected=outcome.corrected, rule=DETECTION_RULES[outcome.kind]
    )


def _structures(outcome):
    if outcome.partner is None:
        return outcome.structure
    return _("{one} and {other}").format(one=outcome.structure, other=outcome.partner)
