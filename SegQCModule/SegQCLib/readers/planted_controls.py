"""Controls of a training set: drafts into which nothing was planted, so that false alarms can be counted too.

Whoever expects an error in every draft changes correct ones. Nothing tells a reader that a case is a control, also not after it
was finished.

<set>/drafts/<case> TRAINING.seg.nrrd    what readers get: the draft as it was, marked for the set
      truth/<case>.control.json          that nothing was planted into it
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from SegQCLib.alignment import align
from SegQCLib.case import Segmentation, Volume
from SegQCLib.case_files import CANDIDATE, reader_folder
from SegQCLib.dataclass_json import to_json
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import read_file_header
from SegQCLib.file_name import file_name
from SegQCLib.hashing import sha256_of
from SegQCLib.importers import read_segmentation, slicer_segmentation
from SegQCLib.json_file import read_json_file
from SegQCLib.output import write_files
from SegQCLib.protocol import plain_name
from SegQCLib.readers.planted_truth import TRUTH, draft_path
from SegQCLib.segmentation_file import write_segmentation
from SegQCLib.training_set import TrainingSet, require_training_set
from SegQCLib.worklist import read_worklist
from SegQCLib.worklist_progress import CaseState, WorklistProgress, read_progress

# SegQC's own: a stroke that slips changes less of a structure, a correction of anything that matters changes more.
CHANGED_FROM = 0.02
RULE = f"a structure of a control counts as needlessly changed if at least {CHANGED_FROM:.0%} of its volume was added or removed"


@dataclass(frozen=True)
class Control:
    """A case of a training set into whose draft nothing was planted."""

    schema: Literal["segqc-planted-control"] = field(metadata={"doc": "Always segqc-planted-control."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    training_set: str = field(metadata={"doc": "Id of the training set."})
    case: str = field(metadata={"doc": "Name of the case."})
    draft_sha256: str = field(metadata={"doc": "SHA-256 of the draft's file that readers get."})


@dataclass(frozen=True)
class ControlChange:
    """What a reader made of one structure of a control."""

    structure: str = field(metadata={"doc": "Segment of the draft."})
    volume_ml: float = field(metadata={"doc": "Its volume in the draft, mL."})
    changed_ml: float = field(metadata={"doc": "Volume that the reader added or removed, mL."})
    share: float = field(metadata={"doc": "changed_ml / volume_ml, 0 or more."})
    changed: bool = field(metadata={"doc": f"Whether the share is {CHANGED_FROM:g} or more."})


@dataclass(frozen=True)
class FalseAlarmRate:
    """How often structures of controls were changed."""

    reader: str = field(metadata={"doc": "Reader; all: all readers together."})
    shown: int = field(metadata={"doc": "Structures of controls that were shown."})
    changed: int = field(metadata={"doc": "Those that were changed."})
    rate: float = field(metadata={"doc": "changed / shown, 0 to 1."})
    rate_lower: float = field(metadata={"doc": "95 % interval of the rate by Wilson's score, lower end."})
    rate_upper: float = field(metadata={"doc": "Its upper end."})


def is_control(folder: Path, case: str) -> bool:
    """Return whether a case of a training set is a control."""
    return _path(folder, case).is_file()


def _path(folder: Path, case: str) -> Path:
    return folder / TRUTH / f"{file_name(case)}.control.json"


def write_control(folder: Path, training_set: TrainingSet, case: str, draft: Segmentation) -> Segmentation:
    """Keep a draft as it is as that of a control, and return it as readers get it.

    Raises
    ------
    BadDataError
        If the draft has no voxels, or the folder cannot be written to.
    """
    if all(draft.box(segment) is None for segment in draft.segments):
        raise BadDataError(draft.name, "has no voxels.", "A control is a draft that a reader could change for the worse.")
    marked = draft.with_segments(tuple(replace(one, training_set=training_set.id) for one in draft.segments))
    shown = replace(marked, name=f"{draft.name} TRAINING", source=None)
    write_segmentation(draft_path(folder, case), shown)
    control = Control("segqc-planted-control", "1.0", training_set.id, case, sha256_of(draft_path(folder, case)))
    _path(folder, case).parent.mkdir(exist_ok=True)
    write_files(_path(folder, case).parent, {_path(folder, case).name: to_json(control)})
    return shown


def score_control(folder: Path, case: str, final: Path) -> tuple[ControlChange, ...]:
    """Return what a reader made of each structure of a control.

    Parameters
    ----------
    folder : Path
        The training set.
    case : str
    final : Path
        The reader's final segmentation. A segment is found by its name; one that was deleted has no voxels.

    Raises
    ------
    BadDataError
        If the case is no control, its draft was changed, or the segmentation cannot be read or lies elsewhere.
    """
    training_set = require_training_set(folder)
    path, draft = _path(folder, case), draft_path(folder, case)
    control = read_json_file(Control, path, "the mark of a control", "Take it from a copy of the set.")
    if (control.training_set, control.case) != (training_set.id, case):
        raise BadDataError(path, "is of another training set or case.", "Copy a training set as a whole.")
    if not draft.is_file() or sha256_of(draft) != control.draft_sha256:
        raise BadDataError(draft, "is not the draft that readers got.", "Take it from a copy of the set.")
    # Not with read_segmentation: it refuses what is marked for training wherever a patient could be meant.
    shown = slicer_segmentation.read(read_file_header(draft), None, case)
    grid = Volume(None, shown.geometry, training_set=training_set.id)
    drawn = align(read_segmentation(final, image=grid), shown.geometry)
    by_name = {plain_name(one.name): one for one in drawn.segments}
    changes = []
    for segment in shown.segments:
        box = shown.box(segment)
        if box is None:
            continue
        own = by_name.get(plain_name(segment.name))
        kept = 0 if own is None else int(np.count_nonzero(shown.mask(segment, box) & drawn.mask(own, box)))
        before, after = shown.voxel_count(segment), 0 if own is None else drawn.voxel_count(own)
        different, voxel_ml = before + after - 2 * kept, shown.geometry.voxel_volume_mm3 / 1000
        share = different / before
        changes.append(ControlChange(segment.name, before * voxel_ml, different * voxel_ml, share, share >= CHANGED_FROM))
    return tuple(changes)


def finished_controls(folder: Path, records: Path) -> tuple[tuple[str, str, tuple[ControlChange, ...]], ...]:
    """Return reader, case and changes of every control that a reader has finished in 3D Slicer.

    Raises
    ------
    BadDataError
        If the training set or a reader's work cannot be read.
    """
    worklist = read_worklist(folder / "cases.csv")
    controls = [entry.case for entry in worklist.cases if is_control(folder, entry.case)]
    pattern = f"{worklist.path.stem}.segqc-progress.*@*.json"
    files = [path for place in (worklist.folder, records) if controls and place.is_dir() for path in sorted(place.glob(pattern))]
    readers = sorted({read_json_file(WorklistProgress, path, "a progress file", "Delete or rename it.").reader for path in files})
    found = []
    for reader in readers:
        progress = read_progress(worklist, reader, records)
        for case in controls:
            final = reader_folder(records, case, reader) / CANDIDATE
            if progress.state(case) is CaseState.DONE and final.is_file():
                found.append((reader, case, score_control(folder, case, final)))
    return tuple(found)


def false_alarm_rates(reads: Iterable[tuple[str, ControlChange]]) -> tuple[FalseAlarmRate, ...]:
    """Return how often each reader, and all together, changed structures of controls.

    Structures are taken as independent of each other, which those of one reader are not: the interval of all readers is too
    narrow for readers at large.

    References
    ----------
    Wilson, J Am Stat Assoc 1927;22:209-212 (doi:10.1080/01621459.1927.10502953), as scipy.stats.binomtest.
    """
    # Here: loading it takes a quarter of the second in which the module has to open in Slicer.
    from scipy.stats import binomtest

    by_reader: dict[str, list[bool]] = {}
    for reader, change in reads:
        by_reader.setdefault(reader, []).append(change.changed)
    together = [one for own in by_reader.values() for one in own]
    groups = [*sorted(by_reader.items()), *([("all", together)] if len(by_reader) > 1 else [])]
    rates = []
    for reader, own in groups:
        interval = binomtest(sum(own), len(own)).proportion_ci(0.95, "wilson")
        rates.append(FalseAlarmRate(reader, len(own), sum(own), sum(own) / len(own), float(interval.low), float(interval.high)))
    return tuple(rates)
