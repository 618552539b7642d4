"""The families of descriptors. To add one: a file with a function and its MEANINGS, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors import (
    fourier,
    perturbation,
    radial,
    radiomics,
    sampling,
    shape_2d,
    shape_3d,
    sharpness,
    slice_context,
    slice_neighbours,
    slice_profile,
    thickness,
    wavelets,
    whole_lesion,
)
from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline
from SegQCLib.difficulty.descriptors.regions import plain_box

# The paper's wavelets: db2 for grey values, db1 for masks.
_IMAGE_WAVELET = "db2"
_MASK_WAVELET = "db1"


@dataclass(frozen=True, eq=False)
class GeometryFamily:
    """Descriptors of an outline that are computed together: geometry.<name>.<descriptor>.

    `needs` is a package that not every Slicer has, or empty.
    """

    name: str
    describe: Callable[[Outline], dict[str, float]]
    meanings: Mapping[str, Meaning]
    needs: str = ""


@dataclass(frozen=True, eq=False)
class SliceFamily:
    """Descriptors of a slice in its lesion that are computed together: geometry.<name>.<descriptor>.

    `describe` takes the whole lesion and the slice's index in its mask.
    """

    name: str
    describe: Callable[[Outline, int], dict[str, float]]
    meanings: Mapping[str, Meaning]
    needs: str = ""


@dataclass(frozen=True, eq=False)
class ImageFamily:
    """Descriptors of the grey values of a region that are computed together.

    `describe` takes image, mask and spacing in mm, cut to the region's bounding box or wider, and returns
    "<family>.<descriptor>" of all families of `names`; `meanings` has the same keys.
    """

    names: tuple[str, ...]
    describe: Callable[[NDArray, NDArray[np.bool_], tuple[float, ...]], dict[str, float]]
    meanings: Mapping[str, Meaning]
    needs: str = ""


def with_family(family: str, values: Mapping[str, float]) -> dict[str, float]:
    """Return the values with the family's name before each of theirs."""
    return {f"{family}.{name}": value for name, value in values.items()}


def _image_family(name: str, describe: Callable, meanings: Mapping[str, Meaning], needs: str = "") -> ImageFamily:
    return ImageFamily(
        (name,),
        lambda image, mask, spacing_mm: with_family(name, describe(image, mask, spacing_mm)),
        {f"{name}.{key}": meaning for key, meaning in meanings.items()},
        needs,
    )


_OF_EVERY_OUTLINE = (
    GeometryFamily("thickness", thickness.thickness, thickness.MEANINGS),
    GeometryFamily("radial", radial.radial, radial.MEANINGS),
    GeometryFamily("fourier", lambda outline: fourier.fourier(outline.mask.astype(float)), fourier.MEANINGS),
    GeometryFamily(
        "wavelet_8_levels",
        lambda outline: wavelets.wavelet_8_levels(outline.mask.astype(float), _MASK_WAVELET),
        wavelets.MEANINGS,
        needs="pywt",
    ),
    GeometryFamily(
        "wavelet_bounded",
        lambda outline: wavelets.wavelet_bounded(outline.mask.astype(float), _MASK_WAVELET),
        wavelets.MEANINGS,
        needs="pywt",
    ),
)
GEOMETRY_2D = (
    GeometryFamily("shape", shape_2d.shape_2d, shape_2d.MEANINGS),
    GeometryFamily("perturbation", perturbation.perturbation, perturbation.MEANINGS_2D),
    GeometryFamily("sampling", sampling.sampling_2d, sampling.MEANINGS_2D),
    *_OF_EVERY_OUTLINE,
)
GEOMETRY_3D = (
    GeometryFamily("shape", shape_3d.shape_3d, shape_3d.MEANINGS),
    GeometryFamily("perturbation", perturbation.perturbation, perturbation.MEANINGS_3D),
    GeometryFamily("sampling", sampling.sampling_3d, sampling.MEANINGS_3D),
    GeometryFamily("profile", slice_profile.slice_profile, slice_profile.MEANINGS),
    *_OF_EVERY_OUTLINE,
)
IN_LESION = (
    SliceFamily("slice", slice_context.slice_context, slice_context.MEANINGS),
    SliceFamily("neighbours", slice_neighbours.slice_neighbours, slice_neighbours.MEANINGS),
    SliceFamily("lesion", whole_lesion.whole_lesion, whole_lesion.MEANINGS),
)
IMAGE = (
    ImageFamily(
        tuple(radiomics.FAMILIES),
        radiomics.radiomics,
        {
            name: Meaning(f"{definition.meaning} ({name.partition('.')[0].replace('_', ' ')})", definition.unit)
            for name, definition in radiomics.DEFINITIONS.items()
        },
    ),
    _image_family("sharpness", sharpness.sharpness, sharpness.MEANINGS),
    _image_family("fourier", lambda image, mask, _: fourier.fourier(plain_box(image, mask)), fourier.MEANINGS),
    _image_family(
        "wavelet_8_levels",
        lambda image, mask, _: wavelets.wavelet_8_levels(plain_box(image, mask), _IMAGE_WAVELET),
        wavelets.MEANINGS,
        needs="pywt",
    ),
    _image_family(
        "wavelet_bounded",
        lambda image, mask, _: wavelets.wavelet_bounded(plain_box(image, mask), _IMAGE_WAVELET),
        wavelets.MEANINGS,
        needs="pywt",
    ),
)
