"""A training set: a course folder in which errors may be planted into drafts, marked as such by a file of its own."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from SegQCLib.dataclass_json import to_json
from SegQCLib.errors import BadDataError
from SegQCLib.json_file import read_json_file
from SegQCLib.output import require_writable, write_files
from SegQCLib.training_course import ATLAS

MARK = "training-set.json"


@dataclass(frozen=True)
class TrainingSet:
    """What `training-set.json` says: the cases in this folder are for practice, and no patient is treated by them."""

    schema: Literal["segqc-training-set"] = field(metadata={"doc": "Always segqc-training-set."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    id: str = field(metadata={"doc": "Random id, 32 hexadecimal digits; drafts made for the set carry it."})
    created: str = field(metadata={"doc": "When the set was begun, ISO 8601 in UTC."})


def new_training_set(folder: Path) -> TrainingSet:
    """Make a folder a training set and return it.

    Raises
    ------
    BadDataError
        If the folder holds anything but the pages of an atlas: a folder of patients never becomes a training set afterwards.
    """
    held = sorted(item.name for item in folder.iterdir() if item.name != ATLAS) if folder.is_dir() else []
    if held:
        raise BadDataError(
            folder,
            f"holds {', '.join(held[:5])}{' ...' if len(held) > 5 else ''} already.",
            f"A training set begins as a new or empty folder (pages in {ATLAS} may be there), so that no folder of patients"
            " becomes one by mistake.",
        )
    require_writable(folder)
    training_set = TrainingSet("segqc-training-set", "1.0", uuid.uuid4().hex, datetime.now(UTC).isoformat(timespec="seconds"))
    write_files(folder, {MARK: to_json(training_set)})
    return training_set


def training_set_in(folder: Path) -> TrainingSet | None:
    """Return the training set that a folder is, or None if it is none.

    Raises
    ------
    BadDataError
        If its training-set.json was changed to something else.
    """
    path = folder / MARK
    if not path.is_file():
        return None
    return read_json_file(TrainingSet, path, "the mark of a training set", "Take it from a copy of the set.")


def require_training_set(folder: Path) -> TrainingSet:
    """Return the training set that a folder is.

    Raises
    ------
    BadDataError
        If it is none: errors are planted nowhere else.
    """
    training_set = training_set_in(folder)
    if training_set is None:
        raise BadDataError(
            folder,
            f"is no training set: it has no {MARK}.",
            "Errors are planted only where nobody treats a patient by the result. Begin a set with"
            " 'segqc training new-set --set DIR'.",
        )
    return training_set
