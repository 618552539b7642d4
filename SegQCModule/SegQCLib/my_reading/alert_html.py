"""A reader's own alerts as rich text, in the tone of a colleague: evidence, other explanations, what helps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from SegQCLib.automation_bias.alert import BiasAlert
from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.automation_bias.rule import Level

_HEADINGS = {
    Level.TOO_FEW: "not enough reads yet",
    Level.NONE: "no such change over time",
    Level.WATCH: "worth keeping an eye on",
    Level.ALERT: "worth a look",
}
_PRIVATE = "Only you are shown this, from your own logs. SegQC stores it nowhere and tells nobody."
_NOTHING = "There is no finished clinical read of yours with an AI draft yet."


def alerts_html(alerts: Sequence[BiasAlert]) -> str:
    """Return all alerts as HTML: the first one and those with something to look at whole, of the others the summary."""
    if not alerts:
        return f"<p>{escape(_NOTHING)}</p>"
    parts = [f"<p><i>{escape(_PRIVATE)}</i></p>"]
    for number, alert in enumerate(alerts):
        version = ModelVersion(alert.model, alert.model_version)
        mark = "SIMULATED: " if alert.simulated else ""
        parts.append(f"<p><b>{escape(f'{mark}{version}: {_HEADINGS[alert.level]}')}</b></p><p>{escape(alert.summary)}</p>")
        if number == 0 or alert.level in (Level.ALERT, Level.WATCH):
            parts += _whole(alert)
    return "".join(parts)


def _whole(alert: BiasAlert) -> Iterable[str]:
    if alert.signs:
        yield _list("What was measured, and whether it speaks for relying more on drafts", alert.signs + alert.corroboration)
        yield _list("What else could explain it", alert.alternatives)
    yield "<p><b>What helps</b></p><ul>" + "".join(f"<li>{escape(words)}</li>" for words in alert.advice) + "</ul>"
    rule = alert.rule
    yield (
        f"<p>{escape(alert.source)} The guideline names the sign and no number. SegQC's own rule: at least"
        f" {rule.fewest_reads} reads over {rule.fewest_days:.0f} days, time down by {rule.least_fall_percent:g} % or more, and"
        f" Dice with the draft up by {rule.least_dice_rise:g} or more.</p>"
    )


def _list(title: str, items: Iterable) -> str:
    lines = "".join(f"<li>{escape(item.words)} <i>({escape(item.support)})</i></li>" for item in items)
    return f"<p><b>{escape(title)}</b></p><ul>{lines}</ul>"
