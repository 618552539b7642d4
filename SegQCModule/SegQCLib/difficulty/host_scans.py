"""The real CT that simulated lesions are implanted in: the livers of the two sample scans, on a finer grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.errors import BadDataError

LIVER = 5  # TotalSegmentator's class 5 in both label maps
IN_PLANE_MM = 1.0
_AROUND_MM = 30.0


@dataclass(frozen=True)
class HostScan:
    """A real CT with one organ of it.

    Attributes
    ----------
    name : str
        Of the file or folder in the sample data.
    image : ndarray of float32, shape (k, j, i)
        Grey values in HU.
    organ : ndarray of bool, shape (k, j, i)
    depth_mm : ndarray of float32, shape (k, j, i)
        Distance to the nearest voxel outside the organ; 0 outside it.
    spacing_mm : tuple of float
        (k, j, i); in the plane `IN_PLANE_MM`, between slices the scan's own.
    """

    name: str
    image: NDArray[np.float32]
    organ: NDArray[np.bool_]
    depth_mm: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]


def host_scans(folder: Path) -> tuple[HostScan, ...]:
    """Return the livers of TotalSegmentator's example scans (`samples.TOTALSEGMENTATOR`), resampled to 1 mm in the plane.

    One is a portal venous CT of 20 slices 2 mm apart, the other an unenhanced CT of 3 mm voxels. Only the liver and
    30 mm around it in the plane are kept. The lungs are no hosts: both scans hold too little of them.

    Parameters
    ----------
    folder : Path
        With `example_ct_dicom`, `example_seg_dicom.nii.gz`, `example_ct.nii.gz`, `example_seg_fast_force_split.nii.gz`.

    Raises
    ------
    BadDataError
        If one of them is missing or SimpleITK cannot read it.
    """
    pairs = {"example_ct_dicom": "example_seg_dicom.nii.gz", "example_ct.nii.gz": "example_seg_fast_force_split.nii.gz"}
    missing = [name for pair in pairs.items() for name in pair if not (folder / name).exists()]
    if missing:
        raise BadDataError(folder, f"lacks {', '.join(missing)}.", "Give the folder of TotalSegmentator's example files.")
    return tuple(_host(folder / image, folder / labels) for image, labels in pairs.items())


def _host(image_path: Path, labels_path: Path) -> HostScan:
    try:
        if image_path.is_dir():
            image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(image_path)), sitk.sitkFloat32)
        else:
            image = sitk.ReadImage(str(image_path), sitk.sitkFloat32)
        labels = sitk.ReadImage(str(labels_path))
    except RuntimeError as error:
        raise BadDataError(image_path, f"cannot be read: {error}.", "Copy the sample data again.") from error
    grid = _finer_grid(image)
    liver = sitk.Resample(labels, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0) == LIVER
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(liver)
    start, size = np.split(np.array(shape.GetBoundingBox(1)), 2)
    margin = np.array([round(_AROUND_MM / IN_PLANE_MM)] * 2 + [0])
    first = np.maximum(start - margin, 0)
    last = np.minimum(start + size + margin, liver.GetSize())
    liver = liver[tuple(slice(int(a), int(b)) for a, b in zip(first, last, strict=True))]
    # Nearest neighbours of 3 mm voxels leave stairs that no reader would follow.
    organ = ndimage.gaussian_filter(sitk.GetArrayFromImage(liver).astype(np.float32), (0, 1.5, 1.5)) > 0.5
    values = sitk.GetArrayFromImage(sitk.Resample(image, liver, sitk.Transform(), sitk.sitkBSpline, -1024))
    spacing_mm = grid.GetSpacing()[::-1]
    # The scan's first and last slice are not the organ's border.
    padded = np.pad(organ, ((1, 1), (0, 0), (0, 0)), mode="edge")
    depth_mm = ndimage.distance_transform_edt(padded, spacing_mm)[1:-1].astype(np.float32)
    return HostScan(image_path.name, values, organ, depth_mm, spacing_mm)


def _finer_grid(image: sitk.Image) -> sitk.Image:
    """Return an empty image over the same space with `IN_PLANE_MM` in the plane."""
    spacing, size = image.GetSpacing(), image.GetSize()
    new_spacing = (IN_PLANE_MM, IN_PLANE_MM, spacing[2])
    new_size = [max(1, int(n * s / t)) for n, s, t in zip(size, spacing, new_spacing, strict=True)]
    grid = sitk.Image(new_size, sitk.sitkUInt8)
    grid.SetSpacing(new_spacing)
    grid.SetDirection(image.GetDirection())
    grid.SetOrigin(image.GetOrigin())
    return grid
