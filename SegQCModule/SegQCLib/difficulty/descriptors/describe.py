"""Descriptors of a lesion or of one slice of it: names "<group>.<family>.<descriptor>", as models and reports use them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors import slice_context
from SegQCLib.difficulty.descriptors.families import GEOMETRY_2D, GEOMETRY_3D, GeometryFamily
from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline, outline_of
from SegQCLib.difficulty.study_table import Unit

GROUPS = ("texture", "imaging", "border", "geometry", "uncertainty")


def describe_lesion(
    mask: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    *,
    names: Collection[str] | None = None,
    groups: Collection[str] = GROUPS,
) -> dict[str, float]:
    """Return the descriptors of a lesion.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
    spacing_mm : tuple of float
        (k, j, i).
    names : collection of str or None
        Compute and return just these, in this order: what a model needs. None: all that the arrays given allow.
    groups : collection of str
        Of `GROUPS`; used where `names` is None.

    Raises
    ------
    ValueError
        If the mask is empty, shapes differ, or a name is unknown or needs an array that was not given.
    """
    asked = _Asked.of(names, groups)
    values = _geometry(outline_of(mask, spacing_mm), GEOMETRY_3D, asked)
    return asked.of_these(values)


def describe_slice(
    mask: NDArray[np.bool_],
    k: int,
    spacing_mm: tuple[float, float, float],
    *,
    names: Collection[str] | None = None,
    groups: Collection[str] = GROUPS,
) -> dict[str, float]:
    """Return the descriptors of a lesion in slice k.

    Those of the slice alone, in 2-D, and geometry.slice.*: where it lies in its lesion. Parameters and errors are those of
    `describe_lesion`; `mask` is the whole lesion, shape (k, j, i), and slice k of it must not be empty.
    """
    if mask.ndim != 3 or not 0 <= k < len(mask):
        raise ValueError(f"Slice {k} is not one of a mask of shape {mask.shape}; (k, j, i) is needed.")
    asked = _Asked.of(names, groups)
    values = _geometry(outline_of(mask[k], tuple(spacing_mm[1:])), GEOMETRY_2D, asked)
    if asked.family("geometry.slice"):
        values |= _prefixed("geometry.slice", slice_context.slice_context(mask, k, spacing_mm))
    return asked.of_these(values)


def descriptor_names(unit: Unit) -> tuple[str, ...]:
    """Return the names of all descriptors of a lesion or of a slice."""
    return tuple(_meanings(unit))


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

    names: tuple[str, ...] | None
    groups: frozenset[str]

    @classmethod
    def of(cls, names: Collection[str] | None, groups: Collection[str]) -> _Asked:
        unknown = set(groups) - set(GROUPS)
        if unknown:
            raise ValueError(f"There is no group of descriptors {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}.")
        return cls(None if names is None else tuple(names), frozenset(groups))

    def family(self, prefix: str) -> bool:
        """Return whether any descriptor below a prefix such as geometry.shape is wanted."""
        if self.names is None:
            return prefix.partition(".")[0] in self.groups
        return any(name.startswith(f"{prefix}.") for name in self.names)

    def of_these(self, values: dict[str, float]) -> dict[str, float]:
        if self.names is None:
            return values
        absent = [name for name in self.names if name not in values]
        if absent:
            raise ValueError(f"No such descriptors here, or the array that they describe is not given: {', '.join(absent)}.")
        return {name: values[name] for name in self.names}


def _geometry(outline: Outline, families: tuple[GeometryFamily, ...], asked: _Asked) -> dict[str, float]:
    values: dict[str, float] = {}
    for family in families:
        prefix = f"geometry.{family.name}"
        if asked.family(prefix):
            values |= _prefixed(prefix, family.describe(outline))
    return values


def _prefixed(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f"{prefix}.{name}": value for name, value in values.items()}


def _meanings(unit: Unit) -> dict[str, Meaning]:
    families = GEOMETRY_2D if unit == "slice" else GEOMETRY_3D
    found = {f"geometry.{family.name}.{name}": meaning for family in families for name, meaning in family.meanings.items()}
    if unit == "slice":
        found |= {f"geometry.slice.{name}": meaning for name, meaning in slice_context.MEANINGS.items()}
    return found
