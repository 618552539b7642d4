"""The plot of Dice per slice, which leads to the slices."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from SegQCLib.number_texts import ratio

_TICKS = (0.0, 0.5, 1.0)
# As many lines of text high, so that it grows with the font.
_LINES = 7


class SlicePlot(qt.QWidget):
    """A line of Dice over slices in the colours of the application; a click or an arrow key chooses a slice.

    Attributes
    ----------
    slices : tuple of int
        Slice numbers k, ascending.
    values : tuple of float
        Dice of each, 0 to 1.
    """

    def __init__(self, on_chosen):
        """Call `on_chosen(n)` with the number of the slice, counted in `slices`, that was chosen."""
        qt.QWidget.__init__(self)
        self.slices, self.values = (), ()
        self._on_chosen = on_chosen
        self._chosen = self._hovered = None
        self.setMinimumHeight(_LINES * qt.QFontMetrics(self.font).height())
        self.setFocusPolicy(qt.Qt.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(_("Dice per slice"))
        self.setToolTip(_("Click, or press the arrow keys, to show a slice in all slice views."))

    def show_slices(self, slices, values):
        """Draw other slices; none is chosen among them."""
        self.slices, self.values = slices, values
        self._chosen = self._hovered = None
        self.update()

    def words(self):
        """Return slice and value under the mouse, else of the chosen slice; empty where there is neither."""
        n = self._chosen if self._hovered is None else self._hovered
        if n is None:
            return ""
        return _("Slice k = {k}: Dice {dice}").format(k=self.slices[n], dice=ratio(self.values[n]))

    def choose(self, n):
        """Choose a slice, counted in `slices`; out of range is the nearest."""
        if self.slices:
            self._chosen = min(max(n, 0), len(self.slices) - 1)
            self.update()
            self._on_chosen(self._chosen)

    def slice_at(self, x):
        """Return the slice, counted in `slices`, that is nearest to x in pixels."""
        distances = [abs(self._x(k) - x) for k in self.slices]
        return distances.index(min(distances))

    def _left(self):
        return qt.QFontMetrics(self.font).horizontalAdvance("0.0 ")

    def _x(self, k):
        first, last = self.slices[0], self.slices[-1]
        left, right = self._left(), self.width - 4
        return round(left + (right - left) * ((k - first) / (last - first) if last > first else 0.5))

    def _y(self, value):
        line = qt.QFontMetrics(self.font).height()
        top, bottom = round(1.5 * line), self.height - round(1.3 * line)
        return round(bottom - (bottom - top) * value)

    def paintEvent(self, _event):
        painter = qt.QPainter()
        painter.begin(self)
        try:
            self._paint(painter)
        finally:
            painter.end()

    def _paint(self, painter):
        palette, metrics = self.palette, qt.QFontMetrics(self.font)
        text, grid, line = (palette.color(role) for role in (qt.QPalette.WindowText, qt.QPalette.Mid, qt.QPalette.Highlight))
        painter.setPen(text)
        painter.drawText(0, metrics.ascent(), _("Dice"))
        words = self.words()
        painter.drawText(self.width - 4 - metrics.horizontalAdvance(words), metrics.ascent(), words)
        if not self.slices:
            return
        for tick in _TICKS:
            y = self._y(tick)
            painter.setPen(grid)
            painter.drawLine(self._left(), y, self.width - 4, y)
            painter.setPen(text)
            painter.drawText(0, y + metrics.ascent() // 2, f"{tick:.1f}")
        self._paint_numbers(painter, metrics)
        pen = qt.QPen(line)
        pen.setWidth(2)
        painter.setPen(pen)
        places = [(self._x(k), self._y(value)) for k, value in zip(self.slices, self.values, strict=True)]
        for n, (x, y) in enumerate(places):
            # Where slices are left out, the line is too.
            follows = n > 0 and self.slices[n - 1] == self.slices[n] - 1
            before_x, before_y = places[n - 1] if follows else (x - 1, y)
            painter.drawLine(before_x, before_y, x, y)
        for n in (self._chosen, self._hovered):
            if n is not None:
                x, y = places[n]
                painter.setPen(text)
                painter.drawLine(x, self._y(0.0), x, self._y(1.0))
                painter.fillRect(x - 3, y - 3, 7, 7, line)

    def _paint_numbers(self, painter, metrics):
        first, last = str(self.slices[0]), str(self.slices[-1])
        middle = _("Slice k, counted from 0")
        baseline = self.height - metrics.descent()
        right = self.width - 4
        painter.drawText(self._left(), baseline, first)
        if len(self.slices) > 1:
            painter.drawText(right - metrics.horizontalAdvance(last), baseline, last)
        painter.drawText((self._left() + right - metrics.horizontalAdvance(middle)) // 2, baseline, middle)

    def mousePressEvent(self, event):
        if self.slices:
            self.choose(self.slice_at(_x_of(event)))

    def mouseMoveEvent(self, event):
        if self.slices:
            self._hovered = self.slice_at(_x_of(event))
            self.update()

    def leaveEvent(self, _event):
        self._hovered = None
        self.update()

    def keyPressEvent(self, event):
        steps = {qt.Qt.Key_Left: -1, qt.Qt.Key_Right: 1}
        ends = {qt.Qt.Key_Home: 0, qt.Qt.Key_End: len(self.slices) - 1}
        self._hovered = None
        if event.key() in steps:
            step = steps[event.key()]
            self.choose((0 if step > 0 else len(self.slices) - 1) if self._chosen is None else self._chosen + step)
        elif event.key() in ends:
            self.choose(ends[event.key()])
        else:
            # Tab, and the shortcuts of others.
            event.ignore()


def _x_of(event):
    # Qt 6 has given the place a new name; Slicer 5.12 is the last with Qt 5.
    return event.position().x() if hasattr(event, "position") else event.localPos().x()
