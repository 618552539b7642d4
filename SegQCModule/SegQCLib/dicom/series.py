"""A DICOM series as a volume: sorted by position along the slice normal, with its acquisition facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from SegQCLib.case import FileSource, SliceSource, Volume
from SegQCLib.dicom.acquisition_facts import acquisition_facts
from SegQCLib.dicom.suv import in_reported_unit
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry
from SegQCLib.hashing import sha256_of_files
from SegQCLib.regular_grid import slice_displacement_mm

if TYPE_CHECKING:
    from pydicom import Dataset

# Positions are decimal text; two slices this close are one position.
SAME_POSITION_MM = 1e-3
# Implicit and explicit little endian, explicit big endian.
_UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")


@dataclass(frozen=True)
class _Slice:
    path: Path
    header: Dataset
    header_bytes: int  # where the pixel data's element begins


def read_series(path: Path) -> Volume:
    """Return the one image series of a folder (searched with its subfolders), or the series that a file belongs to.

    Slices are ordered by Image Position (Patient) (0020,0032) along the normal of Image Orientation
    (Patient) (0020,0037); file names and instance numbers play no part. Values are rescaled slice by slice; those of
    PET are SUVbw where the headers allow that, and a finding says how or why not (see `acquisition.value_unit`).

    Raises
    ------
    BadDataError
        If there is no image, more than one series, more than one image at each position, a multi-frame
        object, or pixel data that cannot be decoded.
    """
    folder = path if path.is_dir() else path.parent
    series, ordered, ignored = _read_headers(path)
    array, about_values = in_reported_unit(_pixels(ordered), [s.header for s in ordered])
    return replace(
        series,
        array=array,
        source=FileSource(str(path), sha256_of_files((s.path for s in ordered), folder)),
        findings=(*_findings(ignored if path.is_dir() else []), *about_values),
    )


def read_series_headers(path: Path) -> Volume:
    """Return the grid and the header facts of a series as `read_series` does, without its voxel values (`array` is None).

    Raises
    ------
    BadDataError
        As `read_series`, but for pixel data, which is not read.
    """
    series, _ordered, _ignored = _read_headers(path)
    return series


def _read_headers(path: Path) -> tuple[Volume, list[_Slice], list[str]]:
    """Return the series without voxel values, its slices by position, and the names of the folder's other files."""
    slices, ignored = _image_headers(path if path.is_dir() else path.parent)
    if path.is_file():
        slices = _series_of(path, slices)
    elif not slices:
        held = f"no DICOM image ({len(ignored)} other files)" if ignored else "no files"
        raise BadDataError(path, f"holds {held}.", "Give the folder of one CT, MR or PET series.")
    _require_one_series(path, slices)
    _require_plain_images(slices)
    ordered, positions, duplicates = _sorted_by_position(path, slices)
    geometry, tilt_deg = _grid(ordered, positions)
    origins = np.array([_vector(s.header.ImagePositionPatient) for s in ordered])
    acquisition = replace(
        acquisition_facts([s.header for s in ordered]),
        slice_positions_mm=tuple(float(round(position, 4)) for position in positions),
        duplicate_positions_mm=tuple(round(position, 4) for position in duplicates),
        slice_displacement_mm=slice_displacement_mm(geometry, origins),
        stack_tilt_deg=tilt_deg,
    )
    sources = tuple(SliceSource(s.path) for s in ordered)
    return Volume(None, geometry, acquisition, slice_origins_lps_mm=origins, slice_sources=sources), ordered, ignored


def _header_without_preamble(opened: BinaryIO, start: bytes) -> Dataset | None:
    # Old writers leave out the preamble: the file then starts with a group 0002 or 0008 element.
    if start[:4] not in (b"\x02\x00\x00\x00", b"\x08\x00\x00\x00", b"\x08\x00\x01\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00"):
        return None
    import pydicom

    header = pydicom.dcmread(opened, stop_before_pixels=True, force=True)
    return header if "Rows" in header else None


def _image_headers(folder: Path) -> tuple[list[_Slice], list[str]]:
    """Return the images of a folder and the names of its other files."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    slices, ignored = [], []
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.name.upper() == "DICOMDIR" or file.name.startswith("."):
            continue
        try:
            with file.open("rb") as opened:
                start = opened.read(132)
                opened.seek(0)
                if start[128:] == b"DICM":
                    header = pydicom.dcmread(opened, stop_before_pixels=True)
                else:
                    header = _header_without_preamble(opened, start)
                header_bytes = opened.tell()
        except (InvalidDicomError, EOFError, OSError, ValueError, KeyError, NotImplementedError) as error:
            raise BadDataError(
                file, f"is a DICOM file whose header cannot be read ({error}).", "Export the series again."
            ) from error
        if header is None or "Rows" not in header or header.get("Modality") in ("SEG", "RTDOSE"):
            ignored.append(file.name)
        else:
            slices.append(_Slice(file, header, header_bytes))
    return slices, ignored


def _series_key(header: Dataset) -> tuple[str, ...]:
    # De-identification tools leave the UIDs empty; number and description then still tell series apart.
    uid = str(header.get("SeriesInstanceUID") or "")
    return (uid,) if uid else ("", str(header.get("SeriesNumber") or ""), str(header.get("SeriesDescription") or ""))


def _series_of(path: Path, slices: list[_Slice]) -> list[_Slice]:
    own = [s for s in slices if s.path == path]
    if not own:
        raise BadDataError(path, "is a DICOM object without an image.", "Give a file of a CT, MR or PET series.")
    return [s for s in slices if _series_key(s.header) == _series_key(own[0].header)]


def _require_one_series(path: Path, slices: list[_Slice]) -> None:
    groups = defaultdict(list)
    for s in slices:
        orientation = s.header.get("ImageOrientationPatient")
        rounded = None if not orientation else tuple(round(float(value), 3) for value in orientation)
        groups[_series_key(s.header), s.header.Rows, s.header.Columns, rounded].append(s)
    if len(groups) == 1:
        return
    listed = []
    for (_, rows, columns, orientation), members in groups.items():
        header = members[0].header
        listed.append(
            f"  {len(members)} images: {header.get('Modality', 'unknown modality')},"
            f" {header.get('SeriesDescription') or 'no series description'}, {rows} x {columns},"
            f" orientation {orientation if orientation else 'not given'}, for example {members[0].path.name}"
        )
    raise BadDataError(
        path,
        f"holds {len(groups)} different sets of images:\n" + "\n".join(listed) + "\n",
        "Give the folder of one series, or one file of the series you mean; take localizers out of the folder.",
    )


def _require_plain_images(slices: list[_Slice]) -> None:
    for s in slices:
        frames = int(s.header.get("NumberOfFrames") or 1)
        if frames > 1:
            raise BadDataError(
                s.path,
                f"is a multi-frame object with {frames} frames.",
                "This version reads one image per file: convert it to a classic series, NIfTI or NRRD first.",
            )
        samples = int(s.header.get("SamplesPerPixel") or 1)
        if samples != 1:
            raise BadDataError(
                s.path,
                f"is a colour image ({samples} Samples per Pixel (0028,0002)).",
                "An image has one grey value per voxel.",
            )
        for keyword, tag in (
            ("ImagePositionPatient", "(0020,0032)"),
            ("ImageOrientationPatient", "(0020,0037)"),
            ("PixelSpacing", "(0028,0030)"),
        ):
            if not s.header.get(keyword):
                raise BadDataError(
                    s.path, f"has no {keyword} {tag}.", "Without it nobody knows where its voxels are; give the original series."
                )


def _sorted_by_position(path: Path, slices: list[_Slice]) -> tuple[list[_Slice], NDArray[np.float64], list[float]]:
    """Return slices ascending along the normal, one per position, with positions in mm and duplicated positions."""
    normal = _normal(slices[0].header)
    along = np.array([np.dot(_vector(s.header.ImagePositionPatient), normal) for s in slices])
    order = sorted(
        range(len(slices)), key=lambda n: (along[n], int(slices[n].header.get("InstanceNumber") or 0), slices[n].path.name)
    )
    kept, duplicates = order[:1], []
    for n in order[1:]:
        if along[n] - along[kept[-1]] < SAME_POSITION_MM:
            duplicates.append(float(along[kept[-1]]))
        else:
            kept.append(n)
    repeated = len(set(duplicates))
    if repeated > len(kept) / 2 and len(slices) > 1:
        raise BadDataError(
            path,
            f"holds {len(slices)} images at only {len(kept)} positions: several echoes, phases or time points of one region.",
            "Separate them first: one folder per echo, phase or time point.",
        )
    if len(kept) < 2:
        raise BadDataError(path, "holds one slice only.", "Volumes and surface distances need a series of at least two slices.")
    return [slices[n] for n in kept], along[kept], duplicates


def _vector(values: Iterable[Any]) -> NDArray[np.float64]:
    return np.array([float(value) for value in values])


def _normal(header: Dataset) -> NDArray[np.float64]:
    orientation = _vector(header.ImageOrientationPatient)
    normal = np.cross(orientation[:3], orientation[3:])
    return normal / np.linalg.norm(normal)


def _grid(slices: list[_Slice], positions: NDArray[np.float64]) -> tuple[Geometry, float]:
    """Return the grid that the slices would form if they were stacked regularly along their normal, and the stack's tilt."""
    first, last = slices[0].header, slices[-1].header
    orientation = _vector(first.ImageOrientationPatient)
    row, column = orientation[:3], orientation[3:]
    normal = _normal(first)
    travel = _vector(last.ImagePositionPatient) - _vector(first.ImagePositionPatient)
    off_normal = np.linalg.norm(travel - np.dot(travel, normal) * normal)
    tilt_deg = float(np.degrees(np.arctan2(off_normal, np.dot(travel, normal))))
    spacing = _vector(first.PixelSpacing)  # row spacing (j), column spacing (i)
    step = (positions[-1] - positions[0]) / (len(positions) - 1)
    geometry = Geometry(
        size=(len(slices), int(first.Rows), int(first.Columns)),
        spacing_mm=(float(round(step, 6)), float(spacing[0]), float(spacing[1])),
        origin_lps_mm=tuple(float(value) for value in _vector(first.ImagePositionPatient)),
        axes_lps=tuple(tuple(float(v) for v in axis / np.linalg.norm(axis)) for axis in (normal, column, row)),
    )
    return geometry, round(tilt_deg, 4)


def _pixels(slices: list[_Slice]) -> NDArray:
    """Return the rescaled values (k, j, i), int16 where they fit, else float32.

    GDCM (in SimpleITK, so also in Slicer without any wheel) decodes JPEG, JPEG-LS, JPEG 2000 and RLE and
    applies Rescale Slope (0028,1053) and Intercept (0028,1052) of each file: PET slopes differ by slice.
    """
    volume: NDArray | None = None
    for k, s in enumerate(slices):
        plane = _plane(s)
        if volume is None:
            volume = np.empty((len(slices), *plane.shape), plane.dtype)
        elif plane.dtype != volume.dtype and volume.dtype == np.int16:
            volume = volume.astype(np.float32)
        volume[k] = plane
    return volume


def _plane(s: _Slice) -> NDArray:
    _require_whole_pixel_data(s)
    try:
        plane = sitk.GetArrayFromImage(sitk.ReadImage(str(s.path)))
    except RuntimeError as error:
        syntax = getattr(s.header.file_meta, "TransferSyntaxUID", None)
        raise BadDataError(
            s.path,
            f"has pixel data that cannot be decoded (transfer syntax {syntax.name if syntax else 'not given'}).",
            "The file is cut short or damaged, or its compression is not supported: export the series again, uncompressed.",
        ) from error
    plane = plane.reshape(plane.shape[-2:])
    if plane.dtype.kind in "iu" and plane.min() >= -32768 and plane.max() <= 32767:
        return plane.astype(np.int16)
    return plane.astype(np.float32)


def _require_whole_pixel_data(s: _Slice) -> None:
    """Refuse a file whose uncompressed pixel data ends early: GDCM would fill the rest with what lies in memory."""
    header = s.header
    syntax = getattr(header.file_meta, "TransferSyntaxUID", None)
    # By their numbers: pydicom raises an error about syntaxes that are newer than itself, or a vendor's own.
    if syntax and syntax not in _UNCOMPRESSED:
        return
    # Before the values stand tag and length, 8 bytes or more.
    needed = s.header_bytes + 8 + int(header.Rows) * int(header.Columns) * int(header.BitsAllocated) // 8
    if s.path.stat().st_size < needed:
        raise BadDataError(
            s.path,
            f"is cut short: {s.path.stat().st_size:,} bytes, its header and pixel data need {needed:,}.",
            "Copy or export the series again.",
        )


def _findings(ignored: list[str]) -> tuple[Finding, ...]:
    if not ignored:
        return ()
    shown = ", ".join(ignored[:5]) + (", ..." if len(ignored) > 5 else "")
    return (
        Finding("files_ignored", Status.PASS, f"{len(ignored)} files of the folder are not images and were not read: {shown}."),
    )
