"""A cohort for proofs: hundreds of cases that are real (TotalSegmentator's example scans) and derived from them, some broken.

Nothing in it is a patient's case: every derived header says DERIVED in its Series Description, and lung nodules are SIMULATED. The
same seed gives the same bytes. 300 cases are 150 MB, made in half a minute, and take two to four minutes to evaluate on two cores.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid
from scipy import ndimage

from cohort_broken import BROKEN
from SegQCLib.dataclass_json import to_json
from SegQCLib.geometry import Geometry, sitk_image
from SegQCLib.images import read_image
from SegQCLib.importers.label_names import read_label_names
from SegQCLib.protocol import load_protocol
from SegQCLib.readers.ratings import RatingsFile, give_grade, not_assessable
from SegQCLib.resources import resource
from SegQCLib.samples import TOTALSEGMENTATOR, sample_folder

CSV_NAME = "cohort.csv"
PROTOCOL = "ct-abdomen-portal-venous"
LABELS = "totalsegmentator"
COLUMNS = (
    "case", "image", "candidate", "reference", "reference_2", "draft", "protocol", "labels", "ratings", "patient", "site",
    "reader", "made",
)  # fmt: skip
ORGANS = {"spleen": 1, "kidney_right": 2, "kidney_left": 3, "gallbladder": 4, "liver": 5, "stomach": 6, "pancreas": 7}
_FAMILIES = ("ct", "ct-dicom", "mr", "ct", "ct-dicom", "ct-long", "ct", "mr-dicom", "ct-dicom", "nodule") * 2
_CREATED = "2026-01-05T09:00:00+00:00"


@dataclass(frozen=True)
class MadeCase:
    """One case as it was made.

    Attributes
    ----------
    case : str
        Its name in the CSV.
    family : str
        What it derives from.
    image_change, candidate_change : str
        What was done to them, in words.
    broken : str or None
        What is broken: it has to be refused. None: it has to be evaluated.
    names : str or None
        The file or text that the refusal's message must name.
    finding : str or None
        Id of the check that must not pass: evaluated, but something about it is wrong.
    """

    case: str
    family: str
    image_change: str
    candidate_change: str
    broken: str | None = None
    names: str | None = None
    finding: str | None = None


@dataclass(frozen=True, eq=False)
class _Scan:
    """Values (k, j, i) and label maps of several models on the same grid."""

    values: NDArray[np.int16]
    geometry: Geometry
    maps: tuple[NDArray[np.uint8], ...]
    modality: str = "CT"

    def on(self, box: tuple[slice, slice, slice]) -> _Scan:
        """Return a part of it."""
        first = [part.start or 0 for part in box]
        values = self.values[box]
        geometry = replace(self.geometry, size=values.shape, origin_lps_mm=tuple(map(float, self.geometry.lps_mm(first))))
        return replace(self, values=values, geometry=geometry, maps=tuple(labels[box] for labels in self.maps))

    def with_size(self, values, maps, spacing_mm) -> _Scan:
        """Return other voxels that cover the same space from the same corner."""
        here = self.geometry
        moved = [(new - old) / 2 / old for new, old in zip(spacing_mm, here.spacing_mm, strict=True)]
        geometry = replace(here, size=values.shape, spacing_mm=spacing_mm, origin_lps_mm=tuple(map(float, here.lps_mm(moved))))
        return replace(self, values=values, maps=maps, geometry=geometry)


def make_cohort(
    folder: Path, count: int = 300, seed: int = 0, broken_share: float = 0.05, files: Path | None = None
) -> tuple[MadeCase, ...]:
    """Make a cohort as a CSV, `cohort.csv`, with its files, and return what was made, in its order.

    Parameters
    ----------
    folder : Path
        Made if it is not there; empty otherwise.
    count : int
    seed : int
    broken_share : float
        0 to 1; so much of the cohort has to be refused, each in another way as far as there are (`cohort_broken.BROKEN`).
    files : Path, optional
        Folder with TotalSegmentator's example files; default: from the Python package index, once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scans = _scans(files or sample_folder(TOTALSEGMENTATOR) / "tests" / "reference_files")
    _write_protocols_and_labels(folder)
    broken = np.random.default_rng((seed, count)).choice(count, round(count * broken_share), replace=False)
    ways = {int(number): BROKEN[at % len(BROKEN)] for at, number in enumerate(sorted(broken))}
    made, rows = [], []
    for number in range(count):
        case, row = _make_case(folder, number, np.random.default_rng((seed, number)), scans)
        if number in ways:
            broken_as = ways[number](folder, row)
            case = replace(case, broken=broken_as.what, names=broken_as.names, finding=None)
        made.append(case)
        rows.append(row)
    with (folder / CSV_NAME).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return tuple(made)


def make_tiny(folder: Path, count: int, distinct: int | None = None) -> Path:
    """Make `count` cases of 16 x 16 x 16 voxels with one segment, for what an engine costs; return the CSV.

    Parameters
    ----------
    distinct : int, optional
        So many pairs of files are made, and cases share them; default: every case has its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    distinct = min(count, distinct or count)
    values, labels = np.zeros((16, 16, 16), np.int16), np.zeros((16, 16, 16), np.uint8)
    # A flat image and one small segment: little to measure, so that what is left is the engine's.
    labels[6:9, 6:10, 6:10] = ORGANS["liver"]
    heads = {}
    for name, array in (("image", values), ("candidate", labels)):
        path = folder / f"{name}.nii"
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
        heads[name] = path.read_bytes()[: -array.nbytes]
        path.unlink()
    for number in range(distinct):
        # No two files have one hash.
        bits = [number >> bit & 1 for bit in range(17)]
        values[0, 0, :16], labels[6, 6:10, 6:10] = bits[:16], ORGANS["liver"] * np.reshape(bits[:16], (4, 4))
        values[0, 1, 0] = bits[16]
        (folder / f"image-{number}.nii").write_bytes(heads["image"] + values.tobytes())
        (folder / f"candidate-{number}.nii").write_bytes(heads["candidate"] + labels.tobytes())
    with (folder / CSV_NAME).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("case", "image", "candidate", "labels"))
        for number in range(count):
            pair = number % distinct
            writer.writerow((f"tiny-{number}", f"image-{pair}.nii", f"candidate-{pair}.nii", "liver.json"))
    _write_protocols_and_labels(folder)
    return folder / CSV_NAME


def _scans(files: Path) -> dict[str, _Scan]:
    def scan(image: str, *maps: str, modality: str = "CT") -> _Scan:
        volume = read_image(files / image)
        arrays = []
        for name in maps:
            labels = sitk.ReadImage(str(files / name))
            # Other readers give DICOM and NIfTI their own axes; the label map is brought onto the image's grid.
            grid = sitk_image(np.zeros(volume.geometry.size, np.uint8), volume.geometry)
            moved = sitk.Resample(labels, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
            arrays.append(sitk.GetArrayFromImage(moved))
        values = np.clip(volume.array, -32768, 32767).astype(np.int16)
        return _Scan(values, volume.geometry, tuple(arrays), modality)

    whole = scan("example_ct_dicom", "example_seg_dicom.nii.gz")
    return {
        "ct": scan("example_ct_sm.nii.gz", "example_seg.nii.gz", "example_seg_fast.nii.gz", "example_seg_fast_body_seg.nii.gz"),
        "ct-long": scan("example_ct.nii.gz", "example_seg_fast_force_split.nii.gz"),
        "ct-dicom": _coarser(whole, (1, 4, 4)),
        "mr": scan("example_mr_sm.nii.gz", "example_seg_mr.nii.gz", modality="MR"),
    }


def _make_case(folder: Path, number: int, rng: np.random.Generator, scans: dict[str, _Scan]) -> tuple[MadeCase, dict[str, str]]:
    family = _FAMILIES[number % len(_FAMILIES)]
    # Some names are what hospitals really write: spaces, commas, letters beyond ASCII.
    name = "simulated-nodule" if family == "nodule" else family
    case = {3: f"Fall ä, {number:03}", 11: f"stück {number:03}"}.get(number % 50, f"{name}-{number:03}")
    place = folder / "files" / f"{number:03}"
    place.mkdir(parents=True)
    row = dict.fromkeys(COLUMNS, "") | {"case": case, "patient": f"derived-{number // 3:03}", "reader": f"reader-{number % 4 + 1}"}
    scanner = _SCANNERS[int(rng.integers(len(_SCANNERS)))]
    row["site"] = scanner.site
    if family == "nodule":
        return _make_nodule(folder, place, number, rng, scans["ct-long"], row)
    scan = scans["mr" if family.startswith("mr") else family]
    tables = "totalsegmentator_mr" if scan.modality == "MR" else "totalsegmentator"
    if family == "ct-long":
        first = int(rng.integers(62, 82))  # of 112 slices, those with abdominal organs
        scan = scan.on((slice(first, first + int(rng.integers(26, 40))), slice(None), slice(None)))
    change = _IMAGE_CHANGES[int(rng.integers(len(_IMAGE_CHANGES)))]
    scan = change(scan, rng, tables)
    row["labels"] = "" if scan.modality == "CT" else tables
    if scan.modality == "MR":
        row["protocol"] = "mr-abdomen.json"
    elif number % 4 == 1:
        scan = replace(scan, maps=tuple(np.where(np.isin(labels, list(ORGANS.values())), labels, 0) for labels in scan.maps))
        row["labels"] = "organs.json"
    reference = scan.maps[0]
    edit = _EDITS[number // len(_FAMILIES) % len(_EDITS)] if number % 3 else _EDITS[int(rng.integers(len(_EDITS)))]
    candidate = edit(scan.maps[-1] if len(scan.maps) > 1 else reference, rng)
    finding = None
    if family.endswith("dicom"):
        missing = int(rng.integers(3, scan.geometry.size[0] - 3)) if number % 60 == 4 else None
        finding = None if missing is None else "regular_grid"
        _write_series(place / "image", scan, scanner, number, missing)
        row["image"] = _relative(folder, place / "image")
    else:
        row["image"] = _relative(folder, _write(place / f"image{_ENDINGS[number % 7 % len(_ENDINGS)]}", scan.values, scan.geometry))
    ending = _ENDINGS[number % 5 % len(_ENDINGS)]

    def map_file(name: str, labels: NDArray) -> str:
        return _relative(folder, _write(place / f"{name}{ending}", labels.astype(np.uint8), scan.geometry))

    if number % 10 == 6:
        row["draft"] = map_file("draft", candidate)  # nobody read it yet: the draft itself is evaluated
    else:
        row["candidate"] = map_file("candidate", candidate)
        if number % 4 == 2:
            row["draft"] = map_file("draft", scan.maps[-1])
    if number % 3 != 1:
        row["reference"] = map_file("reference", reference)
        if number % 6 == 0:
            row["reference_2"] = map_file("reference_2", scan.maps[-1])
    if number % 8 == 5:
        row["ratings"] = _relative(folder, _write_ratings(place / "ratings.json", row["reader"], rng))
    row["made"] = f"DERIVED: {change.__doc__}; candidate: {edit.__doc__}"
    return MadeCase(case, family, change.__doc__ or "", edit.__doc__ or "", finding=finding), row


def _make_nodule(folder, place, number, rng, scan, row) -> tuple[MadeCase, dict[str, str]]:
    """Make a SIMULATED nodule in a lower lobe; expected agreement is predicted for it."""
    lobe = ndimage.binary_erosion(np.isin(scan.maps[0], (11, 14)), iterations=2)
    center = np.argwhere(lobe)[int(rng.integers(np.count_nonzero(lobe)))]
    # So much of the lung around it as is there, at 1.5 mm.
    box = tuple(slice(max(0, c - 9), min(n, c + 10)) for c, n in zip(center, scan.values.shape, strict=True))
    scan = _resampled(scan.on(box), (1.5, 1.5, 1.5))
    middle = [2 * (c - part.start) + 0.5 for c, part in zip(center, box, strict=True)]
    radius_mm = float(rng.uniform(4, 11))
    squared = sum(((g - m) * 1.5) ** 2 for g, m in zip(np.ogrid[tuple(map(slice, scan.values.shape))], middle, strict=True))
    bumps = ndimage.gaussian_filter(rng.standard_normal(scan.values.shape), 1.5)
    distance = np.sqrt(squared) * (1 + float(rng.uniform(0.05, 0.3)) * bumps / bumps.std())
    nodule = distance <= radius_mm
    values = np.where(nodule, 30, scan.values) + rng.normal(0, 15, scan.values.shape)
    values = ndimage.gaussian_filter(values, 0.6).round().astype(np.int16)
    reader = distance <= radius_mm * float(rng.uniform(0.8, 1.3))
    row["image"] = _relative(folder, _write(place / "image.nii.gz", values, scan.geometry))
    row["candidate"] = _relative(folder, _write(place / "candidate.nii.gz", reader.astype(np.uint8), scan.geometry))
    if number % 4 == 1:
        row["reference"] = _relative(folder, _write(place / "reference.nii.gz", nodule.astype(np.uint8), scan.geometry))
    row |= {"protocol": "ct-lung-nodule", "labels": "nodule.json", "made": "SIMULATED nodule in a real lung"}
    return MadeCase(row["case"], "nodule", "SIMULATED nodule", "outline of another size"), row


# What is done to image and maps together. Docstrings say it in the words that the CSV has.


def _as_it_is(scan: _Scan, rng: np.random.Generator, labels: str) -> _Scan:
    """unchanged"""
    return scan


def _cropped(scan: _Scan, rng: np.random.Generator, labels: str) -> _Scan:
    """cropped"""
    margins = [(int(rng.integers(0, n // 8 + 1)), int(rng.integers(0, n // 8 + 1))) for n in scan.values.shape]
    return scan.on(tuple(slice(low, n - high) for (low, high), n in zip(margins, scan.values.shape, strict=True)))


def _moved(scan: _Scan, rng: np.random.Generator, labels: str) -> _Scan:
    """on another table position"""
    origin = np.add(scan.geometry.origin_lps_mm, rng.uniform(-80, 80, 3).round(1))
    return replace(scan, geometry=replace(scan.geometry, origin_lps_mm=tuple(map(float, origin))))


def _stored_backwards(scan: _Scan, rng: np.random.Generator, labels: str) -> _Scan:
    """stored with rows and columns the other way round"""
    here = scan.geometry
    last = (0, here.size[1] - 1, here.size[2] - 1)
    k, j, i = here.axes_lps
    turned = (k, tuple(-x for x in j), tuple(-x for x in i))
    geometry = replace(here, origin_lps_mm=tuple(map(float, here.lps_mm(last))), axes_lps=turned)
    return replace(scan, values=scan.values[:, ::-1, ::-1], maps=tuple(one[:, ::-1, ::-1] for one in scan.maps), geometry=geometry)


def _mirrored(scan: _Scan, rng: np.random.Generator, labels: str) -> _Scan:
    """mirrored, with left and right renamed"""
    new_number = _left_for_right(labels)
    return replace(scan, values=scan.values[:, :, ::-1], maps=tuple(new_number[one[:, :, ::-1]] for one in scan.maps))


def _noisier(scan: _Scan, rng: np.random.Generator, labels: str) -> _Scan:
    """with added noise"""
    noise = rng.normal(0, float(rng.uniform(10, 40)), scan.values.shape)
    return replace(scan, values=np.clip(scan.values + noise, -1024, 3000).round().astype(np.int16))


def _thicker(scan: _Scan, rng: np.random.Generator, labels: str) -> _Scan:
    """with slices of twice the thickness"""
    return _coarser(scan, (2, 1, 1))


def _at_other_spacing(scan: _Scan, rng: np.random.Generator, labels: str) -> _Scan:
    """resampled to another spacing"""
    # A fourth decimal is what headers of 16 characters hold without rounding.
    return _resampled(scan, tuple(float(round(mm * rng.uniform(0.85, 1.3), 4)) for mm in scan.geometry.spacing_mm))


_IMAGE_CHANGES: tuple[Callable[[_Scan, np.random.Generator, str], _Scan], ...] = (
    _as_it_is, _cropped, _moved, _stored_backwards, _mirrored, _noisier, _thicker, _at_other_spacing,
)  # fmt: skip


def _coarser(scan: _Scan, by: tuple[int, int, int]) -> _Scan:
    """Return means of blocks of voxels, and every so manieth label."""
    size = [n // step for n, step in zip(scan.values.shape, by, strict=True)]
    part = tuple(slice(0, n * step) for n, step in zip(size, by, strict=True))
    blocks = scan.values[part].reshape(size[0], by[0], size[1], by[1], size[2], by[2])
    values = blocks.mean(axis=(1, 3, 5)).round().astype(np.int16)
    spacing = tuple(mm * step for mm, step in zip(scan.geometry.spacing_mm, by, strict=True))
    every = tuple(slice(step // 2, n * step, step) for n, step in zip(size, by, strict=True))
    return scan.with_size(values, tuple(one[every] for one in scan.maps), spacing)


def _resampled(scan: _Scan, spacing_mm: tuple[float, float, float]) -> _Scan:
    here = scan.geometry
    size = [max(2, int(n * old / new)) for n, old, new in zip(here.size, here.spacing_mm, spacing_mm, strict=True)]
    scan_of_size = scan.with_size(np.zeros(size, np.int16), (), spacing_mm)
    grid = sitk_image(scan_of_size.values, scan_of_size.geometry)

    def moved(array: NDArray, how: int) -> NDArray:
        low = float(array.min())
        return sitk.GetArrayFromImage(
            sitk.Resample(sitk_image(np.ascontiguousarray(array), here), grid, sitk.Transform(), how, low)
        )

    values = moved(scan.values, sitk.sitkLinear)
    return replace(scan_of_size, values=values, maps=tuple(moved(one, sitk.sitkNearestNeighbor) for one in scan.maps))


def _left_for_right(labels: str) -> NDArray[np.uint8]:
    numbers = {label.name: label.number for label in read_label_names(labels).labels}
    turned = np.arange(256, dtype=np.uint8)
    for name, number in numbers.items():
        for here, there in (("left", "right"), ("right", "left")):
            if here in name.split("_"):
                turned[number] = numbers.get("_".join(there if word == here else word for word in name.split("_")), number)
    return turned


# What is done to the candidate alone.


def _another_model(labels: NDArray, rng: np.random.Generator) -> NDArray:
    """another model's result"""
    return labels


def _eroded(labels: NDArray, rng: np.random.Generator) -> NDArray:
    """every outline one voxel too small"""
    cross = ndimage.generate_binary_structure(3, 1)
    same = ndimage.minimum_filter(labels, footprint=cross) == ndimage.maximum_filter(labels, footprint=cross)
    return np.where(same, labels, 0)


def _dilated(labels: NDArray, rng: np.random.Generator) -> NDArray:
    """every outline one voxel too large"""
    around = ndimage.maximum_filter(labels, footprint=ndimage.generate_binary_structure(3, 1))
    return np.where(labels == 0, around, labels)


def _shifted(labels: NDArray, rng: np.random.Generator) -> NDArray:
    """moved by two voxels"""
    return np.pad(labels, ((0, 0), (2, 0), (2, 0)))[:, :-2, :-2]


def _without_one(labels: NDArray, rng: np.random.Generator) -> NDArray:
    """one organ is missing"""
    present = [number for number in ORGANS.values() if (labels == number).any()]
    return np.where(labels == present[int(rng.integers(len(present)))], 0, labels) if present else labels


def _with_island(labels: NDArray, rng: np.random.Generator) -> NDArray:
    """a piece of the liver lies far off"""
    changed = labels.copy()
    changed[1:4, 1:5, 1:5] = ORGANS["liver"]
    return changed


def _with_hole(labels: NDArray, rng: np.random.Generator) -> NDArray:
    """a hole in the liver"""
    deep = np.argwhere(ndimage.binary_erosion(labels == ORGANS["liver"], iterations=2))
    changed = labels.copy()
    if len(deep):
        k, j, i = deep[len(deep) // 2]
        changed[k, j - 1 : j + 2, i - 1 : i + 2] = 0
    return changed


def _sides_swapped(labels: NDArray, rng: np.random.Generator) -> NDArray:
    """left and right kidney are swapped"""
    turned = np.arange(256, dtype=np.uint8)
    turned[[2, 3]] = 3, 2
    return turned[labels]


_EDITS: tuple[Callable[[NDArray, np.random.Generator], NDArray], ...] = (
    _another_model, _eroded, _dilated, _shifted, _without_one, _with_island, _with_hole, _sides_swapped,
)  # fmt: skip


@dataclass(frozen=True)
class _Scanner:
    site: str
    manufacturer: str
    model: str
    software: str
    kernel: str
    thickness_factor: float


# Only the first is the scanner that the CT comes from; no maker is blamed for what was derived.
_SCANNERS = (
    _Scanner("Basel", "SIEMENS", "Biograph40_mCT 4R", "VG80B", "Br38f", 1.0),
    _Scanner("North", "DERIVED A", "Model A1", "1.0", "B30f", 1.0),
    _Scanner("North", "DERIVED A", "Model A2", "2.1", "B31f", 1.5),
    _Scanner("South", "DERIVED B", "Model B", "7", "STANDARD", 1.0),
    _Scanner("South", "DERIVED B", "Model B", "8", "BONE", 1.0),
    _Scanner("West", "DERIVED C", "Model C", "3.3", "Br64d", 3.0),
)
_ENDINGS = (".nii.gz", ".nrrd", ".mha")


def _relative(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _write(path: Path, array: NDArray, geometry: Geometry) -> Path:
    sitk.WriteImage(sitk_image(np.ascontiguousarray(array), geometry), str(path), useCompression=True)
    return path


def _write_series(folder: Path, scan: _Scan, scanner: _Scanner, number: int, missing: int | None) -> None:
    """Write one file per slice, in an order that the file names do not show."""
    folder.mkdir()
    here, is_ct = scan.geometry, scan.modality == "CT"

    def uid(*of: object) -> str:
        return generate_uid(entropy_srcs=["segqc-cohort", str(number), *map(str, of)])

    for k, plane in enumerate(scan.values):
        if k == missing:
            continue
        path = folder / f"IM{k * 7 % 101:03}"
        # So that pydicom 2.4 (of Slicer 5.10) writes it as 3.0 does: the keyword for a standard file has changed its name.
        dataset = FileDataset(path, {}, b"\0" * 128, FileMetaDataset(), is_implicit_VR=False, is_little_endian=True)
        dataset.file_meta.FileMetaInformationGroupLength = 0
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage if is_ct else MRImageStorage
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid("slice", k)
        dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"] if is_ct else ["DERIVED", "SECONDARY", "M"]
        dataset.StudyDate = dataset.SeriesDate = f"202601{number % 28 + 1:02}"
        dataset.StudyTime = "120000"
        dataset.Modality = scan.modality
        dataset.Manufacturer, dataset.ManufacturerModelName = scanner.manufacturer, scanner.model
        dataset.SoftwareVersions = scanner.software
        dataset.StudyDescription = "DERIVED from TotalSegmentator's example"
        dataset.SeriesDescription = "DERIVED portal venous" if is_ct else "DERIVED T1"
        dataset.PatientName, dataset.PatientID = "DERIVED", f"derived-{number // 3:03}"
        dataset.SliceThickness = f"{here.spacing_mm[0] * scanner.thickness_factor:.4f}"
        dataset.PatientPosition = "HFS"
        if is_ct:
            dataset.KVP, dataset.ConvolutionKernel, dataset.ContrastBolusAgent = "120", scanner.kernel, "APPLIED"
            dataset.GantryDetectorTilt = "0"
        else:
            dataset.ScanningSequence, dataset.SequenceVariant, dataset.MagneticFieldStrength = "GR", "SP", "1.5"
            dataset.RepetitionTime, dataset.EchoTime = "4", "1.3"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = uid("study"), uid("series"), uid("frame")
        dataset.SeriesNumber, dataset.InstanceNumber = 1, k + 1
        dataset.ImagePositionPatient = [f"{value:.6f}" for value in here.lps_mm((k, 0, 0))]
        dataset.ImageOrientationPatient = [f"{value:.6f}" for axis in (here.axes_lps[2], here.axes_lps[1]) for value in axis]
        dataset.PixelSpacing = [f"{mm:.6f}" for mm in here.spacing_mm[1:]]
        dataset.Rows, dataset.Columns = plane.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
        if is_ct:
            dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "HU"
        dataset.PixelData = plane.tobytes()
        dataset.save_as(path)


def _write_ratings(path: Path, reader: str, rng: np.random.Generator) -> Path:
    answers = []
    for rating in load_protocol(PROTOCOL).protocol.ratings:
        grades = [grade.value for grade in rating.grades]
        if rng.random() < 0.1:
            answers.append(not_assessable(rating, reader, "not in the field of view", _CREATED))
        else:
            answers.append(give_grade(rating, grades[int(rng.integers(len(grades)))], reader, created=_CREATED))
    path.write_text(to_json(RatingsFile("segqc-ratings", "1.0", tuple(answers))), encoding="utf-8")
    return path


def _write_protocols_and_labels(folder: Path) -> None:
    (folder / "organs.json").write_text(json.dumps(ORGANS))
    (folder / "nodule.json").write_text(json.dumps({"lung_nodule": 1}))
    (folder / "liver.json").write_text(json.dumps({"liver": ORGANS["liver"]}))
    protocol = json.loads(resource(f"Protocols/{PROTOCOL}.json").read_text(encoding="utf-8"))
    for key in ("$schema", "convolution_kernel", "contrast", "windows", "gantry_tilt_deg", "reader_training"):
        protocol.pop(key)
    protocol |= {"id": "mr-abdomen", "title": "Abdominal organs on MR", "purpose": "Tests of cohorts with two modalities."}
    protocol["modality"] = {"values": ["MR"], "source": "study decision"}
    protocol["uniform_in_study"]["values"] = ["manufacturer", "model"]
    (folder / "mr-abdomen.json").write_text(json.dumps(protocol, indent=2, ensure_ascii=False), encoding="utf-8")
