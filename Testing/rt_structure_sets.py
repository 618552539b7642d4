"""RT Structure Sets on disk, written by pydicom: phantoms whose voxels follow from arithmetic."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid


@dataclass
class Roi:
    """A region of interest. Contours are arrays (points, 3) in LPS mm, all of one kind, or pairs (kind, points)."""

    name: str
    contours: list = field(default_factory=list)
    number: int | None = None
    kind: str = "CLOSED_PLANAR"
    frame_uid: str | None = None
    attributes: dict = field(default_factory=dict)  # of Structure Set ROI Sequence
    observation: dict = field(default_factory=dict)
    color: tuple | None = None


def write_structure_set(path: Path, *rois: Roi, frame_uid=None, series_uid=None, change=None) -> Path:
    dataset = FileDataset(path, {}, b"\0" * 128, FileMetaDataset(), is_implicit_VR=False, is_little_endian=True)
    dataset.file_meta.FileMetaInformationGroupLength = 0
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.Modality = "RTSTRUCT"
    dataset.StructureSetLabel = "phantom"
    if series_uid is not None:
        study = _item(RTReferencedSeriesSequence=[_item(SeriesInstanceUID=series_uid)])
        frame = _item(FrameOfReferenceUID=frame_uid or generate_uid(), RTReferencedStudySequence=[study])
        dataset.ReferencedFrameOfReferenceSequence = [frame]
    described, drawn, observed = [], [], []
    for order, roi in enumerate(rois, start=1):
        number = order if roi.number is None else roi.number
        uid = roi.frame_uid or frame_uid
        frame = {} if uid is None else {"ReferencedFrameOfReferenceUID": uid}
        described.append(_item(ROINumber=number, ROIName=roi.name, **frame, **roi.attributes))
        observed.append(_item(ObservationNumber=order, ReferencedROINumber=number, **roi.observation))
        contours = [_contour(*(one if isinstance(one, tuple) else (roi.kind, one))) for one in roi.contours]
        color = {} if roi.color is None else {"ROIDisplayColor": list(roi.color)}
        drawn.append(_item(ReferencedROINumber=number, **({"ContourSequence": contours} if contours else {}), **color))
    dataset.StructureSetROISequence, dataset.ROIContourSequence = described, drawn
    dataset.RTROIObservationsSequence = observed
    if change is not None:
        change(dataset)
    dataset.save_as(path)
    return path


def rectangle(geometry, k, rows, columns) -> np.ndarray:
    """Return the corners of a rectangle in slice k of a grid, rows and columns from ... to in pixels, as LPS mm (4, 3)."""
    (top, bottom), (left, right) = rows, columns
    return geometry.lps_mm([(k, top, left), (k, top, right), (k, bottom, right), (k, bottom, left)])


def around(geometry, k, rows, columns) -> np.ndarray:
    """Return a rectangle along the outer edges of the pixels of the half-open ranges rows and columns."""
    return rectangle(geometry, k, np.subtract(rows, 0.5), np.subtract(columns, 0.5))


def _contour(kind, points) -> Dataset:
    numbers = [f"{value:.10g}" for value in np.asarray(points, float).ravel()]
    return _item(ContourGeometricType=kind, NumberOfContourPoints=len(numbers) // 3, ContourData=numbers)


def _item(**attributes) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item
