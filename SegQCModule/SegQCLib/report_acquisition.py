"""What a report shows of how the image was made: header facts in groups, each with its DICOM attribute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from SegQCLib.acquisition import FACT_OF_LIMIT, Acquisition, attribute_of, values_in_words
from SegQCLib.dicom.moments import moment, moment_of_date_time
from SegQCLib.dicom.transfer_syntaxes import syntax_name
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import QCProtocol

_GROUPS = ("Image", "Scanner", "Slices and matrix", "CT", "MR", "PET", "Contrast agent", "Post-processing")


@dataclass(frozen=True)
class FactRow:
    """A line of the table: the DICOM attribute with its tag, and what the header says, with unit."""

    attribute: str
    text: str


@dataclass(frozen=True)
class FactGroup:
    """Facts that belong together."""

    title: str
    rows: tuple[FactRow, ...]


def fact_groups(acquisition: Acquisition, geometry: Geometry) -> tuple[FactGroup, ...]:
    """Return the facts that the header gives, in groups; a fact that it lacks has no row."""
    rows: dict[str, list[FactRow]] = {title: [] for title in _GROUPS}
    if acquisition.value_unit is not None:
        rows["Image"].append(FactRow("Unit of the voxel values as they were read", acquisition.value_unit))
    for item in fields(acquisition):
        if "attribute" not in item.metadata:
            continue
        text = _text(acquisition, item.name, item.metadata["unit"])
        if text:
            rows[item.metadata["group"]].append(FactRow(item.metadata["attribute"], text))
    if rows["Slices and matrix"]:
        measured = FactRow("Distance between slices, measured on the grid", f"{geometry.spacing_mm[0]:g} mm")
        rows["Slices and matrix"].append(measured)
    return tuple(FactGroup(title, tuple(listed)) for title, listed in rows.items() if listed)


def missing_facts(acquisition: Acquisition, protocol: QCProtocol) -> tuple[str, ...]:
    """Return the DICOM attributes, with tag, that the protocol needs and the header lacks."""
    return tuple(attribute_of(fact) for fact in dict.fromkeys(_needed(protocol)) if not _text(acquisition, fact, ""))


def _needed(protocol: QCProtocol) -> Iterator[str]:
    for key, fact in FACT_OF_LIMIT.items():
        if getattr(protocol, key) is not None:
            yield fact
    if protocol.contrast is not None and protocol.contrast.agent_required:
        yield "contrast_agent"
    known = {item.name for item in fields(Acquisition) if "attribute" in item.metadata}
    yield from (fact for fact in (protocol.uniform_in_study.values if protocol.uniform_in_study else ()) if fact in known)


def _text(acquisition: Acquisition, fact: str, unit: str) -> str:
    differing, value = acquisition.differing_values(fact), getattr(acquisition, fact)
    if differing:
        return f"not the same in all slices: {values_in_words(differing)}{_unit(unit)}"
    if value is None or value == ():
        return ""
    if fact in _IN_WORDS:
        return _IN_WORDS[fact](value)
    return f"{_plain(value)}{_unit(unit)}"


def _date(text: str) -> str:
    found = moment(text, "00")
    return text if found is None else f"{found:%Y-%m-%d}"


def _time(text: str) -> str:
    found = moment(None, text)
    return text if found is None else f"{found:%H:%M:%S}"


def _date_time(text: str) -> str:
    found = moment_of_date_time(text)
    return _time(text) if found is None else f"{found:%Y-%m-%d %H:%M:%S}"


# Facts that a header writes for programs.
_IN_WORDS: dict[str, Callable[[Any], str]] = {
    "acquisition_date": _date,
    "acquisition_time": _time,
    "contrast_start_time": _time,
    "injection_time": _date_time,
    "injected_dose_bq": lambda bq: f"{bq / 1e6:.4g}{_unit('MBq')}",
    "image_type": "\\".join,
    "matrix": lambda sides: " × ".join(map(str, sides)),
    "lossy_compression": lambda said: {"00": "00: never with loss", "01": "01: with loss, now or before"}.get(said, said),
    "transfer_syntaxes": lambda uids: "; ".join(map(syntax_name, uids)),
}


def _unit(unit: str) -> str:
    # A no-break space: a line must not part a number from its unit.
    return f"\u00a0{unit}" if unit else ""


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_plain, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
