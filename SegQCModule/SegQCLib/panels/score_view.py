"""How an attempt compares with the experts: numbers by structure, the error map in the slices, and where to look first."""

from __future__ import annotations

from functools import partial
from html import escape

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.mrml.error_map_node import error_map_of, remove_error_map, show_error_map, write_error_map
from SegQCLib.mrml.expert_nodes import COLORS as EXPERT_COLORS
from SegQCLib.mrml.expert_nodes import add_experts, experts_in, remove_experts
from SegQCLib.mrml.slice_views import jump_slices
from SegQCLib.number_texts import millilitres
from SegQCLib.panels.column_scroll import scroll_column_to
from SegQCLib.panels.score_texts import (
    duration,
    fill_score_row,
    is_within,
    score_row,
    set_up_score_table,
    show_score_rows,
    structure_details,
)
from SegQCLib.readers.training.error_map import COLORS, EXTRA, MISSED
from SegQCLib.readers.training.scored_attempt import ErrorMap, ScoredAttempt, errors_of

_ROWS, _LINES, _DETAIL_LINES = 4, 4, 5
_LAID_OUT_MS, _SCROLLS = 100, 10


class ScoreView:
    """Show one scored attempt; the map and the experts are put into the scene when they are asked for, and taken away again.

    Parameters
    ----------
    session : Session
    resource_path : callable(str) -> str
    start : callable(work, on_done)
        Does work in the background.

    Attributes
    ----------
    widget : QWidget
    """

    def __init__(self, session, resource_path, start):
        self.session, self._start = session, start
        self.widget = slicer.util.loadUI(resource_path("UI/TrainingScore.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._scored: ScoredAttempt | None = None
        self._volume = None
        self._layers = ()
        self._errors: ErrorMap | None = None  # of the structure and expert that are chosen
        self._places = ()
        self._shown = ()  # the scores in the table; None: all structures
        self._outdated = False
        self._scrolls = 0
        ui = self.ui
        line = qt.QFontMetrics(ui.structureText.font).height()
        ui.structureText.setMinimumHeight(_DETAIL_LINES * line)
        ui.structureText.setMaximumHeight(_DETAIL_LINES * line)
        table = ui.structuresTable
        set_up_score_table(table, _ROWS)
        self._line = line
        table.connect("currentCellChanged(int,int,int,int)", self.onRowChanged)
        # Once the column is laid out anew, level by level: on a small screen the result would lie below its edge.
        self._shown_later = qt.QTimer(self.widget)
        self._shown_later.setSingleShot(True)
        self._shown_later.setInterval(_LAID_OUT_MS)
        self._shown_later.connect("timeout()", self.onShown)
        ui.mapButton.connect("toggled(bool)", self.onMap)
        ui.expertsButton.connect("toggled(bool)", self.onExperts)
        ui.againstSelector.connect("activated(int)", self.onAgainst)
        ui.lookList.connect("itemActivated(QListWidgetItem*)", self.onPlaceActivated)
        ui.lookList.connect("currentRowChanged(int)", self.onPlaceChosen)
        self.clear()

    def clear(self):
        """Forget the attempt, and take map and experts out of the scene."""
        self._shown_later.stop()
        volume, self._volume = self._volume, None
        self._scored, self._layers, self._errors, self._places = None, (), None, ()
        self._outdated = False
        if volume is not None and not slicer.mrmlScene.IsClosing():
            if volume.GetScene() is not None:
                remove_error_map(slicer.mrmlScene, volume)
            remove_experts(slicer.mrmlScene)
        self.ui.lookList.clear()
        self.ui.structuresTable.setRowCount(0)
        self.widget.setVisible(False)

    def show(self, scored: ScoredAttempt, layers, volume_node):
        """Show an attempt and lay its error map over the image.

        Parameters
        ----------
        scored : ScoredAttempt
        layers : sequence of tuple of CroppedLayer
            What `crop_layers` gave of each expert's segmentation.
        volume_node : vtkMRMLScalarVolumeNode
        """
        if volume_node is not self._volume:
            self.clear()
        self._outdated = False
        self._scored, self._layers, self._volume, self._errors = scored, layers, volume_node, scored.errors
        self.widget.setVisible(True)
        selector = self.ui.againstSelector
        selector.clear()
        names = [reference.name for reference in scored.references]
        if len(names) > 1:
            selector.addItem(_("against the majority of {count} experts").format(count=len(names)))
        for name in names:
            selector.addItem(_("against {expert}").format(expert=name))
        self._fillStructures()
        self._fillPlaces()
        self._showSummary()
        self._writeMap(True)
        self._check(self.ui.expertsButton, bool(experts_in(slicer.mrmlScene)))
        self._showLegend()
        self._scrolls = _SCROLLS
        self._shown_later.start()

    def onShown(self):
        """Scroll Slicer's column to the result."""
        if self._scored is None:
            return
        self._scrolls -= 1
        if not scroll_column_to(self.ui.summaryLabel) and self._scrolls > 0:
            # The column has not its new height yet.
            self._shown_later.start()

    def outdate(self):
        """Note that the segmentation was edited since."""
        if self._scored is not None and not self._outdated:
            self._outdated = True
            self._showSummary()

    def _check(self, button, checked):
        blocked = button.blockSignals(True)
        button.setChecked(checked)
        button.blockSignals(blocked)

    # Numbers

    def _fillStructures(self):
        table, scores = self.ui.structuresTable, self._scored.score.structures
        # One structure is all structures.
        self._shown = scores if len(scores) == 1 else (None, *scores)
        table.blockSignals(True)
        table.setRowCount(len(self._shown))
        for row, one in enumerate(self._shown):
            fill_score_row(table, row, (_("all structures"), "", "") if one is None else score_row(one), one)
        table.selectRow(0)
        table.blockSignals(False)
        show_score_rows(table, min(_ROWS, len(self._shown)))
        self._showStructure(0)

    def _showSummary(self):
        score = self._scored.score
        judged = [within for within in map(is_within, score.structures) if within is not None]
        lines = []
        if self._outdated:
            lines.append(_("You have edited since this score: press Score again."))
        if judged:
            lines.append(
                _("Within the experts' own range: {count} of {judged} structures.").format(count=sum(judged), judged=len(judged))
            )
        if score.seconds is None:
            lines.append(_("Time: not measured, because your work is not logged (step Editing)."))
        else:
            lines.append(_("Active time on this case: {time} (min:s).").format(time=duration(score.seconds)))
        lines += score.notes
        self.ui.summaryLabel.setText("\n".join(lines))

    def onRowChanged(self, row, _column, before, _column_before):
        if self._scored is not None and row >= 0 and row != before:
            self._showStructure(row)
            self._computeMap()

    def _showStructure(self, row):
        one = self._shown[row] if 0 <= row < len(self._shown) else None
        words = _("Select a structure for its numbers, expert by expert.") if one is None else structure_details(one)
        self.ui.structureText.setPlainText(words)

    # The error map

    def onAgainst(self, _index):
        self._computeMap()

    def _chosen(self):
        """Return the structures and the experts that are chosen."""
        row, index = self.ui.structuresTable.currentRow(), self.ui.againstSelector.currentIndex
        one = self._shown[row] if 0 <= row < len(self._shown) else None
        structures = self._scored.case.structures if one is None else (one.structure,)
        references = self._scored.references
        if len(references) > 1:
            return structures, (references if index <= 0 else (references[index - 1],))
        return structures, references

    def _computeMap(self):
        if self._scored is None:
            return
        scored, chosen = self._scored, self._chosen()
        work = partial(_errors, scored, *chosen)
        self._start(work, partial(self.onErrors, scored, chosen))

    def onErrors(self, scored, chosen, errors):
        if scored is self._scored and chosen == self._chosen():
            self._errors = errors
            self._writeMap(self.ui.mapButton.checked)

    def _writeMap(self, visible):
        errors, volume = self._errors, self._volume
        if volume is None or volume.GetScene() is None:
            return
        words = {
            MISSED: _("missed: {volume}").format(volume=millilitres(1000 * errors.missed_ml)),
            EXTRA: _("extra: {volume}").format(volume=millilitres(1000 * errors.extra_ml)),
        }
        structures, _experts = self._chosen()
        title = _("all structures") if len(structures) > 1 else structures[0].replace("_", " ")
        write_error_map(slicer.mrmlScene, errors.map, volume, f"{volume.GetName()} error map", title, words)
        show_error_map(slicer.mrmlScene, volume, visible)
        self._check(self.ui.mapButton, visible)
        self._showLegend()

    def _showLegend(self):
        """Say in words and colours what lies over the image."""
        simulated = all(reference.simulated for reference in self._scored.case.references)
        who = _("the simulated outline") if simulated else _("the experts' outline")
        meaning = {
            MISSED: _("in {whose}, not in yours").format(whose=who),
            EXTRA: _("in yours, not in {whose}").format(whose=who),
        }
        millilitre = {MISSED: self._errors.missed_ml, EXTRA: self._errors.extra_ml}
        words = {MISSED: _("missed"), EXTRA: _("extra")}
        lines = []
        if self.ui.mapButton.checked:
            for value in (MISSED, EXTRA):
                size = millilitres(1000 * millilitre[value])
                lines.append(f"{_patch(COLORS[value])} <b>{words[value]}: {size}</b> ({meaning[value]})")
        if self.ui.expertsButton.checked:
            names = [reference.name for reference in self._scored.references]
            patches = [f"{_patch(EXPERT_COLORS[n % len(EXPERT_COLORS)])} {escape(name)}" for n, name in enumerate(names)]
            lines.append(_("Outlines: {experts}").format(experts=", ".join(patches)))
        self.ui.legendLabel.setText("<br>".join(lines))
        self.ui.legendLabel.setVisible(bool(lines))

    def onMap(self, visible):
        volume = self._volume
        if volume is None or volume.GetScene() is None or error_map_of(volume) is None:
            return
        show_error_map(slicer.mrmlScene, volume, bool(visible))
        self._showLegend()

    def onExperts(self, visible):
        if self._scored is None:
            return
        if visible:
            nodes = add_experts(slicer.mrmlScene, self._scored.references, self._layers, self._volume)
            logged = [node.GetName() for node in nodes]
            self.session.write_event("training_experts_shown", case=self._scored.case.id, experts=logged)
        else:
            remove_experts(slicer.mrmlScene)
        self._showLegend()

    # Where to look

    def _fillPlaces(self):
        score, listed = self._scored.score, self.ui.lookList
        style = slicer.app.style()
        places = [(one.words, one.location_lps_mm, qt.QStyle.SP_ArrowRight) for one in score.look_first]
        places += [
            (_("Technical: {words}").format(words=one.message), one.location_lps_mm, qt.QStyle.SP_MessageBoxWarning)
            for one in score.technical
        ]
        self._places = tuple(place for _words, place, _icon in places)
        blocked = listed.blockSignals(True)
        listed.clear()
        for row, (words, _place, icon) in enumerate(places):
            listed.addItem(words)
            listed.item(row).setIcon(style.standardIcon(icon))
            listed.item(row).setToolTip(words)
        listed.setCurrentRow(-1)
        listed.blockSignals(blocked)
        self.ui.lookLabel.setText(
            _("Look here first ({pieces} places, {technical} technical errors):").format(
                pieces=len(score.look_first), technical=len(score.technical)
            )
            if places
            else _("No piece differs enough to look at, and there are no technical errors.")
        )
        listed.setVisible(bool(places))
        listed.setMinimumHeight(round(_LINES * 1.4 * self._line))
        listed.setMaximumHeight(round(2 * _LINES * 1.4 * self._line))

    def onPlaceActivated(self, item):
        self.onPlaceChosen(self.ui.lookList.row(item))

    def onPlaceChosen(self, row):
        if 0 <= row < len(self._places) and self._places[row] is not None:
            jump_slices(slicer.mrmlScene, self._places[row])


def _errors(scored, structures, references, progress):
    progress(_("Making the error map"), 0.0)
    return errors_of(scored.course, scored.candidate, references, structures)


def _patch(color):
    code = "#" + "".join(f"{round(255 * channel):02x}" for channel in color)
    return f'<span style="background-color:{code}">&nbsp;&nbsp;&nbsp;&nbsp;</span>'
