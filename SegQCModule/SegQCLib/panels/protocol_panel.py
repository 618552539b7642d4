"""The protocol itself: written, compared, saved, signed and printed. A coordinator's step, none of a read."""

from __future__ import annotations

import logging
import re
from functools import partial
from html import escape
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.errors import BadDataError
from SegQCLib.panels.panel import Light, Panel, Standing
from SegQCLib.panels.panel_work import PanelWork
from SegQCLib.panels.protocol_edit import ProtocolEdit
from SegQCLib.panels.protocol_saving import FOLDER_SETTING, ProtocolSaving
from SegQCLib.panels.protocol_signing import ProtocolSigning
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.protocols.finished_case import read_finished_cases
from SegQCLib.protocols.from_cases import protocol_from_cases
from SegQCLib.protocols.open_protocol import OpenProtocol, new_protocol, open_copy, open_proposal, open_protocol_file
from SegQCLib.protocols.protocol_file import open_document, save_draft
from SegQCLib.protocols.sign_off_state import SIGN_OFF_WORDS

_EDIT, _SAVE, _SIGN, _REMARKS = range(4)
_WIDTH, _HEIGHT = 1000, 760
# Where work goes that was not saved when Slicer was closed, in the records folder.
KEPT_WORK = "Unsaved protocol.draft.json"


class ProtocolPanel(Panel):
    """Open a protocol, change it, save it, have it signed. Reading cases and writing the page are done in the background."""

    UI = "ProtocolPanel.ui"

    def __init__(self, session, resource_path):
        super().__init__(session, resource_path)
        self.opened: OpenProtocol | None = None
        self._message = ""
        self._is_recovered = False
        ui = self.ui
        self._work = PanelWork(ui.progressBar, self._say, self.show)
        self.edit = ProtocolEdit(ui, self.onChanged)
        self.saving = ProtocolSaving(ui, self.edit.commit, self.onSavedOrChanged, self._say)
        self.signing = ProtocolSigning(session, ui, self._startIfFree, self.edit.commit, self.onChanged, self._say)
        # Else the labels share what is left of the tab's height, while no changes are shown.
        ui.signPage.layout().addStretch(1)
        # They quote what was typed, such as <5.
        for label in (ui.stateLabel, ui.openLabel, ui.pageLabel, ui.messageLabel, ui.windowMessageLabel, ui.signLabel):
            label.setTextFormat(qt.Qt.PlainText)
        self._window = self._makeWindow()
        self._keys = []
        ui.openSelector.connect("activated(int)", self.onOpenChosen)
        ui.cancelButton.connect("clicked(bool)", self.onCancel)
        ui.showButton.connect("clicked(bool)", self.onShow)
        ui.newVersionButton.connect("clicked(bool)", self.onNewVersion)
        ui.tabs.connect("currentChanged(int)", self.onTab)
        self._listChoices()
        self.show()

    def _makeWindow(self):
        """Return the editor's window: eighty structures with their limits and sources do not fit into Slicer's column."""
        main = slicer.util.mainWindow()
        window = qt.QDialog(main) if main is not None else qt.QDialog()
        window.setObjectName("SegQCProtocolWindow")
        window.setWindowFlags(window.windowFlags() | qt.Qt.WindowMinMaxButtonsHint)
        window.setSizeGripEnabled(True)
        qt.QVBoxLayout(window).addWidget(self.ui.protocolFrame)
        self.ui.protocolFrame.setVisible(True)
        # A line's Enter would press the first button of a dialog.
        for button in window.findChildren(qt.QPushButton):
            button.setAutoDefault(False)
        window.resize(_WIDTH, _HEIGHT)
        return window

    def title(self):
        return _("Protocol")

    def standing(self):
        if self._work.busy:
            return Standing(Light.RUNNING, _("running"))
        opened = self.opened
        if opened is None:
            return Standing(Light.OPTIONAL, _("write or sign one"))
        if opened.faulty_fields:
            return Standing(Light.OPTIONAL, _("{title}: unfinished").format(title=opened.title))
        if opened.has_unsaved_work:
            return Standing(Light.ATTENTION, _("{title}: not saved").format(title=opened.title))
        return Standing(Light.OPTIONAL, opened.title)

    def enter(self):
        self._listChoices()

    def onCaseChanged(self):
        if self.opened is not None and self.ui.tabs.currentIndex == _SIGN:
            self.signing.show()

    def cleanup(self):
        self._work.cleanup()
        self.edit.commit()
        if self.opened is not None and self.opened.has_unsaved_work:
            try:
                save_draft(self.opened.document, self._keptWork())
            except BadDataError as error:
                # The panel goes away: there is nobody left to tell but the log.
                logging.warning("SegQC could not keep the protocol that was not saved: %s", error)
        self._window.hide()
        self._window.setParent(None)
        self._window.deleteLater()
        super().cleanup()

    def _keptWork(self):
        return self.session.records_folder / KEPT_WORK

    # Opening

    def _listChoices(self):
        choices = [(None, _("Open a protocol ..."))]
        if self._keptWork().is_file():
            choices.append((self.openKeptWork, _("Unsaved work, kept when Slicer was closed")))
        choices += [(self.openOfCase, _("The protocol of this case")), (self.onFile, _("A file ..."))]
        for identifier in shipped_protocols():
            title = load_protocol(identifier).protocol.title
            choices.append((partial(self.openCopy, identifier), _("Copy of: {title}").format(title=title)))
        choices += [
            (self.openNew, _("A new one, empty")),
            (self.proposeFromWorklist, _("Proposal from the cases of the worklist")),
            (self.onFolderOfCases, _("Proposal from a folder of finished cases ...")),
        ]
        selector = self.ui.openSelector
        self._keys = [key for key, _words in choices]
        blocked = selector.blockSignals(True)
        selector.clear()
        for _key, words in choices:
            selector.addItem(words)
        selector.setCurrentIndex(0)
        selector.blockSignals(blocked)

    def onOpenChosen(self, index):
        self.ui.openSelector.setCurrentIndex(0)
        if self._keys[index] is not None and not self._work.busy and self._mayLeave():
            self._keys[index]()

    def _mayLeave(self):
        """Return whether the open protocol may be put aside: asked only where something would be lost."""
        self.edit.commit()
        if self.opened is None or not self.opened.has_unsaved_work:
            return True
        words = _("{title} has changes that are not saved. Open another protocol and lose them?").format(title=self.opened.title)
        return self._confirmed(words)

    def _confirmed(self, question):
        buttons = qt.QMessageBox.Ok | qt.QMessageBox.Cancel
        return qt.QMessageBox.question(self.widget, _("Protocol"), question, buttons) == qt.QMessageBox.Ok

    def openCopy(self, protocol_id):
        """Open a copy of a shipped protocol."""
        self._take(open_copy(protocol_id))

    def openNew(self):
        self._take(new_protocol())

    def openOfCase(self):
        chosen = "" if self.session.case is None else self.session.case.protocol
        if not chosen:
            self._say(_("No case is open."))
        elif chosen in shipped_protocols():
            self.openCopy(chosen)
        else:
            self.openFile(Path(chosen))

    def openKeptWork(self):
        try:
            opened = OpenProtocol(open_document(self._keptWork()), remarks=[_("This work was kept when Slicer was closed.")])
        except BadDataError as error:
            self._say(str(error))
            return
        self._take(opened)
        self._is_recovered = True

    def onFile(self):
        folder = str(slicer.util.settingsValue(FOLDER_SETTING, "") or Path.home())
        path = qt.QFileDialog.getOpenFileName(self.widget, _("Protocol"), folder, _("Protocols (*.json)"))
        if path:
            self.openFile(Path(path))

    def openFile(self, path):
        """Open a protocol's file, also one with faults, or say why it cannot be opened."""
        try:
            opened = open_protocol_file(path)
        except BadDataError as error:
            self._say(str(error))
            return
        qt.QSettings().setValue(FOLDER_SETTING, str(path.parent))
        self._take(opened)

    def proposeFromWorklist(self):
        if self.session.worklist is None:
            self._say(_("Open a worklist in step 1 first."))
        else:
            self.propose(self.session.worklist)

    def onFolderOfCases(self):
        path = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder of evaluations, of DICOM series or of cases"), "")
        if path:
            self.propose(Path(path))

    def propose(self, path):
        """Read finished cases in the background and open what they have in common as a protocol."""
        protocol = None if self.session.protocol is None else self.session.protocol.protocol
        self._startIfFree(partial(_propose, path, protocol), self._take)

    def _take(self, opened):
        self.opened, self._is_recovered, self._message = opened, False, ""
        for view in (self.edit, self.saving, self.signing):
            view.follow(opened)
        remarks = "".join(f"<li>{escape(words)}</li>" for words in opened.remarks)
        self.ui.remarksBrowser.setHtml(f"<ul>{remarks}</ul>")
        self.ui.tabs.setTabEnabled(_REMARKS, bool(opened.remarks))
        self.ui.tabs.setCurrentIndex(_REMARKS if opened.remarks else _EDIT)
        self.show()
        self.onShow()

    def onShow(self, _checked=False):
        """Show the editor's window."""
        self._window.show()
        self._window.raise_()

    # What is done with it

    def onNewVersion(self, _checked=False):
        try:
            self.opened.make_new_version()
        except BadDataError as error:
            self._say(str(error))
            return
        self.onChanged()

    def onChanged(self):
        self._message = ""
        self.show()

    def onSavedOrChanged(self):
        if self._is_recovered and not self.opened.is_changed:
            self._is_recovered = False
            self._keptWork().unlink(missing_ok=True)
            self._listChoices()
        self.show()

    def onTab(self, _number):
        self.edit.commit()
        self.show()

    # Work

    def _say(self, words):
        self._message = words
        self.show()

    def _startIfFree(self, work, on_done):
        if not self._work.busy:
            self._work.start(work, on_done)

    def onCancel(self, _checked=False):
        if self._work.busy:
            self._work.stop()
            self._say(_("Stopped. Nothing was changed."))

    def show(self):
        """Show the present state in every widget."""
        if not hasattr(self, "signing"):
            return  # while the panel is built
        ui, opened, busy = self.ui, self.opened, self._work.busy
        ui.openSelector.enabled = not busy
        ui.progressBar.visible = ui.cancelButton.visible = busy
        for label in (ui.messageLabel, ui.windowMessageLabel):
            label.text = self._message
            label.visible = bool(self._message)
        ui.openLabel.visible = ui.showButton.visible = opened is not None
        ui.protocolFrame.enabled = not busy
        if opened is not None:
            self._window.windowTitle = _("Protocol: {title}").format(title=opened.title)
            ui.openLabel.text = self._stateWords()
            ui.stateLabel.text = self._stateWords()
            ui.stateLabel.toolTip = str(opened.path or "")
            ui.newVersionButton.visible = opened.is_locked
            {_EDIT: self.edit.show, _SAVE: self.saving.show, _SIGN: self.signing.show}.get(ui.tabs.currentIndex, _nothing)()
        self.standingChanged()

    def _stateWords(self):
        opened = self.opened
        words = [f"{opened.title} {opened.version}".strip(), opened.path.name if opened.path else _("not saved yet")]
        if opened.is_draft:
            words.append(_("unfinished"))
        if opened.path is not None and opened.is_changed:
            words.append(_("changed since it was saved"))
        elif opened.sign_off_fault:
            words.append(SIGN_OFF_WORDS["unreadable"])
        elif opened.sign_off is not None:
            words.append(SIGN_OFF_WORDS[opened.sign_off.state])
        if opened.faulty_fields:
            words.append(_("{count} to correct").format(count=len(opened.faulty_fields)))
        return " · ".join(words)


def _nothing():
    """Nothing of this tab changes."""


def _propose(path, protocol, progress):
    """Read finished cases and return the open proposal; segments without codes take those of a protocol's structures."""
    found = read_finished_cases(path, codes_from=protocol, progress=progress)
    identifier = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "proposal"
    try:
        proposed = protocol_from_cases(found.cases, identifier, f"Proposed from {path.name}")
    except ValueError as error:
        raise BadDataError(path, "is not enough for a protocol.", str(error)) from error
    return open_proposal(proposed, found.notes)
