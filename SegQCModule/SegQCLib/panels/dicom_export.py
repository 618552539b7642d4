"""The part of the QC report that writes candidate and record as DICOM SEG and SR, checked before anything is written."""

from __future__ import annotations

import logging
import time
from functools import partial
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.dicom.case_export import CheckedExport, ExportChoices, checked_export, write_export
from SegQCLib.errors import BadDataError
from SegQCLib.export_remedies import Remedies
from SegQCLib.file_name import file_name
from SegQCLib.findings import Status
from SegQCLib.mrml.database_acquisition import series_file
from SegQCLib.mrml.draft import VOXELS_ATTRIBUTE, is_draft
from SegQCLib.mrml.evaluate_scene import case_reader
from SegQCLib.mrml.series_files import series_files
from SegQCLib.panels.background import Background
from SegQCLib.progress import part

_REPRESENTATIONS = ("BINARY", "LABELMAP")  # in the order of the selector
_SETTLE_MS = 200
_TELL_EVERY_S = 0.1
_FEWEST_LINES, _MOST_LINES = 3, 16
_MOST_NAMES = 6


class DicomExport:
    """Check what would be written whenever it changes, say every reason, and write both files or neither.

    Nothing is checked while it is closed, and nothing is written without a click.

    Attributes
    ----------
    widget : QWidget
        Hidden until `setOpen(True)`.
    """

    def __init__(self, session, resource_path):
        self.session = session
        self.widget = slicer.util.loadUI(resource_path("UI/DicomExport.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._record = None
        self._obstacle = _("Evaluate first: the files are made of the record.")
        self._followed = None
        self._work = None
        self._is_writing = self._is_due = self._was_written = False
        self._uninserted = []  # files that were written and are to be added to Slicer's database
        self._finished = []  # the outcome of the last writing: it cannot be taken back
        self._checked: CheckedExport | None = None
        self._refused = ()  # sentences: what can be said before the images are read
        self._message = ""
        self._folder = None  # that the reader chose
        self._told = 0.0
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SETTLE_MS)
        self._timer.connect("timeout()", self.onTimeout)
        self.ui.storedAsSelector.connect("currentIndexChanged(int)", self.onChoice)
        self.ui.byHandCheckBox.connect("toggled(bool)", self.onChoice)
        self.ui.folderEdit.connect("editingFinished()", self.onFolderTyped)
        self.ui.folderButton.connect("clicked(bool)", self.onPickFolder)
        self.ui.writeButton.connect("clicked(bool)", self.onWrite)
        self.ui.checkButton.connect("clicked(bool)", self.onCheckAgain)
        self.ui.cancelButton.connect("clicked(bool)", self.onCancel)
        self._line = qt.QFontMetrics(self.ui.faultsText.font).lineSpacing()
        self.widget.setVisible(False)

    @property
    def running(self):
        """Whether something is checked or written."""
        return self._work is not None

    def cleanup(self):
        """Stop, and tell nobody; nothing is called afterwards."""
        self._timer.stop()
        self._timer.disconnect("timeout()", self.onTimeout)
        self._abandon()

    def setOpen(self, is_open):
        self.widget.setVisible(is_open)
        if is_open:
            self._checkLater()
        else:
            self._timer.stop()
            # The copy of the segmentation is as large as the image.
            self._checked = None
            if not self._is_writing:
                self._abandon()

    def follow(self, record, obstacle):
        """Turn to the record of what is chosen now, or to none (None) and why, a sentence; the same again changes nothing."""
        case, protocol = self.session.case, self.session.protocol
        nodes = () if case is None else (case.volume, case.candidate, case.draft)
        followed = (
            id(record), obstacle, tuple(node and node.GetID() for node in nodes), self.session.reader,
            protocol and protocol.sha256, str(self.session.records_folder),
        )  # fmt: skip
        if followed == self._followed:
            return
        self._followed, self._record, self._obstacle = followed, record, obstacle
        self._message = ""
        # A word for other segments than those that it was given for.
        blocked = self.ui.byHandCheckBox.blockSignals(True)
        self.ui.byHandCheckBox.setChecked(False)
        self.ui.byHandCheckBox.blockSignals(blocked)
        self._checkLater()

    def onChoice(self, _value=None):
        self._message = ""
        self._checkLater()

    def onFolderTyped(self):
        text = self.ui.folderEdit.text.strip()
        folder = Path(text).expanduser() if text else None
        if folder != self._chosenFolder():
            self._folder = folder
            self.onChoice()

    def onPickFolder(self, _checked=False):
        folder = self._chosenFolder()
        start = next((one for one in (folder, *folder.parents) if one.is_dir()), Path.home())
        chosen = qt.QFileDialog.getExistingDirectory(self.widget, _("Folder for the DICOM files"), str(start))
        if chosen:
            self._folder = Path(chosen)
            self.onChoice()

    def onCheckAgain(self, _checked=False):
        self._message = ""
        self._check()

    def onTimeout(self):
        self._check()

    def onWrite(self, _checked=False):
        self._message = ""
        self._start(_checked_and_written, self.onWritten, is_writing=True)

    def onCancel(self, _checked=False):
        if self._work is not None:
            self._work.cancel()

    # Work in the background

    def _checkLater(self):
        self._forget()
        if not self.widget.isHidden():
            self._timer.start()

    def _forget(self):
        self._checked, self._refused = None, ()
        if self._is_writing:
            self._is_due = True
        else:
            self._abandon()
        self.show()

    def _check(self):
        if self._is_writing:
            self._is_due = True
        else:
            self._start(_checked, self.onChecked, is_writing=False)

    def _start(self, work, on_done, *, is_writing):
        self._timer.stop()
        self._abandon()
        self._checked, self._refused, self._was_written = None, (), False
        if not self._obstacle:
            arguments = self._fromScene()
            if arguments is not None:
                self._is_writing, self._finished = is_writing, []
                self.ui.progressBar.setValue(0)
                self.ui.progressBar.setFormat("%p %")
                run = partial(work, *arguments, *((self._finished,) if is_writing else ()))
                self._work = Background(run, on_done, self.onFailed, self.onProgress, self.onCancelled)
        self.show()

    def _fromScene(self):
        """Take from the scene what an export is made of; where that cannot be, keep every reason and return None."""
        case, refused = self.session.case, []
        files = make = None
        try:
            files = series_files(case.volume, getattr(slicer, "dicomDatabase", None))
        except BadDataError as error:
            refused.append(str(error))
        try:
            make = case_reader(case.volume, case.candidate, (), case.draft)
        except BadDataError as error:
            refused.append(str(error))
        self._refused = tuple(refused)
        if refused:
            return None
        draft_sha256 = case.draft.GetAttribute(VOXELS_ATTRIBUTE) if is_draft(case.draft) else None
        candidate_file = series_file(case.candidate, slicer.dicomDatabase)
        return make, self._record, files, draft_sha256, candidate_file, self.session.protocol.protocol, self._choices(), _remedies()

    def _choices(self):
        reader = self.session.reader or None
        folder = self._chosenFolder()
        name = file_name(" ".join(filter(None, (self.session.case.candidate.GetName(), reader))))
        return ExportChoices(
            reader=reader,
            representation=_REPRESENTATIONS[self.ui.storedAsSelector.currentIndex],
            unknown_by_hand=self.ui.byHandCheckBox.checked,
            seg_path=folder / f"{name}.seg.dcm",
            sr_path=folder / f"{name}.sr.dcm",
        )

    def _chosenFolder(self):
        return self._folder or self.session.records_folder / "DICOM"

    def _abandon(self):
        if self._work is not None:
            self._work.abandon()
            self._work, self._is_writing = None, False

    def onProgress(self, words, share):
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_S:
            self._told = now
            self.ui.progressBar.setValue(round(100 * share))
            self.ui.progressBar.setFormat(f"%p %  {words}")

    def onChecked(self, checked):
        self._work = None
        self._checked = checked
        self.show()

    def onWritten(self, outcome):
        checked, choices, was_written = outcome
        self._work, self._is_writing = None, False
        self._checked = checked
        self._was_written = was_written
        if was_written:
            self._message = _("Written: {seg} and {sr}, in {folder}.").format(
                seg=choices.seg_path.name, sr=choices.sr_path.name, folder=choices.seg_path.parent
            )
            self.session.write_event("dicom_exported", seg=str(choices.seg_path), sr=str(choices.sr_path))
            if self.ui.databaseCheckBox.checked:
                self._uninserted = [choices.seg_path, choices.sr_path]
                self.session.later(partial(self.onInsertNext, self._message, []))
        self._afterWriting()

    def onInsertNext(self, message, missing):
        """Add one file to Slicer's database, and the next in its own turn: the window answers in between."""
        if self._uninserted:
            path = self._uninserted.pop(0)
            # Without thumbnail: that of a segmentation shows nothing.
            slicer.dicomDatabase.insert(str(path), True, False)
            if not slicer.dicomDatabase.fileForInstance(_instance(path)):
                missing.append(path.name)
            self.session.later(partial(self.onInsertNext, message, missing))
            return
        words = _("Both are in Slicer's DICOM database.")
        if missing:
            words = _("Slicer's DICOM database did not take {files}: import them in the DICOM module.").format(
                files=", ".join(missing)
            )
        if self._message == message:
            self._message = f"{message} {words}"
            self.show()

    def onCancelled(self):
        if self._finished:
            self.onWritten(self._finished[0])
            return
        self._work, self._is_writing = None, False
        self._message = _("Stopped. Nothing was written.")
        self._afterWriting()

    def onFailed(self, error):
        self._work, self._is_writing = None, False
        if isinstance(error, BadDataError):
            self._refused = (str(error),)
        else:
            logging.error("SegQC: the DICOM export failed.", exc_info=error)
            self._refused = (_("It failed, and nothing was written: {error}").format(error=error),)
        self._afterWriting()

    def _afterWriting(self):
        if self._is_due:
            # Something else was chosen meanwhile.
            self._is_due = False
            self._checkLater()
        self.show()

    # What is seen

    def show(self):
        """Show how things stand."""
        ui, running = self.ui, self._work is not None
        stopping, misleading = self._sentences()
        can_be_written = self._checked is not None and not stopping
        ui.headlineLabel.setText(self._headline(stopping, misleading))
        icon = self._icon(stopping, misleading)
        side = qt.QFontMetrics(ui.headlineLabel.font).height()
        ui.headlineIcon.setVisible(icon is not None)
        if icon is not None:
            ui.headlineIcon.setPixmap(slicer.app.style().standardIcon(icon).pixmap(side, side))
        self._showFaults(stopping, misleading)
        unknown = self._checked is not None and bool(self._checked.unknown)
        ui.byHandCheckBox.setVisible(unknown)
        ui.contentLabel.setText(self._content())
        ui.contentLabel.setVisible(self._checked is not None)
        if not ui.folderEdit.hasFocus() or self._folder is not None:
            ui.folderEdit.setText(str(self._chosenFolder()))
        for widget in (ui.storedAsSelector, ui.folderEdit, ui.folderButton, ui.byHandCheckBox, ui.databaseCheckBox):
            widget.setEnabled(not self._is_writing)
        ui.writeButton.setEnabled(can_be_written and not running)
        ui.checkButton.setEnabled(not self._obstacle)
        for widget in (ui.writeButton, ui.checkButton):
            widget.setVisible(not running)
        for widget in (ui.progressBar, ui.cancelButton):
            widget.setVisible(running)

    def _sentences(self):
        faults = () if self._checked is None else self._checked.faults
        stopping = [*self._refused, *(fault.message for fault in faults if fault.status is Status.FAIL)]
        return stopping, [fault.message for fault in faults if fault.status is not Status.FAIL]

    def _headline(self, stopping, misleading):
        if self._message:
            return self._message
        if self._obstacle:
            return self._obstacle
        if self._is_writing:
            return _("Writing ...")
        if stopping:
            return _("Cannot be written yet. Reasons: {count}. Nothing was written.").format(count=len(stopping))
        if self._checked is None:
            return _("Checking what would be written ...") if self._work is not None or self._timer.active else _("Not checked.")
        if misleading:
            return _("Can be written, but would mislead. Points to read: {count}.").format(count=len(misleading))
        return _("Can be written.")

    def _icon(self, stopping, misleading):
        if stopping:
            return qt.QStyle.SP_MessageBoxCritical
        if self._checked is None:
            return None
        return qt.QStyle.SP_MessageBoxWarning if misleading and not self._message else qt.QStyle.SP_DialogApplyButton

    def _showFaults(self, stopping, misleading):
        parts = []
        for title, sentences in (
            (_("Cannot be written until this is solved:"), stopping),
            (_("Would mislead, if nobody knows it:"), misleading),
        ):
            if sentences:
                parts.append("\n".join([title, *(f"• {sentence}" for sentence in sentences)]))
        text = "\n\n".join(parts)
        box = self.ui.faultsText
        if text != box.toPlainText():
            box.setPlainText(text)
        # Wide enough for words that do not fill their line.
        letters = max(0.85 * self.widget.width / qt.QFontMetrics(box.font).averageCharWidth(), 20)
        lines = sum(1 + int(len(line) / letters) for line in text.split("\n"))
        lines = min(max(lines, _FEWEST_LINES), _MOST_LINES)
        box.setFixedHeight((lines + 1) * self._line)
        box.setVisible(bool(text))

    def _content(self):
        """Return what would be written: who or what drew which segments, and who answers for them."""
        if self._checked is None:
            return ""
        candidate, lines = self._checked.candidate, []
        by_origin = {}
        for segment in candidate.segments:
            origin = segment.algorithm_type or _("Origin unknown")
            if segment.algorithm_name:
                origin += f" ({' '.join(filter(None, (segment.algorithm_name, segment.algorithm_version)))})"
            by_origin.setdefault(origin, []).append(segment.name)
        lines += [f"{origin}: {_listed(names)}" for origin, names in by_origin.items()]
        empty = [segment.name for segment in candidate.segments if candidate.box(segment) is None]
        if empty:
            lines.append(_("Without voxels (described only): {names}").format(names=_listed(empty)))
        lines.append(_("Reader: {name}").format(name=self.session.reader or _("not named")))
        lines.append(_("Images: {count}").format(count=len(self._checked.images.slices)))
        if self._checked.replaced and not self._was_written:
            names = ", ".join(path.name for path in self._checked.replaced)
            lines.append(_("Replaces, of an earlier export: {names}").format(names=names))
        return "\n".join(lines)


def _listed(names):
    if len(names) <= _MOST_NAMES:
        return ", ".join(names)
    return _("{names} and {count} more").format(names=", ".join(names[: _MOST_NAMES - 1]), count=len(names) - _MOST_NAMES + 1)


def _remedies():
    return Remedies(
        codes=_(
            "Choose the protocol that has these structures (step Case), or say in the Segment Editor what they are (double-click"
            " the colour of a segment), then evaluate again."
        ),
        origin=_(
            "If a program proposed it, read the program's result in the step AI draft and start the candidate from it; if you"
            " drew it by hand, tick the box below."
        ),
        contradiction=_(
            "If the draft is of this image, start the candidate from it again (step AI draft); if it is not, choose another or none"
            " (step Case)."
        ),
        hearsay=_("If a program proposed them, read its result in the step AI draft and start the candidate from it."),
        same_name=_("Give both the same name, then evaluate again."),
        algorithm_name=_("Take the draft again in the step AI draft and name its algorithm there."),
        algorithm_version=_("Of a draft they are given where it is imported (step AI draft); Slicer's own tools have none."),
        reader=_("Give your name in the step Case."),
    )


def _instance(path):
    import pydicom

    return str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"], stop_before_pixels=True).SOPInstanceUID)


def _checked(make, record, files, draft_sha256, candidate_file, protocol, choices, remedies, progress):
    progress("Reading the segmentation", 0.0)
    case = make()
    return checked_export(case, record, files, draft_sha256, candidate_file, protocol, choices, remedies, part(progress, 0.1, 1.0))


def _checked_and_written(make, record, files, draft_sha256, candidate_file, protocol, choices, remedies, finished, progress):
    checked = _checked(make, record, files, draft_sha256, candidate_file, protocol, choices, remedies, part(progress, 0.0, 0.3))
    if checked.can_be_written:
        write_export(checked, record, choices, part(progress, 0.3, 1.0))
    finished.append((checked, choices, checked.can_be_written))
    return finished[0]
