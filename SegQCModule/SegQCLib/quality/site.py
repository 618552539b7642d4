"""One segment's neighbourhood in the image: the segment, its core, and the tissue around it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Box, Segment, Segmentation, Volume
from SegQCLib.protocol import ImageQualityLimit, Structure
from SegQCLib.quality.body import CoarseMask
from SegQCLib.quality.image_scale import ImageScale
from SegQCLib.quality.methods import METHODS, QualityMethod
from SegQCLib.quality.near import next_to, within_mm
from SegQCLib.quality.quality_measurement import QualityMeasure, QualityMeasurement, Region

if TYPE_CHECKING:
    from SegQCLib.quality.background import Background

# SegQC's own choices, stated beside each number: they make numbers comparable, they are no limits.
CORE_MM = 2.0
SHELL_GAP_MM = 2.0
SHELL_WIDTH_MM = 5.0
# How far from a segment anything is measured.
REACH_MM = 10.0
# Half of SSIM's larger window and one voxel: windows around a segment's voxels are whole, however large the voxels.
_SSIM_WINDOW = 6

SHELL_WORDS = (
    f"{SHELL_GAP_MM:g} to {SHELL_GAP_MM + SHELL_WIDTH_MM:g} mm (in coarse images to the second voxel in plane) from its border"
)
REGION_PLACES: dict[Region, str] = {
    "whole": "in the whole segment",
    "core": f"in the segment's core: more than {CORE_MM:g} mm, and at least one voxel, inside its border",
    "shell": f"in a shell of tissue around the segment, {SHELL_WORDS}",
    "background": "in the background region",
}
NO_CORE = (
    f"Nothing of the segment lies more than {CORE_MM:g} mm and at least one voxel inside its border: it is too small or too thin"
    " for a core without partial volume."
)
NO_SHELL = f"No tissue lies {SHELL_WORDS}: only other segments, air outside the body or the edge of the image."
EMPTY = "The segment has no voxels."
NOT_FINITE = "No voxel of the region has a finite value."
TOO_LARGE = "The values are too large to compute with."


@dataclass(frozen=True, eq=False)
class Sample:
    """The image's values in a region.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
        Finite values only.
    reason : str or None
        Why there are none.
    remark : str or None
        What was left out.
    """

    values: NDArray[np.float64]
    reason: str | None = None
    remark: str | None = None

    @property
    def voxels(self) -> int:
        return len(self.values)

    @cached_property
    def mean(self) -> float:
        """NaN without values."""
        return float(np.mean(self.values)) if len(self.values) else math.nan

    @cached_property
    def sd(self) -> float:
        """The sample standard deviation, dividing by n - 1; NaN below two values."""
        return sd(self.values)


@dataclass(eq=False)
class Site:
    """One segment's neighbourhood: its box, about 10 mm wider on each side, and what is asked of it.

    Attributes
    ----------
    image : Volume
        With its array.
    segmentation : Segmentation
        The candidate, on the image's grid.
    segment : Segment
        One with voxels.
    structure : Structure or None
        What it stands for in the protocol.
    is_lesion : bool
    limits : tuple of ImageQualityLimit
        The protocol's limits about the structure.
    scale : ImageScale
    body : CoarseMask or None
        The patient's body, where the image tells it from air.
    lesions : tuple of Segment
        All lesions of the candidate.
    second_image : Volume or None
        A registered second image.
    air : Sample or None
        Values of the air around the patient, where they are noise alone.
    air_refusal : str or None
        Why there are none.
    backgrounds : tuple of Background
        The regions that it is measured against.
    told : set
        Refusals that hold for the whole image and were told already, for another segment.
    """

    image: Volume
    segmentation: Segmentation
    segment: Segment
    structure: Structure | None
    is_lesion: bool
    limits: tuple[ImageQualityLimit, ...]
    scale: ImageScale
    body: CoarseMask | None = None
    lesions: tuple[Segment, ...] = ()
    second_image: Volume | None = None
    air: Sample | None = None
    air_refusal: str | None = None
    backgrounds: tuple[Background, ...] = ()
    told: set[tuple[str, str]] = field(default_factory=set)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        return self.image.geometry.spacing_mm

    @cached_property
    def box(self) -> Box:
        """The segment's box with REACH_MM, or its shell, and one voxel of margin, as far as the image goes."""
        return padded_box(self.segmentation, self.segment, max(REACH_MM, self.shell_reach_mm), _SSIM_WINDOW)

    @property
    def shell_reach_mm(self) -> float:
        """How far the shell reaches: the voxels that touch the segment are not in it, so one more is needed."""
        return max(SHELL_GAP_MM + SHELL_WIDTH_MM, 2 * max(self.spacing_mm[1:]))

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        return self.segmentation.mask(self.segment, self.box)

    @cached_property
    def values(self) -> NDArray:
        """The image's values in the box, in the image's number format."""
        return self.image.array[self.box]

    @cached_property
    def lesion_mask(self) -> NDArray[np.bool_]:
        """Voxels of other segments that are lesions, in the box."""
        found = np.zeros(self.mask.shape, bool)
        for lesion in self.lesions:
            if lesion.id != self.segment.id and boxes_meet(self.segmentation.box(lesion), self.box):
                found |= self.segmentation.mask(lesion, self.box)
        return found

    @cached_property
    def core_mask(self) -> NDArray[np.bool_]:
        """The segment without its rim, and an organ's core without its lesions.

        The image's own edge is no border of the segment: tissue goes on there.
        """
        outside = ~self.mask
        core = self.mask & ~within_mm(outside, self.spacing_mm, CORE_MM) & ~next_to(outside)
        if not self.is_lesion:
            core &= ~self.lesion_mask
        return core

    @cached_property
    def ring_mask(self) -> NDArray[np.bool_]:
        """The shell as its distances say, whatever is there; air outside the body is left out."""
        ring = within_mm(self.mask, self.spacing_mm, self.shell_reach_mm)
        ring &= ~within_mm(self.mask, self.spacing_mm, SHELL_GAP_MM) & ~next_to(self.mask)
        return ring if self.body is None else self.body.cut(ring, self.box)

    @cached_property
    def host(self) -> Segment | None:
        """The segment of an organ that at least half of the tissue around a lesion belongs to; None: there is none."""
        if not self.is_lesion:
            return None
        lesion_ids = {lesion.id for lesion in self.lesions}
        around = self.ring_mask | self.mask
        total = np.count_nonzero(self.ring_mask)
        best, most = None, 0
        for segment in self.segmentation.segments:
            if segment.id in lesion_ids or segment.id == self.segment.id:
                continue
            box = self.segmentation.box(segment)
            if not boxes_meet(box, self.box):
                continue
            share = np.count_nonzero(self.segmentation.mask(segment, self.box) & around & self.ring_mask)
            if share > most and 2 * share >= total:
                best, most = segment, share
        return best

    @cached_property
    def shell_mask(self) -> NDArray[np.bool_]:
        """The shell of tissue around the segment without other segments; the organ around a lesion is its tissue."""
        shell = self.ring_mask & ~self.lesion_mask
        host = self.host
        for number, layer in enumerate(self.segmentation.layers):
            part = layer[self.box]
            other = part != 0
            if host is not None and host.layer == number:
                other &= part != host.label_value
            if self.segment.layer == number:
                other &= part != self.segment.label_value
            shell &= ~other
        return shell

    def sample(self, region: Region) -> Sample:
        """Return the image's values in the whole segment, its core or its shell."""
        mask = {"whole": "mask", "core": "core_mask", "shell": "shell_mask"}[region]
        if region not in self._samples:
            missing = {"core": NO_CORE, "shell": NO_SHELL}.get(region, EMPTY)
            self._samples[region] = sample_of(self.values, getattr(self, mask), missing)
        return self._samples[region]

    @cached_property
    def _samples(self) -> dict[Region, Sample]:
        return {}

    def asked_regions(self, measure: QualityMeasure) -> tuple[Region, ...]:
        """Return the parts in which the protocol's limits ask for a number, beside those where it is measured anyhow."""
        return tuple(limit.part for limit in self.limits if limit.measure == measure and limit.part is not None)

    def is_asked(self, measure: QualityMeasure, method: QualityMethod) -> bool:
        """Return whether a limit of the protocol is about a number by this method."""
        return any(limit.measure == measure and (limit.method or METHODS[measure][0]) == method for limit in self.limits)

    def row(
        self,
        measure: QualityMeasure,
        method: QualityMethod,
        definition: str,
        region: Region,
        sample: Sample,
        value: float,
        unit: str,
        undefined: str | None = None,
        background: Background | None = None,
        remark: str | None = None,
    ) -> QualityMeasurement:
        """Return one number of this segment.

        Parameters
        ----------
        sample : Sample
            What was measured; its reason is the number's where it has no values.
        value : float
            NaN where it is undefined.
        undefined : str or None
            Why, where `sample` has values.
        """
        reason = sample.reason
        if reason is None and background is not None:
            reason = background.sample.reason
        if reason is None and not math.isfinite(value):
            reason = undefined or TOO_LARGE
        remarks = (sample.remark, background.sample.remark if background else None, self._unit_remark(unit), remark)
        remarks = tuple(dict.fromkeys(text for text in remarks if text))
        return QualityMeasurement(
            self.segment.name,
            self.structure.name if self.structure else None,
            measure,
            method,
            definition,
            region,
            sample.voxels,
            None if reason else float(value),
            unit,
            None if background is None else background.name,
            None if background is None else background.sample.voxels,
            reason,
            " ".join(remarks) or None,
        )

    def refused(
        self, measure: QualityMeasure, method: QualityMethod, definition: str, region: Region, unit: str, reason: str
    ) -> Iterator[QualityMeasurement]:
        """Yield a number that this image cannot have: for the first segment, and wherever the protocol asks for it."""
        if (measure, method) in self.told and not self.is_asked(measure, method):
            return
        self.told.add((measure, method))
        yield self.row(measure, method, definition, region, Sample(np.zeros(0), reason), math.nan, unit)

    def _unit_remark(self, unit: str) -> str | None:
        return self.scale.remark if unit == self.scale.unit else None


def padded_box(segmentation: Segmentation, segment: Segment, margin_mm: float, fewest_in_plane: int = 0) -> Box:
    """Return a segment's box with a margin and one voxel more on each side, as far as the grid goes.

    Parameters
    ----------
    segmentation : Segmentation
    segment : Segment
        One with voxels.
    margin_mm : float
    fewest_in_plane : int
        The least margin along j and i, in voxels.
    """
    grid = segmentation.geometry
    pads = [math.ceil(margin_mm / mm) + 1 for mm in grid.spacing_mm]
    pads = [pads[0], *(max(pad, fewest_in_plane) for pad in pads[1:])]
    return tuple(
        slice(max(0, part.start - pad), min(size, part.stop + pad))
        for part, size, pad in zip(segmentation.box(segment), grid.size, pads, strict=True)
    )


def sample_of(values: NDArray, mask: NDArray[np.bool_], missing: str) -> Sample:
    """Return the finite values in a mask, or why there are none."""
    inside = values[mask].astype(np.float64)
    if not len(inside):
        return Sample(inside, missing)
    finite = np.isfinite(inside)
    left_out = len(inside) - int(np.count_nonzero(finite))
    if not left_out:
        return Sample(inside)
    if left_out == len(inside):
        return Sample(np.zeros(0), NOT_FINITE)
    return Sample(inside[finite], remark=f"{left_out:,} voxels without a finite value were left out.")


def sd(values: NDArray[np.float64]) -> float:
    """Return the sample standard deviation, dividing by n - 1; NaN below two values."""
    if len(values) < 2:
        return math.nan
    # The mean of a thousand times 0.1 is not 0.1: what does not scatter would seem to, by 1e-17.
    return float(np.std(values, ddof=1)) if np.ptp(values) > 0 else 0.0


def boxes_meet(a: Box | None, b: Box) -> bool:
    """Return whether two boxes have a voxel in common; None is a box without any."""
    return a is not None and all(x.start < y.stop and y.start < x.stop for x, y in zip(a, b, strict=True))
