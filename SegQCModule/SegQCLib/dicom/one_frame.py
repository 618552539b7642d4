"""One compressed frame as a DICOM file of its own: GDCM reads files only, and of a multi-frame one not single frames."""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from SegQCLib.dicom.dicom_header import EXPLICIT_LITTLE

_UNDEFINED_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True)
class OneFrame:
    """What a decoder has to know of a frame of one value per pixel: DICOM's Image Pixel Module (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool = False


def decoded_by_gdcm(encoded: bytes | memoryview, frame: OneFrame, syntax: str) -> NDArray[np.integer]:
    """Return the values of a frame, shape (rows, columns) as the codestream has them.

    Without a rescale in the file's header they are the stored ones.

    Parameters
    ----------
    encoded : bytes or memoryview
        All fragments of the frame.
    frame : OneFrame
    syntax : str
        Transfer Syntax UID (0002,0010).

    Raises
    ------
    RuntimeError
        If GDCM cannot decode it.
    """
    odd = len(encoded) % 2
    handle, name = tempfile.mkstemp(prefix="segqc-frame-", suffix=".dcm")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(one_frame_header(frame, syntax))
            file.write(struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, _UNDEFINED_LENGTH))
            file.write(struct.pack("<HHLHHL", 0xFFFE, 0xE000, 0, 0xFFFE, 0xE000, len(encoded) + odd))
            file.write(encoded)
            file.write(b"\0" * odd + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0))
        values = sitk.GetArrayFromImage(sitk.ReadImage(name, imageIO="GDCMImageIO"))
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108 - a str, ten times a second
    return values.reshape(values.shape[-2:])


@lru_cache(maxsize=8)
def one_frame_header(frame: OneFrame, syntax: str) -> bytes:
    """Return a DICOM file of one frame up to its pixel data."""
    from pydicom.dataset import FileDataset, FileMetaDataset

    secondary_capture, uid = "1.2.840.10008.5.1.4.1.1.7", "2.25.1"
    stream = BytesIO()
    # So that pydicom 2.4 writes it as 3.0 does.
    dataset = FileDataset(stream, {}, b"\0" * 128, FileMetaDataset(), is_implicit_VR=False, is_little_endian=True)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = secondary_capture
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = uid
    dataset.file_meta.TransferSyntaxUID = EXPLICIT_LITTLE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = frame.rows, frame.columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = frame.bits_allocated, frame.bits_stored, frame.bits_stored - 1
    dataset.PixelRepresentation = int(frame.signed)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.FileMetaInformationGroupLength = 0
    dataset.save_as(stream)
    return stream.getvalue()
