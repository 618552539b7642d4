"""What the reader is told, in plain words: never an accusation, always what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from SegQCLib.automation_bias.evidence import Alternative, Support
from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.automation_bias.proportion import Proportion
from SegQCLib.automation_bias.reading_window import ReadingWindow
from SegQCLib.automation_bias.rule import Level, Rule

_TRAINING = (
    "Read a training set with planted errors: it shows whether you see what a draft gets wrong, and nothing else shows that"
    " as directly."
)
_AI_FREE = "Read a few of your recent cases again without the draft, at least four weeks later, and compare."
_SCROLL = "Scroll once through every draft, from its first slice to its last, before you accept it."
_MORE_AI_FREE = "Read about one case in five without a draft: it is the only yardstick for your own times."

_ADVICE: dict[Level, tuple[str, ...]] = {
    Level.TOO_FEW: (_MORE_AI_FREE,),
    Level.NONE: (_MORE_AI_FREE,),
    Level.WATCH: (_TRAINING, _MORE_AI_FREE),
    Level.ALERT: (
        _TRAINING,
        _AI_FREE,
        _SCROLL,
        "Talk it over with somebody you trust, if you like. SegQC tells nobody else.",
    ),
}


_EXPLAINED_BY = {
    "as_with_others": "the same change shows with all other readers",
    "easier_cases": "the cases became easier",
    "practice": "you became quicker without drafts too",
    "knows_the_model": "you found most of the planted errors, also of late",
    "shorter_list": "the lists of structures became shorter",
    "logging_gaps": "more and more of the work was not logged",
}


def advice_of(level: Level, missed: Proportion | None) -> tuple[str, ...]:
    """Return what helps; `missed`: see `summary_of`."""
    more = () if missed is None else (_TRAINING, _SCROLL)
    return tuple(dict.fromkeys((*_ADVICE[level], *more)))


def summary_of(
    level: Level,
    version: ModelVersion,
    window: ReadingWindow,
    alternatives: Sequence[Alternative],
    missed: Proportion | None,
    rule: Rule,
) -> str:
    """Return a few sentences for the reader; `missed`: planted errors found where they are few, None where they are not."""
    words = _of_trends(level, version, window, alternatives, rule)
    if missed is None:
        return words
    return (
        f"{words} Whatever the trend: of the planted errors in this period you found {missed}. A habit that does not change shows"
        " in these alone. Looking at them again tells whether they were hard to see or not looked at."
    )


def _of_trends(level: Level, version: ModelVersion, window: ReadingWindow, alternatives: Sequence[Alternative], rule: Rule) -> str:
    of = f"your {len(window.anchored)} reads with drafts of {version} in {window.days:.0f} days"
    if level is Level.TOO_FEW:
        return (
            f"Nothing can be said yet about {of}: at least {rule.fewest_reads} reads over {rule.fewest_days:.0f} days are needed."
        )
    if level is Level.NONE:
        return (
            f"In {of} there is no falling active time together with rising agreement with the drafts."
            " That is no proof of careful reading: a steady habit does not show in a trend. Planted errors show it."
        )
    both = f"In {of} you took less time, and your final segments came closer to the drafts."
    explained = [_EXPLAINED_BY[item.id] for item in alternatives if item.support is Support.FOR]
    if level is Level.ALERT:
        return (
            f"{both} More of what was measured points in the same direction. You may be relying on the drafts more than before."
            " This is a reason to look, not a judgement: the other explanations are listed below."
        )
    if explained:
        return f"{both} What was measured speaks for a good reason: {', and '.join(explained)}."
    return f"{both} That can have good reasons, which are listed below; what was measured does not tell them apart."
