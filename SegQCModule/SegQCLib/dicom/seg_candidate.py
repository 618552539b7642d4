"""What a candidate needs before it can be frames of a series: the grid of the series' slices, and codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from SegQCLib.alignment import align
from SegQCLib.dicom.seg_slices import has_slices_of
from SegQCLib.geometry import axis_order, reorder_axes
from SegQCLib.regular_grid import is_regular

if TYPE_CHECKING:
    from SegQCLib.case import Segmentation, Terminology, Volume
    from SegQCLib.protocol import QCProtocol


def on_series(candidate: Segmentation, series: Volume) -> Segmentation:
    """Return a segmentation on the slices of a series, in their order.

    Raises
    ------
    BadDataError
        If segmentation and series do not overlap in space.
    """
    if not is_regular(series):
        # What was drawn on the slices of an irregular series lies on them, whatever even spacing its file gives them.
        order = axis_order(candidate.geometry, series.geometry)
        if has_slices_of(reorder_axes(candidate.geometry, order), series.geometry):
            layers = tuple(order.apply(layer) for layer in candidate.layers)
            return replace(candidate, geometry=series.geometry, layers=layers)
    return align(candidate, series.geometry)


def with_codes(candidate: Segmentation, by_name: Mapping[str, Terminology | None], protocol: QCProtocol | None) -> Segmentation:
    """Return the candidate with codes for segments that have none: by their names, then by the protocol's structures."""
    segments = []
    for segment in candidate.segments:
        meaning = segment.terminology or by_name.get(segment.name)
        if meaning is None and protocol is not None:
            structure = protocol.structure_of(segment)
            meaning = None if structure is None else structure.terminology
        segments.append(replace(segment, terminology=meaning))
    return replace(candidate, segments=tuple(segments))
