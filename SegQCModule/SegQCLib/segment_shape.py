"""What the checks for errors of shape share: a segment cut out of its grid, and findings about places in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Box, Case, Segment, Segmentation
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry
from SegQCLib.mask_runs import MaskRuns, runs_of
from SegQCLib.place import place_of
from SegQCLib.protocol import QCProtocol, Range, Structure, TechnicalLimitName

MOST_FINDINGS = 20  # of one check on one segment: a noisy mask has thousands of islands

AXES = "kji"
_ABNORMAL = ("SCT", "49755003")  # Segmented Property Category: Morphologically Abnormal Structure


@dataclass(frozen=True, eq=False)
class SegmentShape:
    """A segment with voxels, cut out with one voxel of margin.

    Attributes
    ----------
    segmentation : Segmentation
    segment : Segment
    box : tuple of slice
        Bounding box of the segment on the grid (k, j, i).
    is_lesion : bool
        Lesions come in pieces and in any form, so some rules for organs do not hold for them.
    """

    segmentation: Segmentation
    segment: Segment
    box: Box
    is_lesion: bool

    @property
    def geometry(self) -> Geometry:
        return self.segmentation.geometry

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """The segment's voxels in its box with a margin of one empty voxel on all six sides."""
        return np.pad(self.segmentation.mask(self.segment, self.box), 1)

    @cached_property
    def runs(self) -> MaskRuns:
        """The voxels of `mask` as runs along i."""
        return runs_of(self.mask)

    @cached_property
    def neighbours(self) -> NDArray[np.bool_]:
        """Voxels of other segments, on the same crop as `mask`; empty where the margin lies outside the image."""
        inside = tuple(
            slice(max(part.start - 1, 0), min(part.stop + 1, n)) for part, n in zip(self.box, self.geometry.size, strict=True)
        )
        found = np.zeros(self.mask.shape, bool)
        target = found[tuple(slice(s.start - b.start + 1, s.stop - b.start + 1) for s, b in zip(inside, self.box, strict=True))]
        for layer in self.segmentation.layers:
            target |= layer[inside] != 0
        found &= ~self.mask
        return found

    @property
    def voxel_mm(self) -> NDArray[np.float64]:
        return np.array(self.geometry.spacing_mm)

    @property
    def voxel_mm3(self) -> float:
        return self.geometry.voxel_volume_mm3

    def pixel_mm2(self, axis: int) -> float:
        """Return the area of one voxel in the planes across `axis`, in mm2."""
        return self.geometry.voxel_volume_mm3 / self.geometry.spacing_mm[axis]

    def planes(self, axis: int) -> NDArray[np.bool_]:
        """Return `mask` with `axis` first: a view whose first and last planes are the empty margin."""
        return np.moveaxis(self.mask, axis, 0)

    def areas(self, axis: int) -> NDArray[np.int64]:
        """Return the number of voxels in each plane across `axis`, without the margin's planes."""
        return self.runs.areas(axis)[1:-1]

    def index(self, axis: int, crop_index: int) -> int:
        """Return the index on the grid of a plane of the crop."""
        return crop_index - 1 + self.box[axis].start

    def planes_to_border(self, axis: int, last: bool) -> int:
        """Return how many planes of the image lie beyond the segment's first or last one along `axis`."""
        return self.geometry.size[axis] - self.box[axis].stop if last else self.box[axis].start

    def plane_name(self, axis: int) -> str:
        """Return axial, coronal or sagittal: the plane across `axis`, or the nearest one on an oblique grid."""
        return ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(self.geometry.axes_lps[axis])))]

    def end_name(self, axis: int, last: bool) -> str:
        """Return the side of the patient to which the first or last plane along `axis` looks."""
        toward = np.array(self.geometry.axes_lps[axis]) * (1 if last else -1)
        main = int(np.argmax(np.abs(toward)))
        return (("right", "left"), ("anterior", "posterior"), ("inferior", "superior"))[main][int(toward[main] > 0)]

    def slice_text(self, axis: int, crop_index: int) -> str:
        """Return how a plane of the crop is called: axial slice k = 14 (from 0, as in the record's slices)."""
        return f"{self.plane_name(axis)} slice {AXES[axis]} = {self.index(axis, crop_index)}"


@dataclass(frozen=True, eq=False)
class ShapeError:
    """One error of shape.

    Attributes
    ----------
    message : str
        The finding as a sentence.
    measured : str
        What was found, with unit.
    voxels : ndarray of bool
        What was found, as the part `crop_box` of the crop. Where voxels are missing: where they are missed.
    crop_box : tuple of slice
    """

    message: str
    measured: str
    voxels: NDArray[np.bool_]
    crop_box: Box


@dataclass(frozen=True)
class ShapeErrors:
    """The errors of one check on one segment.

    Attributes
    ----------
    shown : tuple of ShapeError
        The largest first, at most MOST_FINDINGS.
    count : int
        How many there are in all.
    """

    shown: tuple[ShapeError, ...]
    count: int


def is_lesion(segment: Segment, structure: Structure | None) -> bool:
    """Return whether a segment is a lesion, by the protocol or by its category code, or one of many of its kind."""
    category = None if segment.terminology is None else segment.terminology.category
    abnormal = category is not None and (category.scheme, category.value) == _ABNORMAL
    return abnormal or (structure is not None and (structure.is_lesion or structure.many))


def volume_text(volume_mm3: float) -> str:
    """Return a volume for people: 4.5 mm³, 1,296 mm³."""
    return f"{volume_mm3:,.0f} mm³" if volume_mm3 >= 100 else f"{volume_mm3:.3g} mm³"


def size_text(voxels: int, volume_mm3: float) -> str:
    return f"{voxels:,} voxel{'' if voxels == 1 else 's'}, {volume_text(volume_mm3)}"


def plane_box(axis: int, start: int, stop: int, shape: tuple[int, ...]) -> Box:
    """Return the box of the planes start..stop across `axis` of an array."""
    return tuple(slice(start, stop) if a == axis else slice(0, n) for a, n in enumerate(shape))


@dataclass(frozen=True)
class ShapeCheck:
    """A check that looks for errors of shape in one segment at a time.

    Attributes
    ----------
    id : str
        Id of the check.
    words : str
        What is looked for, in the plural, for the sentences: islands.
    limit_name, default
        The protocol's limit and what holds without it.
    find : callable
        Returns the errors of one segment outside of a limit.
    repair : str or None
        Id of the repair that findings propose.
    """

    id: str
    words: str
    limit_name: TechnicalLimitName
    default: Range
    find: Callable[[SegmentShape, Range], ShapeErrors]
    repair: str | None = None

    def run(self, case: Case, protocol: QCProtocol) -> Iterator[Finding]:
        """Yield one warning per error in the candidate's segments, or one PASS for all of them."""
        judged = alarms = 0
        for segment in case.candidate.segments:
            shape = shape_of(case.candidate, segment, protocol)
            if shape is not None:
                judged += 1
                for finding in self.of_segment(shape, protocol):
                    alarms += 1
                    yield finding
        if judged and not alarms:
            message = f"No {self.words} in {judged} segment{'s' if judged > 1 else ''}."
            yield Finding(self.id, Status.PASS, message, source=self.default.source)

    def of_segment(self, shape: SegmentShape, protocol: QCProtocol) -> Iterator[Finding]:
        """Yield one warning per error in one segment."""
        segment, grid = shape.segment, shape.geometry
        limit = protocol.technical_limit(self.limit_name, protocol.structure_of(segment), self.default)
        found = self.find(shape, limit)
        start = [part.start - 1 for part in shape.box]
        for error in found.shown:
            on_grid = tuple(slice(p.start + s, p.stop + s) for p, s in zip(error.crop_box, start, strict=True))
            place = place_of(error.voxels, on_grid, grid)
            yield Finding(
                self.id,
                Status.WARN,
                error.message,
                error.measured,
                str(limit),
                limit.unit,
                limit.source,
                segment.name,
                place.location_lps_mm,
                place.center_lps_mm,
                place.size_voxels,
                place.size_mm3,
                self.repair,
            )
        rest = found.count - len(found.shown)
        if rest > 0:
            message = f"{segment.name} has {rest:,} more {self.words}, none larger than those listed."
            yield Finding(
                self.id, Status.WARN, message, f"{found.count:,} in all", str(limit), limit.unit, limit.source, segment.name,
                repair=self.repair,
            )  # fmt: skip


def shape_of(segmentation: Segmentation, segment: Segment, protocol: QCProtocol) -> SegmentShape | None:
    """Return a segment cut out of its grid, or None if it has no voxels."""
    box = segmentation.box(segment)
    if box is None:
        return None
    return SegmentShape(segmentation, segment, box, is_lesion(segment, protocol.structure_of(segment)))
