"""Stored values as what was measured: rescaled frame by frame, padding counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.dicom.header_values import attribute, numbers, value_of
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset

_SMALLEST_SLOPE = 1e-30
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True)
class ValueRule:
    """How a frame's stored values become its values: slope x stored + intercept.

    Attributes
    ----------
    slope, intercept : float
        Rescale Slope (0028,1053) and Rescale Intercept (0028,1052); 1 and 0 where the header has none.
    padding : tuple of int or None
        Lowest and highest stored value that stands for "not measured": Pixel Padding Value (0028,0120) and
        Pixel Padding Range Limit (0028,0121).
    """

    slope: float
    intercept: float
    padding: tuple[int, int] | None


def value_rule(path: Path, header: Dataset) -> ValueRule:
    """Return the rule of a frame.

    Raises
    ------
    BadDataError
        If the slope is 0 or no number, or values go through a table.

    References
    ----------
    DICOM PS3.3 C.11.1 Modality LUT Module, C.7.6.16.2.9 Pixel Value Transformation Macro, C.7.5.1.1.2 Pixel Padding Value.
    """
    if value_of(path, header, "ModalityLUTSequence"):
        raise BadDataError(
            path,
            f"has values that stand for others by a table, {attribute('ModalityLUTSequence')}.",
            "Images of CT, MR and PET are rescaled by slope and intercept: give the original series.",
        )
    slope, intercept = (numbers(path, header, keyword, 1) for keyword in ("RescaleSlope", "RescaleIntercept"))
    if slope is not None and slope[0] == 0:
        raise BadDataError(path, f"has {attribute('RescaleSlope')} 0: all its values are equal.", "Export the series again.")
    largest = abs(1.0 if slope is None else float(slope[0])) * 2.0**32 + abs(0.0 if intercept is None else float(intercept[0]))
    smallest = max(_SMALLEST_SLOPE, abs(0.0 if intercept is None else float(intercept[0])) * float(np.finfo(np.float32).eps))
    # Below that, float32 would make neighbouring values one, or all of them 0.
    if not largest < np.finfo(np.float32).max or abs(1.0 if slope is None else float(slope[0])) < smallest:
        raise BadDataError(
            path,
            f"has {attribute('RescaleSlope')} and {attribute('RescaleIntercept')} that no measured value needs"
            f" ({value_of(path, header, 'RescaleSlope')}, {value_of(path, header, 'RescaleIntercept')}).",
            "Export the series again.",
        )
    padding, limit = (_stored_value(path, header, keyword) for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if padding is None:
        between = None
    else:
        other = padding if limit is None else limit
        between = (min(padding, other), max(padding, other))
    return ValueRule(1.0 if slope is None else float(slope[0]), 0.0 if intercept is None else float(intercept[0]), between)


def _stored_value(path: Path, header: Dataset, keyword: str) -> int | None:
    value = value_of(path, header, keyword)
    if value is None:
        return None
    if not isinstance(value, int):
        raise BadDataError(path, f"has {attribute(keyword)} {value!s:.40}; it holds one whole number.", "Export the series again.")
    # Writers give -2000 as 63536 too: the attribute's own sign follows Pixel Representation in the standard only.
    signed = header.get("PixelRepresentation") == 1
    bits = int(header.get("BitsAllocated") or 16)
    wrapped = value % 2**bits
    return wrapped - 2**bits if signed and wrapped >= 2 ** (bits - 1) else wrapped


def values_of(stored: NDArray[np.integer], rule: ValueRule) -> tuple[NDArray, int]:
    """Return the values of a frame, int16 where they are whole numbers that fit, else float32; and how many are padding.

    Padding keeps its rescaled value: nobody knows what else to put there.
    """
    padding = 0
    if rule.padding is not None:
        low, high = rule.padding
        padding = np.count_nonzero(stored == low) if low == high else np.count_nonzero((stored >= low) & (stored <= high))
    if rule.slope.is_integer() and rule.intercept.is_integer():
        slope, intercept = int(rule.slope), int(rule.intercept)
        ends = [int(end) * slope + intercept for end in (stored.min(), stored.max())]
        if _INT16.min <= min(ends) and max(ends) <= _INT16.max:
            # Whole numbers modulo 65,536: right as soon as the final ones fit, whatever the steps do.
            plane = stored.astype(np.int16)
            if slope != 1:
                plane *= _wrapped(slope)
            if intercept:
                plane += _wrapped(intercept)
            return plane, int(padding)
    return (stored * rule.slope + rule.intercept).astype(np.float32), int(padding)


def _wrapped(number: int) -> np.int16:
    return np.int16((number + 2**15) % 2**16 - 2**15)
