"""A protocol proposed from finished cases: every limit is what was observed, for a person to confirm.

Nothing is invented: a fact that no header gives has no limit and is listed. Facts that differ between cases are told; no
mean stands for them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from SegQCLib.acquisition import FACT_OF_LIMIT, HU, HU_MODIFIED, SUVBW, attribute_of
from SegQCLib.case import Case, Code, Segmentation, Terminology, Volume, WindowLevel
from SegQCLib.checks.plane import nearest_plane
from SegQCLib.checks.slice_spacing import median_step_mm
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM
from SegQCLib.protocol import (
    LIMIT_TOLERANCE,
    AllowedPlanes,
    AllowedTexts,
    Contrast,
    QCProtocol,
    Range,
    Structure,
    Unit,
    WindowRule,
    plain_name,
)
from SegQCLib.protocols.field_texts import FIELD_TEXTS
from SegQCLib.protocols.finished_case import FinishedCase

FEW_CASES = 5
# A value that one case alone has is an outlier where at least this many agree on another.
_AGREEING = 3
# Three robust standard deviations from the median.
_FAR = 3.0
_ABNORMAL = Code("49755003", "SCT", "Morphologically Altered Structure")
_UNITS: dict[str | None, Unit] = {HU: "[hnsf'U]", HU_MODIFIED: "[hnsf'U]", SUVBW: "g/ml"}
# Header texts round positions and angles: a limit of exactly 0 would refuse the next case for nothing.
_ROUNDING = 0.01
_ROUNDING_WORDS = "0.01 leaves room for the rounding of header text"


@dataclass(frozen=True)
class ProposedProtocol:
    """A protocol made from cases, and what a person should know of it.

    Attributes
    ----------
    protocol : QCProtocol
        Without faults: it can be saved and used.
    differing : tuple of str
        Facts that differ between the cases, with the cases; named where one stands alone.
    left_out : tuple of str
        What no header gives, and what the cases cannot tell.
    remarks : tuple of str
        How far it carries.
    """

    protocol: QCProtocol
    differing: tuple[str, ...]
    left_out: tuple[str, ...]
    remarks: tuple[str, ...]


def protocol_from_cases(
    cases: Sequence[FinishedCase],
    protocol_id: str,
    title: str,
    *,
    modality: str | None = None,
    structures_of: QCProtocol | None = None,
) -> ProposedProtocol:
    """Return a protocol whose limits are what was observed in finished cases.

    Parameters
    ----------
    cases : sequence of FinishedCase
        At least one; each image once.
    protocol_id, title : str
    modality : str, optional
        Modality (0008,0060), where no header gives it.
    structures_of : QCProtocol, optional
        Whose structures are taken over where no segment of the cases has codes.

    Raises
    ------
    ValueError
        If there is no case, no modality is known, or no segment has codes: a protocol needs all three.
    """
    if not cases:
        raise ValueError("A protocol is made from at least one case.")
    proposal = _Proposal(cases)
    modalities = proposal.texts("modality", lambda case: case.acquisition.modality)
    if modalities is None and modality is None:
        raise ValueError("No case says its Modality (0008,0060), and a protocol needs it. Give it, for example CT.")
    structures = proposal.structures()
    if not structures and structures_of is not None:
        structures = structures_of.structures
        proposal.left_out.append(f"Structures: no segment of the cases has codes; those of {structures_of.id} are taken over.")
    if not structures:
        names = ", ".join(dict.fromkeys(segment.name for case in cases for segment in case.segments)) or "none"
        raise ValueError(f"No segment has codes that say which structure it is, and a protocol needs one. Segments: {names}.")
    limits = proposal.limits()
    protocol = QCProtocol(
        schema="segqc-protocol",
        schema_version="1.0",
        id=protocol_id,
        version="0.1.0",
        title=title,
        purpose=f"Proposed from {proposal.count}. Say here what the segmentations are for.",
        modality=modalities or AllowedTexts((str(modality),), "Given by hand, study decision: no header of the cases says it"),
        structures=structures,
        windows=proposal.windows(),
        **limits,
    )
    proposal.left_out.append(
        "What decides (accept, reject), lesion sizes, ratings, training of readers and AI tools: no image tells them; add what your"
        " study has decided."
    )
    return ProposedProtocol(protocol, tuple(proposal.differing), tuple(proposal.left_out), tuple(proposal.remarks()))


class _Proposal:
    """The cases, and what was noticed while limits were made of them."""

    def __init__(self, cases: Sequence[FinishedCase]) -> None:
        self.cases = cases
        self.count = f"{len(cases)} finished {'case' if len(cases) == 1 else 'cases'}"
        self.differing: list[str] = []
        self.left_out: list[str] = []

    def remarks(self) -> list[str]:
        remarks = ["Every limit is what was observed, no more: confirm or correct each, and say in its source who decided."]
        if len(self.cases) < FEW_CASES:
            are = "is" if len(self.cases) == 1 else "are"
            remarks.append(f"{self.count} {are} few: the next one can lie outside of these limits although nothing is wrong.")
        return remarks

    def limits(self) -> dict[str, Any]:
        """Return every limit on the acquisition that the cases give, by its key."""
        at_most = {"slice_gap_mm", "spacing_variation_mm", "gantry_tilt_deg"}
        proposed: dict[str, Any] = {}
        for key, unit, values in _NUMBERS:
            proposed[key] = self.range(key, unit, values, only_maximum=key in at_most)
        proposed["plane"] = self.planes()
        proposed["convolution_kernel"] = self.texts(
            "convolution_kernel",
            lambda case: case.acquisition.convolution_kernel[0] if case.acquisition.convolution_kernel else None,
        )
        proposed["mr_sequence"] = self.texts("mr_sequence", lambda case: case.acquisition.sequence_name, modality="MR")
        proposed["image_type"] = self.texts("image_type", _image_type)
        proposed["lossy_compression_ratio"] = self.never_lossy()
        proposed["contrast"] = self.contrast()
        return {key: limit for key, limit in proposed.items() if limit is not None}

    def source(self, number: int, observed: str) -> str:
        share = self.count if number == len(self.cases) else f"{number} of {self.count}"
        few = " (few)" if number < FEW_CASES else ""
        return f"Observed in {share}{few}: {observed}; study decision to be confirmed"

    def label(self, key: str) -> str:
        label = FIELD_TEXTS[QCProtocol][key].label
        return label[0].upper() + label[1:]

    def range(
        self, key: str, unit: Unit, values: Callable[[FinishedCase], Sequence[float]], *, only_maximum: bool = False
    ) -> Range | None:
        given = [(case, tuple(values(case))) for case in self.cases]
        given = [(case, own) for case, own in given if own]
        if not given:
            self._absent(key)
            return None
        numbers = np.array([value for _, own in given for value in own])
        low, middle, high = (float(edge) for edge in (numbers.min(), np.median(numbers), numbers.max()))
        observed = f"minimum {low:.6g}, median {middle:.6g}, maximum {high:.6g}{_unit(unit)}"
        self._tell_numbers(key, unit, given, numbers)
        if only_maximum:
            maximum = _up(high)
            if maximum < _ROUNDING:
                return Range(unit, self.source(len(given), f"{observed}; {_ROUNDING_WORDS}"), None, _ROUNDING)
            return Range(unit, self.source(len(given), observed), None, maximum)
        return Range(unit, self.source(len(given), observed), _down(low), _up(high))

    def texts(self, key: str, value: Callable[[FinishedCase], str | None], *, modality: str | None = None) -> AllowedTexts | None:
        given = [(case, text) for case in self.cases if (text := value(case))]
        if not given:
            if modality is None or any(case.acquisition.modality == modality for case in self.cases):
                self._absent(key)
            return None
        found = Counter(text for _, text in given)
        self._tell_texts(self.label(key), given)
        observed = ", ".join(f"{text} in {number}" for text, number in found.most_common())
        # Square brackets would be a choice of letters, in which no header's text is meant.
        return AllowedTexts(tuple(text.replace("[", "[[]") for text in found), self.source(len(given), observed))

    def planes(self) -> AllowedPlanes | None:
        given = [(case, *nearest_plane(case.geometry)) for case in self.cases]
        self._tell_texts("Slice plane", [(case, plane) for case, plane, _ in given])
        steepest = max(angle for _, _, angle in given)
        if steepest > 45:
            self.left_out.append(f"Slice plane: slices lie up to {steepest:.0f}° from any plane.")
            return None
        found = Counter(plane for _, plane, _ in given)
        observed = ", ".join(f"{plane} in {number}" for plane, number in found.most_common())
        # The angle comes from direction cosines in decimal text.
        allowed = max(math.ceil(steepest * 10 - 1e-6) / 10, 0.1)
        return AllowedPlanes(tuple(found), allowed, self.source(len(given), f"{observed}, oblique by up to {steepest:.2g}°"))

    def never_lossy(self) -> Range | None:
        said = [case.acquisition.lossy_compression for case in self.cases]
        if all(text == "00" for text in said):
            return Range("1", self.source(len(said), "never compressed with loss"), None, 1.0)
        if any(text not in (None, "00") for text in said):
            lossy = [case.name for case, text in zip(self.cases, said, strict=True) if text not in (None, "00")]
            self.differing.append(f"Compressed with loss: {', '.join(lossy)}. No limit is proposed.")
        else:
            self._absent("lossy_compression_ratio")
        return None

    def contrast(self) -> Contrast | None:
        phases = [(case, case.acquisition.contrast_phase) for case in self.cases if case.acquisition.contrast_phase]
        agents = [case.acquisition.contrast_agent for case in self.cases]
        named = Counter(phase for _, phase in phases)
        if len(named) == 1 and len(phases) == len(self.cases):
            phase = phases[0][1].replace("_", " ").lower()
            return Contrast(
                phase, all(agents), self.source(len(phases), f"Contrast/Bolus Agent Phase (0018,9344) is {phases[0][1]}")
            )
        self._tell_texts("Contrast phase", phases)
        descriptions = Counter(case.acquisition.series_description for case in self.cases if case.acquisition.series_description)
        words = "; Series Descriptions: " + ", ".join(f"{text!r}" for text in list(descriptions)[:6]) if descriptions else ""
        with_agent = sum(bool(agent) for agent in agents)
        self.left_out.append(
            f"Contrast phase: not one phase in every header (Contrast/Bolus Agent (0018,0010) is given in {with_agent} of"
            f" {self.count}{words})."
        )
        return None

    def windows(self) -> tuple[WindowRule, ...]:
        shown = [(case, window) for case in self.cases for window in case.shown_windows[:1]]
        first = [(case, window) for case in self.cases for window in case.acquisition.window_levels[:1]]
        given, origin = (shown, "on screen at the evaluation") if shown else (first, "first window of the header")
        units = {_UNITS.get(case.acquisition.value_unit) for case, _ in given}
        if not given or None in units or len(units) > 1:
            why = "no case has one" if not given else "the images have no absolute grey scale, or not the same one"
            self.left_out.append(f"Window: {why}.")
            return ()
        (unit,) = units
        pairs = Counter((window.window, window.level) for _, window in given)
        (width, level), _ = pairs.most_common(1)[0]
        if len(pairs) > 1:
            self._tell_texts("Window (width/level)", [(case, str(window)) for case, window in given])
        several = [case.name for case in self.cases if len(case.acquisition.window_levels) > 1]
        if several and not shown:
            self.left_out.append(
                f"Further windows in the header of {_few(several)}: only the first is used; nothing says for which structure it is."
            )
        observed = ", ".join(f"{WindowLevel(*pair)} in {number}" for pair, number in pairs.most_common())
        source = self.source(len(given), f"{origin}, width/level {observed}")
        widths, levels = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        if width <= 0 or unit is None:
            self.left_out.append(f"Window: {origin} is {width:g}/{level:g}, which is none.")
            return ()
        rule = WindowRule(
            "All structures", ("*",), Range(unit, source, min(widths), max(widths)), Range(unit, source, min(levels), max(levels)),
            width, level,
        )  # fmt: skip
        return (rule,)

    def structures(self) -> tuple[Structure, ...]:
        """Return the structures of segments with codes; segments without are listed."""
        names: dict[tuple, Counter[str]] = {}
        codes: dict[tuple, Terminology] = {}
        in_cases: dict[tuple, Counter[str]] = {}
        without: dict[str, int] = {}
        for case in self.cases:
            for segment in dict.fromkeys(case.segments):
                if segment.terminology is None:
                    without[segment.name] = without.get(segment.name, 0) + 1
                    continue
                key = segment.terminology.structure_codes
                codes.setdefault(key, segment.terminology)
                names.setdefault(key, Counter())[segment.name] += 1
                in_cases.setdefault(key, Counter())[case.name] += 1
        if without:
            listed = ", ".join(f"{name} ({number})" for name, number in without.items())
            self.left_out.append(f"Segments without codes, in how many cases: {listed}. Give them codes, or name a label table.")
        found: list[Structure] = []
        taken: dict[str, str] = {}
        for key in sorted(in_cases, key=lambda key: -len(in_cases[key])):
            many = max(in_cases[key].values()) > 1 and len({_base(name) for name in names[key]}) == 1
            plain = [_base(name) if many else name for name, _ in names[key].most_common()]
            own = next((name for name in plain if plain_name(name) not in taken), None)
            if own is None:
                other = taken[plain_name(plain[0])]
                self.differing.append(
                    f"Segments named {plain[0]} have other codes, {codes[key].type.meaning}, than most others ({other}): left out."
                )
                continue
            aliases = []
            for name in plain:
                if plain_name(name) not in taken:
                    taken[plain_name(name)] = codes[key].type.meaning
                    if plain_name(name) != plain_name(own):
                        aliases.append(name)
            everywhere = len(in_cases[key]) == len(self.cases)
            if not everywhere:
                self.differing.append(f"Structure {own} is in {len(in_cases[key])} of {self.count}: optional.")
            category = codes[key].category
            found.append(
                Structure(
                    name=re.sub(r"[\W_]+", "_", own.casefold()).strip("_") or own,
                    terminology=codes[key],
                    required=everywhere,
                    aliases=tuple(aliases),
                    is_lesion=(category.scheme, category.value) == (_ABNORMAL.scheme, _ABNORMAL.value),
                    many=many,
                )
            )
        return tuple(found)

    def _absent(self, key: str) -> None:
        fact = _FACTS.get(key)
        applies = {case.acquisition.modality for case in self.cases} & _MODALITIES.get(key, set())
        if key not in _MODALITIES or applies:
            self.left_out.append(f"{self.label(key)}: {attribute_of(fact) if fact else 'not known'} is in no header.")

    def _tell_texts(self, label: str, given: Sequence[tuple[FinishedCase, str]]) -> None:
        found = Counter(text for _, text in given).most_common()
        if len(found) < 2:
            return
        parts = []
        for text, number in found:
            own = [case.name for case, other in given if other == text]
            alone = number == 1 and found[0][1] >= _AGREEING
            parts.append(f"{text} in {f'one case alone, {own[0]}' if alone else f'{number} ({_few(own)})'}")
        self.differing.append(f"{label} differs: {'; '.join(parts)}.")

    def _tell_numbers(
        self, key: str, unit: Unit, given: Sequence[tuple[FinishedCase, tuple[float, ...]]], numbers: np.ndarray
    ) -> None:
        if len(given) >= FEW_CASES:
            middle = float(np.median(numbers))
            spread = float(stats.median_abs_deviation(numbers, scale="normal"))
            limit = max(_FAR * spread, LIMIT_TOLERANCE, 1e-4 * abs(middle))
            far = [(case, value) for case, own in given for value in own if abs(value - middle) > limit]
            # Where half of the cases agree exactly, any other value is beyond; that many are no outliers.
            if far and len({case.name for case, _ in far}) <= len(given) / 4:
                listed = ", ".join(dict.fromkeys(f"{case.name} ({value:.6g}{_unit(unit)})" for case, value in far))
                self.differing.append(f"{self.label(key)}: far from the median {middle:.6g}{_unit(unit)}: {listed}.")
        uneven = [case.name for case, own in given if key == "spacing_variation_mm" and max(own) > SAME_GRID_TOLERANCE_MM]
        if uneven:
            self.differing.append(f"Slices are not evenly spaced in {_few(uneven)}: decide whether such a series is allowed.")
        mixed = [case.name for case, own in given if key == "slice_thickness_mm" and len(set(own)) > 1]
        if mixed:
            self.differing.append(f"{self.label(key)} differs within the series of {_few(mixed)}.")


def _image_type(case: FinishedCase) -> str | None:
    """Return the two values that DICOM defines for every image (PS3.3 C.7.6.1.1.2); what follows is the scanner's own."""
    values = case.acquisition.image_type
    return "\\".join(values[:2]) + "*" if len(values) >= 2 else None


def _alone(case: FinishedCase) -> Case:
    volume = Volume(None, case.geometry, case.acquisition)
    return Case(volume, Segmentation("", case.geometry, (), ()))


def _gap(case: FinishedCase) -> tuple[float, ...]:
    thicknesses = case.acquisition.slice_thicknesses_mm
    return (max(0.0, round(median_step_mm(_alone(case))[0] - thicknesses[0], 4)),) if thicknesses else ()


def _variation(case: FinishedCase) -> tuple[float, ...]:
    positions = np.array(case.acquisition.slice_positions_mm)
    steps = np.diff(positions)
    return (float(np.abs(steps - np.median(steps)).max()),) if len(positions) > 2 else ()


def _one(fact: str) -> Callable[[FinishedCase], tuple[float, ...]]:
    def value(case: FinishedCase) -> tuple[float, ...]:
        found = getattr(case.acquisition, fact)
        return () if found is None else (float(found),)

    return value


_NUMBERS: tuple[tuple[str, Unit, Callable[[FinishedCase], Sequence[float]]], ...] = (
    ("slice_thickness_mm", "mm", lambda case: case.acquisition.slice_thicknesses_mm),
    ("slice_spacing_mm", "mm", lambda case: (median_step_mm(_alone(case))[0],)),
    ("slice_gap_mm", "mm", _gap),
    ("pixel_spacing_mm", "mm", lambda case: tuple(round(value, 4) for value in case.geometry.spacing_mm[1:])),
    ("in_plane_size", "1", lambda case: case.geometry.size[1:]),
    ("spacing_variation_mm", "mm", _variation),
    ("gantry_tilt_deg", "deg", _one("stack_tilt_deg")),
    ("kvp", "kV", _one("kvp")),
    ("magnetic_field_strength_t", "T", _one("magnetic_field_strength_t")),
    ("echo_time_ms", "ms", _one("echo_time_ms")),
    ("repetition_time_ms", "ms", _one("repetition_time_ms")),
    ("inversion_time_ms", "ms", _one("inversion_time_ms")),
    ("uptake_time_min", "min", _one("uptake_time_min")),
)
# Which fact of the header a limit is about, and for which modalities it is missed.
_FACTS = {"modality": "modality", "slice_gap_mm": "slice_thicknesses_mm", **FACT_OF_LIMIT}
_MODALITIES = {
    "convolution_kernel": {"CT"},
    "kvp": {"CT"},
    "mr_sequence": {"MR"},
    "magnetic_field_strength_t": {"MR"},
    "echo_time_ms": {"MR"},
    "repetition_time_ms": {"MR"},
    "inversion_time_ms": {"MR"},
    "uptake_time_min": {"PT"},
}


def _unit(unit: Unit) -> str:
    return {"1": "", "deg": "°"}.get(unit, f" {unit}")


def _down(value: float) -> float:
    near = round(value, 4)
    return near if abs(near - value) <= LIMIT_TOLERANCE else math.floor(value * 1e4) / 1e4


def _up(value: float) -> float:
    near = round(value, 4)
    return near if abs(near - value) <= LIMIT_TOLERANCE else math.ceil(value * 1e4) / 1e4


def _base(name: str) -> str:
    """Return a segment's name without the number that tells it from others: Lesion 2 is Lesion."""
    return re.sub(r"[\s_-]*#?\d+$", "", name) or name


def _few(names: Sequence[str]) -> str:
    return ", ".join(names if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"])
