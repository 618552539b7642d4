"""What speaks for over-reliance on drafts, and what else could explain it: values with their numbers and words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Support(StrEnum):
    """What a piece of evidence, or the data about another explanation, says."""

    FOR = "speaks for it"
    AGAINST = "speaks against it"
    UNCLEAR = "cannot be told"
    UNKNOWN = "not measured"


@dataclass(frozen=True)
class Evidence:
    """One measured fact.

    `value` is a change per 30 days, or a difference, in `unit`; None with a reason in `words` where it is undefined.
    """

    id: str = field(metadata={"doc": "Which fact: active_time, dice_with_draft, planted_falling, ..."})
    support: Support = field(metadata={"doc": "Whether it speaks for over-reliance."})
    words: str = field(metadata={"doc": "The fact in a sentence, with its numbers."})
    n: int = field(metadata={"doc": "Reads, or planted errors, that it rests on."})
    unit: str = field(metadata={"doc": "Of value, lower and upper."})
    value: float | None = field(default=None, metadata={"doc": "Null: undefined."})
    lower: float | None = field(default=None, metadata={"doc": "Lower end of the 95 % confidence interval."})
    upper: float | None = field(default=None, metadata={"doc": "Upper end of the 95 % confidence interval."})
    p: float | None = field(default=None, metadata={"doc": "Two-sided p, where it decides instead of the interval."})


@dataclass(frozen=True)
class Alternative:
    """Another explanation of the same facts. FOR: the data are on its side. AGAINST: they are not. Else it stays open."""

    id: str = field(metadata={"doc": "Which explanation: easier_cases, learning, ..."})
    support: Support = field(metadata={"doc": "Whether the data speak for this explanation."})
    words: str = field(metadata={"doc": "The explanation and what is known of it, in a sentence or two."})
