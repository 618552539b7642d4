"""The written protocol: what images, structures, windows and measures a study allows, and who says so."""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Literal

from SegQCLib.case import Acquisition, Segment, Terminology
from SegQCLib.dataclass_json import FaultyJSONError, from_json, json_schema
from SegQCLib.errors import BadDataError
from SegQCLib.quality.methods import AGAINST_BACKGROUND, FIXED_UNITS, METHODS, REGIONS, QualityMethod
from SegQCLib.quality.quality_measurement import QualityMeasure, Region
from SegQCLib.resources import resource

# Values read from headers are decimal text: 0.9999999 mm is 1 mm.
LIMIT_TOLERANCE = 1e-6

PROTOCOL_SCHEMA_ID = "https://segqc.invalid/schemas/protocol.schema.json"

Unit = Literal["mm", "deg", "ms", "s", "min", "h", "[hnsf'U]", "g/ml", "1", "T", "kV", "d", "mm3", "mm2", "ml", "%"]
DecidingMetric = Literal[
    "dice", "jaccard", "relative_volume_difference", "hausdorff_mm", "hausdorff_95_mm", "assd_mm",
    "surface_dice_1mm", "surface_dice_2mm", "surface_dice_3mm", "surface_dice_protocol",
]  # fmt: skip
# Share of something: 1 is all of it, and nothing lies outside 0 to 1.
_SHARES = ("dice", "jaccard", "surface_dice_1mm", "surface_dice_2mm", "surface_dice_3mm", "surface_dice_protocol")
_IN_MM = ("hausdorff_mm", "hausdorff_95_mm", "assd_mm")
Plane = Literal["axial", "coronal", "sagittal"]


@dataclass(frozen=True)
class Range:
    """A closed range of allowed values with unit and source; null leaves a side open."""

    unit: Unit = field(
        metadata={"doc": "UCUM unit: mm, deg, ms, s, min, h, [hnsf'U] (Hounsfield), g/ml (SUVbw), 1, T, kV, d, mm3, mm2, ml, %."}
    )
    source: str = field(metadata={"doc": "Who set this limit: paper, guideline, standard, or the study itself."})
    minimum: float | None = field(default=None, metadata={"doc": "Smallest allowed value (inclusive); null: none."})
    maximum: float | None = field(default=None, metadata={"doc": "Largest allowed value (inclusive); null: none."})

    def __contains__(self, value: float) -> bool:
        above = self.minimum is None or value >= self.minimum - LIMIT_TOLERANCE
        return above and (self.maximum is None or value <= self.maximum + LIMIT_TOLERANCE)

    def __str__(self) -> str:
        unit = {"1": "", "[hnsf'U]": " HU", "mm3": " mm³", "mm2": " mm²", "ml": " mL"}.get(self.unit, f" {self.unit}")
        if self.minimum is None:
            return f"up to {self.maximum:g}{unit}"
        if self.maximum is None:
            return f"at least {self.minimum:g}{unit}"
        if self.minimum == self.maximum:
            return f"{self.minimum:g}{unit}"
        return f"{self.minimum:g} to {self.maximum:g}{unit}"

    def overlaps(self, other: Range) -> bool:
        """Return whether one value can lie in both ranges, each taken with its reading tolerance."""
        minima = [edge for edge in (self.minimum, other.minimum) if edge is not None]
        maxima = [edge for edge in (self.maximum, other.maximum) if edge is not None]
        return not minima or not maxima or max(minima) - LIMIT_TOLERANCE <= min(maxima) + LIMIT_TOLERANCE

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.minimum is None and self.maximum is None:
            yield "", "has neither minimum nor maximum; give one, or leave the whole limit out"
        if self.minimum is not None and self.maximum is not None and self.maximum < self.minimum:
            yield "maximum", f"{self.maximum:g} is below minimum {self.minimum:g}"


@dataclass(frozen=True)
class AllowedTexts:
    """Allowed values of a header text, with source."""

    values: tuple[str, ...] = field(metadata={"doc": "Allowed values. * stands for any characters, as in Br3*."})
    source: str = field(metadata={"doc": "Who set this limit."})

    def __contains__(self, value: str) -> bool:
        return any(fnmatch.fnmatchcase(value.casefold(), pattern.casefold()) for pattern in self.values)

    def __str__(self) -> str:
        return ", ".join(self.values)

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.values:
            yield "values", "is empty, so nothing would be allowed; name a value or leave the whole limit out"


@dataclass(frozen=True)
class AllowedPlanes:
    """Allowed slice planes, with source."""

    values: tuple[Plane, ...] = field(metadata={"doc": "axial, coronal, sagittal."})
    maximum_obliquity_deg: float = field(
        metadata={"doc": "Largest angle between the slice normal and the named plane's normal, degrees."}
    )
    source: str = field(metadata={"doc": "Who set this limit."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.values:
            yield "values", "is empty; name a plane or leave the whole limit out"
        if not 0 <= self.maximum_obliquity_deg <= 45:
            yield "maximum_obliquity_deg", f"{self.maximum_obliquity_deg:g} is not in [0, 45]"


@dataclass(frozen=True)
class Contrast:
    """Which contrast phase the study reads, and how the header can show it."""

    phase: str = field(metadata={"doc": "The phase in words, for example portal venous; 'none' for an unenhanced study."})
    agent_required: bool = field(metadata={"doc": "Whether Contrast/Bolus Agent (0018,0010) must be given."})
    source: str = field(metadata={"doc": "Who set this limit."})
    series_description_words: tuple[str, ...] = field(
        default=(), metadata={"doc": "Words in Series Description (0008,103E) that name this phase; * as wildcard."}
    )
    delay_s: Range | None = field(
        default=None,
        metadata={"doc": "Acquisition Time (0008,0032) minus Contrast/Bolus Start Time (0018,1042) for this phase, s."},
    )


@dataclass(frozen=True)
class WindowRule:
    """The grey-scale windows that readers may use for a group of structures, and the one to apply."""

    name: str = field(metadata={"doc": "Name of the window, for example Soft tissue."})
    structures: tuple[str, ...] = field(metadata={"doc": "Structure names it applies to; * for all."})
    window: Range = field(metadata={"doc": "Allowed Window Width (0028,1051)."})
    level: Range = field(metadata={"doc": "Allowed Window Center (0028,1050)."})
    apply_window: float = field(metadata={"doc": "Window width that Apply sets."})
    apply_level: float = field(metadata={"doc": "Window level (centre) that Apply sets."})

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.structures:
            yield "structures", "is empty; name a structure, or * for all"
        if self.apply_window <= 0:
            yield "apply_window", f"{self.apply_window:g} is not > 0"
        if self.apply_window not in self.window:
            yield "apply_window", f"{self.apply_window:g} is outside the allowed window, {self.window}"
        if self.apply_level not in self.level:
            yield "apply_level", f"{self.apply_level:g} is outside the allowed level, {self.level}"


@dataclass(frozen=True)
class Structure:
    """One anatomical structure or lesion that the protocol names."""

    name: str = field(metadata={"doc": "Unique name in this protocol, lower case with underscores."})
    terminology: Terminology = field(metadata={"doc": "SNOMED CT or DICOM codes of the structure."})
    required: bool = field(
        default=False, metadata={"doc": "Whether a segment for it must exist (it may be empty: assessed, absent)."}
    )
    aliases: tuple[str, ...] = field(default=(), metadata={"doc": "Other segment names that mean this structure."})
    is_lesion: bool = field(default=False, metadata={"doc": "Whether the lesion limits (voxels, slices) apply."})
    many: bool = field(default=False, metadata={"doc": "Whether several segments may carry it (lesion 1, lesion 2, ...)."})
    surface_tolerance_mm: Range | None = field(
        default=None, metadata={"doc": "Tolerance of the surface Dice for this structure: its maximum, mm."}
    )
    may_overlap: tuple[str, ...] = field(
        default=(),
        metadata={"doc": "Names of structures that share voxels with it by nature (a lobe and its lung); said once for both."},
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        tolerance = self.surface_tolerance_mm
        if tolerance is not None and not (tolerance.maximum and tolerance.maximum > 0):
            yield "surface_tolerance_mm", "needs a maximum above 0 mm: that is the tolerance"


@dataclass(frozen=True)
class Decision:
    """When a measure against the reference accepts or rejects a segment."""

    metric: DecidingMetric = field(metadata={"doc": "Which measure decides."})
    structures: tuple[str, ...] = field(metadata={"doc": "Structure names it applies to; * for all."})
    accept: Range = field(metadata={"doc": "Values that accept the segment."})
    reject: Range | None = field(
        default=None, metadata={"doc": "Values that reject the segment; anything in neither range asks for review."}
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.structures:
            yield "structures", "is empty; name a structure, or * for all"
        for name in ("accept", "reject"):
            limit = getattr(self, name)
            for edge in () if limit is None or self.metric not in _SHARES else (limit.minimum, limit.maximum):
                if edge is not None and not 0 <= edge <= 1:
                    yield name, f"{edge:g} is not in [0, 1], where {self.metric} lies (1 is complete agreement)"
        if self.reject is not None and self.reject.overlaps(self.accept):
            yield "reject", f"{self.reject} overlaps accept, {self.accept}: one value would do both"


@dataclass(frozen=True)
class ExpectedAgreementRule:
    """Which model predicts how well experts agree on an image, and what follows for the Dice that is accepted there."""

    rule: Literal["lower", "mean"] = field(
        default="lower",
        metadata={
            "doc": "What a Dice against a reference has to reach on an image. lower: the value that `coverage` of single expert"
            " pairs reach on such an image; mean: the predicted mean, which turns away about half of expert-quality work by"
            " construction."
        },
    )
    coverage: float = field(
        default=0.9,
        metadata={
            "doc": "Share of single expert pairs at or above the threshold of the rule lower, and probability that the interval of"
            " the mean holds the true mean; above 0, below 1."
        },
    )
    model: str | None = field(
        default=None,
        metadata={
            "doc": "Id of a shipped difficulty model, or the path of a model's JSON file (relative to the protocol's file); null:"
            " none. It decides for the structures that have the model's codes."
        },
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        if not 0 < self.coverage < 1:
            yield "coverage", f"{self.coverage:g} is not in (0, 1)"


@dataclass(frozen=True)
class ImageQualityLimit:
    """A study's limit for an image-quality number."""

    measure: QualityMeasure = field(metadata={"doc": "Which number."})
    region: str = field(metadata={"doc": "Structure name it is measured in."})
    limit: Range = field(metadata={"doc": "Allowed values."})
    background: str | None = field(
        default=None,
        metadata={"doc": "For cnr and tumour_to_background: structure name of the background; null: the tissue around the region."},
    )
    part: Region | None = field(
        default=None,
        metadata={
            "doc": "Which part of the structure's neighbourhood: whole, core, shell or background; null: core for snr"
            " and noise, else"
            " the measure's own."
        },
    )
    method: QualityMethod | None = field(
        default=None,
        metadata={
            "doc": "By which method, as in the record; null: tissue for snr, sd for noise, mean for tumour_to_background, step for"
            " contrast_at_border, uniform_7 for ssim."
        },
    )

    @property
    def wanted_part(self) -> Region:
        return self.part or REGIONS[self.measure][0]

    @property
    def wanted_method(self) -> QualityMethod:
        return self.method or METHODS[self.measure][0]

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.background is not None and self.measure not in AGAINST_BACKGROUND:
            yield "background", f"{self.measure} is not measured against a background; only {' and '.join(AGAINST_BACKGROUND)} are"
        for key, value, known in (("part", self.part, REGIONS), ("method", self.method, METHODS)):
            if value is not None and value not in known[self.measure]:
                yield key, f"{value!r} is not one of {self.measure}; it has {', '.join(known[self.measure])}"
        unit = FIXED_UNITS.get((self.measure, self.wanted_method))
        if unit is not None and self.limit.unit != unit:
            yield "limit.unit", f"{self.limit.unit!r} is not {unit!r}, the unit of {self.measure}"


@dataclass(frozen=True)
class Grade:
    """One grade of a rating with its wording."""

    value: int = field(metadata={"doc": "The number stored."})
    wording: str = field(metadata={"doc": "What the reader sees beside the number."})


@dataclass(frozen=True)
class Rating:
    """A Likert rating that the protocol asks of the reader."""

    id: str = field(metadata={"doc": "Stored identifier, for example motion."})
    title: str = field(metadata={"doc": "What is rated."})
    grades: tuple[Grade, ...] = field(metadata={"doc": "All grades with their wording."})
    best: Literal["highest", "lowest"] = field(metadata={"doc": "Which end of the scale is best: papers differ."})
    source: str = field(metadata={"doc": "Where the scale comes from."})
    unusable: tuple[int, ...] = field(default=(), metadata={"doc": "Grades that propose to exclude the image."})

    def faults(self) -> Iterator[tuple[str, str]]:
        values = [grade.value for grade in self.grades]
        if len(values) < 2:
            yield "grades", f"has {len(values)}; a scale needs at least two"
        if len(values) != len(set(values)):
            yield "grades", f"values {values} are not unique"
        for value in self.unusable:
            if value not in values:
                yield "unusable", f"{value} is not a grade of this scale, {values}"


@dataclass(frozen=True)
class ReaderTraining:
    """Which training a reader must have passed, and for how long it holds."""

    course: str = field(metadata={"doc": "Name of the training course."})
    valid_d: Range = field(metadata={"doc": "Days for which a passed training holds: its maximum."})
    missing: Literal["warn", "refuse"] = field(
        default="warn",
        metadata={"doc": "What the gate does where the reader's certificate is missing or has expired: warn, or refuse the case."},
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.valid_d.maximum is None:
            yield "valid_d", "needs a maximum: the days for which a passed training holds"


@dataclass(frozen=True)
class AITool:
    """A segmentation model whose drafts the study allows."""

    name: str = field(metadata={"doc": "Name as in Segment Algorithm Name (0062,0009)."})
    versions: tuple[str, ...] = field(metadata={"doc": "Allowed versions; * as wildcard."})
    source: str = field(metadata={"doc": "Who allowed it."})


TechnicalLimitName = Literal[
    "island_mm3", "hole_mm3", "skipped_slices", "area_jump", "end_slice_area", "flat_face_mm2", "spike_voxels",
    "overlap_voxels", "volume_ml", "intensity", "impossible_intensity_share", "side_mm",
]  # fmt: skip
_TECHNICAL_UNITS = {
    "island_mm3": "mm3", "hole_mm3": "mm3", "flat_face_mm2": "mm2", "overlap_voxels": "1", "volume_ml": "ml",
    "intensity": "[hnsf'U]", "impossible_intensity_share": "%", "side_mm": "mm", "skipped_slices": "1", "spike_voxels": "1",
    "area_jump": "%", "end_slice_area": "%",
}  # fmt: skip


@dataclass(frozen=True)
class TechnicalLimit:
    """A study's limit for a technical error, in place of the check's own default."""

    name: TechnicalLimitName = field(metadata={"doc": "Which limit; Documentation/protocol.md lists what each means."})
    limit: Range = field(metadata={"doc": "Values that raise no alarm."})
    structures: tuple[str, ...] = field(default=("*",), metadata={"doc": "Structure names it applies to; * for all."})


@dataclass(frozen=True)
class QCProtocol:
    """A segmentation protocol for SegQC."""

    schema: Literal["segqc-protocol"] = field(metadata={"doc": "Always segqc-protocol."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this file format."})
    id: str = field(metadata={"doc": "Identifier: lower case, digits, hyphens."})
    version: str = field(metadata={"doc": "Version of the protocol, for example 1.0.0."})
    title: str = field(metadata={"doc": "Title for people."})
    purpose: str = field(metadata={"doc": "What the segmentations are for, in one or two sentences."})
    modality: AllowedTexts = field(metadata={"doc": "Allowed Modality (0008,0060)."})
    structures: tuple[Structure, ...] = field(metadata={"doc": "The structures that are segmented."})
    plane: AllowedPlanes | None = field(default=None, metadata={"doc": "Allowed slice planes."})
    slice_thickness_mm: Range | None = field(default=None, metadata={"doc": "Allowed Slice Thickness (0018,0050)."})
    slice_spacing_mm: Range | None = field(
        default=None, metadata={"doc": "Allowed distance between slice centres along the normal."}
    )
    slice_gap_mm: Range | None = field(
        default=None, metadata={"doc": "Allowed unimaged gap: slice spacing minus slice thickness, where positive."}
    )
    pixel_spacing_mm: Range | None = field(default=None, metadata={"doc": "Allowed in-plane voxel size."})
    in_plane_size: Range | None = field(default=None, metadata={"doc": "Allowed rows and columns, unit 1."})
    spacing_variation_mm: Range | None = field(
        default=None, metadata={"doc": "Allowed deviation of a slice step from the median step: its maximum."}
    )
    gantry_tilt_deg: Range | None = field(
        default=None, metadata={"doc": "Allowed angle between slice normal and the direction of the slice stack."}
    )
    irregular_geometry: Literal["stop", "resample"] = field(
        default="stop",
        metadata={
            "doc": "What to do with a tilted or irregularly spaced series: stop measuring, or resample it to a regular"
            " grid by its true slice positions."
        },
    )
    uniform_in_study: AllowedTexts | None = field(
        default=None,
        metadata={"doc": "Acquisition facts (names as in record.json) that must be the same in all series of a study."},
    )
    convolution_kernel: AllowedTexts | None = field(default=None, metadata={"doc": "Allowed Convolution Kernel (0018,1210)."})
    kvp: Range | None = field(default=None, metadata={"doc": "Allowed KVP (0018,0060), kV."})
    mr_sequence: AllowedTexts | None = field(
        default=None,
        metadata={
            "doc": "Allowed names of the MR sequence. One of Sequence Name (0018,0024), else Pulse Sequence Name (0018,9005),"
            " Series Description (0008,103E) and Protocol Name (0018,1030) must be one of them."
        },
    )
    magnetic_field_strength_t: Range | None = field(
        default=None, metadata={"doc": "Allowed Magnetic Field Strength (0018,0087), T."}
    )
    echo_time_ms: Range | None = field(
        default=None, metadata={"doc": "Allowed Echo Time (0018,0081), else Effective Echo Time (0018,9082), ms."}
    )
    repetition_time_ms: Range | None = field(default=None, metadata={"doc": "Allowed Repetition Time (0018,0080), ms."})
    inversion_time_ms: Range | None = field(
        default=None, metadata={"doc": "Allowed Inversion Time (0018,0082), else Inversion Times (0018,9079), ms."}
    )
    uptake_time_min: Range | None = field(
        default=None,
        metadata={"doc": "Allowed minutes from Radiopharmaceutical Start DateTime (0018,1078) to the start of the PET scan."},
    )
    image_type: AllowedTexts | None = field(
        default=None,
        metadata={
            "doc": "Allowed Image Type (0008,0008), its values joined by backslashes, for example ORIGINAL\\PRIMARY* to refuse"
            " derived images."
        },
    )
    lossy_compression_ratio: Range | None = field(
        default=None,
        metadata={
            "doc": "Allowed Lossy Image Compression Ratio (0028,2112), unit 1: the maximum 1 allows no compression with loss."
        },
    )
    contrast: Contrast | None = field(default=None, metadata={"doc": "Contrast phase."})
    windows: tuple[WindowRule, ...] = field(default=(), metadata={"doc": "Allowed grey-scale windows."})
    lesion_voxels: Range | None = field(default=None, metadata={"doc": "Allowed voxel count of a lesion, unit 1."})
    lesion_slices: Range | None = field(default=None, metadata={"doc": "Allowed number of slices of a lesion, unit 1."})
    decisions: tuple[Decision, ...] = field(default=(), metadata={"doc": "Measures that accept or reject a segment."})
    rejecting_checks: tuple[str, ...] = field(
        default=(), metadata={"doc": "Checks whose failure rejects the case; any other failure asks for review."}
    )
    expected_agreement: ExpectedAgreementRule = field(
        default=ExpectedAgreementRule(), metadata={"doc": "How the predicted expert agreement decides."}
    )
    technical_limits: tuple[TechnicalLimit, ...] = field(
        default=(), metadata={"doc": "Limits of the checks for technical errors, where the study wants other than the defaults."}
    )
    skipped_checks: tuple[str, ...] = field(default=(), metadata={"doc": "Ids of checks that the study does not want."})
    image_quality: tuple[ImageQualityLimit, ...] = field(default=(), metadata={"doc": "The study's image-quality limits."})
    ratings: tuple[Rating, ...] = field(default=(), metadata={"doc": "Ratings that the reader must give."})
    reader_training: ReaderTraining | None = field(default=None, metadata={"doc": "Training that must be valid."})
    ai_tools: tuple[AITool, ...] = field(default=(), metadata={"doc": "Segmentation models whose drafts are allowed; empty: none."})
    uncertainty_maps: Literal["on_request", "after_first_read"] = field(
        default="on_request",
        metadata={
            "doc": "When the reader may see probability or uncertainty maps of a draft: on_request, or only after_first_read,"
            " so that the first read is not led by them."
        },
    )

    def structure_of(self, segment: Segment) -> Structure | None:
        """Return the structure that a segment stands for: by its codes, else by name or alias, else None.

        Case, separators and the place of left and right do not count ('Left Kidney' is kidney_left), nor
        does a number at the end where a structure may have many segments ('Lesion 2' is lesion).
        """
        if segment.terminology is not None:
            for structure in self.structures:
                if structure.terminology.same_structure(segment.terminology):
                    return structure
        name = plain_name(segment.name)
        for structure in self.structures:
            known = plain_names(structure)
            if name in known or (structure.many and re.sub(r"\s*#?\d+$", "", name) in known):
                return structure
        return None

    def window_rule(self, structure_name: str) -> WindowRule | None:
        """Return the window rule that names a structure, else the one for all (*), else None."""
        for wanted in (structure_name, "*"):
            for rule in self.windows:
                if wanted in rule.structures:
                    return rule
        return None

    def technical_limit(self, name: TechnicalLimitName, structure: Structure | None, default: Range | None) -> Range | None:
        """Return the limit for a technical error that names the structure, else the one for all, else `default`."""
        own = [item for item in self.technical_limits if item.name == name]
        for wanted in (structure.name if structure else None, "*"):
            for item in own:
                if wanted in item.structures:
                    return item.limit
        return default

    def decisions_for(self, structure: Structure) -> tuple[Decision, ...]:
        """Return every decision that names a structure or is for all (*): each has its say."""
        return tuple(decision for decision in self.decisions if _names(decision.structures, structure.name))

    def faults(self) -> Iterator[tuple[str, str]]:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.id):
            yield "id", f"{self.id!r} is not lower-case letters and digits joined by hyphens, as in ct-abdomen-portal-venous"
        names = [structure.name for structure in self.structures]
        if not names:
            yield "structures", "is empty; name at least one structure"
        yield from self._ambiguous_structures()
        yield from self._ambiguous_windows()
        yield from self._unknown_names(names)
        yield from self._unit_faults()
        yield from self._empty_sources()
        yield from self._missing_tolerances()
        yield from self._unavoidable_gap()

    def _ambiguous_structures(self) -> Iterator[tuple[str, str]]:
        for n, structure in enumerate(self.structures):
            for m, other in enumerate(self.structures[:n]):
                for name in sorted(plain_names(structure) & plain_names(other)):
                    yield (
                        f"structures[{n}]",
                        f"the name {name!r} is also one of structures[{m}], {other.name}; a segment would be both",
                    )
                if structure.terminology.same_structure(other.terminology):
                    yield (
                        f"structures[{n}].terminology",
                        f"has the same codes as structures[{m}], {other.name}; a segment would be both",
                    )

    def _ambiguous_windows(self) -> Iterator[tuple[str, str]]:
        for n, rule in enumerate(self.windows):
            for m, other in enumerate(self.windows[:n]):
                for name in rule.structures:
                    if name in other.structures:
                        yield (
                            f"windows[{n}].structures",
                            f"{name!r} is also in windows[{m}], {other.name}; a structure has one window",
                        )

    def _missing_tolerances(self) -> Iterator[tuple[str, str]]:
        for n, decision in enumerate(self.decisions):
            if decision.metric == "surface_dice_protocol":
                for m, structure in enumerate(self.structures):
                    if structure.surface_tolerance_mm is None and _names(decision.structures, structure.name):
                        yield (
                            f"structures[{m}].surface_tolerance_mm",
                            f"is not given for {structure.name}, but decisions[{n}] needs it",
                        )

    def _unavoidable_gap(self) -> Iterator[tuple[str, str]]:
        thickness, spacing, gap = self.slice_thickness_mm, self.slice_spacing_mm, self.slice_gap_mm
        if (
            thickness and spacing and gap
            and spacing.minimum is not None and thickness.maximum is not None and gap.maximum is not None
            and spacing.minimum - thickness.maximum > gap.maximum + LIMIT_TOLERANCE
        ):  # fmt: skip
            facts = f"at least {spacing.minimum:g} mm with slices of up to {thickness.maximum:g} mm"
            yield "slice_spacing_mm", f"{facts} always leaves a gap; slice_gap_mm allows {gap}"

    def _unknown_names(self, names: list[str]) -> Iterator[tuple[str, str]]:
        for number, structure in enumerate(self.structures):
            for name in structure.may_overlap:
                if name not in names:
                    yield f"structures[{number}].may_overlap", _unknown(name, names, "a structure of this protocol")
        for list_name in ("windows", "decisions", "technical_limits"):
            for number, rule in enumerate(getattr(self, list_name)):
                for name in rule.structures:
                    if name != "*" and name not in names:
                        yield f"{list_name}[{number}].structures", _unknown(name, names, "a structure of this protocol")
        for number, limit in enumerate(self.image_quality):
            for key in ("region", "background"):
                name = getattr(limit, key)
                if name is not None and name not in names:
                    yield f"image_quality[{number}].{key}", _unknown(name, names, "a structure of this protocol")
        if self.uniform_in_study:
            facts = [f.name for f in fields(Acquisition)]
            for number, name in enumerate(self.uniform_in_study.values):
                if name not in facts:
                    yield f"uniform_in_study.values[{number}]", _unknown(name, facts, "an acquisition fact of record.json")

    def _limits(self) -> Iterator[tuple[str, Range, str | None]]:
        """Yield every range with its path and the unit it must have (None: any)."""
        for name in (
            "slice_thickness_mm", "slice_spacing_mm", "slice_gap_mm", "pixel_spacing_mm", "spacing_variation_mm",
        ):  # fmt: skip
            yield name, getattr(self, name), "mm"
        for name in ("in_plane_size", "lesion_voxels", "lesion_slices"):
            yield name, getattr(self, name), "1"
        yield "gantry_tilt_deg", self.gantry_tilt_deg, "deg"
        yield "kvp", self.kvp, "kV"
        yield "magnetic_field_strength_t", self.magnetic_field_strength_t, "T"
        for name in ("echo_time_ms", "repetition_time_ms", "inversion_time_ms"):
            yield name, getattr(self, name), "ms"
        yield "uptake_time_min", self.uptake_time_min, "min"
        yield "lossy_compression_ratio", self.lossy_compression_ratio, "1"
        if self.contrast:
            yield "contrast.delay_s", self.contrast.delay_s, "s"
        if self.reader_training:
            yield "reader_training.valid_d", self.reader_training.valid_d, "d"
        for n, structure in enumerate(self.structures):
            yield f"structures[{n}].surface_tolerance_mm", structure.surface_tolerance_mm, "mm"
        for n, decision in enumerate(self.decisions):
            unit = "mm" if decision.metric in _IN_MM else "1"
            yield f"decisions[{n}].accept", decision.accept, unit
            yield f"decisions[{n}].reject", decision.reject, unit
        for n, rule in enumerate(self.windows):
            yield f"windows[{n}].window", rule.window, None
            yield f"windows[{n}].level", rule.level, None
        for n, limit in enumerate(self.technical_limits):
            yield f"technical_limits[{n}].limit", limit.limit, _TECHNICAL_UNITS.get(limit.name)
        for n, limit in enumerate(self.image_quality):
            yield f"image_quality[{n}].limit", limit.limit, None

    def _unit_faults(self) -> Iterator[tuple[str, str]]:
        for path, limit, unit in self._limits():
            if limit is not None and unit is not None and limit.unit != unit:
                yield f"{path}.unit", f"{limit.unit!r} is not {unit!r}, the unit this limit is kept in"

    def _empty_sources(self) -> Iterator[tuple[str, str]]:
        sourced = [(path, limit) for path, limit, _ in self._limits()]
        sourced += [
            (name, getattr(self, name))
            for name in (
                "modality", "plane", "uniform_in_study", "convolution_kernel", "mr_sequence", "image_type", "contrast",
            )
        ]  # fmt: skip
        for name in ("ratings", "ai_tools"):
            sourced += [(f"{name}[{n}]", item) for n, item in enumerate(getattr(self, name))]
        for path, item in sourced:
            if item is not None and not item.source.strip():
                yield (
                    f"{path}.source",
                    "is empty; say who set this limit (paper, guideline, standard, or 'study decision' with its reason)",
                )


@dataclass(frozen=True)
class LoadedProtocol:
    """A protocol with the identity of the file it came from."""

    protocol: QCProtocol
    path: str
    sha256: str


def _names(patterns: tuple[str, ...], name: str) -> bool:
    return "*" in patterns or name in patterns


def _unknown(name: str, known: list[str], what: str) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"{name!r} is not {what}; " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}")


def plain_names(structure: Structure) -> set[str]:
    return {plain_name(name) for name in (structure.name, *structure.aliases)}


@lru_cache(maxsize=4096)  # every check asks for every segment's structure
def plain_name(name: str) -> str:
    """Return a name without case, separators and word order of left and right: 'Left Kidney' is 'kidney_left'."""
    words = name.casefold().replace("_", " ").replace("-", " ").replace(",", " ").split()
    sides = [word for word in words if word in ("left", "right")]
    return " ".join([word for word in words if word not in ("left", "right")] + sides)


def shipped_protocols() -> dict[str, Path]:
    """Return the ids of the protocols that come with SegQC and their files."""
    return {path.stem: path for path in sorted(resource("Protocols").glob("*.json"))}


def load_protocol(name_or_path: str | Path) -> LoadedProtocol:
    """Return a shipped protocol by its id, or one from a JSON file.

    Raises
    ------
    BadDataError
        If there is no such id or file, or the file is not a usable protocol: then with all its faults.
    """
    shipped = shipped_protocols()
    path = shipped.get(str(name_or_path), Path(name_or_path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadDataError(
            name_or_path,
            f"cannot be read as a protocol ({error.strerror}).",
            f"Give a JSON file, or the id of a shipped protocol: {', '.join(shipped)}.",
        ) from error
    try:
        protocol = from_json(QCProtocol, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadDataError(path, "is not UTF-8 text.", "Save the protocol as UTF-8.") from error
    except FaultyJSONError as error:
        listed = "\n".join(f"  {fault}" for fault in error.faults)
        raise BadDataError(path.name, "is not a usable protocol.", f"Correct:\n{listed}") from error
    return LoadedProtocol(protocol, str(path), hashlib.sha256(content).hexdigest())


def protocol_schema() -> dict:
    """Return the JSON Schema of a protocol file, for editors that complete and check it."""
    return json_schema(QCProtocol, title="SegQC protocol", identifier=PROTOCOL_SCHEMA_ID)
