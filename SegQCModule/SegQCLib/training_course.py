"""A training course: a folder with an atlas to read and practice cases to segment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from SegQCLib.errors import BadDataError

ATLAS = "atlas"
CASES = "cases.csv"
_PAGES = (".md", ".html", ".htm")


@dataclass(frozen=True)
class TrainingCourse:
    """A course as its folder has it.

    Attributes
    ----------
    folder : Path
    pages : tuple of Path
        Markdown and HTML files of `atlas`, by name.
    cases : Path or None
        The worklist of practice cases, `cases.csv`.
    """

    folder: Path
    pages: tuple[Path, ...]
    cases: Path | None

    @property
    def name(self) -> str:
        return self.folder.name


def read_course(folder: Path) -> TrainingCourse:
    """Return the course in a folder: pages in `atlas` (.md, .html), practice cases in `cases.csv`, or one of both.

    Raises
    ------
    BadDataError
        If neither is there, or the folder cannot be read.
    """
    try:
        atlas = sorted((folder / ATLAS).iterdir()) if (folder / ATLAS).is_dir() else []
    except OSError as error:
        raise BadDataError(folder / ATLAS, f"cannot be read ({error.strerror}).", "Ask for the right to read it.") from error
    pages = tuple(path for path in atlas if path.suffix.lower() in _PAGES and not path.name.startswith("."))
    cases = folder / CASES if (folder / CASES).is_file() else None
    if not pages and cases is None:
        raise BadDataError(
            folder,
            "is not a training course.",
            "A course is a folder with pages to read in the sub-folder atlas (.md, .html), or with practice cases in cases.csv.",
        )
    return TrainingCourse(folder, pages, cases)


def page_title(page: Path) -> str:
    """Return what a page is called in lists: its file's name, without the number that orders it."""
    words = page.stem.replace("_", " ").replace("-", " ").split()
    return " ".join(words[1:] if len(words) > 1 and words[0].isdecimal() else words)
