"""Are the grey-scale windows those that the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.acquisition import SUVBW
from SegQCLib.case import Case, WindowLevel
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol, WindowRule

ID = "window_level"
WHY = (
    "The window decides where a border appears: at another setting the same lesion is drawn larger or smaller. Readers can "
    "be compared only if their windows lie in one range."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare the window on screen, where there is one, and the header's windows with each rule.

    The header's windows, Window Width (0028,1051) and Window Center (0028,1050), are what every
    viewer opens the series with: outside the protocol's range they are a warning to change them
    before segmenting, not a fault of the image.
    """
    header = case.image.acquisition.window_levels
    shown = case.image.display
    for rule in protocol.windows:
        allowed = f"window {rule.window}, level {rule.level}"
        apply = f"{rule.apply_window:g}/{rule.apply_level:g}"
        inside = [window for window in header if _allows(rule, window)]
        listed = ", ".join(str(window) for window in header)
        source = rule.window.source if rule.window.source == rule.level.source else f"{rule.window.source}; {rule.level.source}"
        if shown is not None:
            status = Status.PASS if _allows(rule, shown) else Status.WARN
            message = f"{rule.name}: the image is shown at {shown}"
            message += "." if status is Status.PASS else f", outside the protocol's range; apply {apply} (window/level)."
            yield Finding(ID, status, message, str(shown), allowed, rule.window.unit, source)
        elif not header:
            # They were for the stored values: none are kept for PET that was converted to SUV.
            converted = case.image.acquisition.value_unit == SUVBW and case.image.acquisition.units != "GML"
            lacking = "of the header are not for SUV" if converted else "are not in the header"
            message = f"{rule.name}: Window Width (0028,1051) and Center (0028,1050) {lacking}; apply {apply} (window/level)."
            yield Finding(ID, Status.NOT_EVALUATED, message, None, allowed, rule.window.unit, source)
        elif inside:
            message = f"{rule.name}: the header's window {inside[0]} (window/level) is in the protocol's range."
            yield Finding(ID, Status.PASS, message, listed, allowed, rule.window.unit, source)
        else:
            message = (
                f"{rule.name}: a viewer opens this series at {listed} (window/level, from the header), outside the protocol's"
                f" range; apply {apply} before segmenting."
            )
            yield Finding(ID, Status.WARN, message, listed, allowed, rule.window.unit, source)


def _allows(rule: WindowRule, window: WindowLevel) -> bool:
    return window.window in rule.window and window.level in rule.level
