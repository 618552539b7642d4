"""DICOM RT Structure Set: contours, filled on the grid of the image that they are used with."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileHeader, FileKind
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM
from SegQCLib.image_file import source_of
from SegQCLib.importers.contour_slices import Placed, SlicePlanes, contour_axis, place, slice_planes
from SegQCLib.importers.layer_stack import LayerStack
from SegQCLib.importers.polygon_fill import fill_even_odd
from SegQCLib.importers.rt_structure_set import RT_STRUCTURE_SET, Contours, Structure, StructureSet, read_structure_set

if TYPE_CHECKING:
    from pathlib import Path

_SOP_CLASS_UID, _MODALITY = 0x00080016, 0x00080060
# Contour Data is decimal text, in most files with three digits: a pixel centre this near to a line lies on it.
_ON_LINE_MM = 1e-3
# Pixels that are filled at once, one byte each.
_PIXELS_AT_ONCE = 2**25
_MOST_NAMED = 12

_DAMAGE = (
    ValueError, TypeError, AttributeError, LookupError, OSError, EOFError, RuntimeError, NotImplementedError, ImportError,
    StopIteration, ArithmeticError, struct.error,
)  # fmt: skip


def recognises(header: FileHeader) -> bool:
    """Return whether the file is an RT Structure Set, by its SOP Class UID (0008,0016), else its Modality (0008,0060)."""
    if header.kind is not FileKind.DICOM:
        return False
    from pydicom.errors import BytesLengthException
    from pydicom.filereader import read_partial

    try:
        with header.path.open("rb") as file:
            start = read_partial(file, stop_when=lambda tag, _vr, _length: tag > _MODALITY, force=True)
        kind = str(start.get("SOPClassUID") or "")
        return kind == RT_STRUCTURE_SET or (not kind and start.get("Modality") == "RTSTRUCT")
    except (*_DAMAGE, BytesLengthException):
        return False


def read(header: FileHeader, image: Volume | None, name: str) -> Segmentation:
    """Return the structures of an RT Structure Set on the image's own grid.

    A voxel belongs to a structure if its centre lies inside the contours of its slice, or on them, by the even-odd rule: see
    `fill_even_odd`. Nothing is interpolated: slices without a contour stay empty, and a finding names them.

    Structures without any contour are segments without voxels. Those that are no volume (points, open contours) or whose
    contours do not lie in the image's slices are left out, and a finding says so.

    Parameters
    ----------
    header : FileHeader
    image : Volume or None
        Whose grid is filled: contours have none of their own. Its voxels are not looked at.
    name : str

    Raises
    ------
    BadDataError
        If there is no image, the file is damaged, no structure can be used, or all contours lie outside the image.

    References
    ----------
    DICOM PS3.3 C.8.8.6 (ROI Contour Module): points in mm in the patient's coordinates (LPS); inner contours by
    CLOSEDPLANAR_XOR or, in CLOSED_PLANAR, by the keyhole technique. Contours inside others as separate CLOSED_PLANAR, which
    many planning systems write, mean the same.
    """
    from pydicom.errors import BytesLengthException

    if image is None:
        raise BadDataError(
            header.path,
            "is an RT Structure Set: it has contours, no voxels, and no grid of its own to fill them on.",
            "Give the image that they were drawn on as well.",
        )
    try:
        structure_set = read_structure_set(header.path)
    except (*_DAMAGE, BytesLengthException) as error:
        # pydicom looks at an element when it is asked for, so damage shows anywhere.
        raise BadDataError(
            header.path, f"holds something that cannot be understood ({error}).", "Copy or export it again."
        ) from error
    return _segmentation(header, structure_set, image, name)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A structure that can be used; `placed` is None if it has no contours."""

    structure: Structure
    placed: Placed | None
    outside_mm: float

    @property
    def name(self) -> str:
        return self.structure.segment.name

    @property
    def is_oblique(self) -> bool:
        return self.placed is not None and bool(self.placed.oblique.any())

    def fill(self, planes: SlicePlanes) -> dict[int, NDArray[np.bool_]]:
        """Return the pixels inside, shape (rows, columns), of each slice that has any."""
        if self.placed is None:
            return {}
        kept = self.placed.slices >= 0
        return _fill(self.structure.contours.only(kept), self.placed.slices[kept], planes)


def _segmentation(header: FileHeader, structure_set: StructureSet, image: Volume, name: str) -> Segmentation:
    usable = [one for one in structure_set.structures if one.fault is None and one.is_volume]
    planes = slice_planes(image, contour_axis([one.contours for one in usable], image))
    drawn = [_drawn(one, planes) for one in usable]
    _require_usable(header.path, structure_set, drawn)
    stack = LayerStack((len(planes.positions_mm), *planes.size), len(structure_set.structures))
    segments = []
    for one in drawn:
        if not one.is_oblique:
            segment = one.structure.segment
            segments.append(replace(segment, layer=stack.add(one.fill(planes), segment.label_value)))
    return Segmentation(
        name=name,
        geometry=image.geometry,
        layers=tuple(np.moveaxis(layer, 0, planes.axis) for layer in stack.layers),
        segments=tuple(segments),
        source=source_of(header),
        findings=(
            *_reference_findings(structure_set, image),
            *_structure_findings(structure_set, drawn, planes),
            *_point_findings(structure_set),
            *_slice_findings([one for one in drawn if not one.is_oblique], planes),
        ),
    )


def _drawn(structure: Structure, planes: SlicePlanes) -> _Drawn:
    if not len(structure.contours.lengths):
        return _Drawn(structure, None, 0.0)
    placed = place(structure.contours, planes)
    there = placed.slices >= 0
    at = _rows_columns(structure.contours.only(there), placed.slices[there], planes)
    # To the outer edge of the outermost pixels.
    beyond = np.maximum(-0.5 - at, at - (np.array(planes.size) - 0.5)) * planes.spacing_mm
    return _Drawn(structure, placed, max(0.0, float(np.max(beyond, initial=0))))


def _rows_columns(contours: Contours, slices: NDArray[np.int64], planes: SlicePlanes) -> NDArray[np.float64]:
    return planes.rows_columns(contours.points_lps_mm, np.repeat(slices, contours.lengths))


def _fill(contours: Contours, slices: NDArray[np.int64], planes: SlicePlanes) -> dict[int, NDArray[np.bool_]]:
    starts = _rows_columns(contours, slices, planes)
    low = np.clip(np.floor(starts.min(axis=0, initial=np.inf)), 0, planes.size)
    high = np.clip(np.ceil(starts.max(axis=0, initial=-np.inf)) + 1, low, planes.size)
    (top, left), (bottom, right) = low.astype(int).tolist(), high.astype(int).tolist()
    starts = starts - low
    following = np.arange(len(starts)) + 1
    following[contours.starts + contours.lengths - 1] = contours.starts
    filled_slices, plane_of_contour = np.unique(slices, return_inverse=True)
    plane = np.repeat(plane_of_contour, contours.lengths)
    at_once = max(1, _PIXELS_AT_ONCE // max(1, (bottom - top) * (right - left)))
    on_line = (_ON_LINE_MM / planes.spacing_mm[0], _ON_LINE_MM / planes.spacing_mm[1])
    filled = {}
    for first in range(0, len(filled_slices), at_once):
        own = np.flatnonzero((plane >= first) & (plane < first + at_once))
        size = (min(at_once, len(filled_slices) - first), bottom - top, right - left)
        inside = fill_even_odd(starts[own], starts[following[own]], plane[own] - first, size, on_line)
        for k, part in zip(filled_slices[first : first + at_once].tolist(), inside, strict=True):
            if part.any():
                filled[k] = np.zeros(planes.size, bool)
                filled[k][top:bottom, left:right] = part
    return filled


def _require_usable(path: Path, structure_set: StructureSet, drawn: Sequence[_Drawn]) -> None:
    if not any(not one.is_oblique for one in drawn):
        raise BadDataError(
            path,
            f"has no structure that can be filled: {'; '.join(_unusable(structure_set, drawn))}.",
            "Give a structure set with closed contours in the slices of the image.",
        )
    placed = [one.placed for one in drawn if one.placed is not None]
    if placed and all(at.beyond.all() for at in placed):
        raise BadDataError(
            path,
            "lies outside the image: all its contours are before the image's first slice or after its last.",
            "Is it of another patient or another scan? Give the structure set that was drawn on this image.",
        )


def _unusable(structure_set: StructureSet, drawn: Sequence[_Drawn]) -> Iterator[str]:
    for one in structure_set.structures:
        if one.fault is not None:
            yield f"{one.segment.name} {one.fault}"
        elif not one.is_volume:
            short = {"closed contour with fewer than three points": one.short} if one.short else {}
            yield f"{one.segment.name} has only {_counted({**one.others, **short})}"
    for one in drawn:
        if one.is_oblique:
            yield f"{one.name} has contours oblique to the image's slices"


def _counted(kinds: dict[str, int]) -> str:
    return ", ".join(f"{count} x {kind}" for kind, count in sorted(kinds.items()))


def _reference_findings(structure_set: StructureSet, image: Volume) -> Iterator[Finding]:
    check = "segmentation_reference"
    frame, series = image.acquisition.frame_of_reference_uid, image.acquisition.series_instance_uid
    frames = {one.frame_of_reference_uid for one in structure_set.structures} - {None}
    names_series = series is not None and series in structure_set.series_uids
    others = sorted(frames - {frame}) if frame is not None else []
    if others:
        named = _named([one.segment.name for one in structure_set.structures if one.frame_of_reference_uid in others])
        found = (
            f"The contours of {named} are given in another frame of reference than the image's (Referenced Frame of Reference UID"
            f" (3006,0024) {others[0]}; Frame of Reference UID (0020,0052) of the image {frame})"
        )
        meaning = (
            "but the file names this image's series: the program that wrote it made the UID up. Look whether the outlines fit."
            if names_series
            else "and it was not drawn on this series: their positions mean nothing here. Is it of another patient or examination?"
        )
        status = Status.WARN if names_series else Status.FAIL
        yield Finding(check, status, f"{found}, {meaning}", measured=others[0], allowed=frame)
    elif not structure_set.series_uids:
        yield Finding(
            check,
            Status.WARN,
            "The file does not say which series it was drawn on: RT Referenced Series Sequence (3006,0014) is missing.",
        )
    elif series is not None and not names_series:
        yield Finding(
            check,
            Status.WARN,
            "The structure set was drawn on another series than this image (RT Referenced Series Sequence (3006,0014))"
            + (", in the same frame of reference." if frame is not None and frame in frames else "."),
            measured=sorted(structure_set.series_uids)[0],
            allowed=series,
        )


def _structure_findings(structure_set: StructureSet, drawn: Sequence[_Drawn], planes: SlicePlanes) -> Iterator[Finding]:
    check = "rt_structures"
    structures = structure_set.structures
    types = [f"{one.segment.name}: {one.interpreted_type}" for one in structures if one.interpreted_type]
    if types:
        message = f"What the structures are (RT ROI Interpreted Type (3006,00A4)): {_named(types)}."
        yield Finding(check, Status.PASS, message)
    for one in structures:
        name = one.segment.name
        if one.fault is not None:
            yield Finding(check, Status.FAIL, f"{name} was left out: it {one.fault}.", segment=name)
        elif not one.is_volume and one.others:
            # An isocentre or a marker is meant to be a point.
            status = Status.PASS if set(one.others) == {"POINT"} else Status.WARN
            yield Finding(check, status, f"{name} is not a volume and was left out: {_counted(one.others)}.", segment=name)
        elif one.others:
            message = f"{name} also has contours that enclose nothing, which were left out: {_counted(one.others)}."
            yield Finding(check, Status.WARN, message, segment=name)
    for one in drawn:
        if one.is_oblique:
            count = int(np.count_nonzero(one.placed.oblique))
            yield Finding(
                check,
                Status.FAIL,
                f"{one.name} was left out: {count} of its {len(one.placed.slices)} contours are oblique to the image's slices (more"
                f" than {planes.step_mm / 2:.2f} mm, half the slice spacing, across them). Give the image that it was drawn on.",
                segment=one.name,
            )
    for name, count in Counter(one.segment.name for one in structures).items():
        if count > 1:
            yield Finding("label_names", Status.WARN, f"{count} structures have the name {name}.", measured=str(count))
    for number in structure_set.undescribed:
        yield Finding(
            "label_names",
            Status.WARN,
            f"The file has contours of ROI number {number}, which its Structure Set ROI Sequence (3006,0020) does not describe;"
            " they are left out.",
            measured=str(number),
        )


def _point_findings(structure_set: StructureSet) -> Iterator[Finding]:
    for one in structure_set.structures:
        name = one.segment.name
        for count, what in (
            (one.short, "with fewer than three points enclose nothing and were left out"),
            (one.repeated, "are exact copies of another and were left out: twice the same contour would be nothing"),
            (
                one.miscounted,
                "have another Number of Contour Points (3006,0046) than Contour Data (3006,0050) has points; the data were taken",
            ),
        ):
            if count:
                message = f"{name}: {count} closed contour{'s' if count > 1 else ''} {what}."
                yield Finding("contour_points", Status.WARN, message, measured=str(count), segment=name)


def _slice_findings(drawn: Sequence[_Drawn], planes: SlicePlanes) -> Iterator[Finding]:
    check = "contour_slices"
    half = f"{planes.step_mm / 2:.2f}"
    off = {one.name: float(one.placed.distance_mm[one.placed.slices >= 0].max(initial=0)) for one in drawn if one.placed}
    off = {name: distance for name, distance in off.items() if distance > SAME_GRID_TOLERANCE_MM}
    if off:
        farthest = f"{max(off.values()):.2f}"
        yield Finding(
            check,
            Status.WARN,
            f"Contours of {_named(off)} do not lie exactly in the image's slices but up to {farthest} mm beside them; each was put"
            f" into the nearest slice. Up to {half} mm, half the slice spacing, is allowed.",
            measured=farthest,
            allowed=f"up to {half}",
            unit="mm",
        )
    for one in drawn:
        if one.placed is not None:
            yield from _of_one(one, one.placed, planes)


def _of_one(one: _Drawn, placed: Placed, planes: SlicePlanes) -> Iterator[Finding]:
    check, name = "contour_slices", one.name
    total = len(placed.slices)
    if placed.astray.any():
        count = int(np.count_nonzero(placed.astray))
        farthest = float(placed.distance_mm[placed.astray].max())
        message = (
            f"{name}: {count} of {total} contours lie in no slice of the image, up to {farthest:.2f} mm from the nearest, and were"
            f" left out; up to {planes.step_mm / 2:.2f} mm, half the slice spacing, is allowed. Are slices missing?"
        )
        yield Finding(check, Status.FAIL, message, f"{farthest:.2f}", f"up to {planes.step_mm / 2:.2f}", "mm", segment=name)
    if placed.between.any():
        count = int(np.count_nonzero(placed.between))
        message = (
            f"{name} was drawn in finer steps than the image's slices of {planes.step_mm:.2f} mm: {count} of {total} contours lie"
            " between slices and were not used."
        )
        yield Finding(check, Status.WARN, message, measured=str(count), segment=name)
    slices = np.unique(placed.slices[placed.slices >= 0])
    missed = np.setdiff1d(np.arange(slices[0], slices[-1]), slices) if len(slices) else slices
    if len(missed):
        steps = np.diff(slices)
        every = f" Its contours are on every {steps[0]}. slice only." if len(steps) > 1 and np.all(steps == steps[0]) else ""
        message = (
            f"{name} has no contour in {len(missed)} of the {slices[-1] - slices[0] + 1} slices from its first to its last; they"
            f" stay empty ({'kji'[planes.axis]} = {_runs(missed)}).{every}"
        )
        yield Finding(check, Status.WARN, message, measured=str(len(missed)), allowed="0", segment=name)
    beyond = int(np.count_nonzero(placed.beyond))
    if beyond or one.outside_mm > _ON_LINE_MM:
        ways = [f"{beyond} of its {total} contours before the first slice or after the last"] if beyond else []
        if one.outside_mm > _ON_LINE_MM:
            ways.append(f"up to {one.outside_mm:.1f} mm beyond the slices' edges")
        message = f"{name} lies partly outside the image and was cut off: {' and '.join(ways)}."
        yield Finding("outside_image", Status.FAIL, message, segment=name)


def _named(names: Sequence[str]) -> str:
    """Return names as they are listed in a sentence."""
    shown = list(dict.fromkeys(names))
    return ", ".join(shown[:_MOST_NAMED]) + (f" and {len(shown) - _MOST_NAMED} more" if len(shown) > _MOST_NAMED else "")


def _runs(numbers: NDArray[np.int64]) -> str:
    """Return ascending numbers as text: 3, 5 to 9, 12."""
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    firsts, lasts = numbers[np.r_[0, breaks + 1]], numbers[np.r_[breaks, len(numbers) - 1]]
    texts = [f"{a}" if a == b else f"{a} to {b}" for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)]
    return ", ".join(texts[:_MOST_NAMED]) + (" ..." if len(texts) > _MOST_NAMED else "")
