"""A centre's own study: a CSV file that names, for each lesion and reader, the segmentation that the reader drew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from SegQCLib.alignment import align, align_map, was_resampled
from SegQCLib.case import Segment, Segmentation, Volume
from SegQCLib.csv_rows import read_csv_rows
from SegQCLib.difficulty.described_segments import goes_by
from SegQCLib.difficulty.read_lesion import ReadLesion
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.uncertainty_map import read_map
from SegQCLib.progress import Progress, counted, unwatched

REQUIRED = ("patient", "lesion", "reader", "segmentation")
OPTIONAL = ("label", "image", "healthy", "uncertainty", "drafted_by_ai")

# Room around the outlines for the bands outside of the border that the descriptors look at.
_MARGIN_MM = 10.0
_OF_THE_LESION = ("image", "healthy", "uncertainty")
_NO, _YES = ("", "no", "n", "false", "0"), ("yes", "y", "true", "1")
_RULE = (
    "A study is a CSV file with one line for each lesion and reader and the columns patient, lesion, reader, segmentation, and"
    " if there are any label, image, healthy, uncertainty. Paths may be relative to the CSV file."
)


@dataclass(frozen=True)
class _Line:
    number: int
    patient: str
    lesion: str
    reader: str
    segmentation: Path
    label: str
    image: Path | None
    healthy: Path | None
    uncertainty: Path | None


def read_study(path: Path, labels: str | None = None, progress: Progress = unwatched) -> tuple[ReadLesion, ...]:
    """Return the lesions of a study with the outlines of their readers.

    The first line of the CSV file names its columns, in any order:

    - patient, lesion, reader: who; a lesion belongs to one patient, and a reader outlines it once;
    - segmentation: a label map, .seg.nrrd, DICOM SEG or, with an image, RTSTRUCT; label: the segment's name, id or value, needed
      where there are several; in a file without any segment the reader outlined nothing;
    - image: a DICOM folder or file, NIfTI, NRRD or MetaImage, the same in all lines of a lesion;
    - healthy: a segmentation whose voxels are normal tissue of the same organ;
    - uncertainty: a model's uncertainty map on the image;
    - drafted_by_ai: yes or no; a line with yes is refused.

    All readers' outlines of a lesion are on one grid, which is the image's where there is one: outlines that would have to be
    resampled are refused, because resampling moves borders and with them the agreement. Arrays are cropped to the
    outlines and the healthy region with 10 mm around them.

    Parameters
    ----------
    path : Path
    labels : str or None
        What label values mean, for segmentation files that do not say it; see `read_segmentation`.
    progress : callable

    Returns
    -------
    tuple of ReadLesion
        In the file's order. Readers have the same number in every lesion: their order of appearance in the file; a reader
        who did not outline a lesion has an empty outline there. Ids are "patient/lesion".

    Raises
    ------
    BadDataError
        With every fault and its line. First those of the CSV file; if there are none, those of the files that it names.
    """
    lines = _lines(path)
    readers = tuple(dict.fromkeys(line.reader for line in lines))
    of_lesion: dict[tuple[str, str], list[_Line]] = {}
    for line in lines:
        of_lesion.setdefault((line.patient, line.lesion), []).append(line)
    lesions, faults = [], []
    for group in counted(progress, "Reading lesions", list(of_lesion.values())):
        before = len(faults)
        lesion = _lesion(group, readers, labels, faults)
        if lesion is not None and len(faults) == before:
            lesions.append(lesion)
    _refuse(path, faults)
    return tuple(lesions)


def _refuse(path: Path, faults: Sequence[str]) -> None:
    if faults:
        raise BadDataError(path, "is not a usable study.", f"{_RULE} Correct:\n" + "\n".join(f"  {fault}" for fault in faults))


def _lines(path: Path) -> list[_Line]:
    table = read_csv_rows(path)
    columns = {name: name.casefold() for name in table.header if name.casefold() in (*REQUIRED, *OPTIONAL)}
    faults = [f"line {table.header_line}: the column {name} is missing" for name in REQUIRED if name not in columns.values()]
    if not table.rows:
        faults.append(f"line {table.header_line}: no lesion follows")
    _refuse(path, faults)
    lines = []
    for number, row in table.rows:
        cells = {columns[name]: text for name, text in row.items() if name in columns}
        found = list(_line_faults(cells, path.parent))
        faults += [f"line {number}: {fault}" for fault in found]
        if not found:
            lines.append(_line(number, cells, path.parent))
    _refuse(path, [*faults, *_contradictions(lines)])
    return lines


def _line(number: int, cells: dict[str, str], folder: Path) -> _Line:
    paths = {name: folder / cells[name] if cells.get(name) else None for name in _OF_THE_LESION}
    return _Line(
        number, cells["patient"], cells["lesion"], cells["reader"], folder / cells["segmentation"], cells.get("label", ""), **paths
    )


def _line_faults(cells: dict[str, str], folder: Path) -> Iterator[str]:
    for name in REQUIRED:
        if not cells[name]:
            yield f"{name} is missing"
    for name in ("segmentation", *_OF_THE_LESION):
        if cells.get(name) and not (folder / cells[name]).exists():
            yield f"{name}: {folder / cells[name]} does not exist"
    drafted = cells.get("drafted_by_ai", "").casefold()
    if drafted in _YES:
        yield "drafted_by_ai: fit only on annotations made without AI; drafts inflate agreement"
    elif drafted not in _NO:
        yield f"drafted_by_ai: {cells['drafted_by_ai']!r} is neither yes nor no"


def _contradictions(lines: Sequence[_Line]) -> Iterator[str]:
    of_reader: dict[tuple[str, str, str], int] = {}
    of_lesion: dict[tuple[str, str], _Line] = {}
    of_outline: dict[tuple[str, str, Path, str], _Line] = {}
    counted_lines: dict[tuple[str, str], int] = {}
    for line in lines:
        lesion = (line.patient, line.lesion)
        counted_lines[lesion] = counted_lines.get(lesion, 0) + 1
        first_number = of_reader.setdefault((*lesion, line.reader), line.number)
        if first_number != line.number:
            yield (
                f"line {line.number}: {line.reader} outlined {line.patient}/{line.lesion} in line {first_number} already; a second"
                " reading needs a reader's name of its own"
            )
        first = of_lesion.setdefault(lesion, line)
        drawn_by = of_outline.setdefault((*lesion, line.segmentation, line.label), line)
        if drawn_by.reader != line.reader:
            yield (
                f"line {line.number}: {line.reader} has the file and label of {drawn_by.reader} in line {drawn_by.number}; one"
                " outline is that of one reader, and copies raise the agreement"
            )
        for name in _OF_THE_LESION:
            if getattr(line, name) != getattr(first, name):
                yield f"line {line.number}: {name} is another one than in line {first.number} for the same lesion"
    for lesion, count in counted_lines.items():
        if count < 2:
            yield f"line {of_lesion[lesion].number}: {'/'.join(lesion)} has one reader; agreement needs two or more"


def _lesion(lines: Sequence[_Line], readers: tuple[str, ...], labels: str | None, faults: list[str]) -> ReadLesion | None:
    """Return a lesion, or None after adding to the faults why it cannot be used."""
    first = lines[0]
    where = f"line {first.number}"
    try:
        image = read_image(first.image) if first.image else None
        grid = image or Volume(None, read_segmentation(first.segmentation, labels=labels).geometry)
        geometry = grid.geometry
        healthy = _any_voxel(_on_grid(first.healthy, grid, labels)) if first.healthy else None
        uncertainty = _map_on_grid(first.uncertainty, geometry) if first.uncertainty else None
    except BadDataError as error:
        faults.append(f"{where}: {error}")
        return None
    outlines: dict[str, NDArray[np.bool_]] = {}
    for line in lines:
        try:
            outlines[line.reader] = _outline(line, grid, labels)
        except BadDataError as error:
            faults.append(f"line {line.number}: {error}")
    if len(outlines) < len(lines):
        return None
    drawn = [mask for mask in outlines.values() if mask.any()]
    if len(drawn) < 2:
        faults.append(
            f"{where}: {first.patient}/{first.lesion}: {len(drawn)} of {len(lines)} outlines are not empty; two are needed"
        )
        return None
    box = _box([*drawn, *([] if healthy is None else [healthy])], geometry)
    empty = np.zeros([part.stop - part.start for part in box], bool)
    return ReadLesion(
        id=f"{first.patient}/{first.lesion}",
        patient=first.patient,
        readers=np.stack([outlines[reader][box] if reader in outlines else empty for reader in readers]),
        spacing_mm=geometry.spacing_mm,
        image=None if image is None else np.array(image.array[box]),
        healthy=None if healthy is None else np.array(healthy[box]),
        uncertainty=None if uncertainty is None else np.array(uncertainty[box]),
    )


def _outline(line: _Line, grid: Volume, labels: str | None) -> NDArray[np.bool_]:
    segmentation = _on_grid(line.segmentation, grid, labels)
    if not segmentation.segments:
        return np.zeros(grid.geometry.size, bool)
    segment = _segment(segmentation, line)
    if segment.algorithm_type == "AUTOMATIC":
        raise BadDataError(
            line.segmentation,
            f"says that {segment.name} was made by an algorithm (Segment Algorithm Type AUTOMATIC).",
            "Fit only on annotations made without AI; drafts inflate agreement.",
        )
    return segmentation.mask(segment)


def _segment(segmentation: Segmentation, line: _Line) -> Segment:
    if not line.label and len(segmentation.segments) == 1:
        return segmentation.segments[0]
    chosen = [segment for segment in segmentation.segments if goes_by(segment, line.label)]
    if len(chosen) != 1:
        names = ", ".join(f"{segment.name} ({segment.label_value})" for segment in segmentation.segments) or "none"
        asked = f"not one segment {line.label!r}" if line.label else "not one segment"
        raise BadDataError(line.segmentation, f"has {asked} but: {names}.", "Name the reader's segment in the column label.")
    return chosen[0]


def _on_grid(path: Path, grid: Volume, labels: str | None) -> Segmentation:
    aligned = align(read_segmentation(path, labels=labels, image=grid), grid.geometry)
    if was_resampled(aligned):
        raise BadDataError(
            path,
            "is on another grid than the lesion's image or first outline.",
            "Export it on that grid: resampling moves borders, and with them the agreement.",
        )
    return aligned


def _any_voxel(segmentation: Segmentation) -> NDArray[np.bool_]:
    return np.any([layer != 0 for layer in segmentation.layers], axis=0)


def _map_on_grid(path: Path, geometry: Geometry) -> NDArray:
    aligned: Volume = align_map(read_map(path, None).volume, geometry)
    return aligned.array


def _box(masks: Sequence[NDArray[np.bool_]], geometry: Geometry) -> tuple[slice, slice, slice]:
    box = []
    for axis, (size, spacing) in enumerate(zip(geometry.size, geometry.spacing_mm, strict=True)):
        others = tuple(other for other in range(3) if other != axis)
        there = np.flatnonzero(np.any([mask.any(axis=others) for mask in masks], axis=0))
        margin = int(np.ceil(_MARGIN_MM / spacing))
        box.append(slice(max(0, int(there[0]) - margin), min(size, int(there[-1]) + 1 + margin)))
    return tuple(box)
