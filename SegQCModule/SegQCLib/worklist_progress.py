"""How far a reader is in a worklist: a small JSON file beside it for each reader and computer."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.errors import BadDataError
from SegQCLib.file_name import file_name
from SegQCLib.output import require_writable, write_files
from SegQCLib.worklist import Worklist, WorklistCase


class CaseState(StrEnum):
    """How far a case is."""

    NOT_STARTED = "not started"
    IN_PROGRESS = "in progress"
    DONE = "done"


@dataclass(frozen=True)
class CaseProgress:
    """How far one case is, and since when."""

    state: CaseState = field(metadata={"doc": "not started, in progress or done."})
    changed: str = field(metadata={"doc": "When that was written, ISO 8601 in UTC."})


@dataclass(frozen=True)
class WorklistProgress:
    """How far one reader is in one worklist."""

    schema: Literal["segqc-worklist-progress"] = field(metadata={"doc": "Always segqc-worklist-progress."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    reader: str = field(metadata={"doc": "Name of the reader, as entered."})
    cases: dict[str, CaseProgress] = field(metadata={"doc": "Cases that were opened, by their name."})
    last_open: str | None = field(default=None, metadata={"doc": "The case that was open last."})
    last_opened: str = field(default="", metadata={"doc": "When it was opened, ISO 8601 in UTC."})

    def state(self, case: str) -> CaseState:
        known = self.cases.get(case)
        return CaseState.NOT_STARTED if known is None else known.state

    def done(self, worklist: Worklist) -> int:
        """Return how many cases of a worklist are done."""
        return sum(self.state(entry.case) is CaseState.DONE for entry in worklist.cases)


def read_progress(worklist: Worklist, reader: str, records_folder: Path) -> WorklistProgress:
    """Return how far a reader is, from the files of all computers; of two statements on a case the newer one holds.

    Raises
    ------
    BadDataError
        If a progress file was changed to something else, or cannot be read.
    """
    progress = WorklistProgress("segqc-worklist-progress", "1.0", reader, {})
    for path in _files_of(worklist, reader, records_folder):
        try:
            progress = _merged(progress, from_json(WorklistProgress, path.read_text(encoding="utf-8")))
        except (FaultyJSONError, UnicodeDecodeError) as error:
            raise BadDataError(path, f"is not a SegQC progress file: {error}.", "Delete or rename it.") from error
        except OSError as error:
            raise BadDataError(path, f"cannot be read ({error.strerror}).", "Ask for the right to read it.") from error
    return progress


def write_state(worklist: Worklist, reader: str, records_folder: Path, case: str, state: CaseState) -> WorklistProgress:
    """Write how far a case is, as the case that is open, and return the reader's whole progress.

    The file is replaced in one step. It lies beside the worklist, or in the records folder where the worklist's
    folder is read-only. Each reader and each computer writes a file of its own, so nobody overwrites another's.

    Raises
    ------
    ValueError
        If the worklist has no such case.
    BadDataError
        If neither folder can be written to, or a progress file is damaged.
    """
    worklist.number(case)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    before = read_progress(worklist, reader, records_folder)
    after = replace(before, cases={**before.cases, case: CaseProgress(state, now)}, last_open=case, last_opened=now)
    name = f"{_start_of_name(worklist, reader)}{file_name(platform.node() or 'computer')}.json"
    try:
        write_files(worklist.folder, {name: to_json(after)})
    except BadDataError:
        require_writable(records_folder)
        write_files(records_folder, {name: to_json(after)})
    return after


def case_to_resume(worklist: Worklist, progress: WorklistProgress) -> WorklistCase | None:
    """Return the case that was open last if it is not done, else the first one that is not; None if all are done."""
    left = [entry for entry in worklist.cases if progress.state(entry.case) is not CaseState.DONE]
    return next((entry for entry in left if entry.case == progress.last_open), left[0] if left else None)


def _start_of_name(worklist: Worklist, reader: str) -> str:
    # "@" is in no file_name, so that no reader's name can run into a computer's.
    return f"{worklist.path.stem}.segqc-progress.{file_name(reader)}@"


def _files_of(worklist: Worklist, reader: str, records_folder: Path) -> Iterator[Path]:
    start = _start_of_name(worklist, reader)
    for folder in dict.fromkeys((worklist.folder, records_folder)):
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if path.name.startswith(start) and path.suffix == ".json")


def _merged(one: WorklistProgress, other: WorklistProgress) -> WorklistProgress:
    cases = dict(one.cases)
    for case, progress in other.cases.items():
        if case not in cases or progress.changed > cases[case].changed:
            cases[case] = progress
    newer = max(one, other, key=lambda progress: progress.last_opened)
    return replace(one, cases=cases, last_open=newer.last_open, last_opened=newer.last_opened)
