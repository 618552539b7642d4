"""How the images were acquired and reconstructed, as their headers say."""

from __future__ import annotations

from typing import Any

from SegQCLib.acquisition import Acquisition, Span, attribute_of
from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_RECORDS, Filling, nothing, of_records
from SegQCLib.checklists.over_cases import counted_texts, numbers, plural
from SegQCLib.checklists.study_facts import StudyFacts

ID = "acquisition"

# What an acquisition protocol names at least: title, facts of which one is enough, factor and unit of the first.
_Line = tuple[str, tuple[str, ...], float, str]
_OF_ALL: tuple[_Line, ...] = (
    ("scanner manufacturer", ("manufacturer",), 1, ""),
    ("scanner model", ("model",), 1, ""),
    ("slice thickness", ("slice_thicknesses_mm",), 1, "mm"),
)
_OF_MODALITY: dict[str, tuple[_Line, ...]] = {
    "CT": (
        ("tube voltage", ("kvp",), 1, "kV"),
        ("exposure or tube current", ("exposure_mas", "tube_current_ma"), 1, ""),
        ("reconstruction kernel", ("convolution_kernel",), 1, ""),
    ),
    "MR": (
        ("field strength", ("magnetic_field_strength_t",), 1, "T"),
        ("sequence", ("sequence_name", "scanning_sequence"), 1, ""),
        ("echo time", ("echo_time_ms",), 1, "ms"),
        ("repetition time", ("repetition_time_ms",), 1, "ms"),
    ),
    "PT": (
        ("radiopharmaceutical", ("radiopharmaceutical",), 1, ""),
        ("injected activity", ("injected_dose_bq",), 1e-6, "MBq"),
        ("uptake time", ("uptake_time_min",), 1, "min"),
        ("reconstruction", ("reconstruction_method",), 1, ""),
    ),
}
_UNIT_OF = {"exposure_mas": "mAs", "tube_current_ma": "mA"}


def run(facts: StudyFacts) -> Filling:
    """Report modality, scanner, slices, voxels and the settings of each modality, with how many headers say so."""
    if not facts.records:
        return nothing(NO_RECORDS)
    reported, missing = [], []
    of_modality: dict[str | None, list[Acquisition]] = {}
    for record in facts.records:
        of_modality.setdefault(record.case.acquisition.modality, []).append(record.case.acquisition)
    total = len(facts.records)
    known = [modality for modality in of_modality if modality is not None]
    if known:
        named = counted_texts(one for one in (record.case.acquisition.modality for record in facts.records) if one is not None)
        text = f"{plural(total, 'image')} by modality (number of images): {named}."
        reported.append(Reported(text, of_records(facts, "case.acquisition.modality")))
    if None in of_modality:
        missing.append(f"Modality (0008,0060) is not in the header of {len(of_modality[None])} of {total} images.")
    for modality, acquisitions in of_modality.items():
        for line in (*_OF_ALL, *_OF_MODALITY.get(modality or "", ())):
            _add(facts, modality, acquisitions, line, reported, missing)
    reported.append(_grid(facts))
    contrast = sum(record.case.acquisition.contrast_agent is not None for record in facts.records)
    if contrast:
        text = f"A contrast agent is named in the header of {contrast} of {total} images."
        reported.append(Reported(text, of_records(facts, "case.acquisition.contrast_agent")))
    return Filling(tuple(reported), tuple(missing))


def _add(
    facts: StudyFacts,
    modality: str | None,
    acquisitions: list[Acquisition],
    line: _Line,
    reported: list[Reported],
    missing: list[str],
) -> None:
    title, names, factor, unit = line
    said_by: dict[str, list[Any]] = {}
    for acquisition in acquisitions:
        name = next((name for name in names if _said(acquisition, name)), None)
        if name is not None:
            said_by.setdefault(name, []).append(getattr(acquisition, name))
    number = sum(map(len, said_by.values()))
    of_images = f"of {modality} images" if modality else "of images of unknown modality"
    if said_by:
        said = "; ".join(_in_words(values, factor, _UNIT_OF.get(name, unit)) for name, values in said_by.items())
        text = f"{title.capitalize()} {of_images}: {said}; in the header of {number} of {len(acquisitions)}."
        reported.append(Reported(text, of_records(facts, *(f"case.acquisition.{name}" for name in sorted(said_by)))))
    if number < len(acquisitions):
        without, attribute = len(acquisitions) - number, attribute_of(names[0])
        missing.append(f"The {title} {of_images} ({attribute}) is not in the header of {without} of {len(acquisitions)}.")


def _said(acquisition: Acquisition, name: str) -> bool:
    value = getattr(acquisition, name)
    return value is not None and value != () and not acquisition.differing_values(name)


def _in_words(values: list[Any], factor: float, unit: str) -> str:
    found: list[float] = []
    texts: list[str] = []
    for value in values:
        if isinstance(value, Span):
            found += [value.lowest * factor, value.highest * factor]
        elif isinstance(value, str):
            texts.append(value)
        elif isinstance(value, tuple) and isinstance(value[0], str):
            texts.append(" / ".join(value))
        else:
            found += [one * factor for one in (value if isinstance(value, tuple) else (value,))]
    if any(isinstance(value, Span) and value.lowest < value.highest for value in values):
        # Of a series only its lowest and highest value are known: a median of these would be none of images or slices.
        return f"{numbers([min(found), max(found)], unit).partition(', median')[0]} over all slices"
    return numbers(found, unit) if found else counted_texts(texts)


def _grid(facts: StudyFacts) -> Reported:
    geometries = [record.case.geometry for record in facts.records]
    in_plane = numbers([edge for one in geometries for edge in one.spacing_mm[1:]], "mm")
    between = numbers([one.spacing_mm[0] for one in geometries], "mm")
    covered = numbers([one.size[0] * one.spacing_mm[0] for one in geometries], "mm")
    text = (
        f"Measured on the voxel grid of {plural(len(geometries), 'image')}: voxel edge in plane {in_plane}; distance of slice"
        f" centres {between}; number of slices {numbers([one.size[0] for one in geometries], '')}; covered length {covered}."
    )
    return Reported(text, of_records(facts, "case.geometry.spacing_mm", "case.geometry.size"))
