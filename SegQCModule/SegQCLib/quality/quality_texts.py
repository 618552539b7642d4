"""What each image-quality number is called and means, in words for a radiologist, and how its value is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from SegQCLib.number_texts import grouped
from SegQCLib.quality.quality_measurement import QualityMeasure, QualityMeasurement, StudyPosition

ARBITRARY = "{arbitrary}"
REGION_WORDS = {
    "whole": "whole segment",
    "core": "core of the segment, away from its border",
    "shell": "shell of tissue around the segment",
    "background": "background region of normal tissue",
}
METHOD_WORDS = {
    "background_sd": "background SD",
    "sd": "SD",
    "local": "local SD",
    "step_to_noise": "step to noise",
    "edge_width": "edge width",
    "uniform_7": "window 7",
    "gaussian_11": "Gaussian window",
}
_UNIT_WORDS = {"1": "", "[hnsf'U]": "HU", "g/ml": "g/mL (SUVbw)", ARBITRARY: "arbitrary units"}


@dataclass(frozen=True)
class QualityText:
    """The words of one number.

    Attributes
    ----------
    measure : str
    short_name, long_name : str
        For a table and for a list.
    meaning : str
        One sentence.
    better : {"higher", "lower"} or None
        Which direction makes segmenting easier; None where the number also depends on the disease.
    """

    measure: QualityMeasure
    short_name: str
    long_name: str
    meaning: str
    better: Literal["higher", "lower"] | None

    @property
    def better_text(self) -> str:
        return "neither higher nor lower is better" if self.better is None else f"{self.better} is better"


QUALITY_TEXTS = (
    QualityText("snr", "SNR", "Signal-to-noise ratio", "How far the mean grey value stands above its random variation.", "higher"),
    QualityText(
        "cnr",
        "CNR",
        "Contrast-to-noise ratio",
        "How far the region stands out from its background, in units of the noise.",
        "higher",
    ),
    QualityText(
        "noise", "Noise", "Noise", "Random variation of the grey values where the tissue should be uniform.", "lower"
    ),
    QualityText(
        "tumour_to_background",
        "TBR",
        "Tumour-to-background ratio",
        "Uptake of the lesion as a multiple of the uptake of normal tissue; it depends on tumour, tracer and image alike.",
        None,
    ),
    QualityText(
        "contrast_at_border",
        "Border contrast",
        "Contrast at the border",
        "How much the grey value changes across the segment's border.",
        "higher",
    ),
    QualityText(
        "sharpness",
        "Sharpness",
        "Width of the edge at the border",
        "Over what distance the grey value changes from inside to outside at the border.",
        "lower",
    ),
    QualityText(
        "ssim",
        "SSIM",
        "Structural similarity index",
        "How alike this image and a second, registered one are in brightness, contrast and structure; 1 is identical.",
        "higher",
    ),
)  # fmt: skip
_BY_MEASURE = {text.measure: text for text in QUALITY_TEXTS}
_ORDER = {text.measure: place for place, text in enumerate(QUALITY_TEXTS)}


def quality_text(measure: QualityMeasure) -> QualityText:
    """Return the words of a measure; for one without words of its own, as tables of another version have, words that say so."""
    known = _BY_MEASURE.get(measure)
    return QualityText(measure, measure, measure, "This version of SegQC does not know it.", None) if known is None else known


def quality_order(measure: str) -> int:
    """Return the place of a measure in tables and lists."""
    return _ORDER.get(measure, len(_ORDER))


def number_name(measure: QualityMeasure, method: str) -> str:
    """Return what a number is called where several methods stand side by side: SNR (tissue)."""
    return f"{quality_text(measure).short_name} ({METHOD_WORDS.get(method, method.replace('_', ' '))})"


def unit_words(unit: str) -> str:
    """Return a UCUM unit as people write it; "" for a number without unit."""
    return _UNIT_WORDS.get(unit, unit)


def bare_value(value: float) -> str:
    """Return a value with three or four digits and without its unit."""
    size = abs(value)
    return grouped(value, 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3)


def value_text(value: float, unit: str) -> str:
    """Return a value with its unit."""
    return f"{bare_value(value)} {unit_words(unit)}".rstrip()


def region_text(m: QualityMeasurement) -> str:
    """Return where a number was measured, with its voxels."""
    return f"{REGION_WORDS[m.region]}, {grouped(m.voxels, 0)} voxel{'' if m.voxels == 1 else 's'}"


def background_text(m: QualityMeasurement) -> str | None:
    """Return what a number was measured against, with its voxels; None: against nothing."""
    if m.background is None or m.background_voxels is None:
        return None
    return f"{m.background}, {grouped(m.background_voxels, 0)} voxel{'' if m.background_voxels == 1 else 's'}"


def z_text(place: StudyPosition) -> str:
    """Return a robust z-score with its sign."""
    return "undefined" if place.z is None else signed_z(place.z)


def signed_z(z: float) -> str:
    """Return a z-score with one decimal and its sign; 0.0 has none."""
    text = f"{z:+.1f}".replace("-", "−")
    return text if text.strip("+−") != "0.0" else "0.0"


def place_text(place: StudyPosition, unit: str) -> str:
    """Return what stands behind a z-score, a sentence."""
    text = f"Of {place.cases} other cases: median {value_text(place.median, unit)}, MAD {value_text(place.mad, unit)}."
    if place.z is None:
        text += " The cases do not differ enough for a z-score: their median absolute deviation is 0."
    return f"{text} {place.stratum[:1].upper()}{place.stratum[1:]}."
