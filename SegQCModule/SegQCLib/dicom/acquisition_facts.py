"""How an image was made, from its DICOM headers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from SegQCLib.acquisition import HU, HU_MODIFIED, Acquisition, DifferingFact, Span, WindowLevel
from SegQCLib.dicom.slice_values import distinct, is_empty, is_list, number, texts, unlike, value_of
from SegQCLib.dicom.suv import pet_scale, uptake_time_min
from SegQCLib.dicom.uptake import acquisition_moment

if TYPE_CHECKING:
    from pydicom import Dataset

# Facts of the series, from the first slice that has them. Each with the keywords of its attributes, the first one first.
_OF_SERIES_TEXT = {
    "modality": "Modality",
    "study_instance_uid": "StudyInstanceUID",
    "series_instance_uid": "SeriesInstanceUID",
    "frame_of_reference_uid": "FrameOfReferenceUID",
    "series_description": "SeriesDescription",
    "body_part_examined": "BodyPartExamined",
    "protocol_name": "ProtocolName",
    "contrast_start_time": "ContrastBolusStartTime",
}
# Facts that must be the same in all slices: where they are not, no value stands for the series.
_UNIFORM_TEXT = {
    "manufacturer": ("Manufacturer",),
    "model": ("ManufacturerModelName",),
    "device_serial": ("DeviceSerialNumber",),
    "filter_type": ("FilterType",),
    "sequence_name": ("SequenceName", "PulseSequenceName"),
    "mr_acquisition_type": ("MRAcquisitionType",),
    "receive_coil_type": ("ReceiveCoilType",),
    "complex_image_component": ("ComplexImageComponent",),
    "parallel_acquisition": ("ParallelAcquisition",),
    "derivation_description": ("DerivationDescription",),
    "lossy_compression": ("LossyImageCompression",),
    "units": ("Units",),
    "suv_type": ("SUVType",),
    "decay_correction": ("DecayCorrection",),
    "reconstruction_method": ("ReconstructionMethod",),
    "attenuation_correction_method": ("AttenuationCorrectionMethod",),
}
_UNIFORM_TEXTS = {
    "image_type": ("ImageType",),
    "software_versions": ("SoftwareVersions",),
    "convolution_kernel": ("ConvolutionKernel",),
    "scanning_sequence": ("ScanningSequence", "EchoPulseSequence"),
    "sequence_variant": ("SequenceVariant",),
    "corrected_image": ("CorrectedImage",),
}
_UNIFORM_NUMBER = {
    "gantry_tilt_deg": ("GantryDetectorTilt",),
    "kvp": ("KVP",),
    "reconstruction_diameter_mm": ("ReconstructionDiameter",),
    "contrast_volume_ml": ("ContrastBolusVolume",),
    "magnetic_field_strength_t": ("MagneticFieldStrength",),
    "spacing_between_slices_mm": ("SpacingBetweenSlices",),
    "echo_time_ms": ("EchoTime", "EffectiveEchoTime"),
    "repetition_time_ms": ("RepetitionTime",),
    "inversion_time_ms": ("InversionTime", "InversionTimes"),
    "flip_angle_deg": ("FlipAngle",),
    "pixel_bandwidth_hz": ("PixelBandwidth",),
}
_UNIFORM_NUMBERS = {
    "acquisition_matrix": ("AcquisitionMatrix",),
    "reconstruction_field_of_view_mm": ("ReconstructionFieldOfView",),
}
# Tube current modulation changes these from slice to slice. Attributes that give thousandths come with their factor.
_VARYING = {
    "exposure_mas": (("Exposure", 1), ("ExposureInmAs", 1), ("ExposureInuAs", 1e-3)),
    "tube_current_ma": (("XRayTubeCurrent", 1), ("XRayTubeCurrentInmA", 1), ("XRayTubeCurrentInuA", 1e-3)),
    "exposure_time_ms": (("ExposureTime", 1), ("ExposureTimeInms", 1), ("ExposureTimeInuS", 1e-3)),
    "ctdi_vol_mgy": (("CTDIvol", 1),),
}


def acquisition_facts(headers: Sequence[Dataset]) -> Acquisition:
    """Return what the headers of a series say of how it was made; where its slices lie is not among it.

    Parameters
    ----------
    headers : sequence of Dataset
        One flat header per slice, in the order of k: for an enhanced object, its functional groups merged on top level.
    """
    facts: dict[str, Any] = {name: _first_text(headers, keyword) for name, keyword in _OF_SERIES_TEXT.items()}
    differing: list[DifferingFact] = []
    for name, values in _uniform_facts(headers):
        if len(values) == 1:
            facts[name] = values[0]
        elif values:
            differing.append(DifferingFact(name, tuple(map(_shown, values))))
    for name, attributes in _VARYING.items():
        facts[name] = _span(headers, attributes)
    # Each slice has a ratio of its own.
    facts["lossy_compression_ratios"] = max(_number_lists(headers, ("LossyImageCompressionRatio",)), key=math.prod, default=())
    facts.update(_times(headers))
    windows = _window_levels(headers)
    if facts["modality"] == "PT":
        scale = pet_scale(headers)
        facts.update(uptake_time_min=uptake_time_min(headers), value_unit=scale.unit)
        # They are in the unit of the stored values.
        windows = windows if scale.is_identity() else ()
    elif facts["modality"] == "CT":
        facts["value_unit"] = _ct_value_unit(headers)
    return Acquisition(
        source="DICOM headers",
        slice_thicknesses_mm=tuple(sorted(_told_apart([n for n in _numbers_of(headers, "SliceThickness") if n is not None]))),
        window_levels=windows,
        differing=tuple(differing),
        **facts,
    )


def _uniform_facts(headers: Sequence[Dataset]) -> Iterator[tuple[str, list[Any]]]:
    """Yield each fact that must be uniform with its distinct values over the slices."""
    for name, keywords in _UNIFORM_TEXT.items():
        yield name, [str(value).strip() for value in _first_given(headers, keywords)]
    for name, keywords in _UNIFORM_TEXTS.items():
        yield name, list(dict.fromkeys(texts(value) for value in _first_given(headers, keywords)))
    for name, keywords in _UNIFORM_NUMBER.items():
        found = [number(value[0] if is_list(value) and value else value) for value in _first_given(headers, keywords)]
        yield name, _told_apart([value for value in found if value is not None])
    for name, keywords in _UNIFORM_NUMBERS.items():
        whole = name == "acquisition_matrix"
        listed = [tuple(int(n) if whole else n for n in value) for value in _number_lists(headers, keywords)]
        yield name, list(dict.fromkeys(listed))
    rows, columns = _first_given(headers, ("Rows",)), _first_given(headers, ("Columns",))
    sides = [number(side) for side in (*rows, *columns)]
    yield "matrix", [tuple(map(int, sides))] if len(rows) == len(columns) == 1 and None not in sides else []
    yield "contrast_agent", _contrast_agents(headers)
    yield "contrast_phase", _contrast_phases(headers)
    yield "derivation_codes", list(dict.fromkeys(_meanings(value) for value in _sequences(headers, "DerivationCodeSequence")))
    yield from _isotope_facts(headers)


def _isotope_facts(headers: Sequence[Dataset]) -> Iterator[tuple[str, list[Any]]]:
    items = [sequence[0] for sequence in _sequences(headers, "RadiopharmaceuticalInformationSequence")]
    if not items:
        return
    names = [str(value).strip() for value in distinct(items, "Radiopharmaceutical")]
    coded = [" + ".join(_meanings(value)) for value in _sequences(items, "RadiopharmaceuticalCodeSequence")]
    yield "radiopharmaceutical", names or list(dict.fromkeys(coded))
    for name, keyword in (("injected_dose_bq", "RadionuclideTotalDose"), ("half_life_s", "RadionuclideHalfLife")):
        yield name, _told_apart([value for value in _numbers_of(items, keyword) if value is not None])
    started = _first_given(items, ("RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime"))
    yield "injection_time", [str(value).strip() for value in started]


def _first_text(headers: Sequence[Dataset], keyword: str) -> str | None:
    return next((str(value).strip() for header in headers if not is_empty(value := value_of(header, keyword))), None)


def _first_given(headers: Sequence[Dataset], keywords: tuple[str, ...]) -> list[Any]:
    """Return the distinct values of the first of the attributes that any slice has."""
    return next((found for keyword in keywords if (found := distinct(headers, keyword))), [])


def _numbers_of(headers: Sequence[Dataset], keyword: str) -> list[float | None]:
    return [number(value) for value in distinct(headers, keyword)]


def _number_lists(headers: Sequence[Dataset], keywords: tuple[str, ...]) -> list[tuple[float, ...]]:
    found = [tuple(map(number, value if is_list(value) else (value,))) for value in _first_given(headers, keywords)]
    return [values for values in found if None not in values]


def _told_apart(values: list[float]) -> list[float]:
    """Return values that differ by more than the rounding of decimal text: 1999.99999 and 2000 are one."""
    return list({f"{value:.5g}": value for value in reversed(values)}.values())[::-1]


def _span(headers: Sequence[Dataset], attributes: tuple[tuple[str, float], ...]) -> Span | None:
    for keyword, factor in attributes:
        found = [value * factor for value in _numbers_of(headers, keyword) if value is not None]
        if found:
            return Span(min(found), max(found))
    return None


def _times(headers: Sequence[Dataset]) -> dict[str, str | None]:
    """Return date and time of the earliest slice as DA and TM, as written where that is what they are."""
    moments = [(found, header) for header in headers if (found := acquisition_moment(header)) is not None]
    if not moments:
        return {}
    earliest, header = min(moments, key=lambda item: item[0])
    written_date, written_time = value_of(header, "AcquisitionDate"), value_of(header, "AcquisitionTime")
    date = written_date or (f"{earliest:%Y%m%d}" if value_of(header, "AcquisitionDateTime") or is_empty(written_time) else None)
    time = written_time if not is_empty(written_time) else f"{earliest:%H%M%S}"
    return {"acquisition_date": str(date) if date else None, "acquisition_time": str(time)}


def _ct_value_unit(headers: Sequence[Dataset]) -> str | None:
    """Return HU unless Rescale Type (0028,1054) says otherwise, as a virtual monoenergetic or a perfusion map does.

    Where Rescale Type is missing, values are HU for an image that is not derived and not a localizer (PS3.3 C.8.2.1.1.2).
    """
    types = [str(value).strip() for value in distinct(headers, "RescaleType")]
    if len(types) != 1:
        return None if types else HU
    return {"HU": HU, "HU_MOD": HU_MODIFIED, "US": "unspecified"}.get(types[0], types[0])


def _sequences(headers: Sequence[Dataset], keyword: str) -> list[Any]:
    return [found for header in headers if (found := value_of(header, keyword)) and is_sequence(found)]


def is_sequence(value: Any) -> bool:
    from pydicom.sequence import Sequence as DicomSequence

    return isinstance(value, DicomSequence) and len(value) > 0


def _meanings(codes: Any) -> tuple[str, ...]:
    return tuple(str(item.get("CodeMeaning") or item.get("CodeValue") or "").strip() for item in codes)


def _contrast_agents(headers: Sequence[Dataset]) -> list[str]:
    named = [str(value).strip() for value in distinct(headers, "ContrastBolusAgent")]
    if named:
        return named
    # An enhanced object lists the agents of the whole examination; the frame says whether they were given by then.
    if set(_usages(headers, "ContrastBolusAgentAdministered")) == {"NO"}:
        return []
    coded = [" + ".join(filter(None, _meanings(value))) for value in _sequences(headers, "ContrastBolusAgentSequence")]
    return list(dict.fromkeys(filter(None, coded)))


def _contrast_phases(headers: Sequence[Dataset]) -> list[str]:
    return list(dict.fromkeys(_usages(headers, "ContrastBolusAgentPhase")))


def _usages(headers: Sequence[Dataset], keyword: str) -> list[str]:
    """Return an attribute of Contrast/Bolus Usage Sequence (0018,9341), one item for each agent, or of a merged item of it."""
    items = [item for sequence in _sequences(headers, "ContrastBolusUsageSequence") for item in sequence]
    return [str(value).strip() for value in distinct([*headers, *items], keyword)]


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return "\\".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _window_levels(headers: Sequence[Dataset]) -> tuple[WindowLevel, ...]:
    found: dict[WindowLevel, None] = {}
    keywords = ("WindowWidth", "WindowCenter", "WindowCenterWidthExplanation")
    for header in unlike(headers, *keywords):
        columns = []
        for keyword in keywords:
            value = value_of(header, keyword)
            columns.append([] if is_empty(value) else list(value) if is_list(value) else [value])
        widths, centres, explanations = columns
        for n, pair in enumerate(zip(widths, centres, strict=False)):
            width, centre = map(number, pair)
            if width is not None and centre is not None:
                explanation = str(explanations[n]) if n < len(explanations) else None
                found[WindowLevel(width, centre, explanation)] = None
    return tuple(found)
