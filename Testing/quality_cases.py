"""Images with known noise, contrast and sharpness, and the cases that they are measured in."""

import numpy as np

from phantoms import AXIAL
from SegQCLib.acquisition import Acquisition
from SegQCLib.case import Case, Code, Segment, Segmentation, Terminology, Volume
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import AllowedTexts, ImageQualityLimit, QCProtocol, Range, Structure
from SegQCLib.quality.measure_image_quality import measure_image_quality

ORGAN = Code("123037004", "SCT", "Anatomical Structure")
ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
LIVER = Structure("liver", Terminology(ORGAN, Code("10200004", "SCT", "Liver")))
SPLEEN = Structure("spleen", Terminology(ORGAN, Code("78961009", "SCT", "Spleen")))
LESION = Structure("lesion", Terminology(ABNORMAL, Code("4147007", "SCT", "Mass")), is_lesion=True, many=True)

CT = Acquisition(modality="CT", value_unit="HU")
PET = Acquisition(modality="PT", value_unit="g/mL (SUVbw)")
MR = Acquisition(modality="MR")
ONE_COIL_MR = Acquisition(
    modality="MR", image_type=("ORIGINAL", "PRIMARY", "M"), receive_coil_type="BODY", parallel_acquisition="NO"
)


def sphere(size, spacing_mm, center_kji, radius_mm) -> np.ndarray:
    """Voxels whose centre is at most the radius from a point that is given as an index."""
    indices = np.ogrid[tuple(slice(0, n) for n in size)]
    squared = sum(((index - c) * mm) ** 2 for index, c, mm in zip(indices, center_kji, spacing_mm, strict=True))
    return squared <= radius_mm**2


def box(size, k, j, i) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[slice(*k), slice(*j), slice(*i)] = True
    return mask


def a_case(values, spacing_mm=(1.0, 1.0, 1.0), acquisition=CT, second=None, axes_lps=AXIAL, **masks) -> Case:
    """A case with one segment per keyword, each in a layer of its own."""
    geometry = Geometry(values.shape, spacing_mm, (0.0, 0.0, 0.0), axes_lps)
    layers = tuple(mask.astype(np.uint8) for mask in masks.values())
    segments = tuple(Segment(f"s{n}", name.replace("_", " "), 1, layer=n) for n, name in enumerate(masks))
    return Case(
        Volume(values, geometry, acquisition),
        Segmentation("reader", geometry, layers, segments),
        second_image=None if second is None else Volume(second, geometry, acquisition),
    )


def a_protocol(*limits, modality="CT", structures=(LIVER, SPLEEN, LESION), **more) -> QCProtocol:
    return QCProtocol(
        "segqc-protocol", "1.0", "test", "1.0.0", "Test", "Testing.", AllowedTexts((modality,), "study"), structures,
        image_quality=limits, **more,
    )  # fmt: skip


def a_limit(measure, region="liver", minimum=None, maximum=None, unit="1", **more) -> ImageQualityLimit:
    return ImageQualityLimit(measure, region, Range(unit, "study decision", minimum, maximum), **more)


def rows(case, protocol=None, **wanted):
    """Return the numbers of a case that have these facts."""
    found = measure_image_quality(case, protocol or a_protocol()).measurements
    return [row for row in found if all(getattr(row, name) == value for name, value in wanted.items())]


def number(case, protocol=None, **wanted):
    """Return the only number of a case with these facts."""
    (row,) = rows(case, protocol, **wanted)
    return row
