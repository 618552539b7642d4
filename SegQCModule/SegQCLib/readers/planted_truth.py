"""What was planted into the drafts of a training set: a file of its own for each case, which nothing shows to a reader.

<set>/training-set.json
      cases.csv                          the worklist that readers open
      drafts/<case> TRAINING.seg.nrrd    what they get
      truth/<case>.json, .seg.nrrd       what was changed in it, and where
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from SegQCLib.case import Segment, Segmentation
from SegQCLib.dataclass_json import to_json
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import read_file_header
from SegQCLib.file_name import file_name
from SegQCLib.hashing import sha256_of
from SegQCLib.importers import slicer_segmentation
from SegQCLib.json_file import read_json_file
from SegQCLib.output import write_files
from SegQCLib.readers.planted_errors import PlantedError, PlantedErrorKind, PlantedVoxels
from SegQCLib.segmentation_file import write_segmentation
from SegQCLib.training_set import TrainingSet

DRAFTS, TRUTH = "drafts", "truth"


@dataclass(frozen=True)
class StoredVoxels:
    """Which voxels of truth/<case>.seg.nrrd are wrong in which segment of the draft."""

    stored_as: str = field(metadata={"doc": "Id of the segment of truth/<case>.seg.nrrd that holds the voxels."})
    segment_id: str = field(metadata={"doc": "Id of the draft's segment that is wrong there."})
    segment: str = field(metadata={"doc": "Its name."})
    belongs: bool = field(metadata={"doc": "true: the voxels are the segment's and it lacks them; false: it has them wrongly."})


@dataclass(frozen=True)
class StoredError:
    """One planted error."""

    kind: PlantedErrorKind = field(metadata={"doc": "What is wrong."})
    structure: str = field(metadata={"doc": "The segment that it was planted into."})
    partner: str | None = field(metadata={"doc": "The other side, of an exchange; null: none."})
    seed: int = field(metadata={"doc": "What decided the place."})
    volume_ml: float = field(metadata={"doc": "Volume of all wrong voxels, mL."})
    centre_lps_mm: tuple[float, float, float] = field(metadata={"doc": "Where to jump to: left, posterior, superior, mm."})
    voxels: tuple[StoredVoxels, ...] = field(metadata={"doc": "Where the wrong voxels are."})


@dataclass(frozen=True)
class StoredTruth:
    """What was planted into one draft of a training set."""

    schema: Literal["segqc-planted-errors"] = field(metadata={"doc": "Always segqc-planted-errors."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    training_set: str = field(metadata={"doc": "Id of the training set."})
    case: str = field(metadata={"doc": "Name of the case."})
    draft_sha256: str = field(metadata={"doc": "SHA-256 of the draft's file with the errors in it."})
    errors: tuple[StoredError, ...] = field(metadata={"doc": "The errors, in the order in which they were planted."})


@dataclass(frozen=True, eq=False)
class PlantedCase:
    """A case of a training set: the draft as readers get it, and the errors in it."""

    case: str
    draft: Segmentation
    errors: tuple[PlantedError, ...]


def draft_path(folder: Path, case: str) -> Path:
    """Return where the planted draft of a case is kept; its name says TRAINING and not what was planted."""
    return folder / DRAFTS / f"{file_name(case)} TRAINING.seg.nrrd"


def has_planted_errors(folder: Path, case: str) -> bool:
    """Return whether errors were planted into the draft of a case."""
    return _truth_path(folder, case).is_file()


def _truth_path(folder: Path, case: str) -> Path:
    return folder / TRUTH / f"{file_name(case)}.json"


def write_planted(folder: Path, training_set: TrainingSet, planted: PlantedCase) -> None:
    """Write the draft of a case and what is planted in it, the truth last: without it nothing counts as planted.

    Raises
    ------
    BadDataError
        If the folder cannot be written to.
    """
    path = _truth_path(folder, planted.case)
    # Until the new truth is there, the case has none: a draft never stands beside another one's truth.
    path.unlink(missing_ok=True)
    write_segmentation(draft_path(folder, planted.case), planted.draft)
    stored, segments, layers = [], [], []
    for error in planted.errors:
        parts = []
        for wrong in error.voxels:
            layer = np.zeros(planted.draft.geometry.size, np.uint8)
            layer[wrong.box][wrong.mask] = 1
            name = f"voxels_{len(layers) + 1}"
            segments.append(Segment(name, name, 1, len(layers), training_set=training_set.id))
            layers.append(layer)
            parts.append(StoredVoxels(name, wrong.segment_id, wrong.segment, wrong.belongs))
        stored.append(
            StoredError(error.kind, error.structure, error.partner, error.seed, error.volume_ml, error.centre_lps_mm, tuple(parts))
        )
    where = Segmentation("truth", planted.draft.geometry, tuple(layers), tuple(segments))
    write_segmentation(path.with_suffix(".seg.nrrd"), where)
    truth = StoredTruth(
        "segqc-planted-errors",
        "1.0",
        training_set.id,
        planted.case,
        sha256_of(draft_path(folder, planted.case)),
        tuple(stored),
    )
    write_files(path.parent, {path.name: to_json(truth)})


def read_planted(folder: Path, training_set: TrainingSet, case: str) -> PlantedCase:
    """Return a case's draft and the errors in it.

    Raises
    ------
    BadDataError
        If nothing was planted, or draft and truth do not belong together.
    """
    path, draft = _truth_path(folder, case), draft_path(folder, case)
    if not path.is_file():
        raise BadDataError(folder, f"has no planted errors in the case {case}.", "Plant one with 'segqc training plant'.")
    truth = read_json_file(StoredTruth, path, "a list of planted errors", "Plant the errors again.")
    if truth.training_set != training_set.id or truth.case != case:
        raise BadDataError(path, "is of another training set or case.", "Copy a training set as a whole, or plant again.")
    if not draft.is_file() or sha256_of(draft) != truth.draft_sha256:
        raise BadDataError(draft, "is not the draft that the errors were planted into.", "Plant the errors again.")
    where = _read(path.with_suffix(".seg.nrrd"))
    by_id = {segment.id: segment for segment in where.segments}
    if any(one.stored_as not in by_id for error in truth.errors for one in error.voxels):
        raise BadDataError(path.with_suffix(".seg.nrrd"), f"has not all voxels that {path.name} names.", "Plant the errors again.")

    def voxels(one: StoredVoxels) -> PlantedVoxels:
        mask, start = where.cropped_reader(by_id[one.stored_as])()
        return PlantedVoxels(one.segment_id, one.segment, one.belongs, start, mask)

    errors = tuple(
        PlantedError(
            error.kind,
            error.structure,
            error.partner,
            error.seed,
            error.volume_ml,
            error.centre_lps_mm,
            tuple(map(voxels, error.voxels)),
        )
        for error in truth.errors
    )
    if not all(any(wrong.mask.any() for wrong in error.voxels) for error in errors):
        raise BadDataError(path, "names an error without any voxel.", "Plant the errors again.")
    return PlantedCase(case, _read(draft), errors)


def _read(path: Path) -> Segmentation:
    # Not with read_segmentation: it refuses what is marked for training wherever a patient could be meant.
    return slicer_segmentation.read(read_file_header(path), None, path.name.removesuffix(".seg.nrrd"))
