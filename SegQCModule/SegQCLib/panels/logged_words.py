"""What a session log notes, in words for the reader whose work it is."""

from __future__ import annotations

from slicer.i18n import tr as _


def logged_words() -> str:
    """Return what is noted, as a part of a sentence."""
    return _(
        "your name and the case's; edits (which segment, which effect) and the size of segments; how often mouse, wheel, keys and"
        " pen are used, not which keys; pauses, and when another program is in front; which slices and drafts are shown;"
        " findings, ratings with your comments, and verdicts. No images"
    )
