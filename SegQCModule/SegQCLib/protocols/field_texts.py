"""What each key of a protocol is called in a sentence, what it is for, and which direction of a change is the stricter one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from SegQCLib.case import Code, Terminology
from SegQCLib.protocol import (
    AITool,
    AllowedPlanes,
    AllowedTexts,
    Contrast,
    Decision,
    ExpectedAgreementRule,
    Grade,
    ImageQualityLimit,
    QCProtocol,
    Range,
    Rating,
    ReaderTraining,
    Structure,
    TechnicalLimit,
    WindowRule,
)
from SegQCLib.protocols.difference import Affects


@dataclass(frozen=True)
class FieldText:
    """The words of one key.

    Attributes
    ----------
    label : str
        As a sentence names it.
    affects : Affects or None
        Which earlier results depend on it; None: those that depend on what it is a part of.
    stricter : {"less", "more"} or tuple or None
        Allowed values, fewer or more of which are the stricter rule; a tuple names single values from lax to strict; None:
        neither direction is.
    """

    label: str
    affects: Affects | None = None
    stricter: Literal["less", "more"] | tuple[Any, ...] | None = None


def _limit(label: str, affects: Affects = "acquisition") -> FieldText:
    return FieldText(label, affects, "less")


_SOURCE = FieldText("source", "texts")
_NO_YES = (False, True)

FIELD_TEXTS: dict[type, dict[str, FieldText]] = {
    QCProtocol: {
        "schema": FieldText("file format", "texts"),
        "schema_version": FieldText("version of the file format", "texts"),
        "id": FieldText("identifier", "texts"),
        "version": FieldText("version", "texts"),
        "title": FieldText("title", "texts"),
        "purpose": FieldText("purpose", "texts"),
        "modality": _limit("modality"),
        "structures": FieldText("structures", "segmentation"),
        "plane": _limit("slice plane"),
        "slice_thickness_mm": _limit("slice thickness"),
        "slice_spacing_mm": _limit("distance between slices"),
        "slice_gap_mm": _limit("gap between slices"),
        "pixel_spacing_mm": _limit("in-plane voxel size"),
        "in_plane_size": _limit("rows and columns"),
        "spacing_variation_mm": _limit("deviation of a slice step from the median step"),
        "gantry_tilt_deg": _limit("gantry tilt"),
        "irregular_geometry": FieldText("a tilted or irregularly spaced series", "measurement", ("resample", "stop")),
        "uniform_in_study": FieldText("what must be the same in all series of a study", "acquisition", "more"),
        "convolution_kernel": _limit("convolution kernel"),
        "kvp": _limit("tube voltage"),
        "mr_sequence": _limit("MR sequence"),
        "magnetic_field_strength_t": _limit("magnetic field strength"),
        "echo_time_ms": _limit("echo time"),
        "repetition_time_ms": _limit("repetition time"),
        "inversion_time_ms": _limit("inversion time"),
        "uptake_time_min": _limit("uptake time"),
        "image_type": _limit("image type"),
        "lossy_compression_ratio": _limit("ratio of lossy compression"),
        "contrast": FieldText("contrast phase", "acquisition"),
        "windows": FieldText("windows", "reading"),
        "lesion_voxels": _limit("voxels of a lesion", "verdict"),
        "lesion_slices": _limit("slices of a lesion", "verdict"),
        "decisions": FieldText("decisions", "verdict"),
        "rejecting_checks": FieldText("checks whose failure rejects the case", "verdict", "more"),
        "expected_agreement": FieldText("expected expert agreement", "verdict"),
        "technical_limits": FieldText("limits for technical errors", "verdict"),
        "skipped_checks": FieldText("checks that the study does not want", "verdict", "less"),
        "image_quality": FieldText("image-quality limits", "verdict"),
        "ratings": FieldText("ratings", "reading"),
        "reader_training": FieldText("training of readers", "reading"),
        "ai_tools": FieldText("AI tools whose drafts are allowed", "reading"),
        "uncertainty_maps": FieldText("uncertainty maps of a draft are shown", "reading", ("on_request", "after_first_read")),
    },
    Structure: {
        "name": FieldText("name"),
        "terminology": FieldText("codes"),
        "required": FieldText("required", None, _NO_YES),
        "aliases": FieldText("other names"),
        "is_lesion": FieldText("is a lesion", "verdict"),
        "many": FieldText("may have several segments", None, (True, False)),
        "surface_tolerance_mm": _limit("tolerance of the surface Dice", "measurement"),
        "may_overlap": FieldText("may share voxels with", "verdict", "less"),
    },
    Terminology: {
        "category": FieldText("category"),
        "type": FieldText("type"),
        "modifier": FieldText("modifier"),
        "region": FieldText("region"),
        "region_modifier": FieldText("modifier of the region"),
    },
    Code: {"value": FieldText("code"), "scheme": FieldText("coding scheme"), "meaning": FieldText("meaning", "texts")},
    WindowRule: {
        "name": FieldText("name", "texts"),
        "structures": FieldText("structures", None, "more"),
        "window": FieldText("width", None, "less"),
        "level": FieldText("level", None, "less"),
        "apply_window": FieldText("width that Apply sets"),
        "apply_level": FieldText("level that Apply sets"),
    },
    Contrast: {
        "phase": FieldText("phase"),
        "agent_required": FieldText("contrast agent must be named in the header", None, _NO_YES),
        "source": _SOURCE,
        "series_description_words": FieldText("words in Series Description that name the phase"),
        "delay_s": FieldText("delay after the start of the contrast injection", None, "less"),
    },
    Decision: {
        "metric": FieldText("measure"),
        "structures": FieldText("structures", None, "more"),
        "accept": FieldText("accepts", None, "less"),
        "reject": FieldText("rejects", None, "more"),
    },
    ExpectedAgreementRule: {
        "rule": FieldText("rule of the image's own threshold"),
        "coverage": FieldText("share of expert pairs that reach the threshold"),
        "model": FieldText("difficulty model"),
    },
    ImageQualityLimit: {
        "measure": FieldText("measure"),
        "region": FieldText("region"),
        "limit": FieldText("limit", None, "less"),
        "background": FieldText("background"),
        "part": FieldText("part of the structure's neighbourhood"),
        "method": FieldText("method"),
    },
    Rating: {
        "id": FieldText("stored identifier"),
        "title": FieldText("title", "texts"),
        "grades": FieldText("grades"),
        "best": FieldText("best end of the scale"),
        "source": _SOURCE,
        "unusable": FieldText("grades that propose to exclude the image", "verdict", "more"),
    },
    Grade: {"value": FieldText("number"), "wording": FieldText("wording")},
    ReaderTraining: {
        "course": FieldText("course"),
        "valid_d": FieldText("days for which it holds", None, "less"),
        "missing": FieldText("without a valid certificate", None, ("warn", "refuse")),
    },
    AITool: {
        "name": FieldText("name"),
        "versions": FieldText("versions", None, "less"),
        "source": _SOURCE,
    },
    TechnicalLimit: {
        "name": FieldText("name"),
        "limit": FieldText("limit", None, "less"),
        "structures": FieldText("structures"),
    },
    Range: {
        "unit": FieldText("unit"),
        "source": _SOURCE,
        "minimum": FieldText("minimum"),
        "maximum": FieldText("maximum"),
    },
    AllowedTexts: {"values": FieldText("values"), "source": _SOURCE},
    AllowedPlanes: {
        "values": FieldText("values"),
        "maximum_obliquity_deg": FieldText("largest obliquity"),
        "source": _SOURCE,
    },
}

# Limits of technical errors in the words of a sentence.
TECHNICAL_WORDS = {
    "island_mm3": "volume of islands",
    "hole_mm3": "volume of holes",
    "skipped_slices": "empty slices in a row",
    "area_jump": "jump of the area in one slice",
    "end_slice_area": "area of the first and last slice",
    "flat_face_mm2": "area of plane cuts",
    "spike_voxels": "length of spikes",
    "overlap_voxels": "voxels of two structures",
    "volume_ml": "volume",
    "intensity": "possible intensities",
    "impossible_intensity_share": "share of impossible intensities",
    "side_mm": "side of the body",
}
