"""Signing a protocol by its roles, its page for the reading room, and its use for the case that is open."""

from __future__ import annotations

from functools import partial
from subprocess import CalledProcessError

import qt
from slicer.i18n import tr as _

from SegQCLib.errors import BadDataError
from SegQCLib.output import write_files
from SegQCLib.panels.packages import ensure_package
from SegQCLib.panels.protocol_saving import changes_html
from SegQCLib.protocols.sign_off import ROLES, sign_protocol, signoff_state
from SegQCLib.protocols.sop import course_of, render_sop


class ProtocolSigning:
    """Show who signed, and sign; write the page that prints.

    Parameters
    ----------
    session : Session
    ui : namespace of widgets
    start : callable(work, on_done)
        Runs work in the background.
    commit : callable()
        Takes what is still being typed.
    on_changed : callable()
    say : callable(words)
    """

    def __init__(self, session, ui, start, commit, on_changed, say):
        self.session, self.ui = session, ui
        self._start, self._commit, self._on_changed, self._say = start, commit, on_changed, say
        self._open = None
        self._roles = ()
        ui.signButton.connect("clicked(bool)", self.onSign)
        ui.nameEdit.connect("textChanged(QString)", self.onNameChanged)
        ui.pageButton.connect("clicked(bool)", self.onPage)
        ui.useButton.connect("clicked(bool)", self.onUse)

    def follow(self, opened):
        self._open = opened
        # Each signs with the own name; nobody signs with the one of who sat here before.
        self.ui.nameEdit.setText("")

    def show(self):
        """Show the present state; called while this is in sight."""
        ui, opened = self.ui, self._open
        if opened is None:
            return
        loaded, sign_off = opened.loaded, opened.sign_off
        roles = ROLES if sign_off is None else sign_off.roles
        if roles != self._roles:
            self._roles = roles
            ui.roleSelector.clear()
            for role in roles:
                ui.roleSelector.addItem(role)
        ui.signLabel.text = self._words()
        open_roles = set(roles) - {one.role for one in (() if sign_off is None else sign_off.signatures)}
        can_sign = loaded is not None and sign_off is not None and sign_off.state != "locked" and bool(open_roles)
        ui.roleSelector.enabled = ui.nameEdit.enabled = can_sign
        if can_sign and roles[ui.roleSelector.currentIndex] not in open_roles:
            ui.roleSelector.setCurrentIndex(next(number for number, role in enumerate(roles) if role in open_roles))
        ui.signButton.enabled = can_sign and bool(ui.nameEdit.text.strip())
        differences = None if sign_off is None or loaded is None else sign_off.differences
        ui.signChangesBrowser.visible = bool(differences)
        ui.signChangesBrowser.setHtml(changes_html(differences) if differences else "")
        ui.pageButton.enabled = loaded is not None
        ui.useButton.enabled = loaded is not None and self.session.case is not None

    def _words(self):
        opened = self._open
        if opened.faulty_fields:
            return _("It has faults: correct them, save it, then sign the file.")
        if opened.is_changed or opened.path is None:
            return _("It has changes that are not saved. Save it first: what is signed is the file.")
        if opened.sign_off_fault:
            return opened.sign_off_fault
        return _("Save it as a protocol first.") if opened.sign_off is None else opened.sign_off.words

    def onNameChanged(self, _text):
        self.show()

    def onSign(self, _checked=False):
        self._commit()
        if self._open.loaded is None:
            self._on_changed()
            return
        role, name = self._roles[self.ui.roleSelector.currentIndex], self.ui.nameEdit.text
        try:
            signed = sign_protocol(self._open.path, role, name)
        except BadDataError as error:
            self._say(str(error))
            return
        self._open.look_again()
        self.ui.nameEdit.setText("")
        self._say(signed.words)
        self._on_changed()

    def onPage(self, _checked=False):
        """Write the page beside the protocol's file and open it."""
        try:
            if not ensure_package("jinja2", "jinja2>=3.1"):
                self._say(_("The page needs the Python package jinja2, which is not installed."))
                return
        except CalledProcessError as error:
            self._say(_("jinja2 could not be installed: {error}").format(error=error))
            return
        self._start(partial(_write_page, self._open.loaded, self._open.path), self.onPageWritten)

    def onPageWritten(self, page):
        self._say(_("Written: {file}.").format(file=page))
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(page)))

    def onUse(self, _checked=False):
        case, path = self.session.case, str(self._open.path)
        if case.protocol == path:
            self.session.reload_protocol()
        else:
            case.protocol = path
        self._say(_("Step 1 has this protocol now."))


def _write_page(loaded, path, _progress):
    page = path.parent / f"{path.stem}.html"
    write_files(page.parent, {page.name: render_sop(loaded, signoff_state(loaded), course_of(loaded), page.parent)})
    return page
