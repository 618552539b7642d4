"""The record: one result, from which report, table, text node and DICOM are rendered."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from SegQCLib.case import Acquisition
from SegQCLib.dataclass_json import from_json, json_schema, to_json
from SegQCLib.findings import Finding
from SegQCLib.geometry import Geometry
from SegQCLib.protocols.sign_off_state import SignOffState
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.readers.ratings import RatingGiven

RECORD_SCHEMA_ID = "https://segqc.invalid/schemas/record.schema.json"


class Verdict(StrEnum):
    """What to do with a segment or a case. REVIEW means that a person decides, with the reasons at hand."""

    ACCEPT = "ACCEPT"
    REVIEW = "REVIEW"
    REJECT = "REJECT"


@dataclass(frozen=True)
class Input:
    """A file that went in."""

    role: str = field(
        metadata={"doc": "image, candidate, reference, reference 2, ..., draft, uncertainty, second image, background."}
    )
    name: str = field(metadata={"doc": "Name shown to people: reader, model or file."})
    path: str | None = field(metadata={"doc": "Where it was read from; null for a node of a scene."})
    sha256: str | None = field(
        metadata={"doc": "SHA-256 of the file; of a folder: of its sorted lines 'file sha256'; null for a node of a scene."}
    )


@dataclass(frozen=True)
class CaseFacts:
    """The image's grid and acquisition, as measured and as its header says."""

    geometry: Geometry = field(metadata={"doc": "Grid on which everything was measured."})
    acquisition: Acquisition = field(metadata={"doc": "Header facts; null or empty: the header does not say."})


@dataclass(frozen=True)
class ProtocolIdentity:
    """Which protocol the case was judged by."""

    id: str = field(metadata={"doc": "Protocol id."})
    version: str = field(metadata={"doc": "Protocol version."})
    title: str = field(metadata={"doc": "Protocol title."})
    sha256: str = field(metadata={"doc": "SHA-256 of the protocol file."})


@dataclass(frozen=True)
class Measurement:
    """One number about one segment."""

    segment: str = field(metadata={"doc": "Segment name in the candidate, or in the reference where only that has it."})
    structure: str | None = field(metadata={"doc": "The protocol's name of the structure; null: not in the protocol."})
    metric: str = field(metadata={"doc": "Metric id, for example dice or hausdorff_95_mm."})
    value: float | None = field(metadata={"doc": "The value; null where it is undefined, with the reason."})
    unit: str = field(metadata={"doc": "UCUM unit: 1, mm, mm3, {voxels}."})
    definition: str = field(metadata={"doc": "Name of the definition: libraries differ under one metric name."})
    candidate_role: str = field(metadata={"doc": "candidate or draft."})
    reference_role: str | None = field(
        metadata={"doc": "reference, reference 2, ...; draft: what the candidate started from; null: measure of one segmentation."}
    )
    reason: str | None = field(default=None, metadata={"doc": "Why the value is null."})


@dataclass(frozen=True)
class SegmentExpectedAgreement:
    """The Dice that experts are predicted to reach among themselves on one segment of this image.

    Two things that must not be mixed up: lower and upper bound the mean over all pairs of experts; threshold is what one
    outline has to reach.
    """

    segment: str = field(metadata={"doc": "Segment name."})
    model: str = field(metadata={"doc": "Difficulty model and version."})
    dice: float | None = field(
        metadata={"doc": "Predicted mean Dice over all pairs of experts, 0 to 1; null where nothing could be predicted."}
    )
    lower: float | None = field(metadata={"doc": "Lower end of the interval that holds the true mean with probability `coverage`."})
    upper: float | None = field(metadata={"doc": "Upper end of that interval."})
    coverage: float = field(
        metadata={
            "doc": "Probability that the interval holds the true mean; for the rule lower also the share of single expert pairs"
            " at or above the threshold. Above 0, below 1."
        }
    )
    threshold: float | None = field(
        metadata={"doc": "The Dice against a reference that is accepted on this image: see rule. Null where nothing was predicted."}
    )
    rule: Literal["lower", "mean"] = field(
        metadata={"doc": "What the threshold is. lower: what `coverage` of single expert pairs reach; mean: the predicted mean."}
    )
    in_domain: bool = field(metadata={"doc": "False: no number is given, and the reasons say why."})
    reasons: tuple[str, ...] = field(default=(), metadata={"doc": "Why it is what it is, or why nothing was predicted, in words."})
    described_role: str | None = field(
        default=None,
        metadata={"doc": "Whose outline was described to the model: candidate, reference, reference 2, ...; null: nobody's."},
    )
    unit: Literal["lesion", "slice"] = field(
        default="lesion", metadata={"doc": "What the Dice is of: the whole lesion or one slice."}
    )


@dataclass(frozen=True)
class DifficultyModelCard:
    """What a difficulty model was fitted on and how well it predicts, in short."""

    id: str = field(metadata={"doc": "Model id."})
    version: str = field(metadata={"doc": "Model version."})
    sha256: str | None = field(metadata={"doc": "SHA-256 of the model file; null: it was in no file."})
    unit: Literal["lesion", "slice"] = field(metadata={"doc": "What it predicts for."})
    structure: str = field(metadata={"doc": "Structure that it holds for, in words."})
    modality: str = field(metadata={"doc": "Modality (0008,0060) that it holds for."})
    simulated: bool = field(metadata={"doc": "Whether its readers or images were simulated."})
    facts: tuple[str, ...] = field(metadata={"doc": "Sentences: data, target, error and coverage on unseen patients, and licence."})


@dataclass(frozen=True)
class SegmentVerdict:
    """The verdict on one segment."""

    segment: str = field(metadata={"doc": "Segment name."})
    structure: str | None = field(metadata={"doc": "The protocol's name of the structure."})
    verdict: Verdict = field(metadata={"doc": "ACCEPT, REVIEW or REJECT."})
    reasons: tuple[str, ...] = field(metadata={"doc": "Why."})


@dataclass(frozen=True)
class SliceToView:
    """A slice worth a look: where a segment differs most from the reference, or is largest where there is none."""

    segment: str = field(metadata={"doc": "Segment name."})
    structure: str | None = field(metadata={"doc": "The protocol's name of the structure."})
    reference_role: str | None = field(metadata={"doc": "The reference it is compared with; null: none."})
    slice_index: int = field(metadata={"doc": "Slice number k on the image's grid, from 0."})
    reason: str = field(metadata={"doc": "Why this slice, with the number that chose it."})
    location_lps_mm: tuple[float, float, float] = field(metadata={"doc": "Where to look: left, posterior, superior, in mm."})


@dataclass(frozen=True)
class Deidentification:
    """How a record was kept free of what tells whose it is."""

    keyed: bool = field(
        metadata={
            "doc": "True: readers, segments that nobody knows, device serial numbers and UIDs have pseudonyms, parts of their"
            " HMAC-SHA256 under a secret key and so the same in every record under that key. False: names are numbered within"
            " this record; UIDs and serial numbers are left out."
        }
    )
    profile: str = field(metadata={"doc": "What was followed, and how far, in sentences."})
    left_out: tuple[str, ...] = field(metadata={"doc": "What is not in the record."})
    kept: tuple[str, ...] = field(metadata={"doc": "What is still in it."})


@dataclass(frozen=True)
class QCRecord:
    """The result of one evaluation."""

    schema: Literal["segqc-record"] = field(metadata={"doc": "Always segqc-record."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    created: str = field(metadata={"doc": "When, ISO 8601 with time zone; left out, in a de-identified record."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what computed it."})
    inputs: tuple[Input, ...] = field(metadata={"doc": "What went in."})
    case: CaseFacts = field(metadata={"doc": "Grid and acquisition of the image."})
    protocol: ProtocolIdentity = field(metadata={"doc": "Which protocol."})
    findings: tuple[Finding, ...] = field(metadata={"doc": "What the checks say."})
    measurements: tuple[Measurement, ...] = field(metadata={"doc": "All numbers."})
    slices_to_view: tuple[SliceToView, ...] = field(metadata={"doc": "Slices that the report shows, most important first."})
    expected_agreement: tuple[SegmentExpectedAgreement, ...] = field(metadata={"doc": "Predicted expert agreement per segment."})
    verdicts: tuple[SegmentVerdict, ...] = field(metadata={"doc": "Verdict per segment of the protocol."})
    verdict: Verdict = field(metadata={"doc": "Verdict on the case: the worst of its segments and failed checks."})
    reasons: tuple[str, ...] = field(metadata={"doc": "Why, in sentences."})
    ratings: tuple[RatingGiven, ...] = field(default=(), metadata={"doc": "Ratings that readers gave to the image."})
    difficulty_models: tuple[DifficultyModelCard, ...] = field(
        default=(), metadata={"doc": "The models that predicted the expected agreement."}
    )
    image_quality: tuple[QualityMeasurement, ...] = field(
        default=(), metadata={"doc": "Image quality in and around the segments: signal, noise, contrast, sharpness."}
    )
    deidentification: Deidentification | None = field(
        default=None, metadata={"doc": "How the record was de-identified; null: it was not."}
    )
    protocol_sign_off: SignOffState | None = field(
        default=None,
        metadata={
            "doc": "Whether all roles had signed this content of the protocol: example (comes with SegQC), unsigned, one_role,"
            " locked (all signed), altered (changed since it was signed), unreadable (its sign-off file); null: not known."
        },
    )

    @property
    def says_simulated(self) -> bool:
        """Whether an input, a finding or a difficulty model says that its data are simulated."""
        texts = [entry.name for entry in self.inputs] + [finding.message for finding in self.findings]
        return any("simulated" in text.casefold() for text in texts) or any(model.simulated for model in self.difficulty_models)

    def to_json(self) -> str:
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> QCRecord:
        """Return the record in `text`; raise FaultyJSONError with every fault if it is not one."""
        return from_json(cls, text)


def record_schema() -> dict:
    """Return the JSON Schema of record.json."""
    return json_schema(QCRecord, title="SegQC record", identifier=RECORD_SCHEMA_ID)
