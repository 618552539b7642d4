"""Saving a protocol: what changed, in words and before it is written, then as its file, another one, or an unfinished draft."""

from __future__ import annotations

from html import escape
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.errors import BadDataError
from SegQCLib.protocol import load_protocol
from SegQCLib.protocols.difference import LOOK_AGAIN
from SegQCLib.protocols.differences import protocol_differences, version_remark
from SegQCLib.protocols.open_protocol import kept_versions
from SegQCLib.protocols.protocol_file import DRAFT_SUFFIX, draft_path
from SegQCLib.protocols.sign_off import KEPT_FOLDER

FOLDER_SETTING = "SegQC/ProtocolFolder"


class ProtocolSaving:
    """Show what changed, and save.

    Parameters
    ----------
    ui : namespace of widgets
    commit : callable()
        Takes what is still being typed.
    on_changed : callable()
    say : callable(words)
    """

    def __init__(self, ui, commit, on_changed, say):
        self.ui, self._commit, self._on_changed, self._say = ui, commit, on_changed, say
        self._open = None
        self._others: list[Path] = []
        self._chosen = 0
        self._listed = None
        ui.changesBrowser.setOpenLinks(False)
        ui.compareSelector.connect("activated(int)", self.onCompare)
        ui.saveButton.connect("clicked(bool)", self.onSave)
        ui.saveAsButton.connect("clicked(bool)", self.onSaveAs)
        ui.draftButton.connect("clicked(bool)", self.onSaveDraft)
        ui.versionButton.connect("clicked(bool)", self.onRaiseVersion)

    def follow(self, opened):
        self._open, self._chosen, self._listed, self._others = opened, 0, None, []
        if opened is not None and opened.path is not None:
            self._others = list(kept_versions(opened.path, str(opened.document.get("id"))))

    def show(self):
        """Show the present state; called while this is in sight."""
        ui, opened = self.ui, self._open
        if opened is None:
            return
        names = [self._basisWords(), *map(_fileWords, self._others), _("A file ...")]
        if names != self._listed:
            self._listed = names
            ui.compareSelector.clear()
            for name in names:
                ui.compareSelector.addItem(name)
        ui.compareSelector.setCurrentIndex(self._chosen)
        faults, remark = len(opened.faulty_fields), None
        if faults:
            words = _(
                "Not compared: it has {count} faults. They are listed in the tab Edit; until they are corrected it can be kept"
            )
            ui.changesBrowser.setHtml(f"<p>{escape(words.format(count=faults))} {escape(_('as a draft.'))}</p>")
        else:
            remark = self._compare()
        ui.versionLabel.text = remark or ""
        ui.versionLabel.visible = bool(remark)
        ui.saveButton.enabled = not faults and opened.is_changed and not opened.is_locked
        ui.saveButton.toolTip = (
            _("Save to the protocol's own file. Only what has no faults can be saved.")
            if opened.target is None
            else _("Save to {file}.").format(file=opened.target)
        )
        ui.saveAsButton.enabled = not faults
        ui.draftButton.enabled = bool(faults) and opened.is_changed
        ui.versionButton.enabled = not opened.is_locked

    def _basisWords(self):
        basis = self._open.basis
        if basis is None:
            return _("nothing: it is new")
        if self._open.is_draft:
            return _("{id} {version}, which it is to replace").format(id=basis.id, version=basis.version)
        words = _("its file, {id} {version}") if self._open.path is not None else _("{id} {version}, of which it is a copy")
        return words.format(id=basis.id, version=basis.version)

    def _compare(self):
        """Show what changed, and return what is wrong with the version."""
        opened, browser = self._open, self.ui.changesBrowser
        try:
            other = load_protocol(self._others[self._chosen - 1]).protocol if self._chosen else opened.basis
        except BadDataError as error:
            browser.setHtml(f"<p>{escape(str(error))}</p>")
            return None
        if other is None:
            browser.setHtml(f"<p>{escape(_('There is nothing to compare it with yet.'))}</p>")
            return None
        differences = protocol_differences(other, opened.protocol)
        browser.setHtml(changes_html(differences))
        return version_remark(other, opened.protocol, differences)

    def onCompare(self, index):
        if index == len(self._others) + 1:
            path = qt.QFileDialog.getOpenFileName(self.ui.tabs, _("Compare with"), _folder(self._open), _("Protocols (*.json)"))
            if path:
                self._others.append(Path(path))
                self._chosen = len(self._others)
        else:
            self._chosen = index
        self.show()

    def onRaiseVersion(self, _checked=False):
        self._commit()
        self._try(self._open.make_new_version)

    def onSave(self, _checked=False):
        self._commit()
        if self._open.faulty_fields:
            self._on_changed()
        elif self._open.target is None:
            self.onSaveAs()
        else:
            self._save(None)

    def onSaveAs(self, _checked=False):
        self._commit()
        path = self._ask(_("Save the protocol"), ".json")
        if path is not None:
            self._save(path)

    def onSaveDraft(self, _checked=False):
        self._commit()
        path = self._ask(_("Keep unfinished work"), DRAFT_SUFFIX) if self._open.target is None else self._open.target
        if path is not None and self._try(lambda: self._open.save_draft(path)):
            self._say(_("Kept as {file}; nothing takes it for a protocol.").format(file=draft_path(path)))

    def _save(self, path):
        if self._try(lambda: self._open.save(path)):
            self.follow(self._open)
            self._say(_("Saved as {file}.").format(file=self._open.path))
            self._on_changed()

    def _try(self, action):
        try:
            action()
        except BadDataError as error:
            self._say(str(error))
            return False
        self._on_changed()
        return True

    def _ask(self, caption, suffix):
        opened = self._open
        name = f"{opened.document.get('id') or 'protocol'}{suffix}"
        path = qt.QFileDialog.getSaveFileName(self.ui.tabs, caption, str(Path(_folder(opened)) / name), _("Protocols (*.json)"))
        if not path:
            return None
        qt.QSettings().setValue(FOLDER_SETTING, str(Path(path).parent))
        return Path(path) if path.endswith(".json") else Path(f"{path}.json")


def changes_html(differences) -> str:
    """Return differences as HTML, together where they touch the same earlier results, with what to look at again."""
    if not differences:
        return f"<p>{escape(_('Nothing changed.'))}</p>"
    html = []
    for affects, (title, advice) in LOOK_AGAIN.items():
        own = [one for one in differences if one.affects == affects]
        if own:
            listed = "".join(f"<li><i>{escape(one.kind)}:</i> {escape(one.words)}</li>" for one in own)
            html.append(f"<p><b>{escape(title)}.</b> {escape(advice)}</p><ul>{listed}</ul>")
    return "".join(html)


def _fileWords(path):
    words = _("signed: {file}") if path.parent.name == KEPT_FOLDER else _("file: {file}")
    return words.format(file=path.stem)


def _folder(opened) -> str:
    if opened is not None and opened.path is not None:
        return str(opened.path.parent)
    return str(slicer.util.settingsValue(FOLDER_SETTING, "") or Path.home())
