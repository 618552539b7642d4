"""The families of descriptors. To add one: a file with a function and its MEANINGS, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from SegQCLib.difficulty.descriptors import perturbation, radial, sampling, shape_2d, shape_3d, thickness
from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.difficulty.descriptors.outline import Outline


@dataclass(frozen=True)
class GeometryFamily:
    """Descriptors of an outline that are computed together: geometry.<name>.<descriptor>."""

    name: str
    describe: Callable[[Outline], dict[str, float]]
    meanings: Mapping[str, Meaning]


GEOMETRY_2D = (
    GeometryFamily("shape", shape_2d.shape_2d, shape_2d.MEANINGS),
    GeometryFamily("thickness", thickness.thickness, thickness.MEANINGS),
    GeometryFamily("radial", radial.radial, radial.MEANINGS),
    GeometryFamily("perturbation", perturbation.perturbation, perturbation.MEANINGS_2D),
    GeometryFamily("sampling", sampling.sampling_2d, sampling.MEANINGS_2D),
)
GEOMETRY_3D = (
    GeometryFamily("shape", shape_3d.shape_3d, shape_3d.MEANINGS),
    GeometryFamily("thickness", thickness.thickness, thickness.MEANINGS),
    GeometryFamily("radial", radial.radial, radial.MEANINGS),
    GeometryFamily("perturbation", perturbation.perturbation, perturbation.MEANINGS_3D),
    GeometryFamily("sampling", sampling.sampling_3d, sampling.MEANINGS_3D),
)
