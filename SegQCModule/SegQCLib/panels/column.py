"""The module's column: one collapsible step under the other, each with its light, and the way to the next open one."""

from __future__ import annotations

import ctk
import qt
import slicer
from slicer.i18n import tr as _

from SegQCLib.panels.column_scroll import is_scrolled_into, scroll_column_to
from SegQCLib.panels.panel import Light, Panel, Standing

# So long a newly opened step takes to be laid out, level by level.
_LAID_OUT_MS = 60

_ICONS = {
    Light.OPEN: qt.QStyle.SP_ArrowRight,
    Light.RUNNING: qt.QStyle.SP_BrowserReload,
    Light.DONE: qt.QStyle.SP_DialogApplyButton,
    Light.ATTENTION: qt.QStyle.SP_MessageBoxWarning,
    Light.PROBLEM: qt.QStyle.SP_MessageBoxCritical,
}


class Column:
    """Show the panels, one open at a time: then the next step's heading stays on the screen.

    Parameters
    ----------
    session : Session
    panels : sequence of Panel
    layout : QVBoxLayout
        The module's.
    """

    def __init__(self, session, panels, layout):
        self.session = session
        self.panels: list[Panel] = list(panels)
        self.widget = qt.QWidget()
        column = qt.QVBoxLayout(self.widget)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._next = qt.QPushButton()
        self._next.setObjectName("nextStepButton")
        self._next.connect("clicked(bool)", self.onNext)
        column.addWidget(self._next)
        self._lights, self.headings = [], []
        self._open: set[int] = set()
        self._shown: dict[int, Standing] = {}
        self._height = None  # of the open step when it was last looked at
        for number, panel in enumerate(self.panels):
            column.addLayout(self._row(number, panel))
        column.addStretch(1)
        layout.addWidget(self.widget)
        # A child: it goes with the widget.
        self._laid_out = qt.QTimer(self.widget)
        self._laid_out.setSingleShot(True)
        self._laid_out.setInterval(_LAID_OUT_MS)
        self._laid_out.connect("timeout()", self.onLaidOut)
        self._opened_once = False
        session.observe(self.onCaseChanged)
        session.observeStandings(self.onStandingsChanged)
        self.onCaseChanged()

    def _row(self, number, panel):
        row = qt.QHBoxLayout()
        light = qt.QLabel()
        light.setObjectName(f"light{number + 1}")
        heading = ctk.ctkCollapsibleButton()
        heading.setObjectName(f"step{number + 1}")
        # By its own policy the widest text of any panel would be the narrowest that Slicer's column can be.
        policy = heading.sizePolicy
        policy.setHorizontalPolicy(qt.QSizePolicy.Preferred)
        heading.setSizePolicy(policy)
        # Closed steps with Qt's margins would push an open one off the screen.
        heading.collapsedHeight = 0
        heading.collapsed = True
        content = qt.QVBoxLayout(heading)
        content.setContentsMargins(6, 0, 6, 2)
        content.addWidget(panel.widget)
        heading.connect("contentsCollapsed(bool)", self.onCollapsed)
        row.addWidget(light, 0, qt.Qt.AlignTop)
        row.addWidget(heading, 1)
        self._lights.append(light)
        self.headings.append(heading)
        return row

    def enter(self):
        for panel in self.panels:
            panel.enter()
        self.onStandingsChanged()
        if not self._opened_once:
            self._opened_once = True
            self.open(self.next_open() or 0)

    def exit(self):
        for panel in self.panels:
            panel.exit()

    def cleanup(self):
        self._next.disconnect("clicked(bool)", self.onNext)
        for heading in self.headings:
            heading.disconnect("contentsCollapsed(bool)", self.onCollapsed)
        for panel in self.panels:
            panel.cleanup()
        self._laid_out.stop()
        self._laid_out.disconnect("timeout()", self.onLaidOut)
        self.widget.deleteLater()

    def next_open(self):
        """Return the number of the first step that the reader should turn to, from 0, or None."""
        return next((number for number, standing in self._shown.items() if standing.is_open), None)

    def open(self, number):
        """Open a step and close the others."""
        self.headings[number].collapsed = False

    def onNext(self, _checked=False):
        number = self.next_open()
        look_at = self.worth_a_look()
        if number is None and look_at:
            # From one to the next, and round again.
            number = next((n for n in look_at if n > max(self._open, default=-1)), look_at[0])
        if number is not None:
            self.open(number)

    def worth_a_look(self):
        """Return the numbers of the steps that are done, with something to look at, from 0: nothing open is not nothing wrong."""
        return [number for number, standing in self._shown.items() if standing.light is Light.ATTENTION]

    def onCollapsed(self, _collapsed):
        opened = {number for number, heading in enumerate(self.headings) if not heading.collapsed}
        if len(opened) > 1:
            # Each of these calls back here, with one step less open.
            for number in opened & self._open:
                self.headings[number].collapsed = True
        else:
            self._open, self._height = opened, None
            self._laid_out.start()

    def onLaidOut(self):
        """Scroll Slicer's column to the open step where it reaches below the edge: after it was opened, and when it has grown."""
        if not self._open:
            return
        heading = self.headings[min(self._open)]
        before, self._height = self._height, heading.height
        # Who has scrolled to a part of the step is left there.
        if before is None or (heading.height > before and not is_scrolled_into(heading)):
            scroll_column_to(heading, only_if_cut_off=True)

    def onCaseChanged(self):
        for panel in self.panels:
            panel.onCaseChanged()
        self.onStandingsChanged()

    def onStandingsChanged(self):
        style = slicer.app.style()
        for number, (panel, light, heading) in enumerate(zip(self.panels, self._lights, self.headings, strict=True)):
            standing = panel.standing()
            if standing == self._shown.get(number):
                continue
            self._shown[number] = standing
            heading.text = _("{number}. {title}: {standing}").format(
                number=number + 1, title=panel.title(), standing=standing.words
            )
            # As tall as the heading's text, so that it grows with the font.
            side = qt.QFontMetrics(heading.font).height()
            light.setMinimumWidth(side)
            icon = _ICONS.get(standing.light)
            light.setPixmap(style.standardIcon(icon).pixmap(side, side) if icon is not None else qt.QPixmap())
            light.setToolTip(standing.words)
        self._showNext()
        # What has changed may be taller.
        self._laid_out.start()

    def _showNext(self):
        number, look_at = self.next_open(), self.worth_a_look()
        self._next.enabled = number is not None or bool(look_at)
        if number is not None:
            self._next.text = _("Next: {number}. {title}").format(number=number + 1, title=self.panels[number].title())
        elif look_at:
            numbers = ", ".join(str(n + 1) for n in look_at)
            self._next.text = _("All steps done; worth a look: {numbers}").format(numbers=numbers)
        else:
            self._next.text = _("All steps done")
