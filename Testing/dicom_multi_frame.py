"""Enhanced multi-frame images on disk, written by pydicom."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid


def item(**attributes) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def functional_groups(**groups) -> Dataset:
    """Return an item of functional groups: each keyword is a macro's sequence, its value the attributes of its one item."""
    return item(**{keyword: Sequence([item(**attributes)]) for keyword, attributes in groups.items()})


def write_multi_frame(path: Path, frames, planes, *, shared=None, sop_class=EnhancedCTImageStorage, **attributes) -> Path:
    """Write an enhanced image.

    Parameters
    ----------
    frames : sequence of dict
        For each frame its functional groups.
    planes : ndarray of int16 or uint16, shape (frames, rows, columns)
    shared : dict
        Functional groups of all frames, beside orientation and pixel measures.
    **attributes
        DICOM keywords of the object's top level, None to leave out.
    """
    planes = np.asarray(planes)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = FileDataset(path, {}, b"\0" * 128, FileMetaDataset(), is_implicit_VR=False, is_little_endian=True)
    dataset.file_meta.FileMetaInformationGroupLength = 0
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = dataset.SeriesInstanceUID = "2.25.7"
    dataset.FrameOfReferenceUID = "2.25.8"
    dataset.Modality, dataset.PatientName, dataset.PatientID = "CT", "Phantom", "phantom"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = planes.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = planes.dtype.itemsize * 8
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(planes.dtype.kind == "i")
    groups = {
        "PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
        "PixelMeasuresSequence": {"PixelSpacing": [0.8, 0.7], "SliceThickness": 2},
        **(shared or {}),
    }
    dataset.SharedFunctionalGroupsSequence = Sequence([functional_groups(**{k: v for k, v in groups.items() if v})])
    dataset.PerFrameFunctionalGroupsSequence = Sequence([functional_groups(**frame) for frame in frames])
    dataset.PixelData = planes.tobytes()
    for keyword, value in attributes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


def at(z_mm, **groups) -> dict:
    """Return the functional groups of a frame at z (mm), with others as given."""
    return {"PlanePositionSequence": {"ImagePositionPatient": [0, 0, z_mm]}, **groups}
