"""Training: a course's atlas beside the slices, practice with a score, an exam, and the reader's certificate."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.mrml.segmentation import segment_of
from SegQCLib.mrml.slice_views import jump_slices
from SegQCLib.panels.atlas_view import AtlasView, pages_of_course, pages_of_folder
from SegQCLib.panels.column_scroll import scroll_column_to
from SegQCLib.panels.course_choice import make_course, open_course, shipped_courses
from SegQCLib.panels.exam_view import ExamView
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.panels.panel_work import PanelWork
from SegQCLib.panels.practice_view import PracticeView
from SegQCLib.panels.standing_watch import StandingWatch
from SegQCLib.panels.training_case import TrainingCaseView
from SegQCLib.readers.planted_outcome import DETECTION_RULES
from SegQCLib.readers.training.course import Course

COURSE_FOLDER_SETTING = "SegQC/CourseFolder"
_ATLAS, _PRACTICE, _EXAM = range(3)
_LAID_OUT_MS = 60


class TrainingPanel(Panel):
    """Choose a course, read, practise, take the exam. All that takes time is done in the background."""

    UI = "TrainingPanel.ui"

    def __init__(self, session, resource_path):
        super().__init__(session, resource_path)
        self._course = None  # a Course, or a TrainingCourse: a folder without course.json
        self._message = ""
        self._listed = ()
        self._entered = False
        self._of = None  # reader and records folder that the lists are about
        ui = self.ui
        self._work = PanelWork(ui.progressBar, self._say, self.show)
        self._watch = StandingWatch(session)
        self.atlas = AtlasView(ui)
        self.case = TrainingCaseView(session, resource_path, self._startIfFree, self.onCaseOpenedOrLeft)
        self.practice = PracticeView(session, resource_path, self._work, self.case, self._say, self.show)
        self.exam = ExamView(session, resource_path, self._work, self.case, self._say, self._watch.look_again)
        for frame, page, view in ((ui.practiceFrame, ui.practicePage, self.practice), (ui.examFrame, ui.examPage, self.exam)):
            frame.layout().addWidget(view.widget)
            # Else the labels share what is left of the page's height.
            page.layout().addStretch(1)
        # With a parent from the beginning: it goes with it.
        self.practice.ui.caseFrame.layout().addWidget(self.case.widget)
        self._shipped = shipped_courses()
        self._keys = []  # of the entries of the selector: None, a ShippedCourse, or a folder
        # A child: it goes with the widget.
        self._laid_out = qt.QTimer(self.widget)
        self._laid_out.setSingleShot(True)
        self._laid_out.setInterval(_LAID_OUT_MS)
        self._laid_out.connect("timeout()", self.onLaidOut)
        ui.tabs.connect("currentChanged(int)", self.onTab)
        self._fitTabs()
        ui.courseSelector.connect("activated(int)", self.onCourseChosen)
        ui.courseButton.connect("clicked(bool)", self.onChooseCourse)
        ui.casesButton.connect("clicked(bool)", self.onOpenCases)
        ui.makeButton.connect("clicked(bool)", self.onMake)
        ui.cancelButton.connect("clicked(bool)", self.onCancel)
        ui.plantedList.connect("itemActivated(QListWidgetItem*)", self.onPlantedActivated)
        ui.plantedList.connect("currentRowChanged(int)", self.onPlantedChosen)
        self._folder = str(slicer.util.settingsValue(COURSE_FOLDER_SETTING, "") or "")
        self._to_make = None
        self._listCourses()
        self.show()

    def title(self):
        return _("Training")

    def standing(self):
        if self._work.busy:
            return Standing(Light.RUNNING, _("running"))
        if self._planted():
            return Standing(Light.ATTENTION, _("what was planted in this case"))
        if self.exam.words:
            return Standing(Light.ATTENTION, self.exam.words)
        asked = self._trainingAskedFor()
        if asked is None:
            return Standing(Light.OPTIONAL, _("none is asked for"))
        known = self.session.training_standing
        if known is None:
            return Standing(Light.OPTIONAL, _("asked for: {course}").format(course=asked.course))
        if not known.holds:
            return Standing(Light.ATTENTION, _("{course}: no valid certificate").format(course=asked.course))
        words = _("certificate until {day}").format(day=known.valid_until)
        if known.refresh_due:
            return Standing(Light.ATTENTION, _("{words}, refresh due").format(words=words))
        return Standing(Light.ATTENTION if known.state == "expiring" else Light.DONE, words)

    def enter(self):
        self._entered = True
        # Only now: the folder may be on a slow drive, and the module opens without it.
        if self._course is None and self._folder and not self._work.busy:
            self.openCourse(Path(self._folder))
        self._watch.follow()
        self._turnToSelected()

    def exit(self):
        self._entered = False

    def cleanup(self):
        self._laid_out.stop()
        self._laid_out.disconnect("timeout()", self.onLaidOut)
        self._work.cleanup()
        self._watch.cleanup()
        self.practice.cleanup()
        self.exam.cleanup()
        self.case.cleanup()
        self.atlas.cleanup()
        super().cleanup()

    def onCaseChanged(self):
        self._watch.follow()
        if self.case.is_open and self.session.case is not None and self.session.reader != self.case.reader:
            # What one reader began, the other does not go on with.
            self.case.keep_now()
            self.case.leave()
        self.case.onSessionChanged()
        of = (self.session.reader, str(self.session.records_folder))
        if of != self._of:
            self._of = of
            self._followCourse()
        self.show()

    def _trainingAskedFor(self):
        return None if self.session.protocol is None else self.session.protocol.protocol.reader_training

    def onTab(self, _number):
        """Show another tab from its top: the one before may have been scrolled far down."""
        self._fitTabs()
        self._laid_out.start()

    def onLaidOut(self):
        scroll_column_to(self.widget, only_if_cut_off=True)

    def _fitTabs(self):
        # Else a short tab would be as long as the longest, and empty below.
        for number in range(self.ui.tabs.count):
            policy = qt.QSizePolicy.Preferred if number == self.ui.tabs.currentIndex else qt.QSizePolicy.Ignored
            self.ui.tabs.widget(number).setSizePolicy(qt.QSizePolicy.Preferred, policy)

    # The course

    def _listCourses(self):
        selector = self.ui.courseSelector
        self._keys = [None, *self._shipped]
        if self._folder and all(str(one.folder) != self._folder for one in self._shipped):
            self._keys.append(self._folder)
        blocked = selector.blockSignals(True)
        selector.clear()
        for key in self._keys:
            if key is None:
                selector.addItem(_("Choose a course ..."))
            elif isinstance(key, str):
                has_title = isinstance(self._course, Course) and str(self._course.folder) == key
                selector.addItem(self._course.file.title if has_title else Path(key).name)
            else:
                selector.addItem(key.title)
            selector.setItemData(selector.count - 1, str(getattr(key, "folder", key) or ""), qt.Qt.ToolTipRole)
        shown = 0
        for number, key in enumerate(self._keys):
            chosen = self._to_make if self._to_make is not None else None
            if key is not None and (key is chosen or (chosen is None and str(getattr(key, "folder", key)) == self._folder)):
                shown = number
        selector.setCurrentIndex(shown)
        selector.blockSignals(blocked)

    def onCourseChosen(self, index):
        key = self._keys[index]
        if self._work.busy or key is None:
            self._listCourses()
            return
        self._to_make = None
        if isinstance(key, str):
            self.openCourse(Path(key))
        elif key.is_made:
            self.openCourse(key.folder)
        else:
            self._to_make = key
            self.show()

    def onMake(self, _checked=False):
        """Make the chosen course that comes with SegQC, in the background."""
        if self._to_make is not None and not self._work.busy:
            self._work.start(partial(make_course, self._to_make), self.onCourseOpened)

    def onChooseCourse(self, _checked=False):
        folder = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder of the training course"), self._folder)
        if folder:
            self.openCourse(Path(folder))

    def openCourse(self, folder):
        """Read the course in a folder in the background, and show it or why there is none."""
        if self.exam.case_is_open:
            self._say(_("Stop the exam first: its case is open."))
            return
        if not self._work.busy:
            self._folder = str(folder)
            self._work.start(partial(open_course, folder), self.onCourseOpened)

    def onCourseOpened(self, course):
        self._to_make = None
        self._course = course
        self._folder = str(course.folder)
        qt.QSettings().setValue(COURSE_FOLDER_SETTING, self._folder)
        self._listCourses()
        if isinstance(course, Course):
            self.atlas.show(pages_of_course(course, _("About this course")))
        else:
            self.atlas.show(pages_of_folder(course.pages))
        self._followCourse()
        self._turnToSelected()

    def _followCourse(self):
        course = self._course if isinstance(self._course, Course) else None
        self.practice.follow(course)
        self.exam.follow(course)
        self._watch.course = course
        self._watch.follow()

    def onOpenCases(self, _checked=False):
        self.session.open_course_cases(self._course.cases)
        self._say(_("The practice cases are in step 1, Case."))

    def _turnToSelected(self):
        """Show the page of the structure that is selected in the Segment Editor."""
        case, protocol = self.session.case, self.session.protocol
        segment_id = self.session.selectedSegment()
        if None in (case, protocol, segment_id) or case.candidate is None:
            return
        segment = case.candidate.GetSegmentation().GetSegment(segment_id)
        structure = None if segment is None else protocol.protocol.structure_of(segment_of(segment_id, segment))
        if structure is not None:
            self.atlas.turn_to(structure.name)

    # Work

    def _say(self, words):
        self._message = words
        self.show()

    def _startIfFree(self, work, on_done):
        if not self._work.busy:
            self._work.start(work, on_done)

    def onCancel(self, _checked=False):
        if self._work.busy and not self.exam.finishing:
            self._work.stop()
            self._say(_("Stopped. Nothing was changed."))

    def onCaseOpenedOrLeft(self):
        if not self.case.is_open:
            self.practice.score.clear()
            self.exam.score.clear()
        self.show()
        if self.case.is_open:
            # What is to be drawn stands below the list of cases.
            self._laid_out.start()

    def show(self):
        """Show the present state in every widget."""
        if not hasattr(self, "exam"):
            return  # while the panel is built
        ui, course, busy = self.ui, self._course, self._work.busy
        ui.requirementLabel.text, ui.requirementLabel.toolTip = self._requirement()
        for widget in (ui.courseSelector, ui.courseButton):
            widget.enabled = not busy and not self.exam.case_is_open
        simple = course is not None and not isinstance(course, Course)
        ui.casesButton.visible = simple
        ui.casesButton.enabled = simple and course.cases is not None
        ui.makeFrame.visible = self._to_make is not None
        if self._to_make is not None:
            ui.makeLabel.text = self._to_make.words
        ui.makeButton.enabled = not busy
        ui.progressBar.visible = busy
        ui.cancelButton.visible = busy and not self.exam.finishing
        ui.courseMessageLabel.text = self._message
        ui.courseMessageLabel.visible = bool(self._message)
        ui.tabs.visible = self._to_make is None and course is not None and (not simple or bool(course.pages))
        for tab in (_PRACTICE, _EXAM):
            ui.tabs.setTabEnabled(tab, course is not None and not simple)
        self._showCase()
        self.practice.show(not busy, self.exam.case_is_open)
        self.exam.show(not busy)
        self._showPlanted()
        self.standingChanged()

    def _showCase(self):
        """Put the open case's words and buttons into the tab that it belongs to."""
        if self.case.is_open:
            view = self.practice if self.case.mode == "practice" else self.exam
            if self.case.widget.parentWidget() is not view.ui.caseFrame:
                view.ui.caseFrame.layout().addWidget(self.case.widget)
        self.case.show(not self._work.busy)

    def _requirement(self):
        """Return what the protocol asks for and how the reader stands, and the same in full."""
        asked, known = self._trainingAskedFor(), self.session.training_standing
        if asked is None:
            return _("The protocol asks for no training."), ""
        words = _("The protocol asks the reader to have passed {course} within the last {days:g} days.").format(
            course=asked.course, days=asked.valid_d.maximum
        )
        if not self.session.reader:
            return _("{words} Enter your name in step 1.").format(words=words), words
        return (words if known is None else f"{known.words} {known.refresh_words}".strip()), words

    # Planted errors

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
