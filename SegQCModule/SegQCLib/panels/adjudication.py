"""The part of the Agreement panel in which a further reader decides, piece by piece, who drew what being hidden."""

from __future__ import annotations

import threading
from functools import partial

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.agreement.adjudication import (
    PIECE_ID,
    adjudicated_segmentation,
    adjudication_from_text,
    adjudication_text,
    begin_adjudication,
    close_adjudication,
    component_of,
    decide,
    outlines_segmentation,
    piece_outlines,
    reader_outcomes,
    reader_places,
)
from SegQCLib.case_files import reader_folder
from SegQCLib.errors import BadDataError
from SegQCLib.file_name import file_name
from SegQCLib.mrml.adjudication_nodes import (
    add_made_from_readers,
    adjudication_text_of,
    hide_segmentations,
    outlines_of,
    remove_outlines,
    show_hidden,
    show_outlines,
    write_adjudication,
)
from SegQCLib.mrml.disagreement_map_node import map_is_shown, show_map_over
from SegQCLib.mrml.segmentation import crop_layers
from SegQCLib.mrml.slice_views import jump_slices
from SegQCLib.number_texts import millilitres
from SegQCLib.output import write_files
from SegQCLib.panels.background import Background

_DEFAULT_SMALLEST_ML = 0.1
_OUTCOME_LINES = 6
_LONG_QUESTION_LINES = 2


class AdjudicationView:
    """Show one piece after the other and keep every decision, in the scene and in a file of the records folder.

    While it runs, no view of Slicer shows whose outline is whose: all other segmentations are out of sight, the outlines
    are called A and B, and the panel shows no reader.

    Parameters
    ----------
    session : Session
    resource_path : callable(str) -> str
    start : callable(work, on_done)
        Does work in the background.
    on_running : callable
        Called when it begins to decide, and when it no longer does.

    Attributes
    ----------
    widget : QWidget
    running : bool
        Whether a piece is shown to be decided.
    outdated : bool
        Whether a compared segmentation was edited since: what was begun is gone on with, but nothing new is begun.
    """

    def __init__(self, session, resource_path, start, on_running):
        self.session, self._start, self._on_running = session, start, on_running
        self.widget = slicer.util.loadUI(resource_path("UI/Adjudication.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.running = self.outdated = False
        self._case = self._components = self._checksums = self._adjudication = None
        self._volume = self._file = None
        self._place = 0
        self._reader = session.reader  # whose adjudication was looked for
        self._map_was_shown = False
        self._message = ""
        self._saving = None
        self._unsaved = False
        ui = self.ui
        ui.smallestSpinBox.setValue(_DEFAULT_SMALLEST_ML)
        ui.smallestSpinBox.connect("valueChanged(double)", self.onSmallest)
        ui.beginButton.connect("clicked(bool)", self.onBegin)
        ui.resumeButton.connect("clicked(bool)", self.onResume)
        ui.acceptButton.connect("clicked(bool)", self.onAccept)
        ui.rejectButton.connect("clicked(bool)", self.onReject)
        ui.undecidedButton.connect("clicked(bool)", self.onUndecided)
        ui.previousButton.connect("clicked(bool)", self.onPrevious)
        ui.nextButton.connect("clicked(bool)", self.onNext)
        ui.outlinesButton.connect("clicked(bool)", self.onOutlines)
        ui.pauseButton.connect("clicked(bool)", self.onPause)
        ui.closeButton.connect("clicked(bool)", self.onClose)
        # The eyes are on the slices, so the keys hold in all of Slicer, but only while the question is on the screen: in the
        # Segment Editor the same digits choose its effects. A line of text that has the focus keeps its digits.
        keys = (
            ("1", self.onAcceptKey), ("2", self.onRejectKey), ("3", self.onUndecidedKey), ("0", self.onOutlinesKey),
            # Alt with an arrow is Slicer's way through the modules, and SegQC's through the findings.
            ("Ctrl+PgUp", self.onPreviousKey), ("Ctrl+PgDown", self.onNextKey),
        )  # fmt: skip
        self._shortcuts = [self._shortcut(key, slot) for key, slot in keys]
        line = qt.QFontMetrics(ui.outcomeText.font).height()
        ui.outcomeText.setMaximumHeight(_OUTCOME_LINES * line)
        # The buttons stay where they are from piece to piece.
        ui.questionLabel.setMinimumHeight(_LONG_QUESTION_LINES * line)
        self.show()

    def _shortcut(self, key, slot):
        # Qt asks the shortcut's parent whether it can be seen.
        shortcut = qt.QShortcut(qt.QKeySequence(key), self.ui.decisionFrame)
        shortcut.setContext(qt.Qt.ApplicationShortcut)
        shortcut.setEnabled(False)
        shortcut.connect("activated()", slot)
        return shortcut

    def cleanup(self):
        self.pause()
        self._flush()
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []

    def follow(self, case, components, checksums, volume):
        """Turn to the readers of another comparison, or to none (None)."""
        self.pause()
        self._flush()
        self._case, self._components, self._checksums, self._volume = case, components, checksums, volume
        self._adjudication, self._message, self._file, self.outdated = None, "", None, False
        if case is not None:
            self._findOpen()
        self.show()

    def _findOpen(self):
        """Look for the adjudication of these segmentations that is open or was closed: in the scene, then in its file."""
        texts = [(adjudication_text_of(self._volume), self._volume.GetName())]
        path = self._path()
        if path is not None and path.is_file():
            try:
                texts.append((path.read_text(encoding="utf-8"), path))
            except (OSError, UnicodeDecodeError) as error:
                self._message = _("The adjudication in {path} cannot be read: {error}").format(path=path, error=error)
        found = []
        for text, where in texts:
            if text:
                try:
                    adjudication = adjudication_from_text(text, where)
                    reader_places(adjudication, self._case, self._checksums)
                    found.append(adjudication)
                except BadDataError as error:
                    self._message = str(error)
        # After a crash the file may be further than the scene that was saved before.
        own = [one for one in found if one.closed is None and one.adjudicator == self.session.reader]
        self._adjudication = max(own, key=lambda one: one.decided, default=None)

    @property
    def is_closed(self):
        """Whether an outcome is shown."""
        return self._adjudication is not None and self._adjudication.closed is not None

    def outdate(self):
        """Note that a compared segmentation was edited."""
        self.outdated = self._case is not None
        self.show()

    def onSessionChanged(self):
        """Follow another reader: what one began, the other does not go on with."""
        if self._reader != self.session.reader:
            self.pause()
            self._flush()
            self._adjudication, self._message, self._file = None, "", None
            self._reader = self.session.reader
            if self._case is not None:
                self._findOpen()
            self.show()

    def show(self):
        """Show what may be done now."""
        ui, adjudication = self.ui, self._adjudication
        ready = self._case is not None
        self.widget.setVisible(ready)
        is_open = adjudication is not None and adjudication.closed is None
        ui.decisionFrame.setVisible(self.running)
        for shortcut in self._shortcuts:
            shortcut.setEnabled(self.running)
        for widget in (ui.smallestLabel, ui.smallestSpinBox, ui.beginButton):
            widget.setVisible(not self.running)
        ui.resumeButton.setVisible(is_open and not self.running)
        ui.outcomeText.setVisible(not self.running and self.is_closed)
        obstacle = self._obstacle()
        ui.beginButton.enabled = ready and not obstacle
        tip = _("Decide about each piece that readers differ about, without knowing who drew it.")
        ui.beginButton.setToolTip(obstacle or tip)
        ui.headlineLabel.setText(self._headline(obstacle))
        if self.running:
            self._showItem()

    def _obstacle(self):
        """Return why nobody can adjudicate now, in a sentence, or an empty text."""
        if self._case is None:
            return _("Compare readers first.")
        if self.outdated:
            return _("A segmentation was edited: compare again to adjudicate.")
        if not self.session.reader:
            return _("To adjudicate, enter your name or code in step 1.")
        if " ".join(self.session.reader.casefold().split()) in [" ".join(n.casefold().split()) for n in self._case.names]:
            return _("{reader} is one of the compared readers; adjudication needs a further one.").format(
                reader=self.session.reader
            )
        return ""

    def _headline(self, obstacle):
        adjudication = self._adjudication
        if self._message:
            return self._message
        if self.running:
            return _("{number} of {count}, {decided} decided. Readers are hidden.").format(
                number=self._place + 1, count=len(adjudication.items), decided=adjudication.decided
            )
        if self._case is None or obstacle:
            return obstacle
        if adjudication is not None and adjudication.closed is None:
            return _("An adjudication is open: {decided} of {count} pieces decided.").format(
                decided=adjudication.decided, count=len(adjudication.items)
            )
        sizes = [component.size_ml for component in self._components]
        smallest = self.ui.smallestSpinBox.value
        count = sum(size >= smallest for size in sizes)
        small = sum(size for size in sizes if size < smallest)
        return _("Pieces to decide: {count}. Smaller ones ({rest}, together {size}) follow more than half of the readers.").format(
            count=count, rest=len(sizes) - count, size=millilitres(1000 * small)
        )

    def onSmallest(self, _value):
        self._message = ""
        self.ui.headlineLabel.setText(self._headline(self._obstacle()))

    def onBegin(self, _checked=False):
        """Begin a new adjudication; an open one is given up only after a question."""
        adjudication = self._adjudication
        if adjudication is not None and adjudication.closed is None and adjudication.decided:
            question = _("{count} decisions of the open adjudication are lost. Begin again?").format(count=adjudication.decided)
            if not self._confirmed(question):
                return
        try:
            self._adjudication = begin_adjudication(
                self._case,
                self._components,
                self.session.case_name or self._volume.GetName(),
                self.session.reader,
                smallest_ml=self.ui.smallestSpinBox.value,
                checksums=self._checksums,
            )
        except BadDataError as error:
            self._say(str(error))
            return
        if not self._adjudication.items:
            self._adjudication = None
            self._say(_("There is no piece of this size to decide."))
            return
        self.session.write_event("adjudication_begun", pieces=len(self._adjudication.items), seed=self._adjudication.seed)
        self._run()

    def onResume(self, _checked=False):
        self._run()

    def _run(self):
        self._message = ""
        self.running = True
        self._file = _LatestText(self._path())
        next_open = self._adjudication.next_open
        self._place = 0 if next_open is None else next_open
        scene = slicer.mrmlScene
        self._map_was_shown = map_is_shown(scene, self._volume)
        # How many readers differ at a place would be a hint.
        show_map_over(scene, self._volume, False)
        self._keep()
        self._on_running()
        self.show()
        self._goTo(self._place)
        # Once the column is laid out anew: on a small screen the buttons would lie below its edge.
        self.session.later(self.onShown)

    def onShown(self):
        """Scroll Slicer's column to the question and its buttons."""
        column = self.widget.parentWidget()
        while column is not None and not column.inherits("QScrollArea"):
            column = column.parentWidget()
        if column is not None and self.running:
            column.ensureWidgetVisible(self.ui.closeButton)

    def enter(self):
        """Hide again what another module has shown meanwhile: the Segment Editor shows what it opens."""
        if self.running:
            hide_segmentations(slicer.mrmlScene)

    def pause(self):
        """Stop deciding and show again what was hidden; the decisions are kept."""
        if not self.running:
            return
        self.running = False
        scene = slicer.mrmlScene
        if not scene.IsClosing():
            remove_outlines(scene)
            show_hidden(scene)
            if self._volume is not None and self._volume.GetScene() is not None:
                show_map_over(scene, self._volume, self._map_was_shown)
        self._on_running()

    def onPause(self, _checked=False):
        self.pause()
        self.show()

    def _goTo(self, place):
        """Show the piece at a place, from 0, in all slice views."""
        self._place = place
        item = self._adjudication.items[place]
        try:
            component = component_of(item, self._components)
        except BadDataError as error:
            self.pause()
            self._say(str(error))
            return
        # Again: one may have been added, or switched on, since the last piece.
        hide_segmentations(slicer.mrmlScene)
        outlines = outlines_segmentation(piece_outlines(item, component, self._case), self._case)
        show_outlines(slicer.mrmlScene, outlines, self._volume, PIECE_ID, "SegQC adjudication outlines")
        self.ui.outlinesButton.setChecked(True)
        jump_slices(slicer.mrmlScene, item.location_lps_mm)
        self.ui.commentEdit.setText(item.comment or "")
        self.show()

    def _showItem(self):
        ui, adjudication = self.ui, self._adjudication
        item = adjudication.items[self._place]
        ui.questionLabel.setText(
            _("Does the yellow piece ({size}) belong to {structure}?").format(
                size=millilitres(1000 * item.size_ml), structure=item.structure
            )
        )
        ui.legendLabel.setText(_("Outline A is blue, B is pink: one of them has the piece, the other goes without it."))
        for button, decision in ((ui.acceptButton, "accept"), (ui.rejectButton, "reject"), (ui.undecidedButton, "undecided")):
            button.setChecked(item.decision == decision)
        ui.previousButton.enabled = self._place > 0
        ui.nextButton.enabled = self._place + 1 < len(adjudication.items)
        left = len(adjudication.items) - adjudication.decided
        ui.closeButton.enabled = left == 0
        ui.closeButton.setToolTip(
            _("{count} pieces have no decision yet.").format(count=left)
            if left
            else _("End the adjudication, tell who drew what, and make the adjudicated segmentation. Decisions are then final.")
        )

    def _decide(self, decision):
        if not self.running:
            return
        self._message = ""
        place, comment = self._place, self.ui.commentEdit.text
        self._adjudication = decide(self._adjudication, place, decision, comment)
        item = self._adjudication.items[place]
        self.session.write_event(
            "disagreement_decided",
            structure=item.structure,
            component=item.component,
            order=place + 1,
            decision=decision,
            comment=item.comment,
        )
        self._keep()
        items = self._adjudication.items
        following = [n for n in (*range(place + 1, len(items)), *range(place)) if items[n].decision is None]
        if following:
            self._goTo(following[0])
        else:
            self.show()

    def onAccept(self, _checked=False):
        self._decide("accept")

    def onReject(self, _checked=False):
        self._decide("reject")

    def onUndecided(self, _checked=False):
        self._decide("undecided")

    def onAcceptKey(self):
        self._decide("accept")

    def onRejectKey(self):
        self._decide("reject")

    def onUndecidedKey(self):
        self._decide("undecided")

    def onPrevious(self, _checked=False):
        if self.running and self._place > 0:
            self._goTo(self._place - 1)

    def onNext(self, _checked=False):
        if self.running and self._place + 1 < len(self._adjudication.items):
            self._goTo(self._place + 1)

    def onPreviousKey(self):
        self.onPrevious()

    def onNextKey(self):
        self.onNext()

    def onOutlines(self, checked):
        node = outlines_of(self._volume)
        if node is not None:
            node.GetDisplayNode().SetVisibility(checked)

    def onOutlinesKey(self):
        self.ui.outlinesButton.setChecked(not self.ui.outlinesButton.checked)
        self.onOutlines(self.ui.outlinesButton.checked)

    def onClose(self, _checked=False):
        """Unblind after a question, and make the adjudicated segmentation."""
        question = _("Close the adjudication? Then readers are told, and decisions are final.")
        if self._confirmed(question):
            self._start(partial(_closed, self._adjudication, self._case, self._components), self.onClosed)

    def _confirmed(self, question):
        buttons = qt.QMessageBox.Ok | qt.QMessageBox.Cancel
        return qt.QMessageBox.question(self.widget, _("Adjudication"), question, buttons) == qt.QMessageBox.Ok

    def onClosed(self, outcome):
        self._adjudication, segmentation, layers = outcome
        self.pause()
        self._keep()
        add_made_from_readers(slicer.mrmlScene, segmentation, self._volume, layers)
        counts = [sum(item.decision == d for item in self._adjudication.items) for d in ("accept", "reject", "undecided")]
        self.session.write_event(
            "adjudication_closed", accepted=counts[0], rejected=counts[1], undecided=counts[2], result=segmentation.name
        )
        lines = [
            _("Pieces that belong: {accepted}; that do not: {rejected}; undecided: {undecided}.").format(
                accepted=counts[0], rejected=counts[1], undecided=counts[2]
            ),
            _("Result: {name}").format(name=segmentation.name),
        ]
        words = _(
            "{reader}: {confirmed} of {decided} decisions as drawn; drawn pieces rejected: {rejected};"
            " left-out pieces accepted: {missed}."
        )
        lines += [
            words.format(
                reader=one.reader,
                confirmed=one.confirmed,
                decided=one.decided,
                rejected=one.drew_rejected,
                missed=one.left_out_accepted,
            )
            for one in reader_outcomes(self._adjudication)
        ]
        self.ui.outcomeText.setPlainText("\n".join(lines))
        self._message = _("The adjudication is closed.")
        self.show()

    def _say(self, text):
        self._message = text
        self.show()

    def _path(self):
        if self._volume is None or not self.session.reader:
            return None
        name = self.session.case_name or self._volume.GetName()
        return reader_folder(self.session.records_folder, name, self.session.reader) / f"{file_name(name)}.adjudication.json"

    def _keep(self):
        """Keep the adjudication in the scene at once, and in its file as soon as the disk has time."""
        write_adjudication(slicer.mrmlScene, adjudication_text(self._adjudication), self._volume)
        self._unsaved = True
        self._save()

    def _save(self):
        if self._saving is None and self._unsaved and self._file is not None:
            self._unsaved = False
            self._saving = Background(self._file.writer(adjudication_text(self._adjudication)), self.onSaved, self.onSaveFailed)

    def onSaved(self, _value):
        self._saving = None
        self._save()

    def onSaveFailed(self, error):
        self._saving = None
        self._say(_("Decisions are kept in the scene only: {error}").format(error=error))

    def _flush(self):
        """Write what is not in the file yet, and wait for it."""
        if self._saving is not None:
            self._saving.abandon()
            self._saving, self._unsaved = None, True
        if self._unsaved and self._adjudication is not None and self._file is not None:
            self._unsaved = False
            try:
                self._file.writer(adjudication_text(self._adjudication))(None)
            except BadDataError as error:
                slicer.util.errorDisplay(str(error))


class _LatestText:
    """A file that always ends up with the text that was handed over last, whichever thread comes first."""

    def __init__(self, path):
        self._path = path
        self._lock = threading.Lock()
        self._handed_over = self._written = 0

    def writer(self, text):
        """Return what writes the text, in any thread; nothing is written where a later text is."""
        self._handed_over += 1
        return partial(self._write, self._handed_over, text)

    def _write(self, number, text, _progress):
        with self._lock:
            if number < self._written:
                return
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise BadDataError(
                    self._path.parent, f"cannot be made ({error.strerror}).", "Choose another records folder."
                ) from error
            write_files(self._path.parent, {self._path.name: text})
            self._written = number


def _closed(adjudication, case, components, progress):
    closed = close_adjudication(adjudication, case)
    segmentation = adjudicated_segmentation(closed, case, components, progress)
    return closed, segmentation, crop_layers(segmentation)
