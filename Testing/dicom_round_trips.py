"""Every DICOM object of the real data beside the repository: what loads, what is refused, and what comes back from a round trip.

A round trip is: read by SegQC, written by SegQC as DICOM SEG (BINARY, and LABELMAP where no segments overlap) and, after an
evaluation, as DICOM SR; judged by dciodvfy; read by dcmqi, highdicom and SegQC again.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from dicom_series import write_series
from dicom_tools import dciodvfy, segimage2itkimage, tid1500reader
from SegQCLib.alignment import align
from SegQCLib.case import Case, Code, Segment, Segmentation, Terminology, Volume
from SegQCLib.checks import segmentation_reference
from SegQCLib.dicom.seg_preflight import overlapping_pairs
from SegQCLib.dicom.source_images import source_images
from SegQCLib.dicom.transfer_syntaxes import BY_UID
from SegQCLib.dicom.write_file import write_dicom_file
from SegQCLib.dicom.write_seg import segmentation_object
from SegQCLib.dicom.write_sr import report_object
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.protocol import load_protocol
from SegQCLib.regular_grid import is_regular

READER = "Simulated^Reader"
CREATED = datetime(2026, 11, 22, 6, 0, 0)
_PROTOCOLS = {"CT": "ct-abdomen-portal-venous", "MR": "mr-brain-lesion", "PT": "pet-ct-fdg-lesion"}

_ANATOMY = Code("123037004", "SCT", "Anatomical Structure")
_LIVER, _KIDNEY, _LEFT = Code("10200004", "SCT", "Liver"), Code("64033007", "SCT", "Kidney"), Code("7771000", "SCT", "Left")
_MASS = Terminology(Code("49755003", "SCT", "Morphologically Altered Structure"), Code("4147007", "SCT", "Mass"))


@dataclass(frozen=True)
class Row:
    """A row of the table: file or folder below ../shared/data, what it is, as what it loads, and what came of it."""

    name: str
    what: str
    loads: str
    outcome: str
    faults: tuple[str, ...] = ()


def all_rows(shared: Path, work: Path) -> Iterator[Row]:
    """Yield the whole table, image series first.

    Parameters
    ----------
    shared : Path
        ../shared/data.
    work : Path
        An empty folder for what is written.
    """
    for number, rows in enumerate((image_rows, one_slice_rows, seg_rows, structure_set_rows, label_map_rows, refused_rows)):
        folder = work / str(number)
        folder.mkdir(parents=True)
        yield from rows(shared, folder)


# ---- images ----

_IBSI = "ibsi/ibsi_validation"
_SEGMENTATIONS = "dcmqi/data/segmentations"
_ADC = "dcmqi/data/paramaps/pm-example-dcm.zip"
_ODD, _MOCK, _HIGHDICOM = "pydicom_odd", "rt_utils/tests/mock_data", "highdicom/data/test_files"

SERIES = (
    ("totalsegmentator/example_ct_dicom", "CT, JPEG 2000 lossless, slices 3 mm thick and 2 mm apart"),
    ("dcm_qa_ct/In/GE", "CT of a head, gantry tilted by 18.5 degrees, three slice distances"),
    ("slicer_cthead/CTHeadAxialDicom", "CT, header stripped of kernel, window, frame of reference"),
    (f"{_SEGMENTATIONS}/ct-3slice", "CT, slices 1.25 mm thick and 1 mm apart, with padding"),
    (f"{_SEGMENTATIONS}/23x38x3/image", "CT"),
    (f"{_SEGMENTATIONS}/24x38x3/image", "CT"),
    (f"{_SEGMENTATIONS}/23x38x3/multiframe/mf.dcm", "Legacy Converted Enhanced CT"),
    (f"{_SEGMENTATIONS}/24x38x3/multiframe/mf.dcm", "Legacy Converted Enhanced CT"),
    (_ADC, "MR, a map of diffusion coefficients as single images, in a zip file (unpacked)"),
    (f"{_ODD}/eCT_Supplemental.dcm", "Enhanced CT, 2 frames"),
    (f"{_MOCK}/ct_1.dcm", "CT of a phantom, beside its RT Structure Sets"),
    ("rt_utils/tests/oriented_data", "CT, oblique, rescale slope below 1"),
    (f"{_IBSI}/dicom/STS_002/CT/image", "CT"),
    (f"{_IBSI}/dicom/STS_002/MR_T1/image", "MR, T1"),
    (f"{_IBSI}/dicom/STS_002/PET/image", "PET, Units (0054,1001) GML"),
)


def image_rows(shared: Path, work: Path, cases: Sequence = SERIES) -> Iterator[Row]:
    """Yield a row per image series: its voxels beside those of others, and a simulated segmentation on it there and back."""
    for number, (name, what) in enumerate(cases):
        path = shared / name
        if path.suffix == ".zip":
            path = _unpacked(path, work / "unpacked")
        image = read_image(path)
        same, faults = _same_values(shared, name, path, image)
        usable, added = _with_uids(image, work / f"uids{number}")
        try:
            trip = round_trip(usable, simulated(image.geometry), work / str(number))
        except BadDataError as error:
            # UIDs of 64 digits tell nobody anything.
            trip = RoundTrip(f"refused: {re.sub(r' [(]1[.].*?[)]', '', error.found.split('  - ')[1])}", ())
            faults = (*faults, *(() if name == "rt_utils/tests/oriented_data" else (f"{name}: {error}",)))
        outcome = f"{same}.{added} Simulated segmentation on it: {trip.text}"
        yield Row(name, what, _image_text(image), outcome.strip(), (*faults, *trip.faults))


def _unpacked(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


def _with_uids(image: Volume, folder: Path) -> tuple[Volume, str]:
    """Return the series, or a copy with UIDs where de-identification removed them, and what was added."""
    headers = source_images(image).headers
    keywords = [one for one in ("StudyInstanceUID", "SeriesInstanceUID") if not headers[0].get(one)]
    own = [one for one in ("SOPClassUID", "SOPInstanceUID") if not headers[0].get(one)]
    if not keywords and not own:
        return image, ""
    folder.mkdir()
    shared = {keyword: generate_uid() for keyword in keywords}
    for number, source in enumerate(image.slice_sources):
        dataset = pydicom.dcmread(source.path)
        for keyword, uid in shared.items():
            setattr(dataset, keyword, uid)
        if own:
            dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.save_as(folder / f"{number}.dcm")
    missing = ", ".join((*keywords, *own))
    return read_image(folder), f" SEG and SR are refused, because nothing can refer to it (no {missing}). On a copy with UIDs:"


def _image_text(image: Volume) -> str:
    grid, unit = image.geometry, image.acquisition.value_unit
    return f"{image.acquisition.modality}, {_size_text(grid)}" + (f", {unit}" if unit not in (None, "unspecified") else "")


def _size_text(grid: Geometry) -> str:
    spacing = " x ".join(f"{value:.4g}" for value in reversed(grid.spacing_mm))
    return f"{grid.size[2]} x {grid.size[1]} x {grid.size[0]}, {spacing} mm"


def _same_values(shared: Path, name: str, path: Path, image: Volume) -> tuple[str, tuple[str, ...]]:
    """Compare with the NIfTI that others made where there is one, with SimpleITK for single images, with pydicom for frames."""
    if name.startswith(_IBSI):
        modality = name.split("/")[-2]
        theirs, who = sitk.ReadImage(str(shared / _IBSI / "nifti" / "STS_002" / f"{modality}_image.nii.gz")), "IBSI's NIfTI"
        their_values = sitk.GetArrayFromImage(theirs)
    elif path.is_file() and path.name in ("mf.dcm", "eCT_Supplemental.dcm"):
        theirs, who = None, "pydicom"
        their_values = _frames_by_pydicom(path)
    else:
        reader = sitk.ImageSeriesReader()
        folder, series = path if path.is_dir() else path.parent, "" if path.is_dir() else image.acquisition.series_instance_uid
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), series, recursive=True))
        theirs, who = reader.Execute(), "SimpleITK"
        their_values = sitk.GetArrayFromImage(theirs)
    if their_values.shape != image.geometry.size:
        return "", (f"{name}: {who} has {their_values.shape}, SegQC {image.geometry.size}",)
    if theirs is not None and not np.allclose(theirs.GetOrigin(), image.geometry.origin_lps_mm, atol=0.01):
        return "", (f"{name}: {who} starts at {theirs.GetOrigin()}, SegQC's at {image.geometry.origin_lps_mm}",)
    apart = float(np.abs(their_values.astype(np.float64) - image.array).max())
    # SUV of the NIfTI is rounded to float32 by another program.
    if apart > 4e-6 * max(1.0, float(np.abs(image.array).max())):
        return "", (f"{name}: values differ from {who} by up to {apart:g}",)
    return f"Same values as {who}" + (f" (largest difference {apart:.0e})" if apart else ""), ()


def _frames_by_pydicom(path: Path) -> NDArray:
    """Return the frames in the order of their positions along their normal, rescaled as the functional groups say."""
    dataset = pydicom.dcmread(path)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    frames = []
    for plane, groups in zip(dataset.pixel_array, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        rescale = (groups.get("PixelValueTransformationSequence") or shared.PixelValueTransformationSequence)[0]
        orientation = (groups.get("PlaneOrientationSequence") or shared.PlaneOrientationSequence)[0].ImageOrientationPatient
        position = groups.PlanePositionSequence[0].ImagePositionPatient
        along = float(np.cross(orientation[:3], orientation[3:]) @ position)
        frames.append((along, plane * float(rescale.RescaleSlope) + float(rescale.RescaleIntercept)))
    return np.array([plane for _, plane in sorted(frames, key=lambda frame: frame[0])])


_ONE_SLICE = (
    (f"{_ODD}/CT_small.dcm", "CT, explicit VR little endian"),
    (f"{_ODD}/MR_small.dcm", "MR, explicit VR little endian"),
    (f"{_ODD}/MR_small_bigendian.dcm", "MR, explicit VR big endian"),
    (f"{_ODD}/MR_small_RLE.dcm", "MR, RLE"),
    (f"{_ODD}/MR_small_jp2klossless.dcm", "MR, JPEG 2000 lossless"),
    (f"{_ODD}/MR2_J2KR.dcm", "MR, JPEG 2000 lossless"),
    (f"{_HIGHDICOM}/ct_image.dcm", "CT"),
    ("rt_utils/tests/one_slice_data/0.dcm", "CT"),
    ("dcmqi/data/paramaps/pm-example-slice.dcm", "MR"),
)


def one_slice_rows(shared: Path, work: Path) -> Iterator[Row]:
    """Yield a row per file of one image, which is no volume; its voxels are compared in a series of two made of it."""
    for number, (name, what) in enumerate(_ONE_SLICE):
        folder = work / str(number)
        folder.mkdir()
        path = folder / Path(name).name
        path.write_bytes((shared / name).read_bytes())
        refusal = _refusal(lambda path=path: read_image(path))
        _moved_copy(path, folder / "copy.dcm")
        dataset = pydicom.dcmread(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plane = dataset.pixel_array * float(dataset.get("RescaleSlope", 1)) + float(dataset.get("RescaleIntercept", 0))
        image = read_image(folder)
        faults = [] if np.allclose(image.array, plane, rtol=1e-6) else [f"{name}: values differ from pydicom's"]
        if "one slice only" not in refusal:
            faults.append(f"{name}: {refusal}")
        yield Row(name, what, "refused", f"{refusal} With a moved copy beside it, it loads; same values as pydicom.", tuple(faults))


def _moved_copy(path: Path, copy: Path) -> None:
    """Write an image once more, 2 mm further along its normal and with a UID of its own."""
    dataset = pydicom.dcmread(path)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    axes = np.array(dataset.ImageOrientationPatient, float).reshape(2, 3)
    moved = np.array(dataset.ImagePositionPatient, float) + 2 * np.cross(*axes)
    dataset.ImagePositionPatient = [float(round(value, 6)) for value in moved]
    dataset.save_as(copy)


# ---- segmentations ----

_CT_3, _SMALL_23, _SMALL_24 = (f"{_SEGMENTATIONS}/{name}" for name in ("ct-3slice", "23x38x3/image", "24x38x3/image"))
# With the images they were drawn on, where these are there.
SEGS = (
    (f"{_SEGMENTATIONS}/liver.dcm", _CT_3),
    (f"{_SEGMENTATIONS}/partial_overlaps.dcm", _CT_3),
    (f"{_SEGMENTATIONS}/23x38x3/seg/label.seg", _SMALL_23),
    (f"{_SEGMENTATIONS}/24x38x3/seg/label.seg", _SMALL_24),
    (f"{_SEGMENTATIONS}/sparse-labelmap-noppv.dcm", _SMALL_24),
    (f"{_SEGMENTATIONS}/sparse-labelmap-ppv5.dcm", _SMALL_24),
    ("dcmqi/data/sr-example/seg.dcm", None),
    (f"{_HIGHDICOM}/seg_image_ct_binary.dcm", None),
    (f"{_HIGHDICOM}/seg_image_ct_binary_overlap.dcm", None),
    (f"{_HIGHDICOM}/seg_image_ct_binary_single_frame.dcm", None),
    (f"{_HIGHDICOM}/seg_image_ct_binary_fractional.dcm", None),
    (f"{_HIGHDICOM}/seg_image_ct_true_fractional.dcm", None),
    (f"{_ODD}/liver.dcm", _CT_3),
    (f"{_ODD}/liver_deflate.dcm", _CT_3),
    (f"{_ODD}/liver_j2k.dcm", _CT_3),
    (f"{_ODD}/liver_rle.dcm", _CT_3),
    (f"{_ODD}/liver_nonbyte_aligned.dcm", _CT_3),
)


# The label maps that dcmqi made its SEG files of.
_MADE_OF = {
    f"{_SEGMENTATIONS}/liver.dcm": f"{_SEGMENTATIONS}/liver_seg.nrrd",
    f"{_SEGMENTATIONS}/23x38x3/seg/label.seg": f"{_SEGMENTATIONS}/23x38x3/nrrd/label.nrrd",
    f"{_SEGMENTATIONS}/24x38x3/seg/label.seg": f"{_SEGMENTATIONS}/24x38x3/nrrd/label.nrrd",
    f"{_SEGMENTATIONS}/sparse-labelmap-noppv.dcm": f"{_SEGMENTATIONS}/sparse_labelmap_noppv_seg.nrrd",
}


def seg_rows(shared: Path, work: Path, cases: Sequence = SEGS) -> Iterator[Row]:
    """Yield a row per DICOM SEG of a CT, MR or PET series."""
    for number, (name, image_name) in enumerate(cases):
        dataset = pydicom.dcmread(shared / name, stop_before_pixels=True)
        what = f"SEG, {dataset.SegmentationType}, {dataset.NumberOfFrames} frame{'' if dataset.NumberOfFrames == 1 else 's'}"
        syntax = dataset.file_meta.TransferSyntaxUID
        if syntax not in (ImplicitVRLittleEndian, ExplicitVRLittleEndian):
            what += f", {BY_UID[syntax].name}"
        candidate = read_segmentation(shared / name)
        loads = f"{_segment_count(candidate)}, {_size_text(candidate.geometry)}"
        image = _image_of(shared, image_name, candidate.geometry, work / f"ct{number}")
        candidate = align(candidate, image.geometry)
        same, faults = "", ()
        if name in _MADE_OF:
            source = align(read_segmentation(shared / _MADE_OF[name]), image.geometry)
            same = f"Same voxels as {Path(_MADE_OF[name]).name}. "
            if not np.array_equal(candidate.mask(candidate.segments[0]), source.mask(source.segments[0])):
                faults = (f"{name}: other voxels than {_MADE_OF[name]}",)
        trip = round_trip(image, with_algorithms(candidate), work / str(number))
        where = "" if image_name else "On simulated images: "
        yield Row(name, what, loads, f"{same}{where}{trip.text}", (*faults, *trip.faults))


def _segment_count(segmentation: Segmentation) -> str:
    count = len(segmentation.segments)
    voxels = sum(segmentation.voxel_count(segment) for segment in segmentation.segments)
    return f"{count} segment{'' if count == 1 else 's'}, {voxels:,} voxels"


def _image_of(shared: Path, name: str | None, grid: Geometry, folder: Path) -> Volume:
    """Return the series, or a simulated CT around the grid, one slice longer at either end: one slice alone is no volume."""
    if name is not None:
        return read_image(shared / name)
    before = grid.lps_mm((-1, 0, 0))
    axes = np.array(grid.axes_lps)
    paths = write_series(
        folder, np.zeros(grid.size[0] + 2), rows=grid.size[1], columns=grid.size[2], pixel_spacing_mm=grid.spacing_mm[1:],
        orientation=[*axes[2], *axes[1]], ImageComments="SIMULATED", **STUDY,
    )  # fmt: skip
    for number, path in enumerate(paths):
        dataset = pydicom.dcmread(path)
        dataset.ImagePositionPatient = [float(round(v, 6)) for v in before + number * grid.spacing_mm[0] * axes[0]]
        dataset.save_as(path)
    return read_image(folder)


STUDY = {
    "AccessionNumber": "", "StudyID": "1", "PatientBirthDate": "", "ReferringPhysicianName": "", "PatientSex": "O",
    "StudyDate": "20261122", "StudyTime": "060000", "SeriesNumber": 1,
}  # fmt: skip


def simulated(grid: Geometry) -> Segmentation:
    """Return a simulated segmentation: two structures side by side in all slices, and one that is absent."""
    layer = np.zeros(grid.size, np.uint8)
    rows, columns = grid.size[1:]
    layer[:, rows // 4 : rows // 2, columns // 4 : columns // 2] = 1
    # A slanted edge: not the same in each slice and each row.
    for k in range(grid.size[0]):
        for j in range(rows // 4, rows // 2):
            layer[k, j, columns // 2 : columns // 2 + 1 + (j + k) % max(1, columns // 4)] = 2
    meanings = (Terminology(_ANATOMY, _LIVER), Terminology(_ANATOMY, _KIDNEY, _LEFT), replace(_MASS, region=_LIVER))
    segments = tuple(
        Segment(f"s{value}", f"simulated {meaning.type.meaning}", value, terminology=meaning, algorithm_type="MANUAL")
        for value, meaning in enumerate(meanings, start=1)
    )
    return Segmentation("simulated", grid, (layer,), segments)


def with_algorithms(segmentation: Segmentation) -> Segmentation:
    """Return the segmentation with what a SEG has to say and a file may lack: a code, and who drew it."""

    def described(segment: Segment) -> Segment:
        unnamed = segment.algorithm_type != "MANUAL" and not segment.algorithm_name
        kind = "MANUAL" if segment.algorithm_type is None or unnamed else segment.algorithm_type
        return replace(segment, terminology=segment.terminology or _MASS, algorithm_type=kind)

    return replace(segmentation, segments=tuple(described(segment) for segment in segmentation.segments))


# ---- contours and label maps ----

STRUCTURE_SETS = (
    *((f"{_IBSI}/dicom/STS_002/{one}/mask/RS.dcm", f"{_IBSI}/dicom/STS_002/{one}/image") for one in ("CT", "MR_T1", "PET")),
    *((f"{_MOCK}/{one}.dcm", f"{_MOCK}/ct_1.dcm") for one in ("rt", "invalid_reference_rt", "non_existent_reference_rt")),
    (f"{_ODD}/rtstruct.dcm", None),
)


def structure_set_rows(shared: Path, work: Path, cases: Sequence = STRUCTURE_SETS) -> Iterator[Row]:
    """Yield a row per RT Structure Set."""
    for number, (name, image_name) in enumerate(cases):
        # The contours of the one without images are rectangles in slices 10 mm apart.
        grid = Geometry((3, 40, 60), (10.0, 10.0, 10.0), (-295.0, -195.0, -200.0), ((0, 0, 1), (0, 1, 0), (1, 0, 0)))
        image = _image_of(shared, image_name, grid, work / f"ct{number}")
        contours = read_segmentation(shared / name, image=image)
        faults, same = [], ""
        if name.startswith(_IBSI):
            modality = name.split("/")[-3]
            published = sitk.ReadImage(str(shared / _IBSI / "nifti" / "STS_002" / f"{modality}_mask.nii.gz"))
            if np.array_equal(sitk.GetArrayFromImage(published) > 0, contours.mask(contours.segments[0])):
                same = "Voxels are those of IBSI's NIfTI mask. "
            else:
                faults.append(f"{name}: voxels are not those of IBSI's NIfTI mask")
        trip = round_trip(image, with_algorithms(contours), work / str(number))
        # Simulated images are in a frame of reference of their own.
        found = (*contours.findings, *(segmentation_reference.run(Case(image, contours), None) if image_name else ()))
        told = " ".join(dict.fromkeys(_without_name(one) for one in found if one.status in (Status.WARN, Status.FAIL)))
        loads = f"{_segment_count(contours)}" + ("" if image_name else ", on simulated images")
        yield Row(
            name,
            "RT Structure Set",
            loads,
            f"{same}{trip.text}" + (f" Told: {told}" if told else ""),
            (*faults, *trip.faults),
        )


def _without_name(finding: Finding) -> str:
    return finding.message if finding.segment is None else finding.message.replace(finding.segment, "A structure", 1)


_CT_TOTAL = "totalsegmentator/example_ct_dicom"
LABEL_MAPS = (
    ("totalsegmentator/example_seg_dicom.nii.gz", _CT_TOTAL, "totalsegmentator"),
    *(
        (f"{_SEGMENTATIONS}/{one}.nrrd", _CT_3, None)
        for one in (
            "liver_seg", "heart_seg", "spine_seg", "spine_seg_label5", "liver_spine_seg", "liver_spine_gapped_seg",
            "partial_overlaps-1", "partial_overlaps-2", "partial_overlaps-3",
        )
    ),
    (f"{_SEGMENTATIONS}/23x38x3/nrrd/label.nrrd", _SMALL_23, None),
    (f"{_SEGMENTATIONS}/24x38x3/nrrd/label.nrrd", _SMALL_24, None),
    *((f"{_SEGMENTATIONS}/sparse_labelmap_{one}_seg.nrrd", _SMALL_24, None) for one in ("noppv", "ppv5")),
    *((f"{_IBSI}/nifti/STS_002/{one}_mask.nii.gz", f"{_IBSI}/dicom/STS_002/{one}/image", None) for one in ("CT", "MR_T1", "PET")),
)  # fmt: skip


def label_map_rows(shared: Path, work: Path, cases: Sequence = LABEL_MAPS) -> Iterator[Row]:
    """Yield a row per label map that belongs to a DICOM series."""
    for number, (name, image_name, labels) in enumerate(cases):
        image, _ = _with_uids(read_image(shared / image_name), work / f"uids{number}")
        candidate = read_segmentation(shared / name, labels=labels)
        trip = round_trip(image, with_algorithms(align(candidate, image.geometry)), work / str(number))
        yield Row(name, "label map", f"{_segment_count(candidate)}, {_size_text(candidate.geometry)}", trip.text, trip.faults)


# ---- what is refused ----

_SLIDES = ("control", "control_labelmap", "control_labelmap_palette_color", "dots", "dots_tiled_full", "numbers")
_SLIDE_IMAGES = ("", "_control", "_dots", "_grayscale", "_grayscale_reversed", "_jpegls", "_jpegls_nobot", "_numbers")
# File, what it is, whether a user would take it for a segmentation, and words of the refusal.
_REFUSED = (
    *((f"{_HIGHDICOM}/seg_image_sm_{one}.dcm", "SEG of a slide", True, "segmentation of a slide") for one in _SLIDES),
    (f"{_HIGHDICOM}/seg_image_cr_binary.dcm", "SEG of a radiograph", True, "does not say where frame 1 lies"),
    *((f"{_HIGHDICOM}/sm_image{one}.dcm", "slide", False, "slide") for one in _SLIDE_IMAGES),
    (f"{_HIGHDICOM}/sm_annotations.dcm", "annotations of a slide", True, "Microscopy Bulk Simple Annotations"),
    (f"{_HIGHDICOM}/dx_image.dcm", "radiograph", False, "ImagePositionPatient (0020,0032)"),
    (f"{_HIGHDICOM}/sr_document.dcm", "structured report", True, "Comprehensive 3D SR"),
    (f"{_HIGHDICOM}/sr_document_with_multiple_groups.dcm", "structured report", True, "Comprehensive 3D SR"),
    ("dcmqi/data/sr-example/sr.dcm", "structured report", True, "Comprehensive SR"),
    ("dcmqi/data/sr-example/rwvm.dcm", "real world value mapping", True, "Real World Value Mapping"),
    (f"{_ODD}/test-SR.dcm", "structured report", True, "Comprehensive SR"),
    (f"{_ODD}/reportsi.dcm", "structured report", True, "Basic Text SR"),
    (f"{_ODD}/rtplan.dcm", "RT Plan", True, "RT Plan"),
    (f"{_ODD}/parametric_map_float.dcm", "parametric map", False, "parametric map"),
    (f"{_ODD}/JPEG2000_UNC.dcm", "secondary capture", False, "ImagePositionPatient (0020,0032)"),
    *(
        (f"{_ODD}/emri_small{one}.dcm", "Enhanced MR without functional groups", False, "PerFrameFunctionalGroupsSequence")
        for one in ("", "_RLE", "_jpeg_2k_lossless", "_jpeg_ls_lossless")
    ),
    (f"{_ODD}/emri_small_jpeg_2k_lossless_too_short.dcm", "the same, cut short", False, "emri_small_jpeg_2k_lossless_too_short"),
    (f"{_ODD}/MR_truncated.dcm", "MR, cut short", False, "8,130 bytes"),
    (f"{_ODD}/no_meta.dcm", "CT behind a stray first byte", False, "is not an image file"),
)


def refused_rows(shared: Path, work: Path) -> Iterator[Row]:
    """Yield a row per object that is refused, each read alone in a folder and named by its file."""
    for number, (name, what, as_segmentation, words) in enumerate(_REFUSED):
        folder = work / str(number)
        folder.mkdir()
        path = folder / Path(name).name
        path.write_bytes((shared / name).read_bytes())
        if path.name == "MR_truncated.dcm":
            # One slice alone would be refused as such, before its voxels are looked at.
            _moved_copy(shared / _ODD / "MR_small.dcm", folder / "whole.dcm")
        refusal = _refusal(lambda path=path, read=read_segmentation if as_segmentation else read_image: read(path))
        yield Row(name, what, "refused", refusal, () if words in refusal else (f"{name}: {refusal}",))


def _refusal(read: Callable[[], object]) -> str:
    try:
        read()
    except BadDataError as error:
        return f"{Path(str(error.where)).name} {error.found} {error.remedy}"
    return "was read"


# ---- a round trip ----


@dataclass(frozen=True)
class RoundTrip:
    """What came back, in words, and every fault."""

    text: str
    faults: tuple[str, ...]


def round_trip(image: Volume, candidate: Segmentation, folder: Path) -> RoundTrip:
    """Write a segmentation and its report, and read them back by everybody.

    Parameters
    ----------
    image : Volume
        A DICOM series.
    candidate : Segmentation
        On its grid, with codes and algorithm types.
    folder : Path
        New, for what is written.
    """
    folder.mkdir(parents=True)
    # The order in which they are written, so that 3D Slicer counts them as the file does.
    in_order = sorted(candidate.segments, key=lambda segment: candidate.box(segment) is None)
    candidate = replace(candidate, segments=tuple(in_order))
    where = candidate.source.path if candidate.source else f"{candidate.name} on {image.source.path}"
    images, faults, kinds = source_images(image), [], ["BINARY"]
    if not overlapping_pairs(candidate, first_only=True):
        kinds.append("LABELMAP")
    for kind in kinds:
        dataset = segmentation_object(candidate, images, reader=READER, created=CREATED, representation=kind)
        path = folder / f"{kind}.dcm"
        write_dicom_file(dataset, path)
        found = [*_invalid(path), *_read_again(path, candidate, image)]
        if is_regular(image):
            # dcmqi and highdicom make volumes of equidistant frames only.
            found += [*_by_dcmqi(path, candidate, folder / f"dcmqi-{kind}"), *_by_highdicom(path, candidate)]
        faults += [f"{where}, {kind}: {fault}" for fault in found]
    record = evaluate(Case(image, candidate), load_protocol(_PROTOCOLS[image.acquisition.modality]))
    segmentation = pydicom.dcmread(folder / "BINARY.dcm", stop_before_pixels=True)
    report = report_object(record, candidate, images, segmentation, reader=READER, created=CREATED)
    write_dicom_file(report, folder / "sr.dcm")
    found = [*_invalid(folder / "sr.dcm"), *_report_by_dcmqi(folder / "sr.dcm", record, candidate, folder / "report")]
    faults += [f"{where}, SR: {fault}" for fault in found]
    uneven = "" if is_regular(image) else " (by SegQC; dcmqi and highdicom read no SEG on uneven slices as a volume)"
    return RoundTrip(f"{', '.join((*kinds, 'SR'))}: {'equal' if not faults else 'FAULTS'}{uneven}.", tuple(faults))


# dciodvfy of 2022 knows no Label Map Segmentation (DICOM Supplement 243, 2024), where 0 is a segment of its own: background.
_NEWER_THAN_DCIODVFY = ("Information Object Not found", "SegmentNumber not monotonically increasing from one by one")


# What is the patient's or the study's stands in every object of it, right or wrong.
_FAULTS_OF_THE_IMAGES = (
    "SH Study ID",  # (0020,0010) of IBSI's series has more than 16 characters ...
    "contains invalid data values for Value Representations",  # ... which is said once more of the whole object
    "Conditional Element=<DeidentificationMethod>",  # (0012,0063) is empty in the tilted CT
)


def _invalid(path: Path) -> Iterator[str]:
    for error in dciodvfy(path).errors:
        if path.stem == "LABELMAP" and any(known in error for known in _NEWER_THAN_DCIODVFY):
            continue
        if not any(known in error for known in _FAULTS_OF_THE_IMAGES):
            yield f"dciodvfy: {error}"


def _read_again(path: Path, candidate: Segmentation, image: Volume) -> Iterator[str]:
    again = read_segmentation(path)
    if is_regular(image):
        again = align(again, image.geometry)
    if len(again.segments) != len(candidate.segments):
        yield f"SegQC reads {len(again.segments)} segments of {len(candidate.segments)}"
        return
    for one, other in zip(candidate.segments, again.segments, strict=True):
        if not np.array_equal(candidate.mask(one), again.mask(other)):
            yield f"SegQC reads other voxels of {one.name}"
        for attribute in ("name", "terminology", "algorithm_type", "algorithm_name"):
            before, after = getattr(one, attribute), getattr(other, attribute)
            if before != after and (attribute != "algorithm_name" or one.algorithm_type != "MANUAL"):
                yield f"SegQC reads {attribute} {after} of {before}"


def _by_dcmqi(path: Path, candidate: Segmentation, folder: Path) -> Iterator[str]:
    read = segimage2itkimage(path, folder)
    by_number = {one["labelID"]: one for one in read.segments}
    for number, segment in enumerate(candidate.segments, start=1):
        image = read.masks.get(number)
        places = np.empty((0, 3)) if image is None else _places(sitk.GetArrayViewFromImage(image), _index_to_lps(image))
        if not _same_voxels(candidate, segment, places):
            yield f"dcmqi reads other voxels of {segment.name}"
        codes = (segment.terminology.category, segment.terminology.type, segment.terminology.region)
        keywords = ("SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence", "AnatomicRegionSequence")
        for keyword, code in zip(keywords, codes, strict=True):
            theirs = by_number[number].get(keyword)
            pair = None if theirs is None else (theirs["CodingSchemeDesignator"], theirs["CodeValue"])
            if pair != (None if code is None else (code.scheme, code.value)):
                yield f"dcmqi reads {keyword} {pair} of {segment.name}"
        if by_number[number]["SegmentAlgorithmType"] != segment.algorithm_type:
            yield f"dcmqi reads {by_number[number]['SegmentAlgorithmType']} of {segment.name}"


def _by_highdicom(path: Path, candidate: Segmentation) -> Iterator[str]:
    import highdicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = highdicom.seg.segread(path)
        numbered = [(n, segment) for n, segment in enumerate(candidate.segments, start=1) if candidate.box(segment) is not None]
        overlap = bool(overlapping_pairs(candidate, first_only=True))
        for group in [[one] for one in numbered] if overlap else [numbered]:
            volume = read.get_volume(segment_numbers=[n for n, _ in group], combine_segments=True)
            for number, segment in group:
                if not _same_voxels(candidate, segment, _places(volume.array == number, volume.affine)):
                    yield f"highdicom reads other voxels of {segment.name}"


def _index_to_lps(image: sitk.Image) -> NDArray[np.float64]:
    """Return the 4 x 4 matrix from index (k, j, i) to LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = (np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing())[:, ::-1]
    matrix[:3, 3] = image.GetOrigin()
    return matrix


def _places(mask: NDArray, index_to_lps: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.argwhere(mask) @ index_to_lps[:3, :3].T + index_to_lps[:3, 3]


def _same_voxels(candidate: Segmentation, segment: Segment, places_lps_mm: NDArray[np.float64]) -> bool:
    box = candidate.box(segment)
    if box is None or not len(places_lps_mm):
        return box is None and not len(places_lps_mm)
    index = candidate.geometry.index_kji(places_lps_mm)
    rounded = np.rint(index).astype(int)
    if np.any(np.abs(index - rounded) > 0.05) or np.any(rounded < 0) or np.any(rounded >= candidate.geometry.size):
        return False
    theirs = np.zeros(candidate.geometry.size, bool)
    theirs[tuple(rounded.T)] = True
    return np.array_equal(theirs, candidate.mask(segment))


def _report_by_dcmqi(path: Path, record: object, candidate: Segmentation, folder: Path) -> Iterator[str]:
    groups = {one.get("TrackingIdentifier"): one for one in tid1500reader(path, folder)["Measurements"]}
    counts = {m.segment: m.value for m in record.measurements if m.metric == "volume_candidate_mm3" and m.value}
    for segment in candidate.segments:
        if segment.name not in counts:
            continue
        items = [item for group in groups.values() for item in group.get("measurementItems", ())]
        values = [float(item["value"]) for item in items]
        if not any(abs(value - counts[segment.name]) <= 1e-5 * counts[segment.name] for value in values):
            yield f"tid1500reader finds no volume of {counts[segment.name]:g} mm3 for {segment.name}"
