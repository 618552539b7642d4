"""An attempt's numbers as the Training step writes them."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.number_texts import millilitres, ratio
from SegQCLib.panels.table_columns import set_columns
from SegQCLib.readers.training.attempt_score import BesideExperts, StructureScore

# A row has two lines: the reader's value, and the experts' range.
_ROW_LINES = 2.4


def score_titles():
    """Return title and tip of each column of a table of structures."""
    experts = _("Below it, the lowest and the highest value that two of the experts reach with each other on this image.")
    return (
        (_("Structure"), _("A tick: within the experts' own range, by both measures.")),
        (
            _("Dice\n(experts)"),
            _("Your mean over the experts: twice the shared volume, divided by the sum of the volumes, 0 to 1; higher is better.")
            + " "
            + experts,
        ),
        (
            _("Surface Dice\n(experts)"),
            _("Your mean over the experts: share of both surfaces within the tolerance, 0 to 1; higher is better.") + " " + experts,
        ),
    )


def score_row(score: StructureScore) -> tuple[str, str, str]:
    """Return a structure's row of the table: structure, Dice and surface Dice, each with the experts' range below it."""
    return score.structure.replace("_", " "), _with_range(score.dice), _with_range(score.surface_dice)


def _with_range(beside: BesideExperts) -> str:
    experts = beside.experts
    between = _("(no range)") if experts is None else f"({experts.lowest:.2f}–{experts.highest:.2f})"
    return f"{ratio(beside.reader)}\n{between}"


def is_within(score: StructureScore) -> bool | None:
    """Return whether a structure is within the range by both measures, or reaches its limit; None where nothing decides."""
    if score.dice.within is not None:
        return score.dice.within and score.surface_dice.within is not False
    return None if score.limit is None else score.dice.reader >= score.limit


def within_icon(score: StructureScore):
    """Return the icon that says whether a structure is within the range, or None where nothing decides."""
    within = is_within(score)
    if within is None:
        return None
    return qt.QStyle.SP_DialogApplyButton if within else qt.QStyle.SP_MessageBoxWarning


def structure_details(score: StructureScore) -> str:
    """Return a structure's numbers in sentences: how it stands, expert by expert, and what the image lets expect."""
    lines = [score.words]
    for one in score.against:
        lines.append(
            _("{expert}: Dice {dice}, surface Dice {surface}; {volume}, yours {own}.").format(
                expert=one.expert,
                dice=ratio(one.dice),
                surface=ratio(one.surface_dice),
                volume=millilitres(1000 * one.volume_ml),
                own=millilitres(1000 * score.volume_ml),
            )
        )
    lines.append(
        _("Tolerance of the surface Dice: {tolerance:g} mm ({source}).").format(
            tolerance=score.tolerance_mm, source=score.tolerance_source
        )
    )
    expected = score.expected
    if expected is not None and expected.dice is not None:
        interval = "" if expected.lower is None else f" ({ratio(expected.lower)} to {ratio(expected.upper)})"
        lines.append(
            _("Expected mean Dice of experts among themselves on this image: {dice}{interval}, by {model}.").format(
                dice=ratio(expected.dice), interval=interval, model=expected.model
            )
        )
    elif expected is not None:
        lines += expected.reasons
    return "\n".join(lines)


def set_up_score_table(table, rows: int):
    """Give a table the columns of `score_titles`, and a height of some rows."""
    set_columns(table, score_titles())
    header = table.horizontalHeader()
    header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
    header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
    table.verticalHeader().setDefaultSectionSize(round(_ROW_LINES * qt.QFontMetrics(table.font).height()))
    show_score_rows(table, rows)


def show_score_rows(table, rows: int):
    """Make a table of scores as high as some rows and its heading."""
    height = round((_ROW_LINES * (rows + 1) + 0.6) * qt.QFontMetrics(table.font).height())
    table.setMinimumHeight(height)
    table.setMaximumHeight(height)


def fill_score_row(table, row: int, texts: tuple[str, ...], score: StructureScore | None):
    """Write a row; `score` None: the row is about no structure."""
    for column, text in enumerate(texts):
        item = qt.QTableWidgetItem(text)
        if column:
            item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
        if score is not None:
            item.setToolTip(score.words)
        table.setItem(row, column, item)
    icon = None if score is None else within_icon(score)
    if icon is not None:
        table.item(row, 0).setIcon(slicer.app.style().standardIcon(icon))


def duration(seconds: float) -> str:
    """Return a time as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
