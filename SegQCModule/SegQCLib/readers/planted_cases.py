"""Plant errors into the cases of a training set, and score what readers made of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from SegQCLib.alignment import align
from SegQCLib.case import Volume
from SegQCLib.errors import BadDataError
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.draft import read_draft
from SegQCLib.importers.draft_algorithm import made_by
from SegQCLib.output import write_files
from SegQCLib.readers.planted_controls import is_control, write_control
from SegQCLib.readers.planted_errors import SHRUNKEN_TO, PlantedError, PlantedErrorKind, plant
from SegQCLib.readers.planted_outcome import PlantedOutcome, score_planted
from SegQCLib.readers.planted_times import seconds_until_corrected
from SegQCLib.readers.planted_truth import PlantedCase, draft_path, has_planted_errors, read_planted, write_planted
from SegQCLib.readers.session_log import StoredLog
from SegQCLib.training_course import CASES
from SegQCLib.training_set import require_training_set
from SegQCLib.worklist import COLUMNS, WorklistCase, read_worklist


def plant_in_case(
    folder: Path,
    case: str,
    kind: PlantedErrorKind,
    structure: str,
    seed: int,
    *,
    draft: Path | None = None,
    image: Path | None = None,
    labels: str | None = None,
    protocol: str | None = None,
    shrunken_to: float = SHRUNKEN_TO,
) -> PlantedError:
    """Plant one error into the draft of a case of a training set, and name the case in the set's worklist.

    Parameters
    ----------
    folder : Path
        The training set.
    case : str
    kind, structure, seed, shrunken_to
        See `plant`.
    draft : Path, optional
        What the error is planted into; it is not changed. Without it one more error goes into the case's planted draft.
    image : Path, optional
        Image of a case that the worklist does not name yet.
    labels : str, optional
        What label values of the draft mean; see `read_segmentation`.
    protocol : str, optional
        Protocol of a case that the worklist does not name yet.

    Raises
    ------
    BadDataError
        If the folder is no training set, files are missing, the structure has a planted error already, or the error cannot be
        planted.
    """
    training_set = require_training_set(folder)
    entry = _entry(folder, case)
    path = image if entry is None else entry.image
    if path is None:
        raise BadDataError(folder / CASES, f"does not name the case {case}.", "Give its image with --image.")
    volume = replace(read_image(path), training_set=training_set.id)
    if volume.array is None:
        raise BadDataError(path, "has no voxel values.", "Give the image itself.")
    earlier: tuple[PlantedError, ...] = ()
    if is_control(folder, case):
        raise BadDataError(
            folder, f"has {case} as a control; readers may have seen its draft.", "Choose another name for the case with an error."
        )
    if draft is None:
        if not has_planted_errors(folder, case):
            raise BadDataError(folder, f"has no draft of the case {case} yet.", "Give one with --draft.")
        present = read_planted(folder, training_set, case)
        start, earlier = present.draft, present.errors
    else:
        if has_planted_errors(folder, case):
            raise BadDataError(
                folder,
                f"has a draft with planted errors of the case {case} already; readers may have seen it.",
                "Leave --draft away to plant one more error into it, or choose another name for the case.",
            )
        start = align(_draft(draft, labels, volume), volume.geometry)
    taken = {name for error in earlier for name in (error.structure, error.partner)}
    planted = plant(start, kind, structure, seed=seed, training_set=training_set, image=volume, shrunken_to=shrunken_to)
    again = taken & {planted.error.structure, planted.error.partner} - {None}
    if again:
        raise BadDataError(
            folder, f"has an error in {', '.join(again)} of the case {case} already.", "Plant it into another structure."
        )
    write_planted(folder, training_set, PlantedCase(case, planted.segmentation, (*earlier, planted.error)))
    _name_in_worklist(folder, case, entry, image, protocol)
    return planted.error


def add_control(
    folder: Path,
    case: str,
    draft: Path,
    *,
    image: Path | None = None,
    labels: str | None = None,
    protocol: str | None = None,
) -> tuple[str, ...]:
    """Make a draft without a planted error a case of a training set, and return the names of its segments.

    Parameters
    ----------
    folder : Path
        The training set.
    case : str
    draft : Path
        A draft that whoever makes the set has looked through and found correct; it is not changed.
    image, labels, protocol
        See `plant_in_case`.

    Raises
    ------
    BadDataError
        If the folder is no training set, files are missing, or the case has a draft already.
    """
    training_set = require_training_set(folder)
    if has_planted_errors(folder, case) or is_control(folder, case):
        raise BadDataError(
            folder, f"has a draft of the case {case} already; readers may have seen it.", "Choose another name for the case."
        )
    entry = _entry(folder, case)
    path = image if entry is None else entry.image
    if path is None:
        raise BadDataError(folder / CASES, f"does not name the case {case}.", "Give its image with --image.")
    volume = replace(read_image(path), training_set=training_set.id)
    shown = write_control(folder, training_set, case, align(_draft(draft, labels, volume), volume.geometry))
    _name_in_worklist(folder, case, entry, image, protocol)
    return tuple(segment.name for segment in shown.segments if shown.box(segment) is not None)


def _draft(path: Path, labels: str | None, image: Volume):
    if labels is not None:
        return read_segmentation(path, labels=labels, image=image)
    read = read_draft(path, image=image)
    return made_by(read.segmentation, read.algorithm)


def _entry(folder: Path, case: str) -> WorklistCase | None:
    if not (folder / CASES).is_file():
        return None
    return next((entry for entry in read_worklist(folder / CASES).cases if entry.case == case), None)


def _name_in_worklist(folder: Path, case: str, entry: WorklistCase | None, image: Path | None, protocol: str | None) -> None:
    """Write the case's draft into cases.csv, in which other lines and columns stay as they are."""
    path = folder / CASES
    own = draft_path(folder, case).relative_to(folder).as_posix()
    if entry is not None and entry.draft is not None and entry.draft.resolve() == (folder / own).resolve():
        return
    rows, columns, separator = [], list(COLUMNS), ","
    if path.is_file():
        text = path.read_text(encoding="utf-8-sig")
        separator = max(",;\t", key=text.partition("\n")[0].count)
        reader = csv.DictReader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
        rows, columns = list(reader), [*(reader.fieldnames or ())]
    line = next((row for row in rows if (row["case"] or "").strip() == case), None)
    if line is None:
        line = {"case": case, "image": str(image.resolve()), "protocol": protocol or ""}
        rows.append(line)
    line["draft"] = own
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(dict.fromkeys([*columns, *line])), delimiter=separator, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_files(folder, {CASES: out.getvalue()})


def score_case(folder: Path, case: str, final: Path, logs: Sequence[StoredLog] = ()) -> tuple[PlantedOutcome, ...]:
    """Return what a reader made of the errors planted into a case.

    Parameters
    ----------
    folder : Path
        The training set.
    case : str
    final : Path
        The reader's final segmentation.
    logs : sequence of StoredLog
        The reader's session logs of this case, in order of time: how long it took.

    Raises
    ------
    BadDataError
        If nothing was planted into the case, or the segmentation cannot be read or lies elsewhere.
    """
    training_set = require_training_set(folder)
    planted = read_planted(folder, training_set, case)
    grid = Volume(None, planted.draft.geometry, training_set=training_set.id)
    drawn = read_segmentation(final, image=grid)
    return tuple(
        score_planted(error, planted.draft, drawn, seconds=seconds_until_corrected(logs, error) if logs else None)
        for error in planted.errors
    )
