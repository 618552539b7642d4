"""Small CT series on disk, written by pydicom."""

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def write_series(
    folder: Path,
    positions_mm,
    *,
    in_plane_offsets_mm=None,
    orientation=(1, 0, 0, 0, 1, 0),
    rows=16,
    columns=12,
    pixel_spacing_mm=(0.8, 0.7),
    series_uid=None,
    prefix="slice",
    planes=None,
    **attributes,
) -> list[Path]:
    """Write one CT slice per position along z (mm); attributes are DICOM keywords for every slice, None to leave out."""
    folder.mkdir(parents=True, exist_ok=True)
    series_uid = series_uid or generate_uid()
    study_uid, frame_uid = generate_uid(), generate_uid()
    paths = []
    for number, z in enumerate(positions_mm):
        path = folder / f"{prefix}{number:03}.dcm"
        # So that pydicom 2.4 (of Slicer 5.10) writes it as 3.0 does: the keyword for a standard file has changed its name.
        dataset = FileDataset(path, {}, b"\0" * 128, FileMetaDataset(), is_implicit_VR=False, is_little_endian=True)
        dataset.file_meta.FileMetaInformationGroupLength = 0
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = study_uid, series_uid, frame_uid
        dataset.Modality = "CT"
        dataset.PatientName, dataset.PatientID = "Phantom", "phantom"
        dataset.InstanceNumber = number + 1
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        offset = (0, 0) if in_plane_offsets_mm is None else in_plane_offsets_mm[number]
        dataset.ImagePositionPatient = [offset[0], offset[1], z]
        dataset.ImageOrientationPatient = list(orientation)
        dataset.PixelSpacing = list(pixel_spacing_mm)
        dataset.SliceThickness = 2
        dataset.Rows, dataset.Columns = rows, columns
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        plane = np.full((rows, columns), number, np.int16) if planes is None else planes[number].astype(np.int16)
        dataset.PixelData = plane.tobytes()
        for keyword, value in attributes.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)
        dataset.save_as(path)
        paths.append(path)
    return paths
