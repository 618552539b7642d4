"""Are left and right what their names say?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Case, Code, Segment, Terminology
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry
from SegQCLib.place import Place, place_of
from SegQCLib.protocol import QCProtocol, Range

ID = "laterality"
WHY = (
    "Neither shape nor size shows that left and right were exchanged, and everything that follows is then said about the "
    "wrong side."
)
LIMIT = "side_mm"
DEFAULT = Range(
    "mm",
    "SegQC default: structures near the midline, curved spines and rotated patients put a centre up to 10 mm on the other"
    " side without an error",
    minimum=-10,
)
LEFT, RIGHT = ("SCT", "7771000"), ("SCT", "24028007")
# SNOMED CT: auricular appendage, atrium, ventricle. Parts of the heart are named after their form: in a mirrored or
# rotated heart the left ones lie on the right.
NAMED_AFTER_FORM = ("68786006", "59652004", "21814001")
# SNOMED CT: vertebra, spinal cord, sacrum, S1, L5 to L1, T12 to T1, C7 to C1. They show where the middle is at their level.
MIDLINE = (
    "51282000", "2748008", "54735007", "65985001", "49668003", "11994002", "36470004", "14293000", "66794005", "23215003",
    "12989004", "7610001", "82687006", "11068009", "62487009", "45296009", "56401006", "73071006", "1626008", "53733008",
    "64864005", "87391001", "36054005", "36978003", "5329002", "113205007", "39976000", "14806007",
)  # fmt: skip
# Between air and skin on CT.
BODY_HU = -500
# A trunk, or both legs. A single arm or leg is narrower, and in its middle there is no midline of the patient.
TRUNK_MM = 250
# An arm in the image moves the centre of a slice of the body by its share of the area, about a twelfth, times 220 mm.
BODY_UNCERTAINTY_MM = 20
WRONG_SHARE = 0.9


@dataclass(frozen=True)
class _Sided:
    """A filled segment that its codes call left or right."""

    segment: Segment
    side: tuple[str, str]
    kind: tuple[tuple[str, str], ...]
    place: Place


@dataclass(frozen=True)
class _Pair:
    """A left structure and its right partner."""

    left: _Sided
    right: _Sided
    limit: Range

    @property
    def distance_mm(self) -> float:
        """How far the left one's centre lies to the left of the right one's."""
        return self.left.place.center_lps_mm[0] - self.right.place.center_lps_mm[0]


@dataclass(frozen=True)
class _Midline:
    """Where the patient's mid-sagittal plane is at one level: LPS x in mm, and how far off it may be."""

    x_mm: float
    uncertainty_mm: float
    shown_by: str


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare left structures with their right partners, and single ones with the patient's midline.

    The side comes from SNOMED CT codes (7771000 left, 24028007 right; segment, else protocol), never from the
    place in the image: LPS x grows to the patient's left. A pair that is exchanged is a failure. A structure without
    its partner is judged only where spine or trunk show the midline, and only if nine tenths of it are on
    the other side: a warning, because organs can be ectopic. Without such evidence nothing is said.
    """
    sided = tuple(_sided(case, protocol))
    pairs = tuple(_pairs(sided, protocol))
    exchanged = [pair for pair in pairs if pair.distance_mm not in pair.limit]
    if len(exchanged) > 1 and len(exchanged) == len(pairs):
        # Structures without a partner then lie on the other side for the same reason.
        yield _mirrored(exchanged)
        return
    paired = {pair.left.kind for pair in pairs}
    found = [_exchanged(case, pair) for pair in exchanged]
    found += [finding for item in sided if item.kind not in paired for finding in _alone(case, protocol, item)]
    yield from found
    if sided and not found:
        message = f"No left or right structure was found on the other side ({len(sided)} looked at)."
        yield Finding(ID, Status.PASS, message, source=DEFAULT.source)


def _pairs(sided: tuple[_Sided, ...], protocol: QCProtocol) -> Iterator[_Pair]:
    for left in (item for item in sided if item.side == LEFT):
        for right in (item for item in sided if item.side == RIGHT and item.kind == left.kind):
            yield _Pair(left, right, protocol.technical_limit(LIMIT, protocol.structure_of(left.segment), DEFAULT))


def _sided(case: Case, protocol: QCProtocol) -> Iterator[_Sided]:
    for segment in case.candidate.segments:
        structure = protocol.structure_of(segment)
        terminology = segment.terminology or (structure.terminology if structure else None)
        box = case.candidate.box(segment)
        if terminology is None or box is None or terminology.type.value in NAMED_AFTER_FORM:
            continue
        sides = [_key(code) for code in (terminology.modifier, terminology.region_modifier) if code is not None]
        sides = [side for side in sides if side in (LEFT, RIGHT)]
        if len(sides) == 1:
            place = place_of(case.candidate.mask(segment, box), box, case.candidate.geometry)
            yield _Sided(segment, sides[0], _kind(terminology), place)


def _key(code: Code) -> tuple[str, str]:
    return code.scheme, code.value


def _kind(terminology: Terminology) -> tuple[tuple[str, str], ...]:
    return tuple(_key(code) for code in (terminology.type, terminology.region) if code is not None)


def _exchanged(case: Case, pair: _Pair) -> Finding:
    names = f"{pair.left.segment.name} and {pair.right.segment.name}"
    facts = f"the centre of the left one lies {-pair.distance_mm:.0f} mm to the patient's right of the right one's"
    midline = _midline(case, pair.left)
    if midline is None or all(_wrong(case, item, midline, pair.limit) for item in (pair.left, pair.right)):
        message = f"{names} are exchanged: {facts}. Exchange their names, or correct the image's orientation."
        return _finding(Status.FAIL, message, pair.distance_mm, pair.limit, pair.left)
    message = f"{names} are not on their two sides: {facts}. Is one of them wrong, or an organ ectopic?"
    return _finding(Status.WARN, message, pair.distance_mm, pair.limit, pair.left)


def _mirrored(exchanged: list[_Pair]) -> Finding:
    names = ", ".join(pair.left.segment.name for pair in exchanged[:6]) + (" ..." if len(exchanged) > 6 else "")
    message = (
        f"Left and right are exchanged in every pair ({len(exchanged)}: {names}). The segmentation or the image is mirrored, or"
        " the patient's orientation in its header is wrong."
    )
    return _finding(Status.FAIL, message, exchanged[0].distance_mm, exchanged[0].limit, exchanged[0].left)


def _finding(status: Status, message: str, distance_mm: float, limit: Range, item: _Sided) -> Finding:
    measured = f"{distance_mm:.0f} mm"
    return Finding(ID, status, message, measured, str(limit), "mm", limit.source, item.segment.name, **vars(item.place))


def _alone(case: Case, protocol: QCProtocol, item: _Sided) -> Iterator[Finding]:
    limit = protocol.technical_limit(LIMIT, protocol.structure_of(item.segment), DEFAULT)
    midline = _midline(case, item)
    if midline is None or not _wrong(case, item, midline, limit):
        return
    distance = _own_side_mm(item, midline)
    message = (
        f"{item.segment.name} lies {-distance:.0f} mm on the other side of the patient's midline, as {midline.shown_by} shows it."
        " Wrong name, wrong orientation, or an ectopic organ?"
    )
    yield _finding(Status.WARN, message, distance, limit, item)


def _own_side_mm(item: _Sided, midline: _Midline) -> float:
    offset = item.place.center_lps_mm[0] - midline.x_mm
    return offset if item.side == LEFT else -offset


def _wrong(case: Case, item: _Sided, midline: _Midline, limit: Range) -> bool:
    """Return whether a structure lies on the other side: its centre beyond the limit, and nine tenths of it."""
    if _own_side_mm(item, midline) + midline.uncertainty_mm in limit:
        return False
    grid, box = case.candidate.geometry, case.candidate.box(item.segment)
    mask = case.candidate.mask(item.segment, box)
    axis = _axis_along(grid, 0)
    profile = np.count_nonzero(mask, axis=tuple(other for other in range(3) if other != axis))
    index = np.tile(grid.index_kji(item.place.center_lps_mm), (len(profile), 1))
    index[:, axis] = np.arange(box[axis].start, box[axis].stop)
    offset = grid.lps_mm(index)[:, 0] - midline.x_mm
    other_side = offset < 0 if item.side == LEFT else offset > 0
    return profile[other_side].sum() >= WRONG_SHARE * profile.sum()


def _midline(case: Case, item: _Sided) -> _Midline | None:
    """Return the midline at the level of a structure: the spine's where it is segmented there, else the trunk's on CT."""
    axis = _axis_along(case.candidate.geometry, 2)
    level = case.candidate.box(item.segment)[axis]
    return _spine(case, axis, level) or _trunk(case, axis, level)


def _axis_along(geometry: Geometry, patient_axis: int) -> int:
    """Return the array axis that runs closest to the patient's x (0), y (1) or z (2)."""
    return int(np.argmax(np.abs(np.array(geometry.axes_lps)[:, patient_axis])))


def _spine(case: Case, axis: int, level: slice) -> _Midline | None:
    candidate, positions, voxels = case.candidate, [], []
    for segment in candidate.segments:
        box = candidate.box(segment)
        if box is None or segment.terminology is None or segment.terminology.type.value not in MIDLINE:
            continue
        start, stop = max(box[axis].start, level.start), min(box[axis].stop, level.stop)
        part = tuple(slice(start, stop) if n == axis else box[n] for n in range(3))
        if start < stop and (mask := candidate.mask(segment, part)).any():
            place = place_of(mask, part, candidate.geometry)
            positions.append(place.center_lps_mm[0])
            voxels.append(place.size_voxels)
    return _Midline(float(np.average(positions, weights=voxels)), 0.0, "the spine") if positions else None


def _trunk(case: Case, axis: int, level: slice) -> _Midline | None:
    image = case.image
    if image.array is None or image.acquisition.modality != "CT":
        return None
    slices = np.unique(np.linspace(level.start, level.stop - 1, 5).round().astype(int))
    centers = [_body_center_x(image.array, image.geometry, axis, int(number)) for number in slices]
    known = [x for x in centers if x is not None]
    return _Midline(float(np.median(known)), BODY_UNCERTAINTY_MM, "the outline of the body") if known else None


def _body_center_x(array: NDArray, geometry: Geometry, axis: int, number: int) -> float | None:
    """Return LPS x of the middle of the body in one slice, or None where the body is cut off or is no trunk."""
    labels, count = ndimage.label(np.take(array, number, axis) > BODY_HU)
    if count == 0:
        return None
    body = ndimage.binary_fill_holes(labels == 1 + np.argmax(np.bincount(labels.ravel())[1:]))
    across = _axis_along(geometry, 0)
    if across == axis:
        return None
    other = 3 - axis - across
    profile = np.count_nonzero(body, axis=0 if other < across else 1)
    wide = np.flatnonzero(profile)
    width_mm = (wide[-1] - wide[0] + 1) * geometry.spacing_mm[across]
    if profile[0] or profile[-1] or width_mm < TRUNK_MM:
        return None
    index = np.zeros(3)
    index[axis], index[other] = number, (geometry.size[other] - 1) / 2
    index[across] = profile @ np.arange(len(profile)) / profile.sum()
    return float(geometry.lps_mm(index)[0])
