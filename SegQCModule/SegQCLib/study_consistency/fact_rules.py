"""Which facts of acquisition must be the same over a study, who says so, and what a series' header says of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from SegQCLib.acquisition import Acquisition, attribute_of
from SegQCLib.dicom.moments import moment
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import AllowedTexts, QCProtocol
from SegQCLib.report_acquisition import fact_groups

ESSENTIALS = "ESR Essentials on segmentation (Chupetlovska et al., Eur Radiol 2025)"
CONSENSUS = (
    "ESR/EORTC consensus (deSouza et al., Insights Imaging 2022, doi 10.1186/s13244-022-01287-4): longitudinal measurements"
    " strictly on the same hardware and software platforms"
)
_SAME_THICKNESS = f"{ESSENTIALS}: uniform slice thickness"
_SAME_PHASE = f"{ESSENTIALS}: sequence and contrast phase chosen beforehand and kept throughout"
_SAME_WINDOW = f"{ESSENTIALS}: window settings standardised across readers and time points"
_SAME_KERNEL = (
    f"{ESSENTIALS}: reconstructions suited to the task, as soft tissue kernels; that they stay the same is SegQC's reading"
)

Platform = Literal["hardware", "software", "acquisition"]

# Facts of one modality only; the window of MR and PET is set image by image and has no absolute scale.
_MODALITIES = {"CT": "CT", "MR": "MR", "PET": "PT"}
_HARDWARE = ("manufacturer", "model", "magnetic_field_strength_t")
_SOFTWARE = ("software_versions",)
# A header names them where there is something to name: not given is an answer.
_GIVEN_WHERE_IT_APPLIES = ("Contrast agent", "Post-processing")
_GIVEN_WHERE_IT_APPLIES_FACTS = ("filter_type", "corrected_image")
# Few headers have them, and their lack says nothing.
_OFTEN_LEFT_OUT = ("contrast_phase", "window_levels", "body_part_examined", "protocol_name")
_MOST_WINDOWS = 3
_LATEST_DELAY_S = 3600


@dataclass(frozen=True)
class FactRule:
    """A fact that must not change within a study.

    Attributes
    ----------
    fact : str
        Name of the fact in the record's acquisition.
    title : str
        Its DICOM attribute, with tag.
    source : str
        Who asks for it.
    platform : "hardware", "software" or "acquisition"
    missing : "hinders", "counts" or "unknown"
        What it means that a header does not say it. hinders: the series cannot be shown to be comparable; counts: that is a value
        like any other; unknown: nothing follows.
    caveat_only : bool
        A difference is told and hinders no comparison.
    given_only : bool
        What counts is whether it is given, not its words.
    """

    fact: str
    title: str
    source: str
    platform: Platform
    missing: Literal["hinders", "counts", "unknown"]
    caveat_only: bool = False
    given_only: bool = False


def fact_rules(modality: str | None, protocol: QCProtocol | None) -> tuple[FactRule, ...]:
    """Return the facts that series of a modality must share: the protocol's, then what guidelines ask for beyond it.

    Parameters
    ----------
    modality : str or None
        Modality (0008,0060); None: not known, and only facts of every modality count.
    protocol : QCProtocol or None
    """
    stated = protocol.uniform_in_study if protocol else None
    rules = [_rule(fact, stated.source) for fact in (stated.values if stated else ())]
    known = {rule.fact for rule in rules}
    rules += [_rule(fact, source, by_default=True) for fact, source in _defaults(modality) if fact not in known]
    return tuple(rule for rule in rules if _applies(rule.fact, modality))


def _defaults(modality: str | None) -> tuple[tuple[str, str], ...]:
    mr = (("sequence_name", _SAME_PHASE), ("magnetic_field_strength_t", CONSENSUS))
    return (
        ("slice_thicknesses_mm", _SAME_THICKNESS),
        ("convolution_kernel", _SAME_KERNEL),
        *(mr if modality == "MR" else ()),
        *((("reconstruction_method", _SAME_KERNEL),) if modality == "PT" else ()),
        ("contrast_agent", _SAME_PHASE),
        ("contrast_phase", _SAME_PHASE),
        ("manufacturer", CONSENSUS),
        ("model", CONSENSUS),
        ("software_versions", CONSENSUS),
        *((("window_levels", _SAME_WINDOW),) if modality == "CT" else ()),
    )


def _rule(fact: str, source: str, *, by_default: bool = False) -> FactRule:
    platform: Platform = "hardware" if fact in _HARDWARE else "software" if fact in _SOFTWARE else "acquisition"
    counts = _group(fact) in _GIVEN_WHERE_IT_APPLIES or fact in _GIVEN_WHERE_IT_APPLIES_FACTS
    return FactRule(
        fact,
        fact_title(fact),
        source,
        platform,
        missing="unknown" if fact in _OFTEN_LEFT_OUT else "counts" if counts else "hinders",
        caveat_only=fact == "window_levels",
        given_only=by_default and fact == "contrast_agent",
    )


def fact_title(fact: str) -> str:
    """Return the DICOM attribute of a fact, with tag, as pages name it."""
    if fact == "window_levels":
        return "Window Width (0028,1051) / Window Center (0028,1050)"
    try:
        return attribute_of(fact)
    except KeyError:
        return fact.replace("_", " ")


def _group(fact: str) -> str | None:
    return next((item.metadata.get("group") for item in fields(Acquisition) if item.name == fact), None)


def _applies(fact: str, modality: str | None) -> bool:
    of = _MODALITIES.get(_group(fact) or "")
    return of is None or modality == of


@dataclass(frozen=True)
class FactValue:
    """What a header says of a fact.

    Attributes
    ----------
    text : str
        With unit; "" where the header does not say it.
    mixed : bool
        It is not the same in all slices of the series.
    """

    text: str
    mixed: bool = False


def fact_values(acquisition: Acquisition, geometry: Geometry | None, protocol: QCProtocol | None) -> dict[str, FactValue]:
    """Return every fact that a header gives, by its name; a fact that it lacks has no entry."""
    texts = {}
    if geometry is not None:
        texts = {row.attribute: row.text for group in fact_groups(acquisition, geometry) for row in group.rows}
    found = {}
    for item in fields(Acquisition):
        mixed = bool(acquisition.differing_values(item.name))
        if item.name == "slice_thicknesses_mm":
            mixed = len(acquisition.slice_thicknesses_mm) > 1
        text = texts.get(item.metadata.get("attribute", ""), "")
        if item.name == "contrast_phase":
            text = _phase(acquisition, protocol)
        elif item.name == "window_levels":
            text = _windows(acquisition)
        elif "attribute" not in item.metadata:
            value = getattr(acquisition, item.name)
            text = "" if value is None or value == () else str(value)
        if text:
            found[item.name] = FactValue(text, mixed)
    return found


def _phase(acquisition: Acquisition, protocol: QCProtocol | None) -> str:
    """Return the contrast phase that the header or, in the protocol's words, Series Description (0008,103E) names; else ""."""
    if acquisition.contrast_phase:
        return acquisition.contrast_phase.replace("_", " ").lower()
    rule = protocol.contrast if protocol else None
    description = acquisition.series_description
    if rule and description and description in AllowedTexts(rule.series_description_words, rule.source):
        return rule.phase
    return ""


def _windows(acquisition: Acquisition) -> str:
    pairs = list(dict.fromkeys(map(str, acquisition.window_levels)))
    return ", ".join(pairs) if len(pairs) <= _MOST_WINDOWS else f"{len(pairs)} windows in one series"


def contrast_delay_s(acquisition: Acquisition) -> float | None:
    """Return seconds from Contrast/Bolus Start Time (0018,1042) to Acquisition Time (0008,0032), in 0 to 3600; else None.

    None too where no volume was injected: many scanners write a start time with a volume of 0 mL.
    """
    if not acquisition.contrast_volume_ml:
        return None
    start, begin = (moment(None, text) for text in (acquisition.contrast_start_time, acquisition.acquisition_time))
    if start is None or begin is None:
        return None
    delay_s = (begin - start).total_seconds()
    return delay_s if 0 < delay_s <= _LATEST_DELAY_S else None
