"""The files that a filled checklist is written as."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.checklists.filled_checklist import FilledChecklist
from SegQCLib.checklists.filled_csv import filled_csv
from SegQCLib.checklists.filled_page import filled_page
from SegQCLib.checklists.methods_text import methods_text
from SegQCLib.output import require_writable, write_files

JSON_NAME, PAGE_NAME, CSV_NAME, METHODS_NAME = "checklist.json", "checklist.html", "checklist.csv", "methods.txt"


def write_checklist(filled: FilledChecklist, folder: Path) -> tuple[Path, ...]:
    """Write checklist.json, checklist.html, checklist.csv and methods.txt to a folder, all or none; return their paths.

    Raises
    ------
    BadDataError
        If the folder cannot be written to, or jinja2 is not installed.
    """
    require_writable(folder)
    contents = {
        JSON_NAME: filled.to_json(),
        PAGE_NAME: filled_page(filled),
        CSV_NAME: filled_csv(filled),
        METHODS_NAME: methods_text(filled),
    }
    write_files(folder, contents)
    return tuple(folder / name for name in contents)
