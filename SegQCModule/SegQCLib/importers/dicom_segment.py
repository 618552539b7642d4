"""One item of DICOM's Segment Sequence (0062,0002) as a Segment: name, codes, colour, algorithm, tracking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from SegQCLib.algorithm_type import ALGORITHM_TYPES
from SegQCLib.case import Code, Segment, Terminology

if TYPE_CHECKING:
    from pydicom import Dataset


# DICOM points to ICC's white, D50, but what writes SEG files (dcmtk for dcmqi and Slicer, highdicom) takes sRGB's own, D65:
# only with that does a colour come back as it was chosen.
_D65_WHITE = np.array([0.95047, 1.0, 1.08883])
_XYZ_TO_SRGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)


Color = tuple[float, float, float]


def segment_from_item(item: Dataset, layer: int) -> Segment:
    """Return what a Segment Sequence item says, with the Segment Number as label value.

    References
    ----------
    DICOM PS3.3 C.8.20.4 (Segment Description Macro), 10.16 (Algorithm Identification Macro).
    """
    number, algorithm_type = int(item.SegmentNumber), text_of(item, "SegmentAlgorithmType")
    algorithm = first_item(item, "SegmentationAlgorithmIdentificationSequence")
    return Segment(
        id=f"segment_{number}",
        name=text_of(item, "SegmentLabel") or f"segment_{number}",
        label_value=number,
        layer=layer,
        terminology=_terminology(item),
        color=_color(item),
        algorithm_type=algorithm_type if algorithm_type in ALGORITHM_TYPES else None,
        algorithm_name=text_of(item, "SegmentAlgorithmName") or text_of(algorithm, "AlgorithmName"),
        algorithm_version=text_of(algorithm, "AlgorithmVersion"),
        algorithm_parameters=text_of(algorithm, "AlgorithmParameters"),
        algorithm_family=code_of(algorithm, "AlgorithmFamilyCodeSequence"),
        tracking_id=text_of(item, "TrackingID"),
        tracking_uid=text_of(item, "TrackingUID"),
    )


def color_from_cielab(encoded: tuple[int, int, int]) -> Color:
    """Return Recommended Display CIELab Value (0062,000D) as sRGB, 0 to 1; colours outside sRGB are cut to its edge.

    References
    ----------
    DICOM PS3.3 C.10.7.1.1 (encoding in 16 bits); CIE 15:2004 (CIELab); IEC 61966-2-1 (sRGB).
    """
    lightness, a, b = encoded[0] * 100 / 65535, encoded[1] * 255 / 65535 - 128, encoded[2] * 255 / 65535 - 128
    y = (lightness + 16) / 116
    f = np.array([y + a / 500, y, y - b / 200])
    edge = 6 / 29
    xyz = _D65_WHITE * np.where(f > edge, f**3, 3 * edge**2 * (f - 4 / 29))
    linear = np.clip(_XYZ_TO_SRGB @ xyz, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return tuple(float(value) for value in np.clip(srgb, 0, 1))


def palette_colors(dataset: Dataset) -> dict[int, Color]:
    """Return the colours, sRGB, 0 to 1, that a label map's palette has for its values; none where there is no palette.

    References
    ----------
    DICOM PS3.3 C.7.6.3.1.5 (Red, Green, Blue Palette Color Lookup Table Descriptor (0028,1101) and following),
    C.7.6.3.1.6 (Data (0028,1201) and following).
    """
    if dataset.get("PhotometricInterpretation") != "PALETTE COLOR":
        return {}
    channels = []
    for name in ("Red", "Green", "Blue"):
        descriptor = dataset.get(f"{name}PaletteColorLookupTableDescriptor")
        encoded = dataset.get(f"{name}PaletteColorLookupTableData")
        if not descriptor or not encoded:
            return {}
        # 0 entries stand for 65,536, which 16 bits cannot say.
        entries, first, bits = int(descriptor[0]) or 2**16, int(descriptor[1]), int(descriptor[2])
        if bits not in (8, 16):
            return {}
        values = np.frombuffer(encoded, "<u2" if len(encoded) >= 2 * entries else np.uint8)[:entries]
        channels.append((first, values / (2**bits - 1)))
    first = channels[0][0]
    colors = zip(*(np.clip(values, 0, 1).tolist() for _, values in channels), strict=False)
    return {first + number: color for number, color in enumerate(colors)}


def _color(item: Dataset) -> Color | None:
    encoded = item.get("RecommendedDisplayCIELabValue")
    return color_from_cielab(tuple(int(value) for value in encoded)) if encoded is not None and len(encoded) == 3 else None


def _terminology(item: Dataset) -> Terminology | None:
    kind = first_item(item, "SegmentedPropertyTypeCodeSequence")
    category_code, type_code = code_of(item, "SegmentedPropertyCategoryCodeSequence"), code_from_item(kind)
    if category_code is None or type_code is None:
        return None
    region = first_item(item, "AnatomicRegionSequence")
    return Terminology(
        category=category_code,
        type=type_code,
        modifier=code_of(kind, "SegmentedPropertyTypeModifierCodeSequence"),
        region=code_from_item(region),
        region_modifier=code_of(region, "AnatomicRegionModifierSequence"),
    )


def code_of(item: Dataset | None, keyword: str) -> Code | None:
    """Return the first code of a code sequence; None where there is none."""
    return code_from_item(first_item(item, keyword))


def code_from_item(item: Dataset | None) -> Code | None:
    """Return a code sequence item; SNOMED-RT codes of older files as the SNOMED CT codes that DICOM replaced them with."""
    from pydicom.sr import _snomed_dict

    value = text_of(item, "CodeValue") or text_of(item, "LongCodeValue") or text_of(item, "URNCodeValue")
    scheme = text_of(item, "CodingSchemeDesignator") or ("URN" if value and text_of(item, "URNCodeValue") else None)
    if value is None or scheme is None:
        return None
    meaning = text_of(item, "CodeMeaning") or value
    if scheme in ("SRT", "SNM3", "99SDM"):
        # PS3.16 annex O lists the pairs; pydicom carries them for its own comparison of codes.
        newer = _snomed_dict.mapping["SRT"].get(value)
        return Code(value, scheme, meaning) if newer is None else Code(newer, "SCT", meaning)
    return Code(value, scheme, meaning)


def first_item(item: Dataset | None, keyword: str) -> Dataset | None:
    """Return the first item of a sequence; None where it is missing or empty."""
    sequence = None if item is None else item.get(keyword)
    return sequence[0] if sequence else None


def text_of(item: Dataset | None, keyword: str) -> str | None:
    """Return a value as text; None where it is missing or empty."""
    value = None if item is None else item.get(keyword)
    return str(value).strip() or None if value is not None else None
