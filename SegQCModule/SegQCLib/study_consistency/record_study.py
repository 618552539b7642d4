"""The series of finished evaluations: what their records say of acquisition and segments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from SegQCLib.case import Volume
from SegQCLib.errors import BadDataError
from SegQCLib.file_name import file_name
from SegQCLib.importers import read_segmentation
from SegQCLib.json_file import read_json_file
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import LoadedProtocol, QCProtocol, load_protocol, shipped_protocols
from SegQCLib.record import QCRecord
from SegQCLib.study_consistency.measured_segments import measured_segments
from SegQCLib.study_consistency.study_series import ReadStudy, SeenLesion, SeriesRead, StudySeries
from SegQCLib.study_consistency.timepoint import NO_TIMEPOINT, Timepoint, timepoint_of
from SegQCLib.study_consistency.worklist_study import further_columns
from SegQCLib.worklist import RECORDS_FOLDER_NAME, Worklist, WorklistCase

_CANDIDATE = "candidate.seg.nrrd"
_FROM_RECORD = "The record holds no diameter, and the segmentation it was made of is not there any more"
PLACES = (
    "Records lie in PATIENT/TIMEPOINT/record.json or PATIENT/TIMEPOINT/READER/record.json, where the time point is a date or a"
    " number; in CASE/record.json or CASE/READER/record.json, where a worklist beside them (worklist.csv, or --worklist) names"
    " patient and timepoint of each case."
)


def shipped_protocol_of(files: Sequence[Path]) -> LoadedProtocol | None:
    """Return the shipped protocol that every readable record was judged by, if it is still the same; else None."""
    judged_by = set()
    for path in files:
        try:
            protocol = json.loads(path.read_text(encoding="utf-8"))["protocol"]
            judged_by.add((protocol["id"], protocol["sha256"]))
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            # Reading it as a record says what is wrong with it.
            continue
    named = judged_by.pop() if len(judged_by) == 1 else ("", "")
    if named[0] not in shipped_protocols():
        return None
    loaded = load_protocol(named[0])
    return loaded if loaded.sha256 == named[1] else None


def read_record_study(
    folder: Path,
    files: Sequence[Path],
    worklist: Worklist | None,
    protocol: QCProtocol | None,
    labels: str | None = None,
    progress: Progress = unwatched,
) -> ReadStudy:
    """Return the series that records describe, each with what its reader segmented. See `PLACES`.

    Voxel counts and volumes are the records'. Diameters are measured on the segmentation that lies beside the record, or where
    the record says, if its voxel counts are still those of the record.
    """
    cases = {file_name(entry.case): entry for entry in worklist.cases} if worklist else {}
    series = [_series(path, folder, cases, protocol, labels) for path in counted(progress, "Reading records", files)]
    notes = []
    if not any(one.timepoint.text for one in series):
        notes.append(f"No patient and no time point is known: nothing is followed over time. {PLACES}")
    return ReadStudy("finished evaluations", tuple(series), tuple(notes))


def _series(
    path: Path, folder: Path, cases: Mapping[str, WorklistCase], protocol: QCProtocol | None, labels: str | None
) -> StudySeries:
    parts = [part for part in path.relative_to(folder).parts[:-1] if part != RECORDS_FOLDER_NAME]
    parts = parts or [path.parent.name]
    case, patient, timepoint, kind, reader = _whose(parts, cases)
    if labels is None and parts[0] in cases:
        labels = cases[parts[0]].labels
    try:
        record = read_json_file(QCRecord, path, "a record of SegQC", "Evaluate the case again.")
    except BadDataError as error:
        return StudySeries(case, patient, timepoint, kind, error=str(error))
    geometry = record.case.geometry
    candidate = next((entry for entry in record.inputs if entry.role == "candidate"), None)
    from_draft = any(entry.role == "draft" for entry in record.inputs)
    lesions = _lesions(record, protocol, from_draft=from_draft)
    beside = [path.parent / _CANDIDATE, *([Path(candidate.path)] if candidate and candidate.path else [])]
    lesions = _with_diameters(lesions, beside, Volume(None, geometry), protocol, labels)
    read = SeriesRead(candidate.name if candidate else case, reader or (candidate.name if candidate else None), lesions)
    return StudySeries(case, patient, timepoint, kind, record.case.acquisition, geometry, (read,), simulated=record.says_simulated)


def _whose(parts: Sequence[str], cases: Mapping[str, WorklistCase]) -> tuple[str, str, Timepoint, str | None, str | None]:
    """Return case, patient, time point, kind and reader of a record, from the folders that it lies in."""
    entry = cases.get(parts[0])
    if entry is not None:
        told = further_columns(entry)
        reader = parts[1] if len(parts) > 1 else told.get("reader")
        return entry.case, told.get("patient", entry.case), timepoint_of(told.get("timepoint")), told.get("kind"), reader
    if len(parts) > 1 and timepoint_of(parts[1]).kind != "text":
        return " ".join(parts[:2]), parts[0], timepoint_of(parts[1]), None, parts[2] if len(parts) > 2 else None
    return parts[0], parts[0], NO_TIMEPOINT, None, parts[1] if len(parts) > 1 else None


def _lesions(record: QCRecord, protocol: QCProtocol | None, *, from_draft: bool) -> tuple[SeenLesion, ...]:
    values: dict[str, dict[str, float]] = {}
    structures: dict[str, str | None] = {}
    for one in record.measurements:
        if one.candidate_role == "candidate" and one.reference_role is None and one.value is not None:
            values.setdefault(one.segment, {})[one.metric] = one.value
            structures[one.segment] = one.structure
    of_lesions = {structure.name for structure in (protocol.structures if protocol else ()) if structure.is_lesion}
    return tuple(
        SeenLesion(
            name=name,
            structure=structures[name],
            tracking_uid=None,
            is_lesion=structures[name] in of_lesions,
            voxels=int(found.get("voxel_count", 0)),
            slices=int(found.get("slice_count", 0)),
            volume_mm3=found.get("volume_candidate_mm3", 0.0),
            longest_diameter_mm=None if found.get("voxel_count") else 0.0,
            why_no_diameter=f"{_FROM_RECORD}." if found.get("voxel_count") else None,
            across_pieces_mm=None,
            at_edge=None,
            pieces=int(found["islands"]) + 1 if found.get("voxel_count") and "islands" in found else None,
            assisted=True if from_draft else None,
        )
        for name, found in values.items()
    )


def _with_diameters(
    lesions: tuple[SeenLesion, ...], files: Sequence[Path], image: Volume, protocol: QCProtocol | None, labels: str | None
) -> tuple[SeenLesion, ...]:
    """Return the lesions with what a segmentation file shows of them, if it is the one that was evaluated."""
    reason = _FROM_RECORD
    for file in files:
        if not file.is_file():
            continue
        try:
            segmentation = read_segmentation(file, labels=labels, image=image)
            seen = {one.name: one for one in measured_segments(segmentation, image.geometry, protocol, from_draft=False)}
        except BadDataError:
            reason = "The record holds no diameter, and the segmentation it was made of cannot be read any more"
            continue
        if all(one.name in seen and seen[one.name].voxels == one.voxels for one in lesions):
            return tuple(_measured(one, seen[one.name]) for one in lesions)
        reason = "The record holds no diameter, and the segmentation beside it has other segments or other voxels by now"
    return tuple(one if one.voxels == 0 else replace(one, why_no_diameter=f"{reason}.") for one in lesions)


def _measured(of_record: SeenLesion, of_file: SeenLesion) -> SeenLesion:
    return replace(
        of_record,
        tracking_uid=of_file.tracking_uid,
        is_lesion=of_record.is_lesion or (of_record.structure is None and of_file.is_lesion),
        longest_diameter_mm=of_file.longest_diameter_mm,
        why_no_diameter=None,
        across_pieces_mm=of_file.across_pieces_mm,
        at_edge=of_file.at_edge,
        assisted=of_record.assisted or of_file.assisted,
    )
