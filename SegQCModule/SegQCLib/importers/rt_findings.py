"""What reading an RT Structure Set showed, as findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM
from SegQCLib.importers.contour_slices import SlicePlanes
from SegQCLib.importers.drawn_structure import ON_LINE_MM, DrawnStructure
from SegQCLib.importers.rt_structure_set import StructureSet

# Stored in reports: never rename.
_REFERENCE, _STRUCTURES, _NAMES = "segmentation_reference", "rt_structures", "label_names"
_POINTS, _SLICES = "contour_points", "contour_slices"
_MOST_NAMED = 12


def structure_set_findings(
    structure_set: StructureSet, drawn: Sequence[DrawnStructure], planes: SlicePlanes, frame: str | None
) -> Iterator[Finding]:
    """Yield what a reader of a report has to know about how contours became voxels.

    Parameters
    ----------
    structure_set : StructureSet
    drawn : sequence of DrawnStructure
        Those of its structures that could be drawn.
    planes : SlicePlanes
    frame : str or None
        Frame of Reference UID that the structure set stands for.
    """
    yield from _reference_findings(structure_set, frame)
    yield from _structure_findings(structure_set, drawn, planes)
    yield from _point_findings(structure_set)
    yield from _slice_findings([one for one in drawn if not one.oblique], planes)


def _reference_findings(structure_set: StructureSet, frame: str | None) -> Iterator[Finding]:
    # Whether frame and series are the image's is the check segmentation_reference.
    elsewhere = [one for one in structure_set.structures if one.frame_of_reference_uid not in (None, frame)]
    if elsewhere:
        yield Finding(
            _REFERENCE,
            Status.FAIL,
            "The file has contours in several frames of reference: the positions of"
            f" {_named([one.segment.name for one in elsewhere])} (Referenced Frame of Reference UID (3006,0024)) mean nothing"
            " beside those of the others.",
            measured=elsewhere[0].frame_of_reference_uid,
            allowed=frame,
        )
    if not structure_set.series_uids:
        yield Finding(
            _REFERENCE,
            Status.WARN,
            "The file does not say which series it was drawn on: RT Referenced Series Sequence (3006,0014) is missing.",
        )


def _structure_findings(structure_set: StructureSet, drawn: Sequence[DrawnStructure], planes: SlicePlanes) -> Iterator[Finding]:
    structures = structure_set.structures
    types = [f"{one.segment.name}: {one.interpreted_type}" for one in structures if one.interpreted_type]
    if types:
        message = f"What the structures are (RT ROI Interpreted Type (3006,00A4)): {_named(types)}."
        yield Finding(_STRUCTURES, Status.PASS, message)
    for one in structures:
        name = one.segment.name
        if one.fault is not None:
            yield Finding(_STRUCTURES, Status.FAIL, f"{name} was left out: it {one.fault}.", segment=name)
        elif not one.is_volume:
            # An isocentre or a marker is meant to be a point.
            status = Status.PASS if set(one.others) == {"POINT"} else Status.WARN
            yield Finding(
                _STRUCTURES, status, f"{name} is not a volume and was left out: it has only {one.others_in_words}.", segment=name
            )
        elif one.others:
            message = f"{name} also has contours that enclose nothing, which were left out: {one.others_in_words}."
            yield Finding(_STRUCTURES, Status.WARN, message, segment=name)
    for one in drawn:
        if one.oblique:
            yield Finding(
                _STRUCTURES,
                Status.FAIL,
                f"{one.name} was left out: {one.oblique} of its {one.contours} contours are oblique to the image's slices (more"
                f" than {planes.step_mm / 2:.2f} mm, half the slice spacing, across them). Give the image that it was drawn on.",
                segment=one.name,
            )
    for name, count in Counter(one.segment.name for one in structures).items():
        if count > 1:
            yield Finding(_NAMES, Status.WARN, f"{count} structures have the name {name}.", measured=str(count))
    for number in structure_set.undescribed:
        yield Finding(
            _NAMES,
            Status.WARN,
            f"The file has contours of ROI number {number}, which its Structure Set ROI Sequence (3006,0020) does not describe;"
            " they are left out.",
            measured=str(number),
        )


def _point_findings(structure_set: StructureSet) -> Iterator[Finding]:
    for one in structure_set.structures:
        name = one.segment.name
        for count, what in (
            (one.short, "contours with fewer than three points enclose nothing and were left out"),
            (one.repeated, "exact copies of other contours were left out, because the same contour twice would be nothing"),
            (
                one.miscounted,
                "contours with another Number of Contour Points (3006,0046) than Contour Data (3006,0050) has; the data were taken",
            ),
        ):
            if count:
                yield Finding(_POINTS, Status.WARN, f"{name}: {what}: {count}.", measured=str(count), segment=name)


def _slice_findings(drawn: Sequence[DrawnStructure], planes: SlicePlanes) -> Iterator[Finding]:
    half = f"{planes.step_mm / 2:.2f}"
    off = {one.name: one.distance_mm for one in drawn if one.distance_mm > SAME_GRID_TOLERANCE_MM}
    if off:
        farthest = f"{max(off.values()):.2f}"
        yield Finding(
            _SLICES,
            Status.WARN,
            f"Contours of {_named(list(off))} do not lie exactly in the image's slices but up to {farthest} mm beside them; each"
            f" was put into the nearest slice. Up to {half} mm, half the slice spacing, is allowed.",
            measured=farthest,
            allowed=f"up to {half}",
            unit="mm",
        )
    for one in drawn:
        yield from _unused_contours(one, planes)
        yield from _missed_slices(one, planes)
        yield from _tangles(one, planes)


def _unused_contours(one: DrawnStructure, planes: SlicePlanes) -> Iterator[Finding]:
    half, farthest = f"{planes.step_mm / 2:.2f}", f"{one.astray_mm:.2f}"
    if one.astray:
        message = (
            f"{one.name}: {one.astray} of {one.contours} contours lie in no slice of the image, up to {farthest} mm from the"
            f" nearest one, and were left out; up to {half} mm, half the slice spacing, is allowed. Are slices missing?"
        )
        yield Finding(_SLICES, Status.FAIL, message, farthest, f"up to {half}", "mm", segment=one.name)
    if one.between:
        message = (
            f"{one.name} was drawn in finer steps than the image's slices of {planes.step_mm:.2f} mm: {one.between} of its"
            f" {one.contours} contours lie between slices and were not used."
        )
        yield Finding(_SLICES, Status.WARN, message, measured=str(one.between), segment=one.name)
    if one.beyond or one.outside_mm > ON_LINE_MM:
        ways = [f"{one.beyond} of its {one.contours} contours before the first slice or after the last"] if one.beyond else []
        if one.outside_mm > ON_LINE_MM:
            ways.append(f"up to {one.outside_mm:.1f} mm beyond the slices' edges")
        message = f"{one.name} lies partly outside the image and was cut off: {' and '.join(ways)}."
        yield Finding("outside_image", Status.FAIL, message, segment=one.name)


def _missed_slices(one: DrawnStructure, planes: SlicePlanes) -> Iterator[Finding]:
    if not one.slices:
        return
    missed = sorted(set(range(one.slices[0], one.slices[-1])) - set(one.slices))
    if not missed:
        return
    steps = set(np.diff(one.slices).tolist())
    every = f" Its contours are {steps.pop()} slices apart throughout." if len(steps) == 1 and len(one.slices) > 2 else ""
    message = (
        f"{one.name} has no contour in {len(missed)} of the {one.slices[-1] - one.slices[0] + 1} slices from its first to its last;"
        f" they stay empty ({_slice_text(missed, planes)}).{every}"
    )
    yield Finding(_SLICES, Status.WARN, message, measured=str(len(missed)), allowed="0", segment=one.name)


def _tangles(one: DrawnStructure, planes: SlicePlanes) -> Iterator[Finding]:
    for slices, what in (
        (one.crossing, "Contours of {name} cross one another"),
        (one.overlapping, "A contour of {name} runs over itself"),
    ):
        if slices:
            message = (
                f"{what.format(name=one.name)} in {len(slices)} slice{'s' if len(slices) > 1 else ''}"
                f" ({_slice_text(slices, planes)}): what is enclosed twice counts as outside (even-odd rule); other programs"
                " may count it as inside."
            )
            yield Finding(_POINTS, Status.WARN, message, measured=str(len(slices)), segment=one.name)


def _slice_text(slices: Sequence[int], planes: SlicePlanes) -> str:
    return f"{'kji'[planes.axis]} = {_runs(slices)}"


def _named(names: Sequence[str]) -> str:
    """Return names as they are listed in a sentence."""
    shown = list(dict.fromkeys(names))
    return ", ".join(shown[:_MOST_NAMED]) + (f" and {len(shown) - _MOST_NAMED} more" if len(shown) > _MOST_NAMED else "")


def _runs(numbers: Sequence[int]) -> str:
    """Return ascending numbers as text: 3, 5 to 9, 12."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return ", ".join(texts[:_MOST_NAMED]) + (" ..." if len(texts) > _MOST_NAMED else "")
