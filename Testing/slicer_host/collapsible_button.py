# ruff: noqa: N801, N815 - the names are Slicer's
"""Stand-in for ctkCollapsibleButton: a heading that is a button, with the content below it in its own layout."""

from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QStyle, QStyleOption, QStyleOptionFocusRect, QStylePainter, QWidget

from slicer_host.stand_in import setting, signals, stand_in

INDICATOR = 12


@stand_in()
class ctkCollapsibleButton(QAbstractButton):
    contentsCollapsed = Signal(bool)
    SIGNALS = signals("contentsCollapsed(bool)")
    collapsed = setting(bool, "collapsed", False, "_fold")
    collapsedHeight = setting(int, "collapsedHeight", 10, "_measure")
    flat = setting(bool, "flat", False)

    def __init__(self, *args):
        text, parent = (args[0], args[1:]) if args and isinstance(args[0], str) else ("", args)
        QAbstractButton.__init__(self, *parent)
        self._hidden = []
        self.setCheckable(True)
        self.setChecked(True)
        self.setFocusPolicy(Qt.StrongFocus)
        self.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Preferred)
        self.setText(text)
        self._measure()
        self.connect("toggled(bool)", self._on_toggled)

    def _heading(self):
        return QAbstractButton.fontMetrics(self).height() + 8

    def _measure(self):
        QWidget.setContentsMargins(self, 0, self._heading(), 0, 0)
        limit = self._heading() + self.collapsedHeight if self.collapsed else 16777215
        QWidget.setMaximumHeight(self, limit)
        QWidget.setMinimumHeight(self, self._heading() if self.collapsed else 0)
        QWidget.updateGeometry(self)

    def _on_toggled(self, checked):
        self.collapsed = not checked

    def _fold(self):
        QAbstractButton.setChecked(self, not self.collapsed)
        if self.collapsed:
            children = [child for child in QWidget.children(self) if isinstance(child, QWidget)]
            vars(self)["_hidden"] = [child for child in children if not QWidget.isHidden(child)]
        for child in self._hidden:
            QWidget.setVisible(child, not self.collapsed)
        self._measure()
        self.contentsCollapsed.emit(self.collapsed)

    def hitButton(self, position):
        return QRect(0, 0, QWidget.width(self), self._heading()).contains(QPoint(position))

    def childEvent(self, event):
        # What is added to a folded button is hidden with the rest.
        child = event.child()
        if event.added() and self.collapsed and isinstance(child, QWidget) and not QWidget.isHidden(child):
            QWidget.setVisible(child, False)
            self._hidden.append(child)
        QAbstractButton.childEvent(self, event)

    def changeEvent(self, event):
        if event.type() == event.Type.FontChange:
            self._measure()
        QAbstractButton.changeEvent(self, event)

    def paintEvent(self, _event):
        painter = QStylePainter(self)
        option = QStyleOption()
        option.initFrom(self)
        middle = self._heading() // 2
        option.rect = QRect(4, middle - INDICATOR // 2, INDICATOR, INDICATOR)
        arrow = QStyle.PE_IndicatorArrowRight if self.collapsed else QStyle.PE_IndicatorArrowDown
        painter.drawPrimitive(arrow, option)
        place = QRect(INDICATOR + 10, 0, QWidget.width(self) - INDICATOR - 12, self._heading())
        words = QAbstractButton.fontMetrics(self).elidedText(QAbstractButton.text(self), Qt.ElideMiddle, place.width())
        flags = int(Qt.AlignLeft | Qt.AlignVCenter)
        painter.drawItemText(place, flags, QWidget.palette(self), QWidget.isEnabled(self), words, QPalette.WindowText)
        if QWidget.hasFocus(self):
            focus = QStyleOptionFocusRect()
            focus.initFrom(self)
            focus.rect = place.adjusted(-4, 2, -1, -2)
            painter.drawPrimitive(QStyle.PE_FrameFocusRect, focus)
