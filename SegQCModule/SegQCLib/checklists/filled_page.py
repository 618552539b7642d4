"""A filled checklist as one HTML page that needs no network: to read, to complete by hand, and to print as a supplement."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from SegQCLib.checklists.filled_checklist import Evidence, FilledChecklist, FilledItem, ItemState
from SegQCLib.checklists.methods_text import methods_text
from SegQCLib.templates import page_templates

# Words and a sign, because colour alone does not print.
STATE_SIGNS = {
    ItemState.FILLED: "■",
    ItemState.PARTLY: "◧",
    ItemState.OPEN: "□",
    ItemState.ANSWERED: "✎",
    ItemState.NOT_APPLICABLE: "–",
}
STATE_MEANINGS = {
    ItemState.FILLED: "by SegQC's files alone",
    ItemState.PARTLY: "by SegQC's files, with what is missing",
    ItemState.OPEN: "nothing is known yet",
    ItemState.ANSWERED: "by a person",
    ItemState.NOT_APPLICABLE: "a person says why",
}


def filled_page(filled: FilledChecklist) -> str:
    """Return the page; all text from files and persons is escaped.

    Raises
    ------
    BadDataError
        If jinja2 is not installed.
    """
    templates = page_templates("The page of a checklist")
    counts = Counter(item.state for item in filled.items)
    sections = [(name, list(items)) for name, items in groupby(filled.items, key=lambda item: item.section)]
    return templates.get_template("checklist.html").render(
        filled=filled,
        counts=[(state, STATE_SIGNS[state], STATE_MEANINGS[state], counts[state]) for state in ItemState],
        signs=STATE_SIGNS,
        sections=sections,
        places=_places,
        methods=methods_text(filled).strip().split("\n\n"),
    )


def _places(item: FilledItem) -> list[tuple[str, list[str]]]:
    """Return the evidence of an item by source, each path once."""
    by_source: dict[str, list[str]] = {}
    for place in dict.fromkeys(place for one in item.reported for place in one.evidence):
        _add(by_source, place)
    return list(by_source.items())


def _add(by_source: dict[str, list[str]], place: Evidence) -> None:
    by_source.setdefault(place.source, []).append(place.path)
