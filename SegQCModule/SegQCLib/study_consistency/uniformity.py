"""What the series of a study share, fact by fact, and which of them would break uniformity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from SegQCLib.protocol import QCProtocol
from SegQCLib.study_consistency.compare_series import value_key
from SegQCLib.study_consistency.fact_rules import FactRule, FactValue, fact_values
from SegQCLib.study_consistency.study_series import StudySeries


@dataclass(frozen=True)
class ValueCount:
    """A value of a fact and the cases that have it."""

    value: str = field(metadata={"doc": "The value with unit, as the first of its headers writes it."})
    cases: tuple[str, ...] = field(metadata={"doc": "Cases whose header says so."})


@dataclass(frozen=True)
class FactUniformity:
    """One fact over all series of one kind."""

    fact: str = field(metadata={"doc": "Name of the fact, as in record.json."})
    title: str = field(metadata={"doc": "Its DICOM attribute, with tag."})
    source: str = field(metadata={"doc": "Who asks that it does not change."})
    hinders_comparison: bool = field(metadata={"doc": "Whether series that differ in it are not compared; false: a caveat."})
    status: Literal["uniform", "differs", "tie", "not told"] = field(
        metadata={
            "doc": "uniform: one value in all headers that give it. differs: the most frequent value is the study's. tie: several"
            " values are equally frequent, and none is the study's. not told: no header gives it."
        }
    )
    most_frequent: str | None = field(metadata={"doc": "The study's value; null: a tie, or no header gives it."})
    values: tuple[ValueCount, ...] = field(metadata={"doc": "All values, the most frequent first."})
    mixed: tuple[str, ...] = field(metadata={"doc": "Cases in whose slices it is not the same."})
    not_told: tuple[str, ...] = field(metadata={"doc": "Cases whose header does not say it."})
    breaking: tuple[str, ...] = field(
        metadata={"doc": "Cases that break uniformity: with a rarer value than the most frequent one, or mixed."}
    )


def fact_uniformity(
    series: Sequence[StudySeries], rules: Sequence[FactRule], protocol: QCProtocol | None
) -> tuple[FactUniformity, ...]:
    """Return each fact over series of one kind."""
    values = [fact_values(one.acquisition, one.geometry, protocol) for one in series]
    cases = [one.case for one in series]
    return tuple(_uniformity(rule, cases, [found.get(rule.fact, FactValue("")) for found in values]) for rule in rules)


def _uniformity(rule: FactRule, cases: Sequence[str], values: Sequence[FactValue]) -> FactUniformity:
    keys = [_key(rule, value) for value in values]
    counts = Counter(key for key in keys if key is not None)
    most = max(counts.values(), default=0)
    leading = [key for key, count in counts.items() if count == most]
    shown = {key: _shown(rule, value) for key, value in reversed(list(zip(keys, values, strict=True))) if key is not None}
    mixed = tuple(case for case, value in zip(cases, values, strict=True) if value.mixed and not rule.given_only)
    status = "not told" if not counts and not mixed else "tie" if len(leading) > 1 else "differs"
    if len(counts) == 1 and not mixed:
        status = "uniform"
    rarer = tuple(case for case, key in zip(cases, keys, strict=True) if key is not None and key not in leading)
    return FactUniformity(
        fact=rule.fact,
        title=rule.title,
        source=rule.source,
        hinders_comparison=not rule.caveat_only,
        status=status,
        most_frequent=shown[leading[0]] if len(leading) == 1 else None,
        values=tuple(
            ValueCount(shown[key], tuple(case for case, own in zip(cases, keys, strict=True) if own == key))
            for key, _ in counts.most_common()
        ),
        mixed=mixed,
        not_told=tuple(case for case, key, value in zip(cases, keys, values, strict=True) if key is None and not value.text),
        breaking=(*rarer, *mixed),
    )


def _key(rule: FactRule, value: FactValue) -> str | None:
    if rule.given_only:
        return "given" if value.text else "none given"
    if value.mixed:
        return None
    if not value.text:
        return "" if rule.missing == "counts" else None
    return value_key(value)


def _shown(rule: FactRule, value: FactValue) -> str:
    if rule.given_only:
        return "given" if value.text else "none given"
    return value.text or "not given"
