"""Descriptors of a lesion or of one slice of it: names "<group>.<family>.<descriptor>", as models and reports use them.

Groups are those of Fournel et al. and the uncertainty map:

- texture: grey values in the lesion; imaging: the same in healthy tissue;
- border.inside, border.outside: the same in bands of 3 mm along both sides of the border; border.ratio: inside over
  outside, undefined (NaN) where the outside value is 0;
- geometry: the outline alone;
- uncertainty.region, uncertainty.border: a model's uncertainty in the lesion, and in both bands together.
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors import position, uncertainty
from SegQCLib.difficulty.descriptors.families import GEOMETRY_2D, GEOMETRY_3D, IMAGE, IN_LESION, ImageFamily, with_family
from SegQCLib.difficulty.descriptors.grey_levels import bounding_box
from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline, check_spacing, outline_of
from SegQCLib.difficulty.descriptors.position import FrequencyMap
from SegQCLib.difficulty.descriptors.regions import BAND_MM, border_bands, box_with_margin
from SegQCLib.difficulty.study_table import Unit

GROUPS = ("texture", "imaging", "border", "geometry", "uncertainty")
_BANDS = ("inside", "outside", "ratio")


@dataclass(frozen=True, eq=False)
class _Surroundings:
    """What is known around an outline, all on its grid; None where there is none. As in `describe_lesion`."""

    image: NDArray | None = None
    healthy: NDArray[np.bool_] | None = None
    uncertainty: NDArray | None = None
    organ: NDArray[np.bool_] | None = None
    frequency: FrequencyMap | None = None

    def check(self, shape: tuple[int, ...]) -> None:
        for name in ("image", "healthy", "uncertainty", "organ"):
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(f"The mask is {shape}, {name} is {array.shape}; one grid (k, j, i) is needed.")
            is_mask = name in ("healthy", "organ")
            if array is not None and array.dtype.kind not in ("b" if is_mask else "biuf"):
                needed = "bool is needed" if is_mask else "whole or decimal numbers are needed"
                raise ValueError(f"The {name} is {array.dtype}; {needed}.")


def describe_lesion(
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    image: NDArray | None = None,
    healthy: NDArray[np.bool_] | None = None,
    uncertainty: NDArray | None = None,
    *,
    organ: NDArray[np.bool_] | None = None,
    frequency: FrequencyMap | None = None,
    names: Collection[str] | None = None,
    groups: Collection[str] = GROUPS,
) -> dict[str, float]:
    """Return the descriptors of a lesion.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
    spacing_mm : tuple of float
        (k, j, i).
    image : ndarray, shape (k, j, i), or None
        Grey values, HU in CT: for texture, imaging and border.
    healthy : ndarray of bool, shape (k, j, i), or None
        Normal tissue of the same organ: for imaging, together with the image.
    uncertainty : ndarray of float, shape (k, j, i), or None
        A model's uncertainty, 0 or more.
    organ : ndarray of bool, shape (k, j, i), or None
        The organ that the lesion lies in: for geometry.position, together with `frequency`.
    frequency : FrequencyMap or None
        Where in this organ lesions usually lie.
    names : collection of str or None
        Compute and return just these, in this order: what a model needs. None: all that the arrays given allow, without
        wavelets where PyWavelets is not installed.
    groups : collection of str
        Of `GROUPS`; used where `names` is None.

    Returns
    -------
    dict of float
        In the order of `names`, or of `descriptor_names`. NaN where a descriptor is undefined: its family's function says when.

    Raises
    ------
    ValueError
        If the mask is empty, shapes or types differ, or a name is unknown or needs an array that was not given.
    ImportError
        If a wavelet descriptor is asked for by name and PyWavelets is not installed.
    BadDataError
        If a region holds grey or uncertainty values that cannot be used, or the spacing cannot be one of a medical image in mm.
    """
    around = _Surroundings(image, healthy, uncertainty, organ, frequency)
    asked = _Asked.of("lesion", names, groups)
    if mask.ndim != 3:
        raise ValueError(f"The mask is of shape {mask.shape}; (k, j, i) is needed.")
    outline = outline_of(mask, spacing_mm)
    around.check(mask.shape)
    values: dict[str, float] = {}
    for family in asked.families("geometry", GEOMETRY_3D):
        values |= with_family(f"geometry.{family.name}", family.describe(outline))
    values |= _place(mask, around, asked)
    values |= _of_grey_values(mask, spacing_mm, around, asked)
    return asked.of_these(values)


def describe_slice(
    mask: NDArray[np.bool_],
    k: int,
    spacing_mm: tuple[float, float, float],
    image: NDArray | None = None,
    healthy: NDArray[np.bool_] | None = None,
    uncertainty: NDArray | None = None,
    *,
    organ: NDArray[np.bool_] | None = None,
    frequency: FrequencyMap | None = None,
    names: Collection[str] | None = None,
    groups: Collection[str] = GROUPS,
) -> dict[str, float]:
    """Return the descriptors of a lesion in slice k: of the slice alone, in 2-D, and of its place in the lesion.

    Parameters and errors are those of `describe_lesion`: arrays are whole volumes (k, j, i). Slice k of the mask must not
    be empty.
    """
    if mask.ndim != 3 or not 0 <= k < len(mask):
        raise ValueError(f"Slice {k} is not one of a mask of shape {mask.shape}; (k, j, i) is needed.")
    check_spacing(spacing_mm, 3)
    around = _Surroundings(image, healthy, uncertainty, organ, frequency)
    asked = _Asked.of("slice", names, groups)
    outline = outline_of(mask[k], tuple(spacing_mm[1:]))
    around.check(mask.shape)
    values: dict[str, float] = {}
    for family in asked.families("geometry", GEOMETRY_2D):
        values |= with_family(f"geometry.{family.name}", family.describe(outline))
    in_lesion = tuple(asked.families("geometry", IN_LESION))
    if in_lesion:
        box = bounding_box(mask)
        whole = mask[box]
        lesion = _lesion(np.packbits(whole).tobytes(), whole.shape, tuple(spacing_mm))
        for family in in_lesion:
            values |= with_family(f"geometry.{family.name}", family.describe(lesion, k - box[0].start + 1))
    values |= _place(mask, around, asked, k)
    in_slice = _Surroundings(*(None if array is None else array[k] for array in (image, healthy, uncertainty)))
    values |= _of_grey_values(mask[k], tuple(spacing_mm[1:]), in_slice, asked)
    return asked.of_these(values)


def descriptor_names(unit: Unit, groups: Collection[str] = GROUPS) -> tuple[str, ...]:
    """Return the names of all descriptors of a lesion or of a slice, of some groups."""
    return tuple(name for name in _meanings(unit) if name.partition(".")[0] in groups)


def descriptor_meaning(name: str) -> Meaning:
    """Return what a descriptor measures, in words, and its unit.

    Raises
    ------
    ValueError
        If there is no descriptor of this name.
    """
    meaning = _meanings("lesion").get(name) or _meanings("slice").get(name)
    if meaning is None:
        raise ValueError(f"There is no descriptor {name!r}.")
    return meaning


@dataclass(frozen=True)
class _Asked:
    """Which descriptors are wanted: by name, or all of some groups."""

    unit: Unit
    names: tuple[str, ...] | None
    groups: frozenset[str]

    @classmethod
    def of(cls, unit: Unit, names: Collection[str] | None, groups: Collection[str]) -> _Asked:
        unknown = set(groups) - set(GROUPS)
        if unknown:
            raise ValueError(f"There is no group of descriptors {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}.")
        return cls(unit, None if names is None else tuple(names), frozenset(groups))

    def family(self, prefix: str) -> bool:
        """Return whether any descriptor below a prefix such as geometry.shape is wanted."""
        if self.names is None:
            return prefix.partition(".")[0] in self.groups
        return any(name.startswith(f"{prefix}.") for name in self.names)

    def families(self, prefix: str, of: tuple) -> Iterator:
        """Yield the families wanted below a prefix; those that need a package that is missing only if asked for by name."""
        for family in of:
            below = family.names if isinstance(family, ImageFamily) else (family.name,)
            if any(self.family(f"{prefix}.{name}") for name in below) and (self.names is not None or _is_there(family.needs)):
                yield family

    def of_these(self, values: dict[str, float]) -> dict[str, float]:
        """Return the wanted ones of these values, in the order of `names` or of `descriptor_names`."""
        if self.names is None:
            return {name: values[name] for name in _meanings(self.unit) if name in values}
        absent = [name for name in self.names if name not in values]
        if absent:
            raise ValueError(f"No such descriptors here, or the array that they describe is not given: {', '.join(absent)}.")
        return {name: values[name] for name in self.names}


def _is_there(package: str) -> bool:
    return not package or importlib.util.find_spec(package) is not None


@functools.lru_cache(maxsize=1)
def _lesion(packed: bytes, shape: tuple[int, ...], spacing_mm: tuple[float, float, float]) -> Outline:
    """Return the outline of a packed mask, so that what its slices have in common is computed once."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), count=math.prod(shape))
    return outline_of(bits.astype(bool).reshape(shape), spacing_mm)


def _place(lesion: NDArray[np.bool_], around: _Surroundings, asked: _Asked, k: int | None = None) -> dict[str, float]:
    """Return the position of a lesion, or of its slice k, in its organ."""
    if around.organ is None or around.frequency is None or not asked.family("geometry.position"):
        return {}
    if k is not None:
        lesion = lesion & (np.arange(len(lesion)) == k)[:, None, None]
    return {"geometry.position.orthodoxy": around.frequency.orthodoxy(lesion, around.organ)}


def _of_grey_values(
    mask: NDArray[np.bool_], spacing_mm: tuple[float, ...], around: _Surroundings, asked: _Asked
) -> dict[str, float]:
    """Return texture, imaging, border and uncertainty of a lesion (3-D) or slice (2-D)."""
    if around.image is None and around.uncertainty is None:
        return {}
    values: dict[str, float] = {}
    box = box_with_margin(mask, spacing_mm, BAND_MM)
    region = mask[box]

    @functools.cache
    def bands() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        return border_bands(region, spacing_mm)

    if around.image is not None:
        image = around.image[box]
        for family in asked.families("texture", IMAGE):
            values |= with_family("texture", family.describe(image, region, spacing_mm))
        if around.healthy is not None and around.healthy.any():
            healthy_box = bounding_box(around.healthy)
            for family in asked.families("imaging", IMAGE):
                of_healthy = family.describe(around.image[healthy_box], around.healthy[healthy_box], spacing_mm)
                values |= with_family("imaging", of_healthy)
        for family in dict.fromkeys(family for part in _BANDS for family in asked.families(f"border.{part}", IMAGE)):
            values |= _border(family, image, bands(), spacing_mm)
    if around.uncertainty is not None:
        if asked.family("uncertainty.region"):
            statistics = uncertainty.uncertainty_statistics(around.uncertainty[box], region)
            values |= with_family("uncertainty.region", statistics)
        if asked.family("uncertainty.border"):
            inside, outside = bands()
            statistics = uncertainty.uncertainty_statistics(around.uncertainty[box], inside | outside)
            values |= with_family("uncertainty.border", statistics)
    return values


def _border(
    family: ImageFamily,
    image: NDArray,
    bands: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    spacing_mm: tuple[float, ...],
) -> dict[str, float]:
    """Return a family's values in both bands and their ratio; undefined (NaN) outside where the lesion fills the image."""
    inside = family.describe(image, bands[0], spacing_mm)
    outside = family.describe(image, bands[1], spacing_mm) if bands[1].any() else dict.fromkeys(inside, math.nan)
    ratio = {name: value / outside[name] if outside[name] else math.nan for name, value in inside.items()}
    return {
        f"border.{part}.{name}": value
        for part, values in zip(_BANDS, (inside, outside, ratio), strict=True)
        for name, value in values.items()
    }


@functools.cache
def _meanings(unit: Unit) -> dict[str, Meaning]:
    found: dict[str, Meaning] = {}

    def add(prefix: str, meanings: Mapping[str, Meaning], words: Callable[[str], str]) -> None:
        found.update({f"{prefix}.{name}": Meaning(words(meaning.text), meaning.unit) for name, meaning in meanings.items()})

    for family in GEOMETRY_2D if unit == "slice" else GEOMETRY_3D:
        is_transform = family.name in ("fourier", "wavelet_8_levels", "wavelet_bounded")
        add(f"geometry.{family.name}", family.meanings, (lambda text: f"{text} of the outline") if is_transform else str)
    for family in IN_LESION if unit == "slice" else ():
        add(f"geometry.{family.name}", family.meanings, str)
    add("geometry.position", position.MEANINGS, str)
    of_image = {name: meaning for family in IMAGE for name, meaning in family.meanings.items()}
    add("texture", of_image, lambda text: f"in the lesion: {text}")
    add("imaging", of_image, lambda text: f"in healthy tissue: {text}")
    add("border.inside", of_image, lambda text: f"inside the border: {text}")
    add("border.outside", of_image, lambda text: f"outside the border: {text}")
    without_unit = {name: Meaning(meaning.text) for name, meaning in of_image.items()}
    add("border.ratio", without_unit, lambda text: f"inside to outside the border: {text}")
    add("uncertainty.region", uncertainty.MEANINGS, lambda text: f"{text} in the lesion")
    add("uncertainty.border", uncertainty.MEANINGS, lambda text: f"{text} along the border")
    return found
