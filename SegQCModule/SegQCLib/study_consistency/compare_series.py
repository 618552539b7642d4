"""Two series against each other: may what was measured on them be compared?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from SegQCLib.checks.plane import nearest_plane
from SegQCLib.protocol import QCProtocol
from SegQCLib.study_consistency.fact_rules import FactRule, FactValue, Platform, contrast_delay_s, fact_values
from SegQCLib.study_consistency.study_series import StudySeries

# Distances between slices are measured on decimal text.
_SAME_SPACING_MM = 0.01

PHASE_NOT_NAMED = "The headers do not name the contrast phase: judge from the images whether it is the same."


@dataclass(frozen=True)
class Difference:
    """A fact that is not the same in two series."""

    fact: str = field(metadata={"doc": "Name of the fact, as in record.json."})
    title: str = field(metadata={"doc": "Its DICOM attribute, with tag."})
    platform: Platform = field(metadata={"doc": "hardware, software, or acquisition: what the fact belongs to."})
    first: str = field(metadata={"doc": "What the earlier series' header says, with unit; empty: nothing."})
    second: str = field(metadata={"doc": "What the later series' header says, with unit; empty: nothing."})

    def __str__(self) -> str:
        return f"{self.title}: {self.first or 'not given'} and {self.second or 'not given'}"


@dataclass(frozen=True)
class SeriesComparison:
    """What two series share and where they differ.

    Attributes
    ----------
    differences : tuple of Difference
        They make the series not comparable.
    not_told : tuple of FactRule
        Facts that are needed and that at least one header does not say.
    caveats : tuple of str
        What a reader of the comparison should know all the same.
    """

    differences: tuple[Difference, ...]
    not_told: tuple[FactRule, ...]
    caveats: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        return not self.differences and not self.not_told

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why they are not comparable, in sentences."""
        differ = tuple(f"{one}." for one in self.differences)
        unknown = tuple(rule.title for rule in self.not_told)
        return (*differ, f"Not in the headers: {', '.join(unknown)}.") if unknown else differ


def compare_series(
    first: StudySeries, second: StudySeries, rules: Sequence[FactRule], protocol: QCProtocol | None
) -> SeriesComparison:
    """Compare two series of one kind, the earlier one first."""
    values = [fact_values(one.acquisition, one.geometry, protocol) for one in (first, second)]
    differences, not_told, caveats = [], [], []
    for rule in rules:
        a, b = (found.get(rule.fact, FactValue("")) for found in values)
        if rule.missing != "counts" and not (a.text and b.text):
            if rule.missing == "hinders":
                not_told.append(rule)
        elif not same_value(a, b, rule):
            difference = Difference(rule.fact, rule.title, rule.platform, a.text, b.text)
            if rule.caveat_only:
                caveats.append(f"{difference}.")
            else:
                differences.append(difference)
    return SeriesComparison(tuple(differences), tuple(not_told), (*caveats, *_caveats(first, second, values)))


def same_value(a: FactValue, b: FactValue, rule: FactRule) -> bool:
    """Return whether two headers say the same of a fact; what changes within a series is the same as nothing."""
    if rule.given_only:
        return bool(a.text) == bool(b.text)
    return not (a.mixed or b.mixed) and value_key(a) == value_key(b)


def value_key(value: FactValue) -> str:
    """Return a value without case and double white space."""
    return " ".join(value.text.casefold().split())


def _caveats(first: StudySeries, second: StudySeries, values: Sequence[dict[str, FactValue]]) -> list[str]:
    found = []
    a, b = first.acquisition, second.acquisition
    if a.device_serial and b.device_serial and a.device_serial != b.device_serial:
        found.append("Another device of this model: Device Serial Number (0018,1000) is not the same.")
    if first.geometry and second.geometry:
        steps = [one.geometry.spacing_mm[0] for one in (first, second)]
        if abs(steps[0] - steps[1]) > _SAME_SPACING_MM:
            found.append(f"Slices are {steps[0]:g} mm apart and {steps[1]:g} mm apart.")
        planes = [nearest_plane(one.geometry)[0] for one in (first, second)]
        if planes[0] != planes[1]:
            found.append(f"Slices are {planes[0]} and {planes[1]}: the diameters lie in other planes.")
        pixels = [one.geometry.spacing_mm[1:] for one in (first, second)]
        if any(abs(x - y) > _SAME_SPACING_MM for x, y in zip(*pixels, strict=True)):
            found.append(f"Pixels are {_sides(pixels[0])} and {_sides(pixels[1])}.")
    agents = [bool(side.get("contrast_agent")) for side in values]
    if all(agents):
        delays = [contrast_delay_s(one) for one in (a, b)]
        if None not in delays:
            found.append(f"The scans began {delays[0]:.0f} s and {delays[1]:.0f} s after the start of the contrast injection.")
        elif not all(side.get("contrast_phase") for side in values):
            found.append(PHASE_NOT_NAMED)
    return found


def _sides(spacing_mm: Sequence[float]) -> str:
    return f"{spacing_mm[0]:.3g} mm x {spacing_mm[1]:.3g} mm"
