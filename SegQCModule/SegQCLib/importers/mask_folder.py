"""A folder with one mask file for each structure, as TotalSegmentator writes it: liver.nii.gz, spleen.nii.gz ..."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from SegQCLib.case import FileSource, Segment, Segmentation
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileKind, read_file_header
from SegQCLib.geometry import same_grid
from SegQCLib.hashing import sha256_of_files
from SegQCLib.importers import label_map
from SegQCLib.importers.label_table import LabelName
from SegQCLib.importers.layer_stack import LayerStack
from SegQCLib.progress import Progress, counted, unwatched

_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")


def mask_files(folder: Path) -> dict[str, Path]:
    """Return the image files of a folder, without its subfolders, by their names without ending, in order."""
    found = {}
    for path in sorted(folder.iterdir()):
        ending = next((ending for ending in _ENDINGS if path.name.lower().endswith(ending)), None)
        if ending is not None and path.is_file() and not path.name.startswith(".") and not path.name.lower().endswith(".seg.nrrd"):
            found[path.name[: -len(ending)]] = path
    return found


def read_mask_folder(folder: Path, names: dict[str, LabelName], progress: Progress = unwatched) -> Segmentation:
    """Return all masks of a folder as one segmentation; a segment is named as its file.

    Parameters
    ----------
    folder : Path
    names : dict
        Codes and colours of known structures, by name.
    progress : callable, optional

    Raises
    ------
    BadDataError
        If a file is damaged, holds more than one label, or lies on another grid than the first.
    """
    files = mask_files(folder)
    if not files:
        raise BadDataError(folder, "holds no mask.", "Give a folder with one NIfTI or NRRD file for each structure.")
    geometry, stack = None, None
    segments = []
    for number, (name, path) in enumerate(counted(progress, "Reading masks", list(files.items())), 1):
        header = read_file_header(path)
        if header.kind is FileKind.UNKNOWN:
            raise BadDataError(path, "is not an image file that SegQC knows.", "Leave only masks in the folder.")
        mask = label_map.read(header, None, name)
        if len(mask.segments) > 1:
            raise BadDataError(path, f"holds {len(mask.segments)} labels, not one mask.", "Pick this file alone.")
        if geometry is None:
            geometry, stack = mask.geometry, LayerStack(mask.geometry.size, len(files))
        elif not same_grid(mask.geometry, geometry):
            first = next(iter(files.values())).name
            raise BadDataError(path, f"lies on another grid than {first}.", "Leave only masks of one image in the folder.")
        inside = mask.layers[0] > 0
        planes = {int(k): inside[k] for k in np.flatnonzero(inside.any(axis=(1, 2)))}
        known = names.get(name)
        segments.append(
            Segment(
                id=name,
                name=name,
                label_value=number,
                layer=stack.add(planes, number),
                terminology=known and known.terminology,
                color=known and known.color,
            )
        )
    source = FileSource(str(folder), sha256_of_files(files.values(), folder))
    return Segmentation(folder.name, geometry, stack.layers, tuple(segments), source)
