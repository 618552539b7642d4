"""Images and segmentations whose answers follow from arithmetic."""

import numpy as np

from SegQCLib.case import Acquisition, Segment, Segmentation, Volume
from SegQCLib.geometry import Geometry

AXIAL = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


def a_geometry(size=(10, 20, 30), spacing_mm=(2.0, 1.0, 1.0), origin_lps_mm=(0.0, 0.0, 0.0), axes_lps=AXIAL) -> Geometry:
    return Geometry(size, spacing_mm, origin_lps_mm, axes_lps)


def a_volume(geometry=None, acquisition=None, value=40) -> Volume:
    geometry = geometry or a_geometry()
    return Volume(np.full(geometry.size, value, np.int16), geometry, acquisition or Acquisition())


def box_array(size, k, j, i, value=1) -> np.ndarray:
    """Label array of `size` with `value` in the half-open box k, j, i."""
    array = np.zeros(size, np.uint8)
    array[slice(*k), slice(*j), slice(*i)] = value
    return array


def a_segmentation(geometry=None, name="reader", **boxes) -> Segmentation:
    """Segmentation with one box segment per keyword: liver=((1, 4), (2, 9), (3, 8)); None is an empty segment."""
    geometry = geometry or a_geometry()
    layers, segments = [], []
    for number, (segment_name, box) in enumerate(boxes.items()):
        layers.append(np.zeros(geometry.size, np.uint8) if box is None else box_array(geometry.size, *box))
        segments.append(Segment(id=f"s{number}", name=segment_name, label_value=1, layer=number))
    return Segmentation(name, geometry, tuple(layers), tuple(segments))
