"""The question of a checklist's item, with the field that its kind of answer takes."""

from __future__ import annotations

from dataclasses import dataclass

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.checklists.answers import Answer, ChecklistAnswers, set_answer
from SegQCLib.checklists.checklist import Question

_TEXT_LINES = 2


@dataclass(frozen=True)
class Typed:
    """What is in the field, saved or not."""

    value: str = ""
    not_applicable: bool = False


class ChecklistAnswerView:
    """Ask one question; what was typed and not saved stays until it is saved, whichever item is shown meanwhile.

    Parameters
    ----------
    resource_path : callable(str) -> str
    on_save : callable(question, typed)
        With an answer that fits the question.
    on_take_back : callable(question)
    """

    def __init__(self, resource_path, on_save, on_take_back):
        self._on_save, self._on_take_back = on_save, on_take_back
        self.widget = slicer.util.loadUI(resource_path("UI/ChecklistAnswer.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._question: Question | None = None
        self._saved = Typed()
        self._unsaved: dict[str, Typed] = {}
        ui = self.ui
        line = qt.QFontMetrics(ui.textEdit.font).height()
        ui.textEdit.setMinimumHeight(round((_TEXT_LINES + 0.8) * line))
        ui.textEdit.setMaximumHeight(round((_TEXT_LINES + 0.8) * line))
        # So that the buttons stay where they are from one question to the next.
        ui.questionLabel.setMinimumHeight(2 * line)
        ui.notApplicableCheckBox.connect("toggled(bool)", self.onNotApplicable)
        ui.saveButton.connect("clicked(bool)", self.onSave)
        ui.takeBackButton.connect("clicked(bool)", self.onTakeBack)
        ui.numberEdit.connect("returnPressed()", self.onReturn)

    @property
    def unsaved(self) -> frozenset[str]:
        """Ids of the questions with something typed that was not saved."""
        self._note()
        return frozenset(self._unsaved)

    def forget(self):
        """Let go of what was typed: it is about another study."""
        self._question, self._unsaved = None, {}

    def saved(self, question_id):
        """An answer was saved: what was typed is not waiting any more."""
        self._unsaved.pop(question_id, None)
        if self._question is not None and self._question.id == question_id:
            self._question = None

    def show(self, question: Question | None, answer: Answer | None, who: str, ready: bool):
        """Show a question with its answer; the same one again leaves the field as it is.

        Parameters
        ----------
        question : Question or None
            None: no item is chosen.
        answer : Answer or None
            The one that is saved.
        who : str
            Who would answer; empty: nobody said.
        ready : bool
            Whether an answer can be saved now.
        """
        ui = self.ui
        self.widget.setVisible(question is not None)
        saved = Typed() if answer is None or not answer.value.strip() else Typed(answer.value, answer.not_applicable)
        if question is not self._question or saved != self._saved:
            self._note()
            self._question, self._saved = question, saved
            if question is not None:
                self._fill(question, self._unsaved.get(question.id, saved))
        if question is None:
            return
        ui.saveButton.enabled = ready and bool(who)
        ui.takeBackButton.visible = saved != Typed()
        ui.takeBackButton.enabled = ready and bool(who)
        if not who:
            words = _("Enter your name in step 1 to answer: an answer is kept with who gave it.")
        elif saved != Typed():
            words = _("Answered by {who}, {when}.").format(who=answer.who, when=answer.when[:10])
        else:
            words = _("Saving keeps it as the answer of {who}, with the date.").format(who=who)
        ui.whoLabel.setText(words)

    def focus(self):
        """Let the next keys go into the field."""
        for widget in (self.ui.textEdit, self.ui.choiceSelector, self.ui.numberEdit):
            if widget.isVisible():
                widget.setFocus()

    def _fill(self, question, typed):
        ui = self.ui
        ui.faultLabel.setText("")
        ui.faultLabel.visible = False
        box = ui.notApplicableCheckBox
        blocked = box.blockSignals(True)
        box.setChecked(typed.not_applicable)
        box.blockSignals(blocked)
        selector = ui.choiceSelector
        selector.clear()
        selector.addItem(_("Choose ..."))
        for choice in question.choices:
            selector.addItem(choice)
        chosen = typed.value if not typed.not_applicable else ""
        selector.setCurrentIndex(question.choices.index(chosen) + 1 if chosen in question.choices else 0)
        ui.numberEdit.setText(chosen if question.kind == "number" else "")
        ui.textEdit.setPlainText(typed.value if question.kind == "text" or typed.not_applicable else "")
        self._turn()

    def _turn(self):
        """Show the field for this kind of answer."""
        ui, question = self.ui, self._question
        kind = "text" if ui.notApplicableCheckBox.checked else question.kind
        for widget, of in ((ui.textEdit, "text"), (ui.choiceSelector, "choice"), (ui.numberEdit, "number")):
            widget.setVisible(kind == of)
        ui.questionLabel.setText(
            _("Why does it not apply? ({question})").format(question=question.text)
            if ui.notApplicableCheckBox.checked
            else question.text
        )

    def _typed(self):
        ui, question = self.ui, self._question
        if ui.notApplicableCheckBox.checked:
            return Typed(ui.textEdit.toPlainText().strip(), True)
        if question.kind == "choice":
            index = ui.choiceSelector.currentIndex
            return Typed(question.choices[index - 1] if index > 0 else "")
        return Typed((ui.numberEdit.text if question.kind == "number" else ui.textEdit.toPlainText()).strip())

    def _note(self):
        """Keep what is in the field, where it is not what is saved."""
        if self._question is None:
            return
        typed = self._typed()
        if typed in (self._saved, Typed()):
            self._unsaved.pop(self._question.id, None)
        else:
            self._unsaved[self._question.id] = typed

    def onNotApplicable(self, _checked):
        self._turn()

    def onReturn(self):
        if self.ui.saveButton.enabled:
            self.onSave()

    def onSave(self, _checked=False):
        """Hand the answer over if it fits its question; else say what fits."""
        question, typed = self._question, self._typed()
        try:
            set_answer(ChecklistAnswers(), question, typed.value, "reader", not_applicable=typed.not_applicable)
        except ValueError as error:
            self.ui.faultLabel.setText(str(error).removeprefix(question.text).strip())
            self.ui.faultLabel.visible = True
            return
        self.ui.faultLabel.visible = False
        self._on_save(question, typed)

    def onTakeBack(self, _checked=False):
        self._on_take_back(self._question)
