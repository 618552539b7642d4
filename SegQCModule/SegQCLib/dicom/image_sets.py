"""Which images belong together: of one series, with one matrix, one orientation and one pixel spacing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from SegQCLib.dicom.header_values import attribute, numbers, text_of, value_of, whole_number
from SegQCLib.dicom.image_slice import SAME_DIRECTION, ImageSlice
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset

_SAME_SPACING = 1e-4  # relative

ImageSet = list[ImageSlice]


def series_key(path: Path, header: Dataset) -> tuple[str, ...]:
    """Return what tells series apart: the UID, or number and description where de-identification left it empty."""
    uid = text_of(path, header, "SeriesInstanceUID")
    return (uid,) if uid else ("", text_of(path, header, "SeriesNumber"), text_of(path, header, "SeriesDescription"))


def image_sets(slices: Sequence[ImageSlice]) -> list[ImageSet]:
    """Return the slices in sets that could each be one volume, in the order of their first slices."""
    sets: list[ImageSet] = []
    found: dict[tuple, list[tuple[np.ndarray | None, np.ndarray | None, ImageSet]]] = defaultdict(list)
    for one in slices:
        path, header = one.path, one.header
        key = (
            series_key(path, header),
            whole_number(path, header, "Rows"),
            whole_number(path, header, "Columns"),
            # A multi-frame object is never half of a series of single images: it holds the same images again.
            one.frame is None,
        )
        orientation = numbers(path, header, "ImageOrientationPatient", 6)
        spacing = numbers(path, header, "PixelSpacing", 2)
        for other_orientation, other_spacing, members in found[key]:
            if _close(orientation, other_orientation, SAME_DIRECTION) and _close(
                spacing, other_spacing, _SAME_SPACING * (1 if spacing is None else np.abs(spacing).max())
            ):
                members.append(one)
                break
        else:
            members = [one]
            found[key].append((orientation, spacing, members))
            sets.append(members)
    return sets


def is_localizer(one: ImageSlice) -> bool:
    """Return whether value 3 of Image Type (0008,0008), or of a frame's Frame Type (0008,9007), is LOCALIZER."""
    keyword = "ImageType" if one.frame is None else "FrameType"
    return text_of(one.path, one.header, keyword).split("\\")[2:3] == ["LOCALIZER"]


def several_sets(where: object, sets: Sequence[ImageSet]) -> BadDataError:
    """Return the error that lists sets of images of which only one can be read."""
    listed = "\n".join(f"  {_described(members)}" for members in sets)
    remedy = "Give the folder of one series, or one file of the series you mean; take localizers out of the folder."
    twice = _converted(sets)
    if twice:
        remedy = f"{twice} Give one file of the set you mean, or take the other out of the folder."
    return BadDataError(where, f"holds {len(sets)} different sets of images:\n{listed}\n", remedy)


def require_whole_concatenation(slices: ImageSet) -> None:
    """Raise BadDataError if parts of a multi-frame object that was split over files are missing.

    References
    ----------
    DICOM PS3.3 C.7.6.16.2.2.4 Concatenations and Stacks.
    """
    parts = defaultdict(set)
    totals: dict[str, int] = {}
    paths: dict[str, Path] = {}
    for one in slices:
        uid = text_of(one.path, one.header, "ConcatenationUID")
        if uid:
            parts[uid].add(whole_number(one.path, one.header, "InConcatenationNumber", 1))
            totals[uid] = whole_number(one.path, one.header, "InConcatenationTotalNumber", 0)
            paths[uid] = one.path
    for uid, numbers_found in parts.items():
        if len(numbers_found) < totals[uid]:
            raise BadDataError(
                paths[uid],
                f"is one of {totals[uid]} files of a split multi-frame object ({attribute('InConcatenationTotalNumber')});"
                f" only {len(numbers_found)} are here.",
                "Copy the missing files into the folder.",
            )


def _close(one: np.ndarray | None, other: np.ndarray | None, tolerance: float) -> bool:
    if one is None or other is None:
        return one is other
    return bool(np.abs(one - other).max() <= tolerance)


def _described(members: ImageSet) -> str:
    first = members[0]
    path, header = first.path, first.header
    orientation = numbers(path, header, "ImageOrientationPatient", 6)
    spacing = numbers(path, header, "PixelSpacing", 2)
    files = len({one.path for one in members})
    frames = "" if first.frame is None else f" (frames of {files} multi-frame file{'s' if files > 1 else ''})"
    return (
        f"{len(members)} image{'s' if len(members) > 1 else ''}{frames}:"
        f" {value_of(path, header, 'Modality') or 'unknown modality'},"
        f" {value_of(path, header, 'SeriesDescription') or 'no series description'},"
        f" {whole_number(path, header, 'Rows')} x {whole_number(path, header, 'Columns')},"
        f" pixel spacing {'not given' if spacing is None else f'{spacing[0]:g} x {spacing[1]:g} mm'},"
        f" orientation {'not given' if orientation is None else tuple(float(round(value, 3)) for value in orientation)},"
        f" for example {path.name}"
    )


def _converted(sets: Sequence[ImageSet]) -> str:
    """Return a sentence where one set was made from another by conversion to multi-frame, else ""."""
    keyword = "ConversionSourceAttributesSequence"
    for members in sets:
        sources = {
            text_of(one.path, source, "ReferencedSOPInstanceUID")
            for one in members
            for source in value_of(one.path, one.header, keyword) or ()
        }
        for others in sets:
            if sources and others is not members:
                own = {text_of(one.path, one.header, "SOPInstanceUID") for one in others}
                if sources & own:
                    return (
                        f"They are the same images twice: {members[0].path.name} was converted from"
                        f" {len(sources & own)} single images that are here too ({attribute(keyword)})."
                    )
    return ""
