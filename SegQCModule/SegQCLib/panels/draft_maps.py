"""The draft's uncertainty maps: out of sight until the reader asks for one, and the protocol lets it be shown."""

from __future__ import annotations

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.importers.uncertainty_map import read_map
from SegQCLib.mrml.draft import (
    MEANING_ATTRIBUTE,
    add_map,
    file_geometry,
    finish_first_read,
    first_read_by,
    maps_of,
    show_map,
    shown_map,
)


class DraftMaps:
    """Show, hide and add maps.

    Parameters
    ----------
    session : Session
    start : callable(work, on_done)
        Does work in the background.
    selector : QComboBox
        The draft's maps.
    show_button, add_button, first_read_button : QPushButton
        The first one is checkable.
    reason : QLabel
        What the chosen map shows, or why none may be shown yet.
    """

    def __init__(self, session, start, *, selector, show_button, add_button, reason, first_read_button):
        self.session, self._start = session, start
        self._selector, self._show_button, self._add_button = selector, show_button, add_button
        self._reason, self._first_read_button = reason, first_read_button
        self._draft_node = None
        selector.connect("activated(int)", self.onMapChosen)
        show_button.connect("clicked(bool)", self.onShowMap)
        add_button.connect("clicked(bool)", self.onAddMap)
        first_read_button.connect("clicked(bool)", self.onFirstReadDone)

    def show(self, draft_node):
        """Show the maps of a draft."""
        self._draft_node = draft_node
        maps = maps_of(draft_node)
        index = max(self._selector.currentIndex, 0)
        self._selector.clear()
        for node in maps:
            self._selector.addItem(node.GetName())
        self._selector.setCurrentIndex(min(index, len(maps) - 1))
        obstacle = self._obstacle()
        self._selector.enabled = bool(maps)
        self._show_button.enabled = bool(maps) and not obstacle
        self._show_button.checked = shown_map(slicer.mrmlScene, draft_node) is not None
        self._first_read_button.visible = bool(maps) and bool(obstacle)
        if not maps:
            self._reason.text = _("No uncertainty map came with the draft.")
        else:
            self._reason.text = obstacle or self._chosen().GetAttribute(MEANING_ATTRIBUTE) or ""

    def _obstacle(self):
        protocol = self.session.protocol
        if protocol is None or protocol.protocol.uncertainty_maps == "on_request":
            return ""
        if self._draft_node is None or self.session.reader in first_read_by(self._draft_node):
            return ""
        return _("The protocol shows maps only after the first read. Read the image, then say that it is done.")

    def _chosen(self):
        maps = maps_of(self._draft_node)
        index = self._selector.currentIndex
        return maps[index] if 0 <= index < len(maps) else None

    def onMapChosen(self, _index):
        if self._show_button.checked:
            self.onShowMap(True)
        else:
            self.show(self._draft_node)

    def onShowMap(self, checked=False):
        node = self._chosen()
        show_map(slicer.mrmlScene, node if checked else None)
        self.session.write_event("map_shown" if checked else "map_hidden", name=node.GetName())
        self.show(self._draft_node)

    def onAddMap(self, _checked=False):
        path = qt.QFileDialog.getOpenFileName(
            self._add_button,
            _("Probability or uncertainty map"),
            "",
            _("Maps") + " (*.npz *.nii *.nii.gz *.nrrd *.mha *.mhd);;" + _("All files") + " (*)",
        )
        if path:
            self.add(Path(path))

    def add(self, path):
        """Read a map in the background and add it to the draft, out of sight."""
        geometry = file_geometry(self._draft_node)

        def work(progress):
            progress(f"Reading {path.name}", 0.0)
            return path.name, read_map(path, geometry)

        self._start(work, self.onRead)

    def onRead(self, outcome):
        name, uncertainty_map = outcome
        add_map(slicer.mrmlScene, uncertainty_map, self._draft_node, name)
        self.session.write_event("map_added", name=name)
        self.show(self._draft_node)

    def onFirstReadDone(self, _checked=False):
        finish_first_read(self._draft_node, self.session.reader)
        self.session.write_event("first_read_done")
        self.show(self._draft_node)
