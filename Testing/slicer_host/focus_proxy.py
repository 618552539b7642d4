"""QWidget.setFocusProxy without PySide6's: there, deleting a widget makes the Python object of its proxy unusable."""

import shiboken6
from PySide6 import QtCore


class _Forward(QtCore.QObject):
    """Give the focus that a widget gets to its proxy."""

    def __init__(self, widget, proxy):
        QtCore.QObject.__init__(self, widget)
        self.proxy = proxy
        widget.installEventFilter(self)

    def eventFilter(self, _watched, event):
        if event.type() == QtCore.QEvent.FocusIn and shiboken6.isValid(self.proxy):
            self.proxy.setFocus(event.reason())
        return False


def set_focus_proxy(widget, proxy):
    for child in QtCore.QObject.children(widget):
        if isinstance(child, _Forward):
            child.deleteLater()
    if proxy is not None:
        _Forward(widget, proxy)


def focus_proxy(widget):
    return next((child.proxy for child in QtCore.QObject.children(widget) if isinstance(child, _Forward)), None)
