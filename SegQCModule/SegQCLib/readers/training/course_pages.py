"""Write the pages of an atlas from what course.json has of them, so that page and rules never differ."""

from __future__ import annotations

import posixpath

from SegQCLib.protocol import Structure
from SegQCLib.readers.training.course_file import AtlasPage, AtlasPicture, CourseFile


def page_markdown(page: AtlasPage, structure: Structure) -> str:
    """Return a page as Markdown: codes, what belongs and what does not, pictures, typical errors beside what is correct.

    Parameters
    ----------
    page : AtlasPage
        With a file, which paths of pictures are made relative to.
    structure : Structure
        Of the protocol.
    """
    terminology = structure.terminology
    codes = [terminology.type, terminology.modifier, terminology.region]
    words = ", ".join(f"{code.meaning} ({code.scheme} {code.value})" for code in codes if code is not None)
    lines = [f"# {page.title}", "", f"Segment `{structure.name}`: {words}.", ""]
    for title, rules in (("Belongs to it", page.include), ("Does not belong to it", page.exclude)):
        lines += [f"**{title}**", "", *(f"- {rule}" for rule in rules), ""]
    for picture in page.pictures:
        lines += [_shown(picture, page), "", f"*{picture.caption}*", ""]
    if page.typical_errors:
        lines += ["## Typical errors", ""]
    for error in page.typical_errors:
        lines += [
            error.words,
            "",
            "| correct | wrong |",
            "|---|---|",
            f"| {_shown(error.right, page)} | {_shown(error.wrong, page)} |",
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def about_markdown(file: CourseFile) -> str:
    """Return the first page of a course: what it is, what in it is simulated, and where everything comes from."""
    lines = [f"# {file.title}", "", *(part for paragraph in file.about.split("\n\n") for part in (paragraph, ""))]
    lines += ["## Sources", ""]
    lines += [f"- {one.what}: {one.source} Licence: {one.licence}." for one in file.sources]
    return "\n".join(lines).rstrip() + "\n"


def _shown(picture: AtlasPicture, page: AtlasPage) -> str:
    path = posixpath.relpath(picture.file, posixpath.dirname(page.file or ""))
    # A vertical bar in the caption would end the cell of a table.
    return f"![{picture.caption.replace('|', '/')}]({path})"
