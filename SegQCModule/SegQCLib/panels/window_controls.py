"""Apply and hold the protocol's window/level, look away from it, and list what left its range."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from functools import partial

import qt
from slicer.i18n import tr as _

from SegQCLib.case import WindowLevel
from SegQCLib.errors import BadDataError
from SegQCLib.mrml.window_hold import WindowHold, apply_window, rule_for_segment
from SegQCLib.words import UNIT_WORDS

LOOK_AWAY_S = 30
_TICK_MS = 250


class WindowControls:
    """The part of the gate that belongs to the window.

    The hold goes on while another module is open: the reader draws in Slicer's Segment Editor. Where the protocol
    sets windows by structure, the rule follows the segment that is selected there.

    Events that it writes, stored, never renamed:

    - window_hold: `on`, `rule`.
    - window_deviation: `rule`, `started`, `duration_s`, `count`, `window` and `level` (smallest and largest), `unit`
      (UCUM). Each push outside of the range was undone at once.
    - look_away: the same facts. The window was outside with leave, and was restored at the end.

    Parameters
    ----------
    session : Session
    on_rule_changed : callable()
        Called when another rule counts than before.
    selector, selector_label, rule_label, apply_button, hold_box, look_away_button, deviations
        Widgets of the panel; `deviations` is a table of three columns.
    """

    def __init__(
        self,
        session,
        on_rule_changed,
        *,
        selector,
        selector_label,
        rule_label,
        apply_button,
        hold_box,
        look_away_button,
        deviations,
    ):
        self.session = session
        self.rule = None
        self._on_rule_changed = on_rule_changed
        self._selector, self._selector_label, self._rule_label = selector, selector_label, rule_label
        self._apply_button, self._hold_box, self._look_away_button = apply_button, hold_box, look_away_button
        self._deviations = deviations
        self._volume = self._protocol = self._hold = None
        self._fault = ""
        self._ticker = qt.QTimer()
        self._ticker.setInterval(_TICK_MS)
        self._ticker.connect("timeout()", self.onTick)
        selector.connect("currentIndexChanged(int)", self.onRuleChosen)
        apply_button.connect("clicked(bool)", self.onApply)
        hold_box.connect("toggled(bool)", self.onHoldToggled)
        look_away_button.connect("clicked(bool)", self.onLookAway)
        deviations.setVisible(False)

    def cleanup(self):
        self._stop()
        self._ticker.disconnect("timeout()", self.onTick)

    def follow(self, volume, protocol):
        """Turn to a volume and a protocol (QCProtocol), either of them None where there is none."""
        self._stop()
        if volume is not self._volume:
            # Those of the former image are in its log.
            self._deviations.setRowCount(0)
            self._deviations.setVisible(False)
        self._volume, self._protocol = volume, protocol
        self._fillRules()
        self._start()

    def chooseRule(self):
        """Take the rule that counts now: another segment may have been selected or renamed."""
        rule = self._chosenRule()
        if rule == self.rule:
            return
        self._stop()
        self.rule, self._fault = rule, ""
        self._start()
        self._show()
        self._on_rule_changed()

    def _rules(self):
        return () if self._protocol is None else self._protocol.windows

    def _fillRules(self):
        selector, rules = self._selector, self._rules()
        blocked = selector.blockSignals(True)
        selector.clear()
        if len(rules) > 1:
            selector.addItem(_("the selected segment"))
        for rule in rules:
            selector.addItem(rule.name)
        selector.blockSignals(blocked)
        for widget in (self._selector_label, selector):
            widget.setVisible(len(rules) > 1)
        self.rule, self._fault = self._chosenRule(), ""
        self._show()

    def _chosenRule(self):
        rules, index = self._rules(), self._selector.currentIndex
        if len(rules) > 1 and index > 0:
            return rules[index - 1]
        if not rules:
            return None
        candidate = None if self.session.case is None else self.session.case.candidate
        return rule_for_segment(self._protocol, candidate, self.session.selectedSegment())

    def _show(self):
        self._rule_label.setText(self._words())
        self._rule_label.setToolTip("" if self.rule is None else f"{self.rule.window.source}; {self.rule.level.source}")
        self._apply_button.setEnabled(self.rule is not None and self._volume is not None)
        self._hold_box.setEnabled(self.rule is not None)
        self._showLookAway()

    def _words(self):
        if self._fault or self._protocol is None:
            return self._fault
        if self.rule is None:
            return _("The protocol sets no window/level.")
        return _("{name}: window {window}, level {level}; Apply sets {applied} {unit}.").format(
            name=self.rule.name,
            window=self.rule.window,
            level=self.rule.level,
            applied=WindowLevel(self.rule.apply_window, self.rule.apply_level),
            unit=_unit_word(self.rule.window.unit),
        )

    def onRuleChosen(self, _index):
        self.chooseRule()

    def onApply(self, _checked=False):
        try:
            apply_window(self._volume, self.rule)
        except BadDataError as error:
            self._fault = str(error)
            self._show()

    def onHoldToggled(self, checked):
        if checked:
            self._start()
        else:
            self._stop()
        self.session.write_event("window_hold", on=checked, rule="" if self.rule is None else self.rule.name)

    def _start(self):
        if not self._hold_box.checked or self._volume is None or self.rule is None:
            return
        try:
            self._hold = WindowHold(self._volume, self.rule, partial(self.onDeviation, self.rule.window.unit))
        except BadDataError as error:
            self._fault = str(error)
            self._show()
            return
        self._ticker.start()
        self._showLookAway()

    def _stop(self):
        self._ticker.stop()
        if self._hold is not None:
            hold, self._hold = self._hold, None
            hold.stop()
        self._showLookAway()

    def onTick(self):
        if self._hold is None or not self._hold.active:
            self._stop()
            return
        self._hold.tick()
        self.chooseRule()
        self._showLookAway()

    def onLookAway(self, _checked=False):
        if self._hold is None:
            return
        if self._hold.looking_away:
            self._hold.look_back()
        else:
            self._hold.look_away(LOOK_AWAY_S)
        self._showLookAway()

    def _showLookAway(self):
        away = self._hold is not None and self._hold.looking_away
        self.session.looking_away = away
        self._look_away_button.setEnabled(self._hold is not None)
        if away:
            text = _("Look back ({seconds} s left)").format(seconds=round(self._hold.look_away_left_s))
        else:
            text = _("Look away for {seconds} s").format(seconds=LOOK_AWAY_S)
        if self._look_away_button.text != text:
            self._look_away_button.setText(text)

    def onDeviation(self, unit, deviation):
        started = datetime.now().astimezone() - timedelta(seconds=time.monotonic() - deviation.start_s)
        self.session.write_event(
            "look_away" if deviation.looked_away else "window_deviation",
            rule=deviation.rule,
            started=started.isoformat(timespec="milliseconds"),
            duration_s=round(deviation.duration_s, 3),
            count=deviation.count,
            window=[deviation.narrowest_window, deviation.widest_window],
            level=[deviation.lowest_level, deviation.highest_level],
            unit=unit,
        )
        words = _("Away: {window}/{level} {unit}") if deviation.looked_away else _("{window}/{level} {unit}")
        words = words.format(
            window=_span(deviation.narrowest_window, deviation.widest_window),
            level=_span(deviation.lowest_level, deviation.highest_level),
            unit=_unit_word(unit),
        )
        seconds = f"{deviation.duration_s:.1f}"
        duration = _("at once") if seconds == "0.0" else _("{seconds} s").format(seconds=seconds)
        hover = _("{rule}: {words}; {count} times outside the range").format(
            rule=deviation.rule, words=words, count=deviation.count
        )
        self._deviations.setVisible(True)
        self._deviations.insertRow(0)
        for column, text in enumerate((f"{started:%H:%M:%S}", words, duration)):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(hover)
            self._deviations.setItem(0, column, item)


def _unit_word(unit):
    return UNIT_WORDS.get(unit, unit)


def _span(low, high):
    low, high = (f"{value:.0f}" if abs(value) >= 10 else f"{value:.3g}" for value in (low, high))
    return low if low == high else _("{low} to {high}").format(low=low, high=high)
