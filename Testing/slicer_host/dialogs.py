# ruff: noqa: N815 - the names are Slicer's
"""Stand-ins for everything that would wait for the user: recorded, answered by the test, never shown."""

from collections import deque

from PySide6 import QtGui, QtWidgets

shown = []  # (kind, text) of each message, question and opened address
answers = deque()  # what the next questions and file dialogues return


class NotAnswered(AssertionError):  # noqa: N818 - reads as a sentence in a traceback
    """A dialogue was opened for which the test has no answer."""


def ask(kind, text):
    shown.append((kind, text))
    if not answers:
        raise NotAnswered(f"{kind} {text!r} was opened, and the test gave no answer (host.answers.append(...)).")
    return answers.popleft()


def _question(kind):
    def call(_parent=None, caption="", *_more):
        return ask(kind, caption)

    return staticmethod(call)


class QFileDialog(QtWidgets.QFileDialog):
    """PythonQt's file dialogues return a string (or a list of them), PySide6's a pair."""

    STANDS_IN = True
    getOpenFileName = _question("QFileDialog.getOpenFileName")
    getOpenFileNames = _question("QFileDialog.getOpenFileNames")
    getSaveFileName = _question("QFileDialog.getSaveFileName")
    getExistingDirectory = _question("QFileDialog.getExistingDirectory")


class QInputDialog(QtWidgets.QInputDialog):
    STANDS_IN = True
    getText = _question("QInputDialog.getText")
    getInt = _question("QInputDialog.getInt")
    getDouble = _question("QInputDialog.getDouble")
    getItem = _question("QInputDialog.getItem")
    getMultiLineText = _question("QInputDialog.getMultiLineText")


class QMessageBox(QtWidgets.QMessageBox):
    STANDS_IN = True
    information = _question("QMessageBox.information")
    warning = _question("QMessageBox.warning")
    critical = _question("QMessageBox.critical")
    question = _question("QMessageBox.question")

    def exec(self):
        return ask("QMessageBox", self.text)

    def exec_(self):
        return self.exec()


class QDesktopServices(QtGui.QDesktopServices):
    @staticmethod
    def openUrl(address):
        shown.append(("openUrl", address.toString()))
        return True


DIALOGS = {
    "QFileDialog": QFileDialog,
    "QInputDialog": QInputDialog,
    "QMessageBox": QMessageBox,
    "QDesktopServices": QDesktopServices,
}
