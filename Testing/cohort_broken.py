"""Ways in which a case's files are broken in practice; each has to be refused with a message that names the file."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.uid import generate_uid

Row = dict[str, str]


@dataclass(frozen=True)
class Broken:
    """What was broken, and what the refusal must name."""

    what: str
    names: str


def _nifti_image(folder: Path, row: Row) -> Path:
    """Return the case's image as compressed NIfTI, whatever it was."""
    old = folder / row["image"]
    new = old.parent / "image.nii.gz"
    if old != new:
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
        sitk.WriteImage(sitk.GetImageFromArray(np.zeros((20, 40, 40), np.int16)), str(new), useCompression=True)
        row["image"] = new.relative_to(folder).as_posix()
    return new


def _with_header(path: Path, change: Callable[[bytearray], None]) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()))
    change(content)
    path.write_bytes(gzip.compress(bytes(content), mtime=0))


def _segmentation_column(row: Row) -> str:
    return "candidate" if row["candidate"] else "draft"


def truncated_image(folder: Path, row: Row) -> Broken:
    path = _nifti_image(folder, row)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    return Broken("image file cut short", path.name)


def empty_image(folder: Path, row: Row) -> Broken:
    path = _nifti_image(folder, row)
    path.write_bytes(b"")
    return Broken("empty image file", path.name)


def text_image(folder: Path, row: Row) -> Broken:
    path = _nifti_image(folder, row)
    path.write_text("<html><body>404: the file that you look for is not here.</body></html>\n")
    return Broken("a web page named .nii.gz", path.name)


def missing_image(folder: Path, row: Row) -> Broken:
    path = _nifti_image(folder, row)
    path.unlink()
    return Broken("image is not there", path.name)


def missing_candidate(folder: Path, row: Row) -> Broken:
    path = folder / row[_segmentation_column(row)]
    path.unlink()
    return Broken("segmentation is not there", path.name)


def candidate_elsewhere(folder: Path, row: Row) -> Broken:
    path = folder / row[_segmentation_column(row)]
    image = sitk.ReadImage(str(path))
    image.SetOrigin([x + 5000 for x in image.GetOrigin()])
    sitk.WriteImage(image, str(path), useCompression=True)
    return Broken("segmentation lies five metres beside the image", path.name.partition(".")[0])


def flipped_bit(folder: Path, row: Row) -> Broken:
    path = _nifti_image(folder, row)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    return Broken("one bit of the image file flipped", path.name)


def geometry_nan(folder: Path, row: Row) -> Broken:
    def change(content: bytearray) -> None:
        struct.pack_into("<2h", content, 252, 0, 1)  # by sform alone
        struct.pack_into("<12f", content, 280, *[float("nan")] * 12)

    path = _nifti_image(folder, row)
    _with_header(path, change)
    return Broken("geometry is not a number", path.name)


def folder_for_candidate(folder: Path, row: Row) -> Broken:
    path = folder / row[_segmentation_column(row)]
    path.unlink()
    path.mkdir()
    return Broken("a folder in place of the segmentation", path.name)


def no_voxels(folder: Path, row: Row) -> Broken:
    path = _nifti_image(folder, row)
    _with_header(path, lambda content: struct.pack_into("<8h", content, 40, 3, 0, 40, 20, 1, 1, 1, 1))
    return Broken("an image without voxels", path.name)


def two_dimensions(folder: Path, row: Row) -> Broken:
    path = _nifti_image(folder, row)
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((40, 40), np.int16)), str(path), useCompression=True)
    return Broken("a two-dimensional image", path.name)


def hundred_gigabytes(folder: Path, row: Row) -> Broken:
    path = _nifti_image(folder, row)
    _with_header(path, lambda content: struct.pack_into("<8h", content, 40, 3, 32000, 32000, 50, 1, 1, 1, 1))
    return Broken("a header that promises 100 GB", path.name)


def labels_no_table(folder: Path, row: Row) -> Broken:
    path = (folder / row["image"]).parent / "labels.json"
    path.write_text('{"liver": "five", ')
    row["labels"] = path.relative_to(folder).as_posix()
    return Broken("labels file cut short", path.name)


def no_such_protocol(folder: Path, row: Row) -> Broken:
    row["protocol"] = "abdomen-2019.json"
    return Broken("protocol is not there", row["protocol"])


def protocol_without_structures(folder: Path, row: Row) -> Broken:
    """Decisions about a structure that the protocol does not have."""
    protocol = json.loads((folder / "mr-abdomen.json").read_text(encoding="utf-8"))
    protocol["structures"] = protocol["structures"][2:3]
    path = (folder / row["image"]).parent / "protocol.json"
    path.write_text(json.dumps(protocol))
    row["protocol"] = path.relative_to(folder).as_posix()
    return Broken("protocol decides about structures that it does not name", path.name)


def two_series(folder: Path, row: Row) -> Broken:
    """Slices of two series in one folder, neither of which is meant."""
    path = _dicom_folder(folder, row)
    for file in sorted(path.iterdir()):
        dataset = pydicom.dcmread(file)
        dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[dataset.SeriesInstanceUID, "second"])
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=[dataset.SOPInstanceUID, "second"])
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.save_as(file.with_name(f"{file.name}B"))
    return Broken("two series in one folder", path.name)


def dicom_cut_short(folder: Path, row: Row) -> Broken:
    path = sorted(_dicom_folder(folder, row).iterdir())[2]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 200])
    return Broken("a DICOM slice cut short", path.name)


def _dicom_folder(folder: Path, row: Row) -> Path:
    path = folder / row["image"]
    if not path.is_dir():
        other = sorted(one for one in (folder / "files").glob("*/image") if one.is_dir())[0]
        new = path.parent / "image"
        shutil.copytree(other, new)
        path.unlink()
        path = new
        row["image"] = new.relative_to(folder).as_posix()
    return path


def colour_image(folder: Path, row: Row) -> Broken:
    path = _nifti_image(folder, row)
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((20, 40, 40, 3), np.uint8), isVector=True), str(path), useCompression=True)
    return Broken("a colour image", path.name)


def probabilities_for_candidate(folder: Path, row: Row) -> Broken:
    path = folder / row[_segmentation_column(row)]
    image = sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkFloat32) * 0.37
    sitk.WriteImage(image, str(path), useCompression=True)
    return Broken("probabilities in place of labels", path.name)


def ratings_cut_short(folder: Path, row: Row) -> Broken:
    path = (folder / row["image"]).parent / "ratings.json"
    path.write_text('{"schema": "segqc-ratings", "ratings": [')
    row["ratings"] = path.relative_to(folder).as_posix()
    return Broken("ratings file cut short", path.name)


BROKEN: tuple[Callable[[Path, Row], Broken], ...] = (
    truncated_image, empty_image, text_image, missing_image, missing_candidate, candidate_elsewhere, two_series, labels_no_table,
    flipped_bit, geometry_nan, folder_for_candidate, no_voxels, two_dimensions, hundred_gigabytes, protocol_without_structures,
    no_such_protocol, dicom_cut_short, colour_image, probabilities_for_candidate, ratings_cut_short,
)  # fmt: skip
