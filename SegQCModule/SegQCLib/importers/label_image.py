"""Read the voxels of a label image as layers of the smallest unsigned integers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from SegQCLib.complete_file import require_complete
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader
from SegQCLib.findings import Finding, Status
from SegQCLib.image_file import itk_reason

# The finest brain atlases have a few hundred labels, spleen-to-toe models about 150; an image has thousands of values.
MOST_LABELS = 5000
HIGHEST_LABEL = 2**32 - 1


@dataclass(frozen=True, eq=False)
class LabelLayer:
    """One label map: every voxel has one value.

    Attributes
    ----------
    array : ndarray of unsigned integers, shape (k, j, i)
        In the smallest type that holds its values.
    values : tuple of int
        The values present, ascending, without 0.
    """

    array: NDArray[np.unsignedinteger]
    values: tuple[int, ...]


def read_layers(header: FileHeader, reader: sitk.ImageFileReader) -> tuple[LabelLayer, ...]:
    """Return the voxels: one layer, or one for each component or index of a fourth axis.

    Raises
    ------
    BadDataError
        If voxels are missing or damaged, or values cannot be labels: fractions, NaN, negative,
        above 4294967295, or more than 5000 different ones in a layer.
    """
    require_complete(header, reader)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise BadDataError(header.path, f"cannot be read to its end: {itk_reason(error)}.", "Copy or export it again.") from error
    # The view is valid as long as `image` lives; copying it first would double the memory.
    voxels = sitk.GetArrayViewFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        voxels = np.moveaxis(voxels, -1, 0)
    elif voxels.ndim == 3:
        voxels = voxels[np.newaxis]
    return tuple(_layer(layer, header) for layer in voxels)


def type_findings(reader: sitk.ImageFileReader) -> Iterator[Finding]:
    """Yield what the number format of a label map says about how it was made."""
    stored = sitk.GetPixelIDValueAsString(reader.GetPixelID())
    if "float" in stored:
        yield Finding(
            "label_map_type",
            Status.WARN,
            f"The label map is stored as {stored}. All its values are whole numbers, but a program that resamples such"
            " a file may blend neighbouring labels; save it as integers.",
            measured=stored,
            allowed="an integer type",
        )


def _layer(voxels: NDArray, header: FileHeader) -> LabelLayer:
    values = _values(voxels, header)
    array = np.empty(voxels.shape, np.min_scalar_type(values[-1] if values else 0))
    # Slice by slice: an assignment between types in one go allocates buffers for the whole array.
    for target, plane in zip(array, voxels, strict=True):
        target[...] = plane
    return LabelLayer(array, values)


def _distinct(plane: NDArray) -> NDArray:
    # np.unique sorts all voxels, which takes several times as long; counting needs a place for each value up to the highest.
    if plane.dtype.kind in "iu" and plane.min() >= 0 and plane.max() < plane.size:
        return np.flatnonzero(np.bincount(plane.ravel()))
    return np.unique(plane)


def _values(voxels: NDArray, header: FileHeader) -> tuple[int, ...]:
    found: set[int] = set()
    for plane in voxels:
        values = _distinct(plane)
        if not np.isfinite(values).all():
            raise BadDataError(header.path, "has voxels without a value (NaN or infinite).", "Export the label map again.")
        if values[0] < 0:
            raise BadDataError(
                header.path,
                f"has negative values (for example {values[0]:g}); labels are 0 (background) or above.",
                "Is it an image rather than a label map?",
            )
        fractions = values[values != np.trunc(values)]
        if len(fractions):
            raise BadDataError(
                header.path,
                f"has fractions (for example {fractions[0]:g}); labels are whole numbers.",
                "Is it a probability map, or was it resampled with interpolation? Export the label map itself,"
                " or resample it with nearest neighbour.",
            )
        found.update(int(value) for value in values)
        if len(found) > MOST_LABELS:
            raise BadDataError(
                header.path,
                f"has more than {MOST_LABELS} different values.",
                "That is an image, not a label map. Give the segmentation.",
            )
    highest = max(found)
    if highest > HIGHEST_LABEL:
        raise BadDataError(header.path, f"has the label {highest}.", f"The highest label is {HIGHEST_LABEL}; renumber the labels.")
    return tuple(sorted(found - {0}))
