"""Normal tissue that a lesion or organ is measured against: placed automatically, or drawn by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Segment, Segmentation, Volume
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import QCProtocol, plain_name
from SegQCLib.quality.methods import AGAINST_BACKGROUND
from SegQCLib.quality.site import SHELL_WORDS, Sample, Site, boxes_meet, padded_box, sample_of

# The liver sphere of PERCIST and of the EANM guideline has 3 cm; smaller normal tissue gets the largest that fits.
LARGEST_SPHERE_MM = 30.0
# SegQC's own choices: below 10 mm little more than a hundred voxels of a CT are left; 5 mm keep partial volume out.
SMALLEST_SPHERE_MM = 10.0
SPHERE_MARGIN_MM = 5.0

# A distance map of a liver takes seconds; where normal tissue is deepest need not be known to the voxel.
_LARGE, _COARSE_MM = 1_000_000, 3.0

BY_HAND = "drawn by hand"
_LIVER = ("SCT", "10200004")
_SPHERE, _AROUND = " sphere", "tissue around "
_BACKGROUND_CODE = ("DCM", "125040")
_REFERENCE_REGION_CODE = ("NCIt", "C94970")


@dataclass(frozen=True, eq=False)
class Background:
    """A region of normal tissue.

    Attributes
    ----------
    name : str
        As it is called in the record and in background.seg.nrrd.
    how : str
        How it came to be, as a phrase: stands in the definition of what is measured against it.
    sample : Sample
        The image's values in it, or why it could not be placed.
    start_kji : tuple of int
        First index of `mask` on the image's grid.
    mask : ndarray of bool, shape (k, j, i)
    segment : str or None
        Name of the organ's segment that it lies in, or of the segment that was drawn for it; None: the tissue around a segment.
    """

    name: str
    how: str
    sample: Sample
    start_kji: tuple[int, int, int]
    mask: NDArray[np.bool_]
    segment: str | None = None

    @property
    def is_saved(self) -> bool:
        """Whether it was placed automatically: what was drawn by hand is a segment already."""
        return self.how != BY_HAND and self.sample.voxels > 0


@dataclass(eq=False)
class BackgroundPlacer:
    """Places background regions in one case, each organ's sphere once.

    Attributes
    ----------
    image : Volume
    segmentation : Segmentation
        The candidate, on the image's grid.
    protocol : QCProtocol or None
        None: no limit names a structure.
    lesions : tuple of Segment
    drawn : Segmentation or None
        Regions beside the candidate that a person drew or changed, on the image's grid; see `Case.drawn_background`.
    """

    image: Volume
    segmentation: Segmentation
    protocol: QCProtocol | None
    lesions: tuple[Segment, ...]
    drawn: Segmentation | None = None
    placed: dict[str, Background] = field(default_factory=dict)

    def backgrounds_of(self, site: Site) -> tuple[Background, ...]:
        """Return what a segment is measured against: drawn by hand or an organ's normal tissue, and the tissue around it."""
        named = [limit.background for limit in site.limits if limit.measure in AGAINST_BACKGROUND]
        found = {background.name: background for name in named if name for background in self._of_structure(name)}
        if site.is_lesion:
            automatic = self._drawn_for(site.segment) or self._normal_tissue(site)
            found |= {background.name: background for background in automatic}
        if site.is_lesion or None in named:
            around = self._drawn_as(around_name(site.segment.name)) or tissue_around(site)
            found[around.name] = around
        return tuple(found.values())

    def _of_structure(self, name: str) -> Iterator[Background]:
        for segment in self.segmentation.segments:
            structure = self.protocol.structure_of(segment)
            if structure is not None and structure.name == name and self.segmentation.box(segment) is not None:
                yield self._in_segment(segment)

    def _drawn_for(self, segment: Segment) -> list[Background]:
        """Return what is called after the segment (Lesion 1 background); else whatever is for all lesions."""
        in_candidate, beside = _with_voxels(self.segmentation), _with_voxels(self.drawn)
        wanted = _names_after(segment)
        own = [self._in_segment(other) for other in in_candidate if plain_name(other.name) in wanted]
        own += [self._drawn(other) for other in beside if plain_name(other.name) in wanted]
        if own:
            return own
        for_all = [self._in_segment(other) for other in in_candidate if _is_coded_background(other)]
        after_others = {name for other in self.segmentation.segments for name in _names_after(other)}
        return for_all + [
            self._drawn(other)
            for other in beside
            if plain_name(other.name) not in after_others and not _is_placed_name(other.name, self.segmentation)
        ]

    def _drawn_as(self, name: str, organ: Segment | None = None) -> Background | None:
        """Return what a person made of a region that is otherwise placed automatically; None: nothing."""
        found = next((region for region in _with_voxels(self.drawn) if region.name == name), None)
        return None if found is None else self._whole(self.drawn, found, None if organ is None else organ.name)

    def _drawn(self, region: Segment) -> Background:
        return self._whole(self.drawn, region, region.name)

    def _normal_tissue(self, site: Site) -> list[Background]:
        organs = [site.host]
        if site.scale.modality == "PT":
            # PERCIST: the liver, wherever the lesion is.
            livers = [segment for segment in self.segmentation.segments if is_liver(segment) and site.segment.id != segment.id]
            organs = [next((segment for segment in livers if self.segmentation.box(segment) is not None), site.host)]
        return [self._in_segment(organ) for organ in organs if organ is not None]

    def _in_segment(self, segment: Segment) -> Background:
        if segment.id not in self.placed:
            if is_drawn_background(segment):
                background = self._whole(self.segmentation, segment, segment.name)
            else:
                background = self._drawn_as(sphere_name(segment.name), segment) or self._sphere(segment)
            self.placed[segment.id] = background
        return self.placed[segment.id]

    def _whole(self, segmentation: Segmentation, region: Segment, segment_name: str | None) -> Background:
        box = segmentation.box(region)
        mask = segmentation.mask(region, box)
        sample = sample_of(self.image.array[box], mask, "It has no voxels.")
        return Background(region.name, BY_HAND, sample, tuple(part.start for part in box), mask, segment_name)

    def _sphere(self, segment: Segment) -> Background:
        box = padded_box(self.segmentation, segment, 0.0)
        normal = self.segmentation.mask(segment, box)
        for lesion in self.lesions:
            if lesion.id != segment.id and boxes_meet(self.segmentation.box(lesion), box):
                normal &= ~self.segmentation.mask(lesion, box)
        mask, diameter_mm = largest_sphere(normal, self.image.geometry.spacing_mm)
        missing = (
            f"No sphere of {SMALLEST_SPHERE_MM:g} mm fits into {segment.name} {SPHERE_MARGIN_MM:g} mm away from its border and from"
            " lesions. Draw a background by hand: a segment called after this one with the word background."
        )
        how = (
            f"a sphere of {diameter_mm:.3g} mm in normal {segment.name}, where it is farthest from its border and from lesions, at"
            f" least {SPHERE_MARGIN_MM:g} mm"
        )
        sample = sample_of(self.image.array[box], mask, missing)
        return Background(sphere_name(segment.name), how, sample, tuple(part.start for part in box), mask, segment.name)


def tissue_around(site: Site) -> Background:
    """Return the shell of tissue around a segment."""
    how = f"the shell of tissue around it, {SHELL_WORDS}, without other segments" + (
        "" if site.host is None else f" than {site.host.name}"
    )
    sample = site.sample("shell")
    start = tuple(part.start for part in site.box)
    return Background(around_name(site.segment.name), how, sample, start, site.shell_mask if not sample.reason else _nothing())


def around_name(segment: str) -> str:
    """Return what the tissue around a segment is called in the record."""
    return f"{_AROUND}{segment}"


def sphere_name(organ: str) -> str:
    """Return what the sphere in an organ's normal tissue is called in the record."""
    return f"{organ}{_SPHERE}"


def names_of(segment: Segment) -> tuple[str, ...]:
    """Return what a background region in an organ's segment, or the segment drawn for one, may be called in the record."""
    return (segment.name, sphere_name(segment.name))


def largest_sphere(normal: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> tuple[NDArray[np.bool_], float]:
    """Return the sphere in normal tissue that is farthest from all that is not normal, and its diameter.

    Its diameter is 30 mm (PERCIST's and the EANM guideline's sphere in the liver: Wahl et al., J Nucl Med
    2009;50 Suppl 1:122S, 10.2967/jnumed.108.057307; for the EANM see 10.1007/s00259-022-05977-5), or
    what is left of the distance after a margin of 5 mm; below 10 mm there is none. The edge of the array is not normal.

    Parameters
    ----------
    normal : ndarray of bool, shape (k, j, i)
    spacing_mm : tuple of float
        Along (k, j, i).

    Returns
    -------
    mask : ndarray of bool, shape (k, j, i)
        Voxels whose centre lies in the sphere; none where it does not fit.
    diameter_mm : float
        0 where it does not fit.
    """
    center = _deepest(normal, spacing_mm)
    offsets = np.ogrid[tuple(slice(-index, size - index) for index, size in zip(center, normal.shape, strict=True))]
    radius_mm = min(LARGEST_SPHERE_MM / 2, _depth_mm(normal, center, spacing_mm) - SPHERE_MARGIN_MM)
    if radius_mm < SMALLEST_SPHERE_MM / 2:
        return np.zeros(normal.shape, bool), 0.0
    squared = sum((offset * mm) ** 2 for offset, mm in zip(offsets, spacing_mm, strict=True))
    return squared <= radius_mm**2 * (1 + 1e-9), 2 * radius_mm


def _deepest(normal: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return the voxel that is farthest from all that is not normal; in a large organ to about 3 mm."""
    steps = tuple(max(1, round(_COARSE_MM / mm)) for mm in spacing_mm) if normal.size > _LARGE else (1, 1, 1)
    blocks = normal
    for axis, step in enumerate(steps):
        # A block is normal if all of it is: small lesions count.
        blocks = np.logical_and.reduceat(blocks, np.arange(0, blocks.shape[axis], step), axis=axis)
    coarse_mm = [step * mm for step, mm in zip(steps, spacing_mm, strict=True)]
    depth = ndimage.distance_transform_edt(np.pad(blocks, 1), sampling=coarse_mm)[1:-1, 1:-1, 1:-1]
    found = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return tuple(min(int(n) * step + step // 2, size - 1) for n, step, size in zip(found, steps, normal.shape, strict=True))


def _depth_mm(normal: NDArray[np.bool_], center: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> float:
    """Return the distance from a voxel to the nearest that is not normal or beyond the array, as far as a sphere needs it."""
    most_mm = LARGEST_SPHERE_MM / 2 + SPHERE_MARGIN_MM
    reach = [int(most_mm / mm) + 1 for mm in spacing_mm]
    part = tuple(slice(max(0, c - n), c + n + 1) for c, n in zip(center, reach, strict=True))
    other = np.argwhere(~normal[part]) + [s.start for s in part] - np.array(center)
    to_edge = [min(c + 1, size - c) * mm for c, size, mm in zip(center, normal.shape, spacing_mm, strict=True)]
    to_other = np.linalg.norm(other * np.array(spacing_mm), axis=1).min(initial=most_mm)
    return min(most_mm, *to_edge, float(to_other))


def is_liver(segment: Segment) -> bool:
    """Return whether a segment is the liver: by its code, without one by its name."""
    if segment.terminology is not None:
        return (segment.terminology.type.scheme, segment.terminology.type.value) == _LIVER
    return plain_name(segment.name) == "liver"


def is_drawn_background(segment: Segment) -> bool:
    """Return whether a segment was drawn as a background region: its name has the word, or its code says so."""
    return "background" in plain_name(segment.name).split() or _is_coded_background(segment)


def _is_coded_background(segment: Segment) -> bool:
    return segment.terminology is not None and (segment.terminology.type.scheme, segment.terminology.type.value) in (
        _BACKGROUND_CODE,
        _REFERENCE_REGION_CODE,
    )


def _with_voxels(segmentation: Segmentation | None) -> list[Segment]:
    return [] if segmentation is None else [one for one in segmentation.segments if segmentation.box(one) is not None]


def _names_after(segment: Segment) -> set[str]:
    return {plain_name(f"{segment.name} background"), plain_name(f"background {segment.name}")}


def _is_placed_name(name: str, segmentation: Segmentation) -> bool:
    """Return whether a region that is placed automatically around or in one of the segments is called so."""
    return any(name in (around_name(segment.name), sphere_name(segment.name)) for segment in segmentation.segments)


def _nothing() -> NDArray[np.bool_]:
    return np.zeros((0, 0, 0), bool)


def laid_out(backgrounds: Sequence[Background], grid: Geometry) -> tuple[list[NDArray[np.uint16]], list[int]]:
    """Return label layers with the values 1, 2, 3 ... for the regions in their order, and the layer of each.

    Regions that overlap are in different layers.
    """
    layers: list[NDArray[np.uint16]] = []
    numbers = []
    for value, background in enumerate(backgrounds, 1):
        box = tuple(slice(s, s + n) for s, n in zip(background.start_kji, background.mask.shape, strict=True))
        number = next((n for n, layer in enumerate(layers) if not np.any(layer[box][background.mask])), len(layers))
        if number == len(layers):
            layers.append(np.zeros(grid.size, np.uint16))
        layers[number][box][background.mask] = value
        numbers.append(number)
    return layers, numbers
