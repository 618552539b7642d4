"""A small toolbar on Slicer's main window, for the time in which SegQC's own panels are out of sight."""

from __future__ import annotations

import qt
import slicer
from slicer.i18n import tr as _

BACK_KEY = "Ctrl+Shift+B"


class EditorToolbar:
    """Show the running time, a pause button, and the way back to SegQC; without a main window there is none.

    Parameters
    ----------
    on_pause : callable(bool)
        Called with True to pause and False to go on.
    on_back : callable()
    """

    def __init__(self, on_pause, on_back):
        self._on_pause, self._on_back = on_pause, on_back
        self._toolbar = None

    def show(self, words, logging, paused, away):
        """Show the time in words; hide the toolbar where there is neither a log nor a way back.

        Parameters
        ----------
        words : str
        logging, paused : bool
        away : bool
            Whether the reader is outside of SegQC.
        """
        window = slicer.util.mainWindow()
        if window is None or (self._toolbar is None and not (logging or away)):
            return
        if self._toolbar is None:
            self._make(window)
        self._time.setText(words)
        self._pause.setVisible(logging)
        self._pause.setText(_("Resume") if paused else _("Pause"))
        self._paused = paused
        self._back.setEnabled(away)
        self._toolbar.setVisible(logging or away)

    def cleanup(self):
        if self._toolbar is None:
            return
        self._pause.disconnect("triggered(bool)", self.onPause)
        self._back.disconnect("triggered(bool)", self.onBack)
        window = slicer.util.mainWindow()
        if window is not None:
            window.removeToolBar(self._toolbar)
        self._toolbar.deleteLater()
        self._toolbar = None

    def onPause(self, _checked=False):
        self._on_pause(not self._paused)

    def onBack(self, _checked=False):
        self._on_back()

    def _make(self, window):
        self._toolbar = qt.QToolBar(_("SegQC editing"), window)
        self._toolbar.setObjectName("SegQCEditingToolBar")
        self._toolbar.setToolButtonStyle(qt.Qt.ToolButtonTextBesideIcon)
        self._time = qt.QLabel(self._toolbar)
        self._toolbar.addWidget(self._time)
        self._paused = False
        style = slicer.app.style()
        self._pause = self._toolbar.addAction(style.standardIcon(qt.QStyle.SP_MediaPause), _("Pause"))
        self._pause.setToolTip(_("Stop the clock of the editing log, or let it go on."))
        self._pause.connect("triggered(bool)", self.onPause)
        self._back = self._toolbar.addAction(style.standardIcon(qt.QStyle.SP_ArrowBack), _("Back to SegQC"))
        self._back.setShortcut(qt.QKeySequence(BACK_KEY))
        self._back.setToolTip(_("Go back to SegQC's panels ({key}).").format(key=BACK_KEY))
        self._back.connect("triggered(bool)", self.onBack)
        window.addToolBar(self._toolbar)
