"""What an attempt at a case of a course is worth: beside each expert, beside the experts' own range, and where to look first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from SegQCLib.findings import Finding


@dataclass(frozen=True)
class AgainstExpert:
    """A reader's outline of one structure beside one expert's."""

    expert: str = field(metadata={"doc": "Name of the expert."})
    dice: float = field(metadata={"doc": "Dice, 0 to 1; 1 where both say that the structure is absent, 0 where one does."})
    surface_dice: float = field(metadata={"doc": "Surface Dice at the tolerance, 0 to 1; absent as for the Dice."})
    volume_ml: float = field(metadata={"doc": "Volume of the expert's outline, mL."})


@dataclass(frozen=True)
class ExpertRange:
    """How well the experts of one image agree among themselves, over all their pairs."""

    pairs: int = field(metadata={"doc": "Number of pairs of experts."})
    lowest: float = field(metadata={"doc": "Lowest value of a pair."})
    mean: float = field(metadata={"doc": "Mean over the pairs."})
    highest: float = field(metadata={"doc": "Highest value of a pair."})


@dataclass(frozen=True)
class BesideExperts:
    """Whether one measure is within the experts' range: see `pass_rule`."""

    reader: float = field(metadata={"doc": "Mean over the experts of the reader's value with each of them."})
    experts: ExpertRange | None = field(metadata={"doc": "The experts among themselves; null with one expert."})
    within: bool | None = field(metadata={"doc": "Whether the reader is within the experts' range; null: there is no range."})
    expert_within: float | None = field(
        metadata={"doc": "Probability that a reader who draws like the experts is within; null: there is no range."}
    )


@dataclass(frozen=True)
class ExpectedDice:
    """What the protocol's difficulty model expects of experts on this image."""

    model: str = field(metadata={"doc": "Difficulty model and version."})
    dice: float | None = field(metadata={"doc": "Predicted mean Dice over all pairs of experts; null: nothing was predicted."})
    lower: float | None = field(metadata={"doc": "Lower end of the interval of that mean."})
    upper: float | None = field(metadata={"doc": "Upper end of the interval of that mean."})
    threshold: float | None = field(metadata={"doc": "Dice that the protocol's rule asks for on this image; null: none."})
    rule: Literal["lower", "mean"] = field(
        metadata={"doc": "What the threshold is. lower: what `coverage` of single expert pairs reach; mean: the predicted mean."}
    )
    coverage: float = field(metadata={"doc": "See rule."})
    reasons: tuple[str, ...] = field(default=(), metadata={"doc": "Why it is what it is, or why nothing was predicted."})


@dataclass(frozen=True)
class StructureScore:
    """One structure of an attempt."""

    structure: str = field(metadata={"doc": "Name in the protocol."})
    volume_ml: float = field(metadata={"doc": "Volume of the reader's outline, mL."})
    drawn: bool = field(metadata={"doc": "Whether the attempt has a segment of this structure at all, be it empty."})
    tolerance_mm: float = field(metadata={"doc": "Tolerance of the surface Dice, mm."})
    tolerance_source: str = field(metadata={"doc": "Who set the tolerance."})
    against: tuple[AgainstExpert, ...] = field(metadata={"doc": "Beside each expert."})
    dice: BesideExperts = field(metadata={"doc": "Dice beside the experts' own."})
    surface_dice: BesideExperts = field(metadata={"doc": "Surface Dice beside the experts' own."})
    expected: ExpectedDice | None = field(metadata={"doc": "Expected expert agreement; null: no model for this structure."})
    limit: float | None = field(
        metadata={"doc": "Dice that must be reached, beside the range or where there is none; null: no limit."}
    )
    limit_source: str | None = field(metadata={"doc": "Who set that limit."})
    words: str = field(metadata={"doc": "How it stands, as a sentence for the reader."})


@dataclass(frozen=True)
class LookFirst:
    """A place where the attempt differs from the experts."""

    structure: str = field(metadata={"doc": "Name in the protocol."})
    kind: Literal["missed", "extra"] = field(metadata={"doc": "missed: the experts drew it; extra: the experts did not."})
    volume_ml: float = field(metadata={"doc": "Volume of the piece, mL."})
    location_lps_mm: tuple[float, float, float] = field(
        metadata={"doc": "A point inside the piece: left, posterior, superior, mm."}
    )
    slice_k: int = field(metadata={"doc": "Slice index k of that point."})
    words: str = field(metadata={"doc": "What is there, as a sentence for the reader."})


@dataclass(frozen=True)
class AttemptScore:
    """One attempt at one case of a course."""

    course: str = field(metadata={"doc": "Course id."})
    course_version: str = field(metadata={"doc": "Course version."})
    case: str = field(metadata={"doc": "Case id."})
    mode: Literal["practice", "exam"] = field(metadata={"doc": "practice or exam."})
    seconds: float | None = field(metadata={"doc": "Active time of the reader, s; null: not measured."})
    structures: tuple[StructureScore, ...] = field(metadata={"doc": "One for each structure of the case."})
    technical: tuple[Finding, ...] = field(metadata={"doc": "Technical errors: findings of the checks that warn or fail."})
    look_first: tuple[LookFirst, ...] = field(metadata={"doc": "Where to look first, largest piece first."})
    not_asked: tuple[str, ...] = field(metadata={"doc": "Segments of the attempt that the case does not ask for; not scored."})
    simulated: bool = field(metadata={"doc": "True where a program made the image or an outline."})
    notes: tuple[str, ...] = field(default=(), metadata={"doc": "What else the reader should know of these numbers."})
