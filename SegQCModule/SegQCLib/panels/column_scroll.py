"""Slicer's module column, scrolled to what is to be seen: nobody looks for it below the edge."""

from __future__ import annotations

import qt


def scroll_area_of(widget):
    """Return the scroll area that a widget lies in, or None."""
    area = widget.parentWidget()
    while area is not None and not area.inherits("QScrollArea"):
        area = area.parentWidget()
    return area


def is_scrolled_into(widget):
    """Return whether the top of a widget is scrolled out of sight."""
    area = scroll_area_of(widget)
    return area is not None and widget.mapTo(area.widget(), qt.QPoint(0, 0)).y() < area.verticalScrollBar().value


def scroll_column_to(widget, *, only_if_cut_off=False):
    """Put the top of a widget at the top of the column.

    Parameters
    ----------
    widget : QWidget
    only_if_cut_off : bool
        Scroll only where a part of the widget is out of sight, and no further than it takes.

    Returns
    -------
    bool
        Whether the column could be scrolled that far; where it is not laid out yet it is still too short.
    """
    area = scroll_area_of(widget)
    if area is None:
        return True
    bar = area.verticalScrollBar()
    wanted = widget.mapTo(area.widget(), qt.QPoint(0, 0)).y()
    if only_if_cut_off:
        missing = wanted + widget.height - area.viewport().height
        wanted = min(wanted, max(missing, bar.value))
    bar.setValue(wanted)
    return bar.maximum >= wanted
