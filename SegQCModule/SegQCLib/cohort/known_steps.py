"""What is known of the steps of one case's evaluation: a changed protocol computes anew just the steps that it touches.

Each step is kept with the protocol's top-level fields that it read and the SHA-256 of their values. While these are the same,
so is what it finds. Where no step that is left needs the case's voxels, the case is not read.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from SegQCLib.acquisition import WindowLevel
from SegQCLib.case import Box, Case, Segment
from SegQCLib.cohort.case_key import canonical_json, sha256_of_value
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.watched_protocol import WatchedProtocol, fields_read, watched
from SegQCLib.dataclass_json import FaultyJSONError, from_json
from SegQCLib.difficulty.in_case import model_sha256
from SegQCLib.evaluate import evaluate_in_steps, software_versions
from SegQCLib.evaluation_steps import EXPECTED_AGREEMENT, CaseTold, StepFound, Work, told_of
from SegQCLib.output import write_files
from SegQCLib.prepare import prepare
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocol import LoadedProtocol, QCProtocol
from SegQCLib.record import QCRecord

STEPS_NAME = "steps"

# Read like a field of the protocol, which only names it.
_MODEL_FILE = "difficulty model file"
_PROTOCOL_FIELDS = frozenset(f.name for f in fields(QCProtocol))


@dataclass(frozen=True)
class KnownCase:
    """What is known of a prepared case without its voxels."""

    read: dict[str, str] = field(metadata={"doc": "SHA-256 of each of the protocol's fields that preparing the case read."})
    told: CaseTold = field(metadata={"doc": "What reading and preparing it told."})
    display: WindowLevel | None = field(metadata={"doc": "The window that it is shown with."})
    segments: tuple[Segment, ...] = field(metadata={"doc": "Segments of the candidate."})
    boxes: tuple[tuple[int, ...], ...] = field(
        metadata={"doc": "For each segment the first index and the one after the last along k, j and i; empty: no voxels."}
    )


@dataclass(frozen=True)
class KnownStep:
    """What one step found, and under what."""

    name: str = field(metadata={"doc": "Id of the check, or name of another step."})
    read: dict[str, str] = field(metadata={"doc": "SHA-256 of each of the protocol's fields that it depends on."})
    found: StepFound = field(metadata={"doc": "What it found."})


@dataclass(frozen=True)
class KnownSteps:
    """What is known of one case; `KnownSteps.none` where nothing is."""

    schema: Literal["segqc-known-steps"] = field(metadata={"doc": "Always segqc-known-steps."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    inputs_key: str = field(metadata={"doc": "Key of the case's files, see case_key."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what computed it; with others it is computed anew."})
    case: KnownCase | None = field(default=None, metadata={"doc": "What reading it told; null: nothing is known."})
    steps: tuple[KnownStep, ...] = field(default=(), metadata={"doc": "Steps, in the order of their names."})

    @classmethod
    def none(cls, inputs_key: str) -> KnownSteps:
        """Return that nothing is known of a case."""
        return cls("segqc-known-steps", "1.0", inputs_key, software_versions())


@dataclass(frozen=True)
class KnownEvaluation:
    """A record, and how it came about.

    Attributes
    ----------
    record : QCRecord
    steps : KnownSteps
        What is known now. The very object that was given, if nothing new was learnt.
    computed : tuple of str
        Steps that were computed, in their order; all others were known.
    was_read : bool
        Whether the case's files were read.
    """

    record: QCRecord
    steps: KnownSteps
    computed: tuple[str, ...]
    was_read: bool


def evaluate_known(
    read_case: Callable[[], Case], protocol: LoadedProtocol, steps: KnownSteps, progress: Progress = unwatched
) -> KnownEvaluation:
    """Return the record of a case under a protocol: what `evaluate` gives, with the known steps not computed again.

    Identity and signatures of the protocol, the verdict and the record's date are never taken from what is known.

    Parameters
    ----------
    read_case : callable
        Reads the case's files; called once, or not at all. What it gives must not depend on the protocol.
    protocol : LoadedProtocol
    steps : KnownSteps
        See `read_known_steps`.
    progress : Progress

    Raises
    ------
    BadDataError
        If a segmentation or the uncertainty map lies outside the image; and what `read_case` raises.
    ValueError
        If the case has quality norms or a reader's training standing: both come from files that are none of its inputs.
    """
    raise NotImplementedError


def known_steps_path(folder: CohortFolder, inputs_key: str) -> Path:
    """Return where what is known of a case is kept: .segqc-cohort/steps/<ab>/<inputs_key>.json.gz."""
    return folder.store / STEPS_NAME / inputs_key[:2] / f"{inputs_key}.json.gz"


def read_known_steps(path: Path, inputs_key: str) -> KnownSteps:
    """Return what a file knows of a case: nothing, if there is none, or it is damaged, of another case or other software."""
    raise NotImplementedError


def write_known_steps(path: Path, steps: KnownSteps) -> None:
    """Write what is known of a case, whole or not at all; the same always gives the same bytes.

    Raises
    ------
    BadDataError
        If the disk is full or the folder cannot be written to.
    """
    raise NotImplementedError
