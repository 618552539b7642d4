"""What a reader made of a practice case's planted errors, kept beside the reader's work from the first time it was finished.

The reader is told then, so only the first time counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from SegQCLib.case_files import CANDIDATE
from SegQCLib.dataclass_json import to_json
from SegQCLib.json_file import read_json_file
from SegQCLib.output import write_files
from SegQCLib.readers.case_read import PlantedRead
from SegQCLib.readers.planted_cases import score_case
from SegQCLib.readers.planted_outcome import PlantedOutcome
from SegQCLib.readers.session_log import StoredLog
from SegQCLib.training_set import require_training_set

NAME = "planted_errors.json"


@dataclass(frozen=True)
class PlantedResult:
    """One reader's first read of one case with planted errors."""

    schema: Literal["segqc-planted-result"] = field(metadata={"doc": "Always segqc-planted-result."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    training_set: str = field(metadata={"doc": "Id of the training set."})
    case: str = field(metadata={"doc": "Name of the case."})
    reader: str = field(metadata={"doc": "Name that the reader gave."})
    finished: str = field(metadata={"doc": "When the case was finished for the first time, ISO 8601 in UTC."})
    outcomes: tuple[PlantedOutcome, ...] = field(metadata={"doc": "What became of each error."})

    def reads(self) -> tuple[PlantedRead, ...]:
        """Return the outcomes as statistics and logs have them."""
        return tuple(PlantedRead(one.kind.value, one.structure, one.detected, one.corrected, one.seconds) for one in self.outcomes)


def finish_planted_case(
    folder: Path, case: str, reader: str, work: Path, logs: Sequence[StoredLog] = ()
) -> tuple[PlantedResult, bool]:
    """Return what a reader made of a case's planted errors, and whether this is the first time that the case is finished.

    Parameters
    ----------
    folder : Path
        The training set.
    case, reader : str
    work : Path
        The reader's folder of the case, with the saved candidate; the result is kept there.
    logs : sequence of StoredLog
        The reader's session logs of the case, in order of time.

    Raises
    ------
    BadDataError
        If nothing was planted into the case, or the reader's work cannot be read or written to.
    """
    path = work / NAME
    if path.is_file():
        return read_result(path), False
    result = PlantedResult(
        "segqc-planted-result",
        "1.0",
        require_training_set(folder).id,
        case,
        reader,
        datetime.now(UTC).isoformat(timespec="seconds"),
        score_case(folder, case, work / CANDIDATE, logs),
    )
    write_files(work, {NAME: to_json(result)})
    return result, True


def read_result(path: Path) -> PlantedResult:
    """Return the result in a file.

    Raises
    ------
    BadDataError
        If it cannot be read or was changed to something else.
    """
    return read_json_file(PlantedResult, path, "a result of planted errors", "Take it from a copy.")
