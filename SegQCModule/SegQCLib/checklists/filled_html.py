"""An item of a filled checklist, and where everything comes from, as rich text for a text view of Qt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from SegQCLib.checklists.filled_checklist import FilledChecklist, FilledItem, ItemState


def item_html(item: FilledItem) -> str:
    """Return what an item asks for, what files show with its place, what they do not show, and what a person said."""
    return "".join(_item(item))


def sources_html(filled: FilledChecklist, given: Iterable[str] = ()) -> str:
    """Return the source of a checklist, what was read, what to know before using it, and the items that are left out.

    Parameters
    ----------
    filled : FilledChecklist
    given : iterable of str
        Names of the files that were read beside the study's folder, in sentences.
    """
    return "".join(_sources(filled, tuple(given)))


def _item(item: FilledItem) -> Iterator[str]:
    about = [item.section]
    if item.annotation:
        about.append("about annotation")
    if item.verified == "secondary":
        about.append("topic known from a summary by others")
    yield f"<p><b>{escape(item.number)}. {escape(item.topic)}</b><br><i>{escape('; '.join(about))}</i></p>"
    if item.answer is not None:
        text = escape(item.answer.text).replace("\n", "<br>")
        yield f"<p><b>Answered</b> {escape(item.answer.when)}<br>{text}</p>"
    if item.reported:
        yield "<p><b>Reported by SegQC</b></p>"
    for one in item.reported:
        places: dict[str, list[str]] = {}
        for place in dict.fromkeys(one.evidence):
            places.setdefault(place.source, []).append(place.path)
        where = "; ".join(f"{source}: {', '.join(paths)}" for source, paths in places.items())
        yield f"<p>{escape(one.text)}<br><i>Evidence: {escape(where)}</i></p>"
    if item.missing and item.state is not ItemState.NOT_APPLICABLE:
        yield f"<p><b>Not shown by files</b></p>{_list(item.missing)}"
    if not item.reported and not item.missing and item.answer is None:
        yield "<p>No file of SegQC shows it: only a person can answer.</p>"


def _sources(filled: FilledChecklist, given: tuple[str, ...]) -> Iterator[str]:
    if filled.notes:
        yield f"<p><b>Before you use it</b></p>{_list(filled.notes)}"
    yield f"<p><b>Read</b></p>{_list((*(filled.read or ('Nothing.',)), *given))}"
    yield "<p>Read what is filled before you submit it: whether these are all cases of the study is not known here.</p>"
    of_source = f" of {filled.items_in_source} in the source" if filled.items_in_source is not None else ""
    yield f"<p><b>{escape(filled.title)}</b><br>{escape(filled.source)}.</p><p>{len(filled.items)} items{of_source}."
    yield f" Topics are in SegQC's words; the source's wording is the authority. {escape(filled.licence)}</p>"
    if filled.items_in_source is None:
        yield "<p>How many items the source has was not verified.</p>"
    if filled.left_out:
        yield "<p><b>Left out</b>: number and topic could not be verified from a public text. Look them up in the source.</p>"
        yield _list(f"{one.number}: {one.why}" for one in filled.left_out)
    else:
        yield "<p>No item is left out.</p>"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
