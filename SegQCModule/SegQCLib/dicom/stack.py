"""Slices of one volume in the order of their positions, and why a set of images is more than one volume."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.dicom.header_values import attribute, text_of, whole_number
from SegQCLib.dicom.image_slice import ImageSlice, Plane, plane_of
from SegQCLib.errors import BadDataError

# Positions are decimal text; two slices this close are one position.
SAME_POSITION_MM = 1e-3

# What makes several images of one position: classic headers and functional groups, from the plainest reason on.
_APART = (
    "StackID",
    "TemporalPositionIndex",
    "TemporalPositionIdentifier",
    "EffectiveEchoTime",
    "EchoTime",
    "EchoNumbers",
    "InversionTimes",
    "InversionTime",
    "DiffusionBValue",
    "DiffusionGradientOrientation",
    "FlipAngle",
    "FrameType",
    "ImageType",
    "ComplexImageComponent",
    "NominalPercentageOfCardiacPhase",
    "NominalCardiacTriggerDelayTime",
    "TriggerTime",
    "FrameReferenceTime",
    "KVP",
    "ConvolutionKernel",
    "FrameAcquisitionNumber",
    "AcquisitionNumber",
    "FrameAcquisitionDateTime",
    "AcquisitionTime",
)
_SHOWN = 6


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices ascending along their normal, one per position.

    Attributes
    ----------
    slices : tuple of ImageSlice
    planes : tuple of Plane
        One per slice.
    positions_mm : ndarray
        Along the normal of the first slice, ascending, one per slice.
    duplicates_mm : tuple of float
        Positions that more than one image has, once per image left out.
    """

    slices: tuple[ImageSlice, ...]
    planes: tuple[Plane, ...]
    positions_mm: NDArray[np.float64]
    duplicates_mm: tuple[float, ...]


def stacked(where: object, slices: Sequence[ImageSlice]) -> Stack:
    """Return the slices sorted by Image Position (Patient) along their normal.

    Of several images at one position the one with the lowest Instance Number (0020,0013) is kept.

    Raises
    ------
    BadDataError
        If there is one position only, or more than half of them have several images: those are several volumes.
    """
    planes = [plane_of(one) for one in slices]
    along = np.array([plane.position_lps_mm @ planes[0].normal for plane in planes])
    order = sorted(range(len(slices)), key=lambda n: (along[n], *_rank(slices[n])))
    kept, at_one_position = order[:1], [order[:1]]
    duplicates = []
    for n in order[1:]:
        if along[n] - along[kept[-1]] < SAME_POSITION_MM:
            duplicates.append(float(along[kept[-1]]))
            at_one_position[-1].append(n)
        else:
            kept.append(n)
            at_one_position.append([n])
    repeated = [[slices[n] for n in members] for members in at_one_position if len(members) > 1]
    if len(repeated) > len(kept) / 2:
        positions = f"{len(kept)} position{'s' if len(kept) > 1 else ''}"
        what, remedy = _what_differs(repeated)
        raise BadDataError(where, f"holds {len(slices)} images at only {positions}: {what}", remedy)
    if len(kept) < 2:
        raise BadDataError(where, "holds one slice only.", "Volumes and surface distances need a series of at least two slices.")
    return Stack(tuple(slices[n] for n in kept), tuple(planes[n] for n in kept), along[kept], tuple(duplicates))


def _rank(one: ImageSlice) -> tuple[int, str, int]:
    return whole_number(one.path, one.header, "InstanceNumber", 0), one.path.name, one.frame or 0


def _what_differs(repeated: Sequence[Sequence[ImageSlice]]) -> tuple[str, str]:
    """Return a sentence on what tells the images of each position apart, and what to do about it."""
    uids = [[(text_of(one.path, one.header, "SOPInstanceUID"), one.frame) for one in members] for members in repeated]
    if all(len(set(members)) == 1 for members in uids):
        copies = f"each one is there more than once (same {attribute('SOPInstanceUID')}), copies of files."
        return copies, "Leave one copy of each file in the folder."
    separate = (
        "A volume has one image at each position: separate them first, one folder per echo, phase, time point or stack"
        " (multi-frame objects: dcm2niix or 3D Slicer's DICOM module write each one out)."
    )
    found = []
    for keyword in _APART:
        values = defaultdict(int)
        tells_apart = True
        for members in repeated:
            texts = [text_of(one.path, one.header, keyword) for one in members]
            tells_apart = tells_apart and len(set(texts)) > 1
            for text in texts:
                values[text or "not given"] += 1
        # Times of day differ from slice to slice too: then the number of values says it better than the values.
        if tells_apart:
            shown = ", ".join(list(values)[:_SHOWN]) + (f", ... ({len(values)} values)" if len(values) > _SHOWN else "")
            found.append(f"{attribute(keyword)} is {shown}")
    if not found:
        return "several echoes, phases or time points of one region, which no attribute tells apart.", separate
    return f"several echoes, phases, time points or stacks of one region: {'; '.join(found[:4])}.", separate
