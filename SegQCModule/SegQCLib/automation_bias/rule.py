"""The written rule: from what on falling time and rising agreement with drafts are an alert."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

SOURCE = (
    "Chupetlovska K et al., ESR Essentials: a step-by-step guide of segmentation for radiologists: 'If adjustment times drop"
    " while apparent accuracy rises, it may indicate overdependence on AI outputs rather than genuine model improvement.'"
)


class Level(StrEnum):
    """What the rule comes to.

    TOO_FEW: there is nothing to judge yet. NONE: no falling time together with rising agreement. WATCH: both, but
    nothing else speaks for over-reliance, or another explanation has the data on its side. ALERT: both, corroborated.
    """

    TOO_FEW = "too few reads"
    NONE = "no alert"
    WATCH = "watch"
    ALERT = "alert"


@dataclass(frozen=True)
class Rule:
    """All numbers of the rule. The guideline names the sign and no number: these are SegQC's own choice.

    They were chosen on simulated readers; how often they miss or accuse the wrong reader is in
    Documentation/automation-bias.md.
    """

    fewest_reads: int = field(default=25, metadata={"doc": "AI-anchored reads of one model version that a judgement needs."})
    fewest_days: float = field(default=60.0, metadata={"doc": "Days between the first and the last of them."})
    longest_days: float = field(default=365.0, metadata={"doc": "Older reads do not count."})
    least_fall_percent: float = field(default=15.0, metadata={"doc": "Fall of active time over the period, %."})
    least_dice_rise: float = field(default=0.005, metadata={"doc": "Rise of Dice of draft and final segment over the period."})
    confidence: float = field(default=0.95, metadata={"doc": "Of all intervals; an interval that holds 0 shows no change."})
    significance: float = field(default=0.05, metadata={"doc": "Two-sided p of the Mann-Kendall and Fisher tests."})
    fewest_ai_free: int = field(default=10, metadata={"doc": "AI-free reads that a comparison of their times needs."})
    fewest_planted: int = field(default=8, metadata={"doc": "Planted errors that a detection rate needs, of each side."})
    fewest_others: int = field(
        default=3, metadata={"doc": "Other readers that a comparison needs, so that nobody's own numbers show through."}
    )
    reassuring_detection: float = field(
        default=0.8, metadata={"doc": "Share of planted errors found in the later half of the period that reassures."}
    )


RULE = Rule()
