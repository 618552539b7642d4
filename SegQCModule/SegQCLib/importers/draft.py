"""Read what an AI tool wrote: a label map, nnU-Net's or TotalSegmentator's files, a .seg.nrrd, a DICOM SEG or RTSTRUCT."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

from SegQCLib.alignment import align, was_resampled
from SegQCLib.case import Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, FileKind, read_file_header
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry
from SegQCLib.importers import label_map, read_segmentation, rtstruct, slicer_segmentation, stem
from SegQCLib.importers.draft_algorithm import DraftAlgorithm, common_algorithm
from SegQCLib.importers.label_names import SHIPPED, read_label_names
from SegQCLib.importers.label_table import LabelName, LabelTable
from SegQCLib.importers.mask_folder import mask_files, read_mask_folder
from SegQCLib.importers.nifti_label_names import label_names_in
from SegQCLib.importers.nnunet import prediction_files
from SegQCLib.importers.uncertainty_map import maps_beside
from SegQCLib.part_of_grid import on_whole_grid
from SegQCLib.progress import Progress, unwatched

_TOTALSEGMENTATOR = DraftAlgorithm(name="TotalSegmentator")


class DraftKind(StrEnum):
    """What was picked, in words."""

    LABEL_MAP = "label map"
    NNUNET = "nnU-Net prediction"
    TOTALSEGMENTATOR = "TotalSegmentator label map"
    TOTALSEGMENTATOR_FOLDER = "TotalSegmentator folder"
    MASK_FOLDER = "folder of masks"
    SLICER = "3D Slicer segmentation"
    DICOM_SEG = "DICOM SEG"
    RTSTRUCT = "DICOM RT Structure Set"
    LOADED = "loaded segmentation"


@dataclass(frozen=True, eq=False)
class Draft:
    """A draft as its files give it.

    Attributes
    ----------
    kind : DraftKind
    segmentation : Segmentation
        On the grid of its file; contours on that of the image.
    algorithm : DraftAlgorithm
        As far as the files say.
    maps : tuple of Path
        Files beside it that look like its probability or uncertainty maps; they were not opened.
    """

    kind: DraftKind
    segmentation: Segmentation
    algorithm: DraftAlgorithm
    maps: tuple[Path, ...] = ()


def read_draft(path: Path, progress: Progress = unwatched, *, image: Volume | None = None) -> Draft:
    """Return the draft in a file or folder.

    A folder is read as one mask for each structure, or, where it holds one file only, as that file. `image` is what it was
    made of: contours are filled on its grid.

    Raises
    ------
    BadDataError
        If nothing usable is there; see `read_segmentation`.
    """
    if path.is_dir():
        return _read_folder(path, progress, image)
    progress(f"Reading {path.name}", 0.0)
    header = read_file_header(path)
    if label_map.recognises(header) and not slicer_segmentation.recognises(header):
        return replace(_read_label_map(header), maps=maps_beside(path))
    segmentation = read_segmentation(path, image=image)
    return Draft(_kind(header), segmentation, common_algorithm(segmentation), maps_beside(path))


def _kind(header: FileHeader) -> DraftKind:
    if rtstruct.recognises(header):
        return DraftKind.RTSTRUCT
    return DraftKind.DICOM_SEG if header.kind is FileKind.DICOM else DraftKind.SLICER


def on_image(draft: Draft, geometry: Geometry) -> Draft:
    """Return a draft on the image's grid; a finding says where it had to be resampled.

    Raises
    ------
    BadDataError
        If it lies outside the image.
    """
    segmentation = on_whole_grid(draft.segmentation, geometry)
    if segmentation is None:
        segmentation = align(draft.segmentation, geometry)
        if was_resampled(segmentation):
            finding = Finding(
                "geometry_match",
                Status.WARN,
                "The draft is on another grid than the image and was resampled to the nearest voxel: its surface may have moved"
                " by up to half a voxel.",
            )
            segmentation = replace(segmentation, findings=(*segmentation.findings, finding))
    return replace(draft, segmentation=segmentation)


def _read_folder(folder: Path, progress: Progress, image: Volume | None) -> Draft:
    masks = mask_files(folder)
    others = [p for p in sorted(folder.iterdir()) if p.is_file() and p.name.lower().endswith((".seg.nrrd", ".dcm", ".seg"))]
    if not masks and len(others) == 1:
        return read_draft(others[0], progress, image=image)
    if len(masks) == 1 and not others:
        return read_draft(next(iter(masks.values())), progress)
    if not masks:
        raise BadDataError(
            folder,
            "holds no segmentation." if not others else f"holds {len(others)} segmentations.",
            "Pick the file, or a folder with one mask for each structure.",
        )
    if prediction_files(folder) is not None:
        raise BadDataError(
            folder, f"holds {len(masks)} nnU-Net predictions: {', '.join(list(masks)[:5])} ...", "Pick the file of this case."
        )
    segmentation = read_mask_folder(folder, _known_names(), progress)
    known = any(name in _known_names() for name in masks)
    kind = DraftKind.TOTALSEGMENTATOR_FOLDER if known else DraftKind.MASK_FOLDER
    return Draft(kind, segmentation, _TOTALSEGMENTATOR if known else DraftAlgorithm())


def _read_label_map(header: FileHeader) -> Draft:
    name = stem(header.path)
    own = label_names_in(header.path) if header.kind is FileKind.NIFTI else None
    if own is not None:
        known = all(label.name in _known_names() for label in own.labels)
        segmentation = label_map.read(header, _with_codes(own), name)
        return Draft(
            DraftKind.TOTALSEGMENTATOR if known else DraftKind.LABEL_MAP,
            segmentation,
            _TOTALSEGMENTATOR if known else DraftAlgorithm(),
        )
    beside = prediction_files(header.path.parent)
    if beside is None:
        return Draft(DraftKind.LABEL_MAP, label_map.read(header, None, name), DraftAlgorithm())
    segmentation = label_map.read(header, None if beside.table is None else _with_codes(beside.table), name)
    if beside.table is None:
        finding = Finding("label_names", Status.WARN, f"The names in dataset.json cannot be used: it {beside.table_fault}")
        segmentation = replace(segmentation, findings=(*segmentation.findings, finding))
    return Draft(DraftKind.NNUNET, segmentation, beside.algorithm)


@cache
def _known_names() -> dict[str, LabelName]:
    """Return TotalSegmentator's structures by name; CT and MR give a name the same codes."""
    return {label.name: label for labels in reversed(SHIPPED) for label in read_label_names(labels).labels}


def _with_codes(table: LabelTable) -> LabelTable:
    """Return a table with TotalSegmentator's codes and colours for the names that are its own."""
    known = _known_names()
    return replace(
        table,
        labels=tuple(replace(known[label.name], number=label.number) if label.name in known else label for label in table.labels),
    )
