"""A picture of the slice to look at for each of the worst cases, drawn from its files as they were evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from SegQCLib.case import FileSource
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.read_case import read_case
from SegQCLib.cohort.report.what_was_run import protocol_of
from SegQCLib.cohort.report.worst_cases import WorstCase
from SegQCLib.errors import BadDataError
from SegQCLib.json_file import read_json_file
from SegQCLib.pictures import Picture, slice_pictures
from SegQCLib.prepare import prepare
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.record import QCRecord, SliceToView

# Base64 characters of all pictures together, so that the page opens at once.
MOST_CHARACTERS = 6_000_000


@dataclass(frozen=True)
class CasePicture:
    """The picture of a case, or why there is none, as a sentence."""

    picture: Picture | None
    why_not: str | None = None


def case_pictures(folder: CohortFolder, worst: Sequence[WorstCase], progress: Progress = unwatched) -> dict[str, CasePicture]:
    """Return a picture for each case by its name, one case in memory at a time.

    An image or segmentation whose SHA-256 is not the record's is not drawn.
    """
    found: dict[str, CasePicture] = {}
    characters = 0
    for entry in counted(progress, "Drawing worst cases", worst):
        if characters > MOST_CHARACTERS:
            found[entry.case.case] = CasePicture(None, "Not drawn: the pictures of the cases above fill the page already.")
            continue
        try:
            picture = _picture(folder, entry)
        except BadDataError as error:
            found[entry.case.case] = CasePicture(None, f"Not drawn: {error}")
        except OSError as error:
            found[entry.case.case] = CasePicture(None, f"Not drawn: a file cannot be read again ({error.strerror or error}).")
        else:
            found[entry.case.case] = picture
            characters += 0 if picture.picture is None else len(picture.picture.png_base64 or "")
    return found


def _picture(folder: CohortFolder, entry: WorstCase) -> CasePicture:
    case = entry.case
    record = read_json_file(QCRecord, folder.record(case.case), "a record", "Run segqc cohort again.")
    now = (_sha256(record, "image"), _sha256(record, "candidate"), record.protocol.sha256)
    if now != (case.image_sha256, case.candidate_sha256, case.protocol_sha256):
        # A run that was stopped before it wrote tables: numbers and picture would be of different files.
        return CasePicture(None, "Not drawn: it was evaluated again since the tables were written. Run segqc cohort to its end.")
    view = _view(record, entry.segment)
    if view is None:
        return CasePicture(
            None, "No picture: the record names no slice to look at, as where nothing could be measured or all agrees."
        )
    rules = protocol_of(case.protocol_sha256 or "", (case.protocol, case.protocol_id))
    if rules is None:
        return CasePicture(None, "Not drawn: no file of the protocol with the record's content is there any more.")
    candidate_path = case.candidate_path or case.draft_path
    if case.image_path is None or candidate_path is None:
        return CasePicture(None, "Not drawn: the cohort's table does not name its files.")
    files = CohortCase(
        case.case,
        Path(case.image_path),
        Path(candidate_path),
        tuple(map(Path, case.reference_paths)),
        labels=case.labels,
        candidate_is_draft=case.candidate_is_draft,
    )
    read = read_case(files, lambda image: _require(record, "image", image.source))
    for role, drawn in (("candidate", read.candidate), *zip(read.reference_roles(), read.references, strict=True)):
        _require(record, role, drawn.source)
    prepared = prepare(read, rules)
    (picture,) = slice_pictures(prepared.case, replace(record, slices_to_view=(view,)), rules)
    return CasePicture(picture)


def _view(record: QCRecord, segment: str | None) -> SliceToView | None:
    own = [view for view in record.slices_to_view if view.segment == segment]
    return next(iter([*own, *record.slices_to_view]), None)


def _sha256(record: QCRecord, role: str) -> str | None:
    return next((item.sha256 for item in record.inputs if item.role == role), None)


def _require(record: QCRecord, role: str, source: FileSource | None) -> None:
    known = _sha256(record, role)
    if known is None or source is None or source.sha256 != known:
        raise BadDataError(
            f"The {role}",
            "has changed since it was evaluated, so a picture would not show what the numbers say.",
            "Run segqc cohort again.",
        )
