"""A DICOM series as a volume: sorted by position along the slice normal, with its acquisition facts."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import FileSource, Volume
from SegQCLib.dicom.acquisition_facts import acquisition_facts
from SegQCLib.dicom.counted_reading import CountedFile
from SegQCLib.dicom.dicom_header import DicomHeader, parser_errors, read_dicom_header
from SegQCLib.dicom.header_values import attribute, text_of, value_of
from SegQCLib.dicom.image_sets import (
    ImageSet,
    image_sets,
    is_localizer,
    require_whole_concatenation,
    series_key,
    several_sets,
)
from SegQCLib.dicom.image_slice import ImageSlice, slices_of
from SegQCLib.dicom.pixel_values import value_rule, values_of
from SegQCLib.dicom.stack import Stack, stacked
from SegQCLib.dicom.stored_pixels import PixelFormat, pixel_format, stored_pixels, stored_values
from SegQCLib.dicom.suv import in_reported_unit
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry
from SegQCLib.hashing import sha256_of_digests
from SegQCLib.regular_grid import slice_displacement_mm
from SegQCLib.steady_file import changed, stamp
from SegQCLib.threads import thread_count

# Their voxels are no measurements of a patient that somebody segments on: they are read as what they are, elsewhere.
_OTHER_MODALITIES = ("SEG", "RTDOSE")
_PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
# Reading, hashing and numpy run side by side; more threads than this only queue for Python.
_MOST_THREADS = 4


@dataclass(frozen=True, eq=False)
class _Series:
    volume: Volume
    stack: Stack
    formats: dict[DicomHeader, PixelFormat]
    where: Path
    folder: Path


def read_series(path: Path) -> Volume:
    """Return the one image series of a folder (searched with its subfolders), or the images of a folder that a file belongs with.

    Single images, and frames of enhanced and legacy converted enhanced multi-frame objects, are ordered by Image
    Position (Patient) (0020,0032) along the normal of Image Orientation (Patient) (0020,0037); file names, frame order
    and instance numbers play no part. Values are rescaled slice by slice; padding keeps its value and is counted. PET
    values are SUVbw where the headers allow it, and a finding says how or why not (`acquisition.value_unit`).

    Raises
    ------
    BadDataError
        If there is no image, more than one series, more than one image at each position, an object that does not say
        where its frames are, or pixel data that is missing, of another length than the header needs, or not decodable.
    """
    return _with_pixels(_read_headers(path))


def read_series_headers(path: Path) -> Volume:
    """Return the grid and the header facts of a series as `read_series` does, without its voxel values (`array` is None).

    Raises
    ------
    BadDataError
        As `read_series`, but for pixel data, which is not read.
    """
    return _read_headers(path).volume


def read_series_of_files(files: Sequence[Path]) -> Volume:
    """Return the one image series that some files hold, as `read_series` does of a folder.

    Parameters
    ----------
    files : sequence of Path
        In any order, from any folders; files without an image are passed over and named in a finding.

    Raises
    ------
    BadDataError
        As `read_series`.
    ValueError
        If there are no files.
    """
    return _with_pixels(_read_headers_of_files(files))


def read_series_headers_of_files(files: Sequence[Path]) -> Volume:
    """Return what `read_series_of_files` does, without its voxel values (`array` is None).

    Raises
    ------
    BadDataError
        As `read_series`, but for pixel data, which is not read.
    ValueError
        If there are no files.
    """
    return _read_headers_of_files(files).volume


def _read_headers_of_files(files: Sequence[Path]) -> _Series:
    if not files:
        raise ValueError("A series needs at least one file.")
    folder = Path(os.path.commonpath([file.absolute().parent for file in files]))
    # Named twice is one file, not a duplicate slice.
    images, ignored = _images_in(dict.fromkeys(file.absolute() for file in files))
    return _one_series(folder, folder, images, ignored, chosen=None)


def _read_headers(path: Path) -> _Series:
    if path.is_dir():
        images, ignored = _images_in(file for file in sorted(path.rglob("*")) if file.is_file())
        return _one_series(path, path, images, ignored, chosen=None)
    # Its own folder only: above a single file may lie a whole archive.
    images, _ = _images_in(file for file in sorted(path.parent.iterdir()) if file.is_file())
    return _one_series(path, path.parent, images, [], chosen=path)


def _images_in(files: Iterable[Path]) -> tuple[list[DicomHeader], list[Path]]:
    """Return the files with images, and those that are something else."""
    images, ignored = [], []
    for file in files:
        if file.name.upper() == "DICOMDIR" or file.name.startswith("."):
            continue
        header = read_dicom_header(file)
        if header is None or not _is_image(header):
            ignored.append(file)
        else:
            images.append(header)
    return images, ignored


def _is_image(header: DicomHeader) -> bool:
    path, dataset = header.path, header.dataset
    return (
        "Rows" in dataset
        and value_of(path, dataset, "Modality") not in _OTHER_MODALITIES
        and value_of(path, dataset, "SOPClassUID") != _PARAMETRIC_MAP
    )


def _one_series(where: Path, folder: Path, images: list[DicomHeader], ignored: list[Path], chosen: Path | None) -> _Series:
    """Return the series without voxel values.

    Parameters
    ----------
    where : Path
        What the user named.
    folder : Path
        What file names are relative to.
    chosen : Path or None
        A file whose images are meant.
    """
    if chosen is not None:
        own = [image for image in images if image.path == chosen]
        if not own:
            raise _not_an_image(chosen)
        key = series_key(chosen, own[0].dataset)
        # The chosen one first: what is wrong with it is to be told of it, not of a file beside it.
        images = [*own, *(image for image in images if image not in own and series_key(image.path, image.dataset) == key)]
    elif not images:
        held = f"no DICOM image ({len(ignored)} other files)" if ignored else "no files"
        raise BadDataError(where, f"holds {held}.", "Give the folder of one CT, MR or PET series.")
    members, left_out = _one_set(where, [one for image in images for one in slices_of(image)], chosen)
    require_whole_concatenation(members)
    formats = {file: pixel_format(file.path, file.dataset) for file in dict.fromkeys(one.file for one in members)}
    stack = stacked(where, members)
    _require_one_kind_of_values(where, stack.slices)
    geometry, tilt_deg = _grid(stack)
    origins = np.array([plane.position_lps_mm for plane in stack.planes])
    try:
        facts = acquisition_facts([one.header for one in stack.slices])
    except parser_errors() as error:
        raise BadDataError(where, f"has an unreadable header ({error}).", "Export the series again.") from error
    acquisition = replace(
        facts,
        transfer_syntaxes=tuple(dict.fromkeys(one.file.syntax for one in stack.slices if one.file.syntax)),
        slice_positions_mm=tuple(float(round(position, 4)) for position in stack.positions_mm),
        duplicate_positions_mm=tuple(round(position, 4) for position in stack.duplicates_mm),
        slice_displacement_mm=slice_displacement_mm(geometry, origins),
        stack_tilt_deg=tilt_deg,
    )
    volume = Volume(
        None,
        geometry,
        acquisition,
        findings=tuple(_header_findings(stack.slices, ignored, left_out)),
        slice_origins_lps_mm=origins,
        slice_sources=tuple(one.source for one in stack.slices),
    )
    return _Series(volume, stack, formats, where, folder)


def _not_an_image(path: Path) -> BadDataError:
    from pydicom.uid import UID_dictionary

    header = read_dicom_header(path)
    if header is not None and value_of(path, header.dataset, "SOPClassUID") == _PARAMETRIC_MAP:
        return BadDataError(
            path,
            "is a parametric map: numbers computed from images, with units of their own.",
            "Give the series that it was computed from; to segment on the map itself, convert it to NRRD"
            " (paramap2itkimage of dcmqi) and give that.",
        )
    kind = "" if header is None else str(value_of(path, header.dataset, "SOPClassUID") or "")
    modality = "" if header is None else str(value_of(path, header.dataset, "Modality") or "")
    # pydicom's dictionary is older than some objects, such as label map segmentations.
    named = f" ({UID_dictionary[kind][0]})" if kind in UID_dictionary else f" of modality {modality}" if modality else ""
    return BadDataError(path, f"is a DICOM object{named}, not an image.", "Give a file of a CT, MR or PET series.")


def _one_set(where: Path, slices: list[ImageSlice], chosen: Path | None) -> tuple[ImageSet, ImageSet]:
    """Return the images that are meant and those that were left out."""
    sets = image_sets(slices)
    if chosen is not None:
        meant = [members for members in sets if any(one.path == chosen for one in members)]
    else:
        meant = [members for members in sets if not all(is_localizer(one) for one in members)] or sets
    if len(meant) != 1:
        raise several_sets(where, meant)
    return meant[0], [one for members in sets if members is not meant[0] for one in members]


def _require_one_kind_of_values(where: Path, slices: Sequence[ImageSlice]) -> None:
    for keyword in ("RescaleType", "Units"):
        found = Counter(text_of(one.path, one.header, keyword) for one in slices)
        found.pop("", None)
        if len(found) > 1:
            listed = ", ".join(f"{value} in {count} slices" for value, count in found.items())
            raise BadDataError(
                where, f"has values of different kinds: {attribute(keyword)} is {listed}.", "Give images of one kind."
            )


def _grid(stack: Stack) -> tuple[Geometry, float]:
    """Return the grid that the slices would form if they were stacked regularly along their normal, and the stack's tilt."""
    first, last = stack.planes[0], stack.planes[-1]
    header = stack.slices[0].header
    travel = last.position_lps_mm - first.position_lps_mm
    along = travel @ first.normal
    off_normal = np.linalg.norm(travel - along * first.normal)
    tilt_deg = float(np.degrees(np.arctan2(off_normal, along)))
    step = (stack.positions_mm[-1] - stack.positions_mm[0]) / (len(stack.slices) - 1)
    geometry = Geometry(
        size=(len(stack.slices), int(header.Rows), int(header.Columns)),
        spacing_mm=(float(round(step, 6)), float(first.spacing_mm[0]), float(first.spacing_mm[1])),
        origin_lps_mm=tuple(float(value) for value in first.position_lps_mm),
        axes_lps=tuple(tuple(float(value) for value in axis) for axis in (first.normal, first.column, first.row)),
    )
    return geometry, round(tilt_deg, 4)


def _with_pixels(series: _Series) -> Volume:
    """Return the volume with its values, its SHA-256, and what its values showed."""
    by_file: dict[DicomHeader, list[int]] = defaultdict(list)
    for k, one in enumerate(series.stack.slices):
        by_file[one.file].append(k)
    voxels = _Voxels(series.volume.geometry.size)
    pool = ThreadPoolExecutor(min(_MOST_THREADS, thread_count()))
    try:
        digests = list(pool.map(partial(_read_file, series, voxels), by_file.values()))
    finally:
        # After an error nobody waits for the rest of the series.
        pool.shutdown(cancel_futures=True)
    names = (file.path.relative_to(series.folder).as_posix() for file in by_file)
    volume = series.volume
    # Modality, weight, dose and times: all of them were read for the acquisition facts before.
    array, about_values = in_reported_unit(voxels.array, [one.header for one in series.stack.slices])
    return replace(
        volume,
        array=array,
        source=FileSource(str(series.where), sha256_of_digests(dict(zip(names, digests, strict=True)))),
        findings=(*volume.findings, *_padding_findings(series.stack.slices[0], voxels), *about_values),
    )


class _Voxels:
    """The volume while its slices come in from several threads: int16 as long as all of them are, else float32."""

    def __init__(self, size: tuple[int, int, int]) -> None:
        self.array: NDArray | None = None
        self.padding = 0
        self._size = size
        self._lock = Lock()

    def put(self, k: int, plane: NDArray, padding: int) -> None:
        with self._lock:
            if self.array is None:
                self.array = np.empty(self._size, plane.dtype)
            elif plane.dtype != self.array.dtype and self.array.dtype == np.int16:
                self.array = self.array.astype(np.float32)
            self.array[k] = plane
            self.padding += padding


def _read_file(series: _Series, voxels: _Voxels, members: Sequence[int]) -> str:
    """Put the slices of one file into the volume and return the file's SHA-256: each file is read once."""
    slices = series.stack.slices
    file = slices[members[0]].file
    try:
        with CountedFile(file.path) as opened:
            if opened.stamp != file.stamp:
                raise changed(file.path)
            content = opened.read()
            if stamp(os.fstat(opened.fileno())) != file.stamp:
                raise changed(file.path)
        stored = stored_pixels(file, series.formats[file], content)
        for k in members:
            one = slices[k]
            plane, padding = values_of(stored_values(stored, (one.frame or 1) - 1), value_rule(one.path, one.header))
            voxels.put(k, plane, padding)
    except (OSError, MemoryError) as error:
        reason = str(error) or "there is not enough memory"
        raise BadDataError(file.path, f"cannot be read ({reason}).", "Copy the series again.") from error
    return hashlib.sha256(content).hexdigest()


def _header_findings(slices: Sequence[ImageSlice], ignored: Sequence[Path], left_out: Sequence[ImageSlice]) -> Iterable[Finding]:
    if ignored:
        shown = ", ".join(file.name for file in ignored[:5]) + (", ..." if len(ignored) > 5 else "")
        yield Finding(
            "files_ignored", Status.PASS, f"{len(ignored)} files of the folder are not images and were not read: {shown}."
        )
    if left_out:
        names = list(dict.fromkeys(one.path.name for one in left_out))
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        kind = "localizers" if all(is_localizer(one) for one in left_out) else "images with another matrix, spacing or orientation"
        yield Finding("images_left_out", Status.PASS, f"{len(left_out)} {kind} lie beside the series and were left out: {shown}.")
    if any(value_of(one.path, one.header, "PhotometricInterpretation") == "MONOCHROME1" for one in slices):
        yield Finding(
            "inverted_grey_scale",
            Status.PASS,
            f"{attribute('PhotometricInterpretation')} is MONOCHROME1: low values are meant to be shown bright. Values are kept"
            " as they were measured.",
        )


def _padding_findings(first: ImageSlice, voxels: _Voxels) -> Iterable[Finding]:
    if voxels.padding == 0:
        return
    rule = value_rule(first.path, first.header)
    low = None if rule.padding is None else rule.padding[0] * rule.slope + rule.intercept
    shown = "" if low is None else f" ({low:g} after rescale in the first slice)"
    yield Finding(
        "padding_voxels",
        Status.PASS,
        f"{voxels.padding:,} voxels ({voxels.padding / voxels.array.size:.1%}) are padding outside of what was imaged, as"
        f" {attribute('PixelPaddingValue')} says{shown}. They keep that value.",
    )
