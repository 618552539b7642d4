"""A page of a course's atlas as HTML for a narrow column: rules, pictures as wide as there is room, typical errors, codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from SegQCLib.case import Code
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.course_file import AtlasPage, AtlasPicture

# Of a coded structure: where its concept can be looked up. DICOM's own codes are a part of the standard.
_LOOK_UP = {
    "SCT": "https://browser.ihtsdotools.org/?perspective=full&conceptId1={value}",
    "DCM": "https://dicom.nema.org/medical/dicom/current/output/chtml/part16/chapter_D.html#DCM_{value}",
}
_GAP = 12
_NARROWEST = 60


def about_html(course: Course, about: str) -> str:
    """Return the first page of a course: what it is about, how it is passed, and where its content comes from.

    Parameters
    ----------
    course : Course
    about : str
        What course.json says of it, which may be Markdown, as HTML.
    """
    file = course.file
    practice, exam = (len(file.cases_of(mode)) for mode in ("practice", "exam"))
    parts = [f"<h2>{escape(file.title)}</h2>", about]
    if file.anything_simulated:
        parts.append("<p><b>SIMULATED:</b> programs made images or outlines of this course; the cases say which.</p>")
    parts.append(
        f"<p>Practice cases: {practice}. Exam cases: {exam}."
        f" A certificate holds for {file.valid_months} months. Protocol: {escape(course.protocol.protocol.title)}.</p>"
    )
    if any(case.draft is not None for case in file.cases):
        parts.append("<p>Where a case has a starting draft, a program made it. It is not the truth.</p>")
    parts.append(f"<p>Pass rule by: {escape(file.pass_rule.source)}</p>")
    if file.sources:
        items = (f"<li>{escape(one.what)}: {escape(one.source)} ({escape(one.licence)})</li>" for one in file.sources)
        parts.append(f"<h3>Sources</h3><ul>{''.join(items)}</ul>")
    return "".join(parts)


def repeats_rules(page: AtlasPage, text: str) -> bool:
    """Return whether the text of a page's own file has all of its rules: then it was written from course.json."""
    rules = (*page.include, *page.exclude)
    return bool(rules) and all(rule in text for rule in rules)


def page_html(course: Course, page: AtlasPage, text: str, width_px: int, picture_width: Callable[[Path], int]) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    course : Course
    page : AtlasPage
    text : str
        HTML of the page's own file; empty where it has none, or where it says no more than course.json does.
    width_px : int
        Room for a picture, pixels.
    picture_width : callable
        Returns the width of a picture file, pixels; 0 where it cannot be read.
    """

    def picture(one: AtlasPicture, room_px: int) -> str:
        path = course.path(one.file)
        width = min(picture_width(path), max(room_px, _NARROWEST))
        caption = escape(one.caption) + (" SIMULATED." if one.simulated and "SIMULATED" not in one.caption else "")
        shown = f'<img src="{escape(path.as_uri())}" width="{width}">' if width > 0 else "<i>(the picture cannot be read)</i>"
        return f"{shown}<br><small>{caption}</small>"

    parts = [text or f"<h2>{escape(page.title)}</h2>"]
    for title, rules in (("Belongs to it", page.include), ("Does not belong to it", page.exclude)):
        if rules:
            items = "".join(f"<li>{escape(rule)}</li>" for rule in rules)
            parts.append(f"<h3>{title}</h3><ul>{items}</ul>")
    parts += (f"<p>{picture(one, width_px)}</p>" for one in page.pictures)
    if page.typical_errors:
        parts.append("<h3>Typical errors</h3>")
    half = (width_px - _GAP) // 2
    for error in page.typical_errors:
        parts.append(f"<p>{escape(error.words)}</p>")
        cells = "".join(
            f'<td width="50%" valign="top"><b>{word}</b><br>{picture(one, half)}</td>'
            for word, one in (("Correct", error.right), ("Wrong", error.wrong))
        )
        parts.append(f'<table width="100%" cellspacing="0" cellpadding="2"><tr>{cells}</tr></table>')
    codes = list(_codes(course, page))
    if codes:
        parts.append(f"<h3>Codes in the protocol</h3><p>{'<br>'.join(codes)}</p>")
    return "".join(parts)


def _codes(course: Course, page: AtlasPage) -> Iterator[str]:
    for structure in course.protocol.protocol.structures:
        if structure.name == page.structure:
            terminology = structure.terminology
            named = (("Category", terminology.category), ("Type", terminology.type), ("Modifier", terminology.modifier))
            for word, code in (*named, ("Region", terminology.region), ("Region modifier", terminology.region_modifier)):
                if code is not None:
                    yield f"{word}: {_code(code)}"


def _code(code: Code) -> str:
    words = f"{escape(code.meaning)} ({escape(code.value)}, {escape(code.scheme)})"
    address = _LOOK_UP.get(code.scheme)
    return words if address is None else f'<a href="{escape(address.format(value=code.value))}">{words}</a>'
