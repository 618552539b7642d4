"""The files of one case: what the worklist names, and what a reader saved of it under the records folder.

<records folder>/<case>/<reader>/candidate.seg.nrrd            the reader's segmentation as last saved
                                 candidate.autosave.seg.nrrd   newer work that was not saved yet
                                 versions/candidate.0007.seg.nrrd
                                 record.json, ...              what was evaluated and rated
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from SegQCLib.alignment import align
from SegQCLib.case import Segment, Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import read_file_header
from SegQCLib.file_name import file_name
from SegQCLib.geometry import Geometry
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.draft import read_draft
from SegQCLib.importers.draft_algorithm import DraftAlgorithm, made_by
from SegQCLib.output import write_files
from SegQCLib.protocol import LoadedProtocol, QCProtocol, load_protocol
from SegQCLib.record_files import RECORD_NAME
from SegQCLib.seg_nrrd import NrrdSegmentation, write_seg_nrrd
from SegQCLib.training_mark import TRAINING_KEY
from SegQCLib.voxel_hash import voxels_sha256
from SegQCLib.worklist import WorklistCase

CANDIDATE = "candidate.seg.nrrd"
AUTOSAVE = "candidate.autosave.seg.nrrd"
DRAFT = "draft.seg.nrrd"
VERSIONS = "versions"
VERSIONS_KEPT = 10
TEXTS = (RECORD_NAME, "ratings.json", "kept_findings.json")

# In the .seg.nrrd: which image it was drawn on, so that the same case name elsewhere does not bring it up.
IMAGE_KEY = "SegQC_ImageSHA256"

_VERSION = re.compile(r"candidate\.(\d{4,})\.seg\.nrrd")


class CandidateOrigin(StrEnum):
    """Where the candidate that the reader goes on with comes from."""

    SAVED = "saved"
    AUTOSAVED = "autosaved"
    WORKLIST = "worklist"
    DRAFT = "draft"
    EMPTY = "empty"


@dataclass(frozen=True, eq=False)
class OpenedCase:
    """A case of a worklist, read from its files.

    Attributes
    ----------
    entry : WorklistCase
    folder : Path
        Where the reader's work on it is kept.
    image : Volume
    candidate : Segmentation
    origin : CandidateOrigin
    reference, draft : Segmentation or None
        Every segment of the draft is AUTOMATIC, made by what its file names.
    draft_sha256 : str or None
        `voxels_sha256` of the draft on the image's grid: whether it is as it came.
    protocol : LoadedProtocol or None
    tags : dict of str
        For each .seg.nrrd file that was read the tags of each segment id, as Slicer writes them (`key:value|key:value`).
    texts : dict of str
        What was evaluated and rated, as JSON by the name of its file.
    unread : tuple of str
        Sentences about work of the reader that was there and could not be taken up.
    """

    entry: WorklistCase
    folder: Path
    image: Volume
    candidate: Segmentation
    origin: CandidateOrigin
    reference: Segmentation | None
    draft: Segmentation | None
    draft_sha256: str | None
    protocol: LoadedProtocol | None
    tags: Mapping[str, Mapping[str, str]]
    texts: Mapping[str, str]
    unread: tuple[str, ...]

    def tags_of(self, segmentation: Segmentation) -> Mapping[str, str]:
        """Return the tags that the file of a segmentation has for each segment id."""
        return {} if segmentation.source is None else self.tags.get(segmentation.source.path, {})


@dataclass(frozen=True, eq=False)
class Work:
    """What a reader has done on a case, copied for saving.

    Attributes
    ----------
    folder : Path
        The reader's folder of the case.
    candidate : NrrdSegmentation
    image_sha256 : str or None
        The image that it was drawn on.
    draft : NrrdSegmentation or None
        A draft that the worklist does not name; None: there is none, or it is saved.
    texts : dict of str or None
        JSON by the name of its file; None: it no longer stands for the candidate and is put aside.
    """

    folder: Path
    candidate: NrrdSegmentation
    image_sha256: str | None
    draft: NrrdSegmentation | None
    texts: Mapping[str, str | None]


def reader_folder(records_folder: Path, case: str, reader: str) -> Path:
    """Return the folder of a reader's work on a case; it need not exist."""
    return records_folder / file_name(case) / file_name(reader)


def open_case(
    entry: WorklistCase,
    records_folder: Path,
    reader: str,
    protocol: LoadedProtocol | None,
    report: Callable[[str, float], None] = lambda _step, _share: None,
) -> OpenedCase:
    """Read a case with the reader's own candidate in place of the worklist's, where the reader has saved one.

    Work that was kept automatically and is newer than what was saved comes first. Without any work of the
    reader the worklist's candidate is taken; without that a copy of the draft; without a draft an empty
    segment for each structure that the protocol requires. The worklist's own files are never written to.

    Parameters
    ----------
    protocol : LoadedProtocol or None
        Taken where the worklist names none.
    report : callable
        Called before each step with its name (image, segmentations, candidate) and the share that is done, 0 to 1.

    Raises
    ------
    BadDataError
        If a file of the worklist cannot be read, or the reader's work under this case's name was drawn on another
        image, or for practice where this is a patient's case, or the other way round. Work of the reader that is damaged is
        passed over and named in `unread`; its files stay as they are.
    """
    folder = reader_folder(records_folder, entry.case, reader)
    if entry.protocol is not None:
        protocol = load_protocol(entry.protocol)
    report("image", 0.0)
    image = replace(read_image(entry.image), training_set=entry.training_set)
    report("segmentations", 0.6)
    reference = _segmentation(entry.reference, entry.labels, image)
    draft = _draft(folder / DRAFT if (folder / DRAFT).is_file() else entry.draft, entry.labels, image)
    report("candidate", 0.8)
    own, origin, unread = _own_work(folder, image, reader)
    if own is None:
        own = _segmentation(entry.candidate, entry.labels, image)
        origin = CandidateOrigin.WORKLIST
    if own is None and draft is not None:
        own, origin = replace(draft, name=reader), CandidateOrigin.DRAFT
    if own is None:
        own, origin = (
            empty_candidate(image.geometry, None if protocol is None else protocol.protocol, reader),
            CandidateOrigin.EMPTY,
        )
    paths = {segmentation.source.path for segmentation in (own, draft, reference) if segmentation and segmentation.source}
    return OpenedCase(
        entry=entry,
        folder=folder,
        image=image,
        candidate=own,
        origin=origin,
        reference=reference,
        draft=draft,
        draft_sha256=None if draft is None else voxels_sha256(align(draft, image.geometry)),
        protocol=protocol,
        tags={path: _tags_in(Path(path)) for path in paths},
        texts=_texts_in(folder, origin),
        unread=unread,
    )


def _segmentation(path: Path | None, labels: str | None, image: Volume) -> Segmentation | None:
    return None if path is None else read_segmentation(path, labels=labels, image=image)


def _draft(path: Path | None, labels: str | None, image: Volume) -> Segmentation | None:
    if path is None:
        return None
    if labels is None:
        read = read_draft(path, image=image)
        return made_by(read.segmentation, read.algorithm)
    return made_by(read_segmentation(path, labels=labels, image=image), DraftAlgorithm())


def _own_work(folder: Path, image: Volume, reader: str) -> tuple[Segmentation | None, CandidateOrigin, tuple[str, ...]]:
    """Return the newest work of the reader that can be read, and why newer work could not."""
    unread: list[str] = []
    found = [
        (path.stat().st_mtime_ns, path, origin)
        for path, origin in ((folder / AUTOSAVE, CandidateOrigin.AUTOSAVED), (folder / CANDIDATE, CandidateOrigin.SAVED))
        if path.is_file()
    ]
    for _, path, origin in sorted(found, key=lambda item: item[0], reverse=True):
        try:
            keys = read_file_header(path).keys
            drawn_on, drawn_for = keys.get(IMAGE_KEY), keys.get(TRAINING_KEY)
            of_same_purpose = drawn_for == image.training_set
            own = align(read_segmentation(path, name=reader, image=image), image.geometry) if of_same_purpose else None
        except BadDataError as error:
            unread.append(str(error))
            continue
        if own is None:
            raise BadDataError(
                path,
                "is work on a patient's case." if drawn_for is None else "is work on a practice case of a training set.",
                "The case that is to be opened has the same name: choose another records folder, so that they are not exchanged.",
            )
        if drawn_on is not None and image.source is not None and drawn_on != image.source.sha256:
            raise BadDataError(
                path,
                "was drawn on another image than this case has now.",
                "Does another worklist with the same case names use this records folder? Choose another records folder.",
            )
        return own, origin, tuple(unread)
    return None, CandidateOrigin.EMPTY, tuple(unread)


def empty_candidate(grid: Geometry, protocol: QCProtocol | None, name: str) -> Segmentation:
    """Return a segmentation with an empty segment for each structure that the protocol requires, not started.

    Only for those: an empty segment says "assessed, absent" once the reader completes it.
    """
    structures = [structure for structure in (protocol.structures if protocol else ()) if structure.required]
    return Segmentation(
        name=name,
        geometry=grid,
        layers=(np.zeros(grid.size, np.uint8),),
        segments=tuple(
            Segment(structure.name, structure.name, number, terminology=structure.terminology, status="notstarted")
            for number, structure in enumerate(structures, start=1)
        ),
    )


def _tags_in(path: Path) -> dict[str, str]:
    keys = read_file_header(path).keys
    numbers = [key.removesuffix("_ID") for key in keys if re.fullmatch(r"Segment\d+_ID", key)]
    return {keys[f"{number}_ID"]: keys[f"{number}_Tags"] for number in numbers if f"{number}_Tags" in keys}


def _texts_in(folder: Path, origin: CandidateOrigin) -> dict[str, str]:
    # A record stands for the candidate that was saved with it.
    names = [name for name in TEXTS if name != RECORD_NAME or origin is CandidateOrigin.SAVED]
    return {name: (folder / name).read_text(encoding="utf-8", errors="replace") for name in names if (folder / name).is_file()}


def save_work(work: Work) -> None:
    """Save a reader's work on a case; see `save_candidate`.

    Raises
    ------
    BadDataError
        If the folder cannot be written to or the disk is full.
    """
    if work.draft is not None:
        _write(work.folder / DRAFT, work.draft, work.image_sha256, None)
    save_candidate(work.folder, work.candidate, work.image_sha256)
    _write_texts(work.folder, work.texts)


def autosave_work(work: Work) -> None:
    """Keep a reader's work beside what was saved: the candidate in a file of its own; ratings as they are.

    Raises
    ------
    BadDataError
        If the folder cannot be written to or the disk is full.
    """
    autosave_candidate(work.folder, work.candidate, work.image_sha256)
    _write_texts(work.folder, {name: text for name, text in work.texts.items() if name != RECORD_NAME})


def _write_texts(folder: Path, texts: Mapping[str, str | None]) -> None:
    write_files(folder, {name: text for name, text in texts.items() if text is not None})
    for name, text in texts.items():
        if text is None and (folder / name).is_file():
            (folder / name).replace(folder / f"outdated.{name}")


def save_candidate(folder: Path, segmentation: NrrdSegmentation, image_sha256: str | None) -> Path:
    """Save the candidate in the reader's folder and return its path; work kept automatically before is then no longer needed.

    The file before is moved to `versions`, of which the newest ten stay. Whatever happens on the way, a complete
    candidate.seg.nrrd, the earlier or the new one, is there at every moment.

    Raises
    ------
    BadDataError
        If the folder cannot be written to or the disk is full; what was there before is unchanged.
    """
    path, kept = folder / CANDIDATE, folder / AUTOSAVE
    kept_before = _changed_ns(kept)
    _write(path, segmentation, image_sha256, _keep_version)
    # The program may have been closed, and newer work kept, while this was written.
    if _changed_ns(kept) == kept_before:
        kept.unlink(missing_ok=True)
    return path


def _changed_ns(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.is_file() else None


def autosave_candidate(folder: Path, segmentation: NrrdSegmentation, image_sha256: str | None) -> Path:
    """Keep work that was not saved yet beside the saved candidate, and return its path.

    Raises
    ------
    BadDataError
        If the folder cannot be written to or the disk is full.
    """
    path = folder / AUTOSAVE
    _write(path, segmentation, image_sha256, None)
    return path


def _write(
    path: Path, segmentation: NrrdSegmentation, image_sha256: str | None, before_replacing: Callable[[Path], None] | None
) -> None:
    if image_sha256 is not None:
        segmentation = replace(segmentation, keys={**segmentation.keys, IMAGE_KEY: image_sha256})
    # A name of its own in the same folder: only there replacing is one step.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_seg_nrrd(temporary, segmentation)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if before_replacing is not None:
            before_replacing(path)
        temporary.replace(path)
    except OSError as error:
        raise BadDataError(
            path.parent,
            f"could not be written to ({error.strerror}).",
            "Free space or choose another records folder; what was saved before is unchanged.",
        ) from error
    finally:
        # Where the folder itself is a file even looking for it fails.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _keep_version(path: Path) -> None:
    """Keep the present file under the next number, without a moment in which it is nowhere."""
    if not path.is_file():
        return
    versions = path.parent / VERSIONS
    versions.mkdir(exist_ok=True)
    kept = sorted((int(match[1]), item) for item in versions.iterdir() if (match := _VERSION.fullmatch(item.name)))
    number = kept[-1][0] + 1 if kept else 1
    version = versions / f"candidate.{number:04d}.seg.nrrd"
    try:
        version.hardlink_to(path)
    except OSError:
        # Network drives and FAT know no hard links.
        shutil.copy2(path, version)
    _prune([item for _, item in kept])


def _prune(earlier: list[Path]) -> None:
    for path in earlier[: max(0, len(earlier) + 1 - VERSIONS_KEPT)]:
        path.unlink(missing_ok=True)
