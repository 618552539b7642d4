"""How often the reader moved the mouse, turned the wheel, typed or drew with a pen, wherever in Slicer."""

from __future__ import annotations

import qt
import slicer

from SegQCLib.readers.edit_times import Activity

_ACTIVITIES = {
    qt.QEvent.MouseMove: Activity.MOUSE,
    qt.QEvent.MouseButtonPress: Activity.MOUSE,
    qt.QEvent.Wheel: Activity.WHEEL,
    qt.QEvent.KeyPress: Activity.KEY,
    qt.QEvent.TabletMove: Activity.TABLET,
    qt.QEvent.TabletPress: Activity.TABLET,
}


class ReaderEvents(qt.QObject):
    """Count events of the whole application, and notice when another program comes to the front.

    Slicer calls it 1,600 times for 21 moves of the mouse: it looks at the type and counts, no more. Which key or where
    the mouse is, it does not look at.
    """

    def __init__(self):
        qt.QObject.__init__(self)
        self._counts = dict.fromkeys(_ACTIVITIES, 0)
        # Without a window manager nobody says that the program is in front; then it is.
        self._in_front = True

    def start(self):
        self._counts = dict.fromkeys(_ACTIVITIES, 0)
        self._in_front = True
        slicer.app.installEventFilter(self)

    def stop(self):
        slicer.app.removeEventFilter(self)

    @property
    def in_front(self):
        """Whether Slicer is the program in front, as far as the system said since the start."""
        return self._in_front

    def take(self):
        """Return the number of events of each kind since the last call, by its name, and begin anew."""
        taken = {}
        for kind, count in self._counts.items():
            if count:
                name = _ACTIVITIES[kind].value
                taken[name] = taken.get(name, 0) + count
                self._counts[kind] = 0
        return taken

    def eventFilter(self, _watched, event):
        kind = event.type()
        if kind in self._counts:
            self._counts[kind] += 1
        elif kind == qt.QEvent.ApplicationDeactivate:
            self._in_front = False
        elif kind == qt.QEvent.ApplicationActivate:
            self._in_front = True
        return False
