"""What an entry of a protocol's lists is called in a sentence, and all that it says in short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from SegQCLib.case import Code, Terminology
from SegQCLib.metric_texts import metric_text
from SegQCLib.protocol import (
    AITool,
    AllowedPlanes,
    AllowedTexts,
    Contrast,
    Decision,
    Grade,
    ImageQualityLimit,
    Range,
    Rating,
    ReaderTraining,
    Structure,
    TechnicalLimit,
    WindowRule,
)
from SegQCLib.protocols.field_texts import TECHNICAL_WORDS
from SegQCLib.quality.quality_texts import quality_text

_VALUE_WORDS = {
    "stop": "is not measured",
    "resample": "is resampled to a regular grid",
    "warn": "the gate warns",
    "refuse": "the gate refuses the case",
    "on_request": "on request",
    "after_first_read": "only after the first read",
    "lower": "lower (the Dice that most expert pairs reach)",
    "mean": "mean (the predicted mean Dice of expert pairs)",
    "highest": "highest grade",
    "lowest": "lowest grade",
}


def names_words(names: Sequence[str]) -> str:
    """Return structure names as a sentence lists them."""
    return "all structures" if "*" in names else ", ".join(names)


def code_words(code: Code) -> str:
    """Return a code as readers are shown it: its meaning, and in brackets scheme and value."""
    return f"{code.meaning} ({code.scheme} {code.value})"


def terminology_words(terminology: Terminology) -> str:
    """Return all codes of a structure: type, its modifier, the region and its modifier, and the category."""
    codes = [terminology.type, terminology.modifier, terminology.region, terminology.region_modifier]
    words = [code_words(code) for code in codes if code is not None]
    return f"{', '.join(words)}; category {code_words(terminology.category)}"


def value_words(value: Any) -> str:
    """Return a single value, or a whole limit, as a sentence says it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, AllowedPlanes):
        return f"{', '.join(value.values)}, up to {value.maximum_obliquity_deg:g}° oblique"
    if isinstance(value, AllowedTexts | Range):
        return str(value).replace(" deg", "°")
    if isinstance(value, Terminology):
        return terminology_words(value)
    if isinstance(value, tuple):
        return ", ".join(map(value_words, value)) or "none"
    return _VALUE_WORDS.get(str(value), str(value))


def item_title(item: Any) -> str:
    """Return what an entry of a list is called at the start of a sentence: Structure liver, Window Lung."""
    return _TITLES[type(item)](item)


def item_contents(item: Any) -> str:
    """Return what an entry says, in short and without its source."""
    return "; ".join(part for part in _CONTENTS[type(item)](item) if part)


def _against(limit: ImageQualityLimit) -> str:
    return "" if limit.background is None else f" against {limit.background}"


_TITLES: dict[type, Callable[[Any], str]] = {
    Structure: lambda item: f"Structure {item.name}",
    WindowRule: lambda item: f"Window {item.name}",
    Decision: lambda item: f"Decision by {metric_text(item.metric).short_name} for {names_words(item.structures)}",
    TechnicalLimit: lambda item: f"Limit for the {TECHNICAL_WORDS[item.name]} of {names_words(item.structures)}",
    ImageQualityLimit: lambda item: f"Image-quality limit, {quality_text(item.measure).long_name} in {item.region}{_against(item)}",
    Rating: lambda item: f"Rating {item.title}",
    Grade: lambda item: f"grade {item.value}",
    AITool: lambda item: f"AI tool {item.name}",
    Contrast: lambda item: f"Contrast phase {item.phase}",
    ReaderTraining: lambda item: f"Training of readers, course {item.course}",
}
_CONTENTS: dict[type, Callable[[Any], Sequence[str | None]]] = {
    Structure: lambda item: (
        "required" if item.required else "optional",
        "a lesion" if item.is_lesion else None,
        terminology_words(item.terminology),
    ),
    WindowRule: lambda item: (
        f"for {names_words(item.structures)}",
        f"width {item.window}, level {item.level}",
        f"Apply sets {item.apply_window:g}/{item.apply_level:g}",
    ),
    Decision: lambda item: (f"accepts {item.accept}", f"rejects {item.reject}" if item.reject else "rejects nothing"),
    TechnicalLimit: lambda item: (str(item.limit),),
    ImageQualityLimit: lambda item: (str(item.limit),),
    Rating: lambda item: (f"grades {', '.join(str(grade.value) for grade in item.grades)}", f"best: {value_words(item.best)}"),
    Grade: lambda item: (item.wording,),
    AITool: lambda item: (f"versions {', '.join(item.versions)}",),
    Contrast: lambda item: (
        "Contrast/Bolus Agent must be named in the header" if item.agent_required else None,
        f"delay {item.delay_s}" if item.delay_s else None,
    ),
    ReaderTraining: lambda item: (f"holds for {item.valid_d}", f"without it {value_words(item.missing)}"),
}
