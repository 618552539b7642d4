"""Cases from a worklist: a CSV file, or a folder with one sub-folder for each case."""

from __future__ import annotations

import re
from pathlib import Path

from SegQCLib.cohort.cohort_case import CaseFault, CohortCase
from SegQCLib.cohort.sources.case_names import shown
from SegQCLib.cohort.sources.found_cases import FoundCases
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.cohort.sources.walk import entries
from SegQCLib.errors import BadDataError
from SegQCLib.worklist import RECORDS_FOLDER_NAME, WorklistLine, is_case_folder, path_fault, read_worklist_lines

_FILES = ("uncertainty", "second_image", "ratings")
_WORDS = ("patient", "site", "reader")
_FURTHER_REFERENCE = re.compile(r"reference_([2-9]|[1-9]\d+)")


def recognises(folder: Path) -> bool:
    """Return whether a sub-folder of a folder is a case by the names of its files."""
    folders, _ = entries(folder, [])
    for one in folders:
        try:
            if is_case_folder(one):
                return True
        except OSError:
            continue
    return False


def read(path: Path, options: SourceOptions) -> FoundCases:  # noqa: ARG001 - every source is called alike
    """Return the cases of a worklist; a missing file, protocol or label table is the fault of its case.

    A CSV file has the columns of `worklist.read_worklist`, and may have reference_2, reference_3, ..., uncertainty, second_image
    and ratings (files) and patient, site and reader. Where a case has a draft and no candidate, the draft is evaluated.

    Raises
    ------
    BadDataError
        If the worklist is faulty as a table: with all its faults.
    """
    if path.is_dir():
        passed_over: list[str] = []
        kept = {folder.name for folder in entries(path, passed_over)[0]} - {RECORDS_FOLDER_NAME}
        lines = [line for line in read_worklist_lines(path) if line.where in kept]
        return FoundCases("worklist-folder", tuple(_case(path, path, line) for line in lines), tuple(passed_over))
    lines = read_worklist_lines(path)
    _require_each_column_once(path, lines)
    notes = []
    unknown = dict.fromkeys(name for line in lines if line.entry for name, _ in line.entry.other if not _is_known(name))
    if unknown:
        notes.append(f"Columns that say nothing to SegQC: {', '.join(unknown)}.")
    return FoundCases("csv", tuple(_case(path.parent, path, line) for line in lines), tuple(notes))


def _is_known(column: str) -> bool:
    name = column.casefold()
    return name in (*_FILES, *_WORDS) or _FURTHER_REFERENCE.fullmatch(name) is not None


def _require_each_column_once(path: Path, lines: tuple[WorklistLine, ...]) -> None:
    columns = next((line.entry.other for line in lines if line.entry), ())
    known = [name.casefold() for name, _ in columns if _is_known(name)]
    faults = [
        f"  the column {name} is given {known.count(name)} times; keep one"
        for name in dict.fromkeys(known)
        if known.count(name) > 1
    ]
    if faults:
        raise BadDataError(path.name, "is not a usable worklist.", "Correct:\n" + "\n".join(faults))


def _case(folder: Path, worklist: Path, line: WorklistLine) -> CohortCase:
    entry, faults = line.entry, list(line.faults)
    where = f"{shown(worklist.name)}, {shown(line.where)}"
    if entry is None:
        return CohortCase(shown(line.case), None, None, fault=_fault(where, faults))
    values = {name.casefold(): value for name, value in entry.other if value}
    numbered = sorted((int(found[1]), name) for name in values if (found := _FURTHER_REFERENCE.fullmatch(name)))
    further = [name for _, name in numbered]
    files = {name: folder / values[name] for name in (*further, *_FILES) if name in values}
    faults += [f"{name}: {fault}" for name, file in files.items() if (fault := path_fault(file)) is not None]
    if entry.candidate is None and entry.draft is None:
        faults.append("there is no candidate and no draft, so nothing to evaluate")
    references = ([] if entry.reference is None else [entry.reference]) + [files[name] for name in further]
    is_draft = entry.candidate is None and entry.draft is not None
    return CohortCase(
        case=shown(entry.case),
        image=entry.image,
        candidate=entry.draft if is_draft else entry.candidate,
        references=tuple(references),
        draft=None if is_draft else entry.draft,
        **{name: files.get(name) for name in _FILES},
        protocol=entry.protocol,
        labels=entry.labels,
        candidate_is_draft=is_draft,
        **{name: values.get(name) for name in _WORDS},
        fault=_fault(where, faults),
    )


def _fault(where: str, faults: list[str]) -> CaseFault | None:
    if not faults:
        return None
    return CaseFault(
        where, f"{shown('; '.join(faults))}.", "Correct the line or the files and run again; the other cases are not affected."
    )
