"""The panel in which a reader rates the image: one row for each rating of the protocol, one key for each grade."""

from __future__ import annotations

from functools import partial

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.errors import BadDataError
from SegQCLib.mrml.ratings_node import read_ratings, write_answer
from SegQCLib.mrml.record_node import RECORD_ROLE, is_outdated, mark_outdated, read_record
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.panels.quality_table import QualityTable
from SegQCLib.readers.rating_pictures import example_picture
from SegQCLib.readers.ratings import answers_of, best_first, common_scale, give_grade, not_assessable, scale_text

# The picture is as tall as this many lines of text, so that it grows with the font.
_PICTURE_LINES = 14
_TITLE_COLUMN = 0
_STORE_COMMENT_MS = 800


class ArtifactsPanel(Panel):
    """Rate the image. What is shown is what the scene holds: an answer is stored first and then shown.

    Other readers' ratings of the same image are kept and not shown: they would lead this reader.
    """

    UI = "ArtifactsPanel.ui"

    def __init__(self, session, resource_path):
        super().__init__(session, resource_path)
        self._ratings = ()
        self._given = {}
        self._obstacle = ""
        self._values = []  # the grade of each column but the first and the last
        self._radios = {}  # (row, column) of each button
        self._buttons = None
        self._shown = None  # volume and rating that the comment line belongs to
        self._record_shown = None  # which state of which record's numbers is shown
        self._quality = QualityTable(session, self.ui.qualityTable)
        self.ui.qualityButton.connect("toggled(bool)", self.onQuality)
        # An evaluation changes the standing of its own step.
        session.observeStandings(self._show_quality)
        table = self.ui.ratingsTable
        table.setWordWrap(True)
        table.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        # Once all rows have their new height: the header tells of each while it is still at work.
        self._fitting = qt.QTimer()
        self._fitting.setSingleShot(True)
        self._fitting.setInterval(0)
        self._fitting.connect("timeout()", self.onFit)
        table.verticalHeader().connect("sectionResized(int,int,int)", self.onRowResized)
        table.horizontalHeader().setSectionsClickable(False)
        table.horizontalHeader().setHighlightSections(False)
        table.connect("currentCellChanged(int,int,int,int)", self.onCurrentCellChanged)
        table.connect("cellClicked(int,int)", self.onCellChosen)
        table.connect("cellActivated(int,int)", self.onCellChosen)
        self.ui.commentEdit.connect("editingFinished()", self.onCommentEdited)
        self.ui.commentEdit.connect("returnPressed()", self.onCommentReturned)
        # A comment is stored while it is typed: the next case may come by a key that leaves the line in focus.
        self._typing = qt.QTimer()
        self._typing.setSingleShot(True)
        self._typing.setInterval(_STORE_COMMENT_MS)
        self._typing.connect("timeout()", self.onCommentEdited)
        self.ui.commentEdit.connect("textEdited(QString)", self.onCommentTyped)
        self._shortcuts = [self._shortcut(str(digit), partial(self.onDigit, digit)) for digit in range(10)]
        self._shortcuts.append(self._shortcut("N", self.onNotAssessable))
        side = qt.QFontMetrics(self.ui.exclusionLabel.font).height()
        icon = slicer.app.style().standardIcon(qt.QStyle.SP_MessageBoxWarning)
        self.ui.exclusionIcon.setPixmap(icon.pixmap(side, side))

    def _shortcut(self, key, slot):
        # Of the table, so that digits typed into the comment stay there.
        shortcut = qt.QShortcut(qt.QKeySequence(key), self.ui.ratingsTable)
        shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
        shortcut.connect("activated()", slot)
        return shortcut

    def title(self):
        return _("Artifacts")

    def standing(self):
        if self._obstacle:
            return Standing(Light.WAITING, self._obstacle)
        if not self._ratings:
            return Standing(Light.DONE, _("no rating asked"))
        proposing = any(answer.proposes_exclusion for answer in self._given.values())
        words = _("{count} of {all} rated").format(count=len(self._given), all=len(self._ratings))
        if proposing:
            words = _("{rated}, exclusion proposed").format(rated=words)
        if len(self._given) < len(self._ratings):
            return Standing(Light.OPEN, words)
        return Standing(Light.ATTENTION if proposing else Light.DONE, words)

    def enter(self):
        self.onCaseChanged()

    def cleanup(self):
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []
        self._fitting.stop()
        self._fitting.disconnect("timeout()", self.onFit)
        self.ui.ratingsTable.verticalHeader().disconnect("sectionResized(int,int,int)", self.onRowResized)
        self._typing.stop()
        self._typing.disconnect("timeout()", self.onCommentEdited)
        self.ui.commentEdit.disconnect("textEdited(QString)", self.onCommentTyped)
        self.ui.commentEdit.disconnect("editingFinished()", self.onCommentEdited)
        self.ui.commentEdit.disconnect("returnPressed()", self.onCommentReturned)
        if self._buttons is not None:
            # Without a parent it would live as long as what it is connected to, and that as long as it.
            self._buttons.disconnect("idClicked(int)", self.onRadioClicked)
            self._buttons = None
        super().cleanup()

    def onCaseChanged(self):
        self._typing.stop()
        loaded = self.session.protocol
        ratings = () if loaded is None else loaded.protocol.ratings
        if ratings != self._ratings:
            self._ratings = ratings
            self._fill()
        self._read()
        self._show()

    def _read(self):
        """Read this reader's answers from the scene, or say why there can be none."""
        case = self.session.case
        self._given, self._obstacle, explanation = {}, "", ""
        if case is None or case.volume is None:
            self._obstacle = _("choose the image first")
            explanation = _("Choose the image in step 1: ratings are stored with it.")
        elif self.session.protocol is None:
            self._obstacle = _("choose a protocol first")
            explanation = self.session.protocol_fault
        elif not self.session.reader:
            self._obstacle = _("enter your name first")
            explanation = _("Enter your name or code in step 1: ratings are stored under it.")
        else:
            try:
                self._given = answers_of(self.session.reader, self._ratings, read_ratings(case.volume))
            except BadDataError as error:
                self._obstacle, explanation = _("ratings cannot be read"), str(error)
        if not self._obstacle and not self._ratings:
            explanation = _("The protocol asks for no rating of the image.")
        self.ui.obstacleLabel.setText(explanation)
        self.ui.obstacleLabel.setVisible(explanation != "")

    def _fill(self):
        """Make one row for each rating and one column for each grade of any of them."""
        table = self.ui.ratingsTable
        table.setRowCount(0)
        self._radios = {}
        if self._buttons is not None:
            self._buttons.disconnect("idClicked(int)", self.onRadioClicked)
        self._buttons = qt.QButtonGroup()
        # What is checked follows from the scene; a group would keep one button of all rows.
        self._buttons.setExclusive(False)
        self._buttons.connect("idClicked(int)", self.onRadioClicked)
        self._values = sorted({grade.value for rating in self._ratings for grade in rating.grades})
        table.setColumnCount(len(self._values) + 2)
        table.setRowCount(len(self._ratings))
        scale = common_scale(self._ratings)
        self._set_headings(scale)
        for row, rating in enumerate(self._ratings):
            title = rating.title
            if scale is None:
                title = _("{title} ({best} is best)").format(title=title, best=best_first(rating)[0].value)
            table.setItem(row, _TITLE_COLUMN, qt.QTableWidgetItem(title))
            wordings = {grade.value: grade.wording for grade in rating.grades}
            for column, value in enumerate(self._values, start=1):
                if value in wordings:
                    words = _("{title}, {grade} ({scale}): {wording}").format(
                        title=rating.title, grade=value, scale=scale_text(rating), wording=wordings[value]
                    )
                    self._add_radio(row, column, words)
            words = _("{title}: not assessable on this image (key N)").format(title=rating.title)
            self._add_radio(row, len(self._values) + 1, words)
        header = table.horizontalHeader()
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(_TITLE_COLUMN, qt.QHeaderView.Stretch)
        header.setDefaultAlignment(qt.Qt.AlignCenter)
        if self._ratings:
            table.setCurrentCell(0, _TITLE_COLUMN)
        self.onFit()

    def _set_headings(self, scale):
        headings = [_("Scale {scale}").format(scale=scale) if scale is not None else _("Rating")]
        headings += [str(value) for value in self._values]
        headings.append(_("N/A"))
        for column, text in enumerate(headings):
            item = qt.QTableWidgetItem(text)
            if column == len(headings) - 1:
                item.setToolTip(_("Not assessable on this image (key N)"))
            self.ui.ratingsTable.setHorizontalHeaderItem(column, item)

    def _add_radio(self, row, column, words):
        table = self.ui.ratingsTable
        cell = qt.QWidget()
        layout = qt.QHBoxLayout(cell)
        layout.setContentsMargins(0, 0, 0, 0)
        radio = qt.QRadioButton()
        radio.setToolTip(words)
        radio.setAccessibleName(words)
        radio.setFocusPolicy(qt.Qt.ClickFocus)
        radio.setFocusProxy(table)
        layout.addWidget(radio, 0, qt.Qt.AlignCenter)
        table.setCellWidget(row, column, cell)
        self._buttons.addButton(radio, len(self._radios))
        self._radios[row, column] = radio

    def _show(self):
        """Show the answers that were read, and the words of the current row."""
        usable = not self._obstacle and bool(self._ratings)
        for name in ("ratingsTable", "wordingLabel", "commentLabel", "commentEdit"):
            getattr(self.ui, name).setEnabled(usable)
            # What cannot be commented on takes no room.
            getattr(self.ui, name).setVisible(usable if name.startswith("comment") else bool(self._ratings))
        for (row, column), radio in self._radios.items():
            radio.setChecked(column == self._column_of(self._given.get(self._ratings[row].id)))
        proposals = [
            _("{title}, grade {grade}: {wording}.").format(title=answer.title, grade=answer.grade, wording=answer.wording)
            for answer in self._given.values()
            if answer.proposes_exclusion
        ]
        self.ui.exclusionLabel.setText(
            "\n".join([_("The protocol calls this unusable and proposes to exclude the image:"), *proposals])
        )
        for name in ("exclusionIcon", "exclusionLabel"):
            getattr(self.ui, name).setVisible(bool(proposals))
        self.ui.exclusionLabel.setToolTip("\n".join(dict.fromkeys(a.source for a in self._given.values() if a.proposes_exclusion)))
        self._show_row()
        self._show_quality()
        self.standingChanged()

    def _show_quality(self):
        """Offer the numbers that were measured on the image, once all ratings are given: they must lead no grade."""
        candidate = None if self.session.case is None else self.session.case.candidate
        node = candidate and candidate.GetNodeReference(RECORD_ROLE)
        rated = not self._obstacle and bool(self._ratings) and len(self._given) == len(self._ratings)
        shown = rated and self.ui.qualityButton.checked
        state = (node.GetID(), node.GetMTime()) if node else None
        if shown and state != self._record_shown:
            self._record_shown = state
            self._quality.show(_record_of(candidate) if node else None)
        self.ui.qualityButton.enabled = rated
        self.ui.qualityButton.setText(
            _("Numbers measured on this image") if rated else _("Numbers measured on this image: shown once all ratings are given")
        )
        words = "" if self._quality.lines else _("Nothing of the image's quality was measured in the last evaluation.")
        if node and is_outdated(candidate):
            words = _("Something was changed since this was measured: evaluate again in the step QC report.")
        self.ui.qualityLabel.setText(words)
        self.ui.qualityButton.setVisible(node is not None and bool(self._ratings))
        self.ui.qualityTable.setVisible(node is not None and shown and bool(self._quality.lines))
        self.ui.qualityLabel.setVisible(node is not None and shown and bool(words))

    def onQuality(self, _checked):
        self._show_quality()

    def _column_of(self, answer):
        """Return the column of an answer, or None for no answer."""
        if answer is None:
            return None
        return len(self._values) + 1 if answer.grade is None else self._values.index(answer.grade) + 1

    def _row(self):
        """Return the current row, or None."""
        row = self.ui.ratingsTable.currentRow()
        return row if 0 <= row < len(self._ratings) else None

    def _show_row(self):
        row = self._row()
        if row is None:
            self.ui.pictureLabel.setVisible(False)
            return
        rating = self._ratings[row]
        answer = self._given.get(rating.id)
        lines = [_("{title} ({scale})").format(title=rating.title, scale=scale_text(rating))]
        for grade in best_first(rating):
            chosen = answer is not None and answer.grade == grade.value
            lines.append(f"{'●' if chosen else '○'} {grade.value}  {grade.wording}")
        if answer is not None and answer.not_assessable:
            lines.append("● " + _("N/A  Not assessable on this image"))
        self.ui.wordingLabel.setText("\n".join(lines))
        comment = self.ui.commentEdit
        shown = (None if self.session.case is None else self.session.case.volume, rating.id)
        if shown != self._shown or not comment.hasFocus():
            self._shown = shown
            comment.setText((answer.comment or "") if answer is not None else "")
        comment.setEnabled(answer is not None and not self._obstacle)
        if answer is None:
            comment.setPlaceholderText(_("Give a grade first"))
        elif answer.not_assessable:
            comment.setPlaceholderText(_("Why is it not assessable?"))
        elif answer.proposes_exclusion:
            comment.setPlaceholderText(_("Why is the image unusable?"))
        else:
            comment.setPlaceholderText(_("Optional"))
        self._show_picture(rating, answer)

    def _show_picture(self, rating, answer):
        """Show the example of the grade in the current column, else of the grade that was given."""
        column = self.ui.ratingsTable.currentColumn()
        grade = self._values[column - 1] if 0 < column <= len(self._values) else None
        if grade is None and answer is not None:
            grade = answer.grade
        path = None if grade is None else example_picture(rating, grade, self.session.protocol)
        self.ui.pictureLabel.setVisible(path is not None)
        if path is not None:
            height = _PICTURE_LINES * qt.QFontMetrics(self.ui.wordingLabel.font).lineSpacing()
            picture = qt.QPixmap(str(path))
            # Never wider than the panel is now: a label that is would keep Slicer's column that wide.
            width = min(2 * height, self.ui.ratingsTable.width)
            shown = picture.scaled(width, height, qt.Qt.KeepAspectRatio, qt.Qt.SmoothTransformation)
            self.ui.pictureLabel.setPixmap(shown)
            self.ui.pictureLabel.setToolTip(_("Example of grade {grade}").format(grade=grade))

    def onCurrentCellChanged(self, _row, _column, _row_before=None, _column_before=None):
        self._show_row()

    def onRowResized(self, _row, _height_before, _height):
        self._fitting.start()

    def onFit(self):
        """Make the table as tall as its rows, which are taller where the panel is narrow: all of them stay in sight."""
        table = self.ui.ratingsTable
        height = table.verticalHeader().length() + table.horizontalHeader().sizeHint.height() + 2 * table.frameWidth
        if table.height != height:
            table.setFixedHeight(height)

    def onRadioClicked(self, button):
        row, column = list(self._radios)[button]
        self.ui.ratingsTable.setCurrentCell(row, column)
        self.onCellChosen(row, column)
        # A click on the button that is checked already unchecks it.
        self._show()

    def onCellChosen(self, row, column):
        if (row, column) in self._radios:
            if column > len(self._values):
                self._answer(row, None)
            else:
                self._answer(row, self._values[column - 1])

    def onDigit(self, digit):
        row = self._row()
        if row is not None and digit in [grade.value for grade in self._ratings[row].grades]:
            self._answer(row, digit)
            self._move_on(row)

    def onNotAssessable(self):
        row = self._row()
        if row is not None:
            self._answer(row, None)
            self._move_on(row)

    def _move_on(self, row):
        if row + 1 < len(self._ratings):
            self.ui.ratingsTable.setCurrentCell(row + 1, _TITLE_COLUMN)

    def _answer(self, row, grade):
        """Store a grade, or None for not assessable, with the comment that the reader gave before."""
        rating = self._ratings[row]
        before = self._given.get(rating.id)
        if before is None or before.grade != grade:
            self._store(rating, grade, None if before is None else before.comment)

    def onCommentTyped(self, _text):
        self._typing.start()

    def onCommentEdited(self):
        self._typing.stop()
        row = self._row()
        answer = None if row is None else self._given.get(self._ratings[row].id)
        comment = self.ui.commentEdit.text.strip() or None
        if answer is not None and comment != answer.comment:
            self._store(self._ratings[row], answer.grade, comment)

    def onCommentReturned(self):
        self.ui.ratingsTable.setFocus()

    def _store(self, rating, grade, comment):
        if self._obstacle:
            return
        if grade is None:
            answer = not_assessable(rating, self.session.reader, comment)
        else:
            answer = give_grade(rating, grade, self.session.reader, comment)
        case = self.session.case
        write_answer(slicer.mrmlScene, answer, case.volume)
        if case.candidate is not None:
            # A verdict counts ratings: it must not seem to stand for one that it never saw.
            mark_outdated(case.candidate)
        self.session.write_event(
            "rating",
            rating=answer.rating,
            grade=answer.grade,
            scale=answer.scale,
            not_assessable=answer.not_assessable,
            comment=answer.comment,
            proposes_exclusion=answer.proposes_exclusion,
        )
        self._read()
        self._show()


def _record_of(candidate):
    """Return a segmentation's record; None where its text is none, which the step QC report says."""
    try:
        return read_record(candidate)
    except BadDataError:
        return None
