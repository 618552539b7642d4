"""Read a segmentation from a file: the file's header, not its name, decides how."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.case import Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, read_file_header, refuse_unread_kinds
from SegQCLib.importers import dicom_seg, label_map, rtstruct, slicer_segmentation
from SegQCLib.importers.label_names import read_label_names
from SegQCLib.importers.label_table import LabelTable
from SegQCLib.steady_file import steady
from SegQCLib.training_mark import refuse_outside_training

# The first that recognises a header reads the file: a .seg.nrrd is also a plain NRRD.
IMPORTERS = (slicer_segmentation, label_map)


def read_segmentation(
    path: Path, *, labels: str | None = None, name: str | None = None, image: Volume | None = None
) -> Segmentation:
    """Return the segmentation in a file.

    Parameters
    ----------
    path : Path
        A label map (NIfTI-1, NRRD, MetaImage), a segmentation of 3D Slicer (.seg.nrrd), a DICOM SEG
        or a DICOM RT Structure Set.
    labels : str, optional
        What the numbers of a label map mean: `totalsegmentator`, `totalsegmentator_mr`, the path of an
        nnU-Net dataset.json or of a names JSON. Every label of the table becomes a segment, also one
        without voxels: whoever uses a table has looked for all of its structures. Without a table,
        the values present become label_1, label_2 ... A .seg.nrrd and DICOM objects bring their own names and
        keep them.
    name : str, optional
        How the segmentation is called where people read it; default: the file's name without ending.
    image : Volume, optional
        The image that it is used with. An RT Structure Set needs it, because contours are filled on its grid and checked
        against its frame of reference; a DICOM SEG that does not say how far its slices are apart takes that from it.
        Everything else comes on the grid of its own file. A segmentation made for a training set needs it to be the image
        of one of that set's cases.

    Raises
    ------
    BadDataError
        If the file or the table is missing, damaged, or not what it has to be, contours come without an image, or it was made
        for a training set.
    """
    header = read_file_header(path)
    table = None if labels is None else read_label_names(labels)
    with steady(path):
        segmentation = _read(header, table, name or stem(path), image)
    refuse_outside_training(segmentation, image)
    return segmentation


def _read(header: FileHeader, table: LabelTable | None, name: str, image: Volume | None) -> Segmentation:
    if rtstruct.recognises(header):
        return rtstruct.read(header, image, name)
    if dicom_seg.recognises(header):
        return dicom_seg.read(header, name, image)
    for importer in IMPORTERS:
        if importer.recognises(header):
            return importer.read(header, table, name)
    refuse_unread_kinds(header)
    raise BadDataError(
        header.path,
        "is not a segmentation file that SegQC knows.",
        "Give a label map as NIfTI (.nii, .nii.gz), NRRD or MetaImage (.mha, .mhd), a segmentation of 3D Slicer (.seg.nrrd),"
        " a DICOM SEG or a DICOM RT Structure Set (RTSTRUCT).",
    )


def stem(path: Path) -> str:
    """Return the name of a segmentation file without its ending, which may have two parts."""
    for ending in (".seg.nrrd", ".seg.nhdr", ".nii.gz"):
        if path.name.lower().endswith(ending) and len(path.name) > len(ending):
            return path.name[: -len(ending)]
    return path.stem
