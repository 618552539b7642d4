"""Values of measures with their units, as the page of a cohort writes them."""

from __future__ import annotations

from SegQCLib.metric_texts import METRIC_TEXTS, metric_text
from SegQCLib.number_texts import grouped, millilitres, ratio, signed
from SegQCLib.quality.quality_texts import unit_words
from SegQCLib.quality.quality_texts import value_text as quality_value_text
from SegQCLib.words import UNIT_WORDS

_METRICS = {text.id for text in METRIC_TEXTS}


def measure_name(measure: str) -> str:
    """Return what a metric or an image-quality number is called."""
    return metric_text(measure).short_name if measure in _METRICS else measure


def value_text(measure: str, unit: str, value: float) -> str:
    """Return a value with its unit."""
    if measure not in _METRICS:
        return quality_value_text(value, unit) if unit_words(unit) or unit == "1" else f"{value:.4g}"
    if unit == "mm3":
        return millilitres(value)
    if unit == "mm":
        return f"{grouped(value, 1 if value >= 100 else 2)} mm"
    shown_as = metric_text(measure).shown_as
    if shown_as == "count" or unit.startswith("{"):
        return f"{grouped(value, 0 if value == int(value) else 1)} {UNIT_WORDS.get(unit, '')}".rstrip()
    return signed(value) if shown_as == "signed" else ratio(value)


def seconds_text(seconds: float) -> str:
    """Return a time in s, in min and s from 2 minutes on, in h and min from 2 hours on."""
    if seconds >= 7200:
        return f"{grouped(seconds // 3600, 0)} h {seconds % 3600 // 60:.0f} min"
    if seconds >= 120:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{grouped(seconds, 0 if seconds >= 100 else 1 if seconds >= 10 else 2)} s"
