"""The DICOM images that a segmentation was drawn on, for objects that refer to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from SegQCLib.dicom.dicom_header import read_dicom_header
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset

    from SegQCLib.case import SliceSource, Volume


@dataclass(frozen=True, eq=False)
class SourceImages:
    """Headers of one series.

    Attributes
    ----------
    headers : tuple of Dataset
        Without pixel data. One per slice in the order of k, or the one multi-frame object.
    slices : tuple of SliceSource
        Where each slice of the volume comes from, in the order of k.
    """

    headers: tuple[Dataset, ...]
    slices: tuple[SliceSource, ...]


def source_images(volume: Volume) -> SourceImages:
    """Return the DICOM images of a volume.

    Raises
    ------
    BadDataError
        If the volume was not read from DICOM, or a file has gone or changed into something unreadable since.
    """
    if not volume.slice_sources:
        where = volume.source.path if volume.source else "the image"
        raise BadDataError(where, "is not a DICOM series.", "DICOM objects refer to DICOM images: give the series itself.")
    headers = []
    for path in dict.fromkeys(one.path for one in volume.slice_sources):
        header = read_dicom_header(path)
        if header is None:
            raise BadDataError(path, "is no longer the DICOM file that the image was read from.", "Copy the series again.")
        headers.append(header.dataset)
    return SourceImages(tuple(headers), volume.slice_sources)
