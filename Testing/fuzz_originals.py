"""Good files of every kind that is read, small, the same on every machine: what fuzzing damages where no real data are."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, PositronEmissionTomographyImageStorage, RLELossless

from dicom_multi_frame import at, write_multi_frame
from dicom_series import write_series
from rt_structure_sets import Roi, rectangle, write_structure_set
from SegQCLib.dicom.series import read_series

_DEFLATED = "1.2.840.10008.1.2.1.99"
_SEG = "1.2.840.10008.5.1.4.1.1.66.4"
_LABEL_MAP_SEG = "1.2.840.10008.5.1.4.1.1.66.7"
_ROWS, _COLUMNS, _SLICES = 12, 10, 4


@dataclass(frozen=True)
class Original:
    """A file to damage.

    Attributes
    ----------
    reader : str
        "image", "segmentation" or "record".
    path : Path
    decoded_bytes : int
        Of its voxels.
    beside : tuple of Path
        What has to lie in the same folder.
    image : Path or None
        What contours are filled on.
    """

    reader: str
    path: Path
    decoded_bytes: int
    beside: tuple[Path, ...] = ()
    image: Path | None = None


def write_originals(folder: Path) -> tuple[Original, ...]:
    """Write the files and return them in an order that stays."""
    rng = np.random.default_rng(5)
    planes = rng.integers(0, 2000, (_SLICES, _ROWS, _COLUMNS)).astype(np.int16)
    series = {
        name: _series(folder / name, planes, **attributes) for name, attributes in (("ct", {}), ("pet", _PET), ("deflated", {}))
    }
    for name, syntax in (("rle", RLELossless), ("j2k", JPEG2000Lossless), ("jpeg_ls", JPEGLSLossless)):
        paths = _series(folder / name, planes)
        with suppress(RuntimeError, AttributeError):  # without the wheel, or with pydicom 2.4
            for path in paths:
                _saved(path, lambda dataset, syntax=syntax: dataset.compress(syntax, generate_instance_uid=False))
            series[name] = paths
    for path in series["deflated"]:
        _saved(path, lambda dataset: setattr(dataset.file_meta, "TransferSyntaxUID", _DEFLATED))
    size = planes.nbytes
    originals = [Original("image", paths[1], 2 * size, tuple(paths[:1] + paths[2:])) for paths in series.values()]
    enhanced = write_multi_frame(folder / "enhanced" / "frames.dcm", [at(2.0 * k) for k in range(_SLICES)], planes)
    _saved(enhanced, _fixed_uids)
    originals.append(Original("image", enhanced, 2 * size))
    grid = read_series(folder / "ct")
    for name, bits, kind in (("binary", 1, "BINARY"), ("fractional", 8, "FRACTIONAL"), ("label_map", 8, "LABELMAP")):
        path = _segmentation(folder / f"{name}.dcm", rng, bits, kind)
        originals.append(Original("segmentation", path, 2 * planes.size))
    rois = [
        Roi("round", [rectangle(grid.geometry, k, (2, 8), (1, 7)) for k in range(3)], color=(1, 2, 3)),
        Roi("inner", [rectangle(grid.geometry, k, (3, 5), (2, 4)) for k in range(1, 4)]),
    ]
    contours = write_structure_set(folder / "rt.dcm", *rois, frame_uid="2.25.3", series_uid="2.25.2", change=_fixed_uids)
    originals.append(Original("segmentation", contours, 2 * planes.size, image=folder / "ct"))
    image = sitk.GetImageFromArray(planes)
    labels = sitk.GetImageFromArray((planes > 1000).astype(np.uint8))
    for reader, content in (("image", image), ("segmentation", labels)):
        for name in ("packed.nii.gz", "plain.nii", "packed.nrrd", "plain.mha"):
            path = folder / f"{reader}_{name}"
            sitk.WriteImage(content, str(path), useCompression="packed" in name)
            originals.append(Original(reader, path, 2 * size))
    return tuple(originals)


_PET = {
    "Modality": "PT", "SOPClassUID": PositronEmissionTomographyImageStorage, "Units": "BQML", "DecayCorrection": "START",
    "CorrectedImage": ["ATTN", "DECY"], "PatientWeight": "70", "SeriesDate": "20200101", "SeriesTime": "120000",
    "AcquisitionDate": "20200101", "AcquisitionTime": "120000", "RescaleSlope": "0.5", "RescaleIntercept": "0",
}  # fmt: skip


def _series(folder: Path, planes: np.ndarray, **attributes) -> list[Path]:
    paths = write_series(
        folder, [2.0 * k for k in range(_SLICES)], rows=_ROWS, columns=_COLUMNS, planes=planes, series_uid="2.25.2", **attributes
    )
    for number, path in enumerate(paths):
        _saved(path, _fixed_uids, number)
    return paths


def _saved(path: Path, change, *arguments) -> None:
    dataset = pydicom.dcmread(path)
    change(dataset, *arguments)
    dataset.save_as(path)


def _fixed_uids(dataset: pydicom.Dataset, number: int = 0) -> None:
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = "2.25.1", "2.25.3"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.{100 + number}"


def _segmentation(path: Path, rng: np.random.Generator, bits: int, kind: str) -> Path:
    frames = [at(2.0 * k, **_segment(1 + k % 2, kind)) for k in range(_SLICES)]
    planes = rng.integers(0, 3 if kind == "LABELMAP" else 2, (_SLICES, _ROWS, _COLUMNS)).astype(np.uint8)
    if kind == "FRACTIONAL":
        planes *= 200
    packed = np.packbits(planes.reshape(-1), bitorder="little").tobytes() if bits == 1 else planes.tobytes()
    described = [pydicom.Dataset(), pydicom.Dataset()]
    for number, item in enumerate(described, start=1):
        item.SegmentNumber, item.SegmentLabel, item.SegmentAlgorithmType = number, f"part {number}", "MANUAL"
    write_multi_frame(
        path, frames, planes, sop_class=_LABEL_MAP_SEG if kind == "LABELMAP" else _SEG, Modality="SEG", SegmentationType=kind,
        SegmentSequence=described, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1,
        PixelData=packed + b"\0" * (len(packed) % 2),
    )  # fmt: skip
    _saved(path, _fixed_uids)
    return path


def _segment(number: int, kind: str) -> dict:
    return {} if kind == "LABELMAP" else {"SegmentIdentificationSequence": {"ReferencedSegmentNumber": number}}
