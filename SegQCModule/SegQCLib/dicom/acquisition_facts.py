"""How an image was made, from its DICOM headers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from SegQCLib.case import Acquisition, WindowLevel

if TYPE_CHECKING:
    from pydicom import Dataset


def acquisition_facts(headers: Sequence[Dataset]) -> Acquisition:
    """Return what the headers of a series say of how it was made; where its slices lie is not among it.

    Parameters
    ----------
    headers : sequence of Dataset
        One flat header per slice, in the order of k: for an enhanced object, its functional groups merged on top level.
    """
    first = headers[0]

    def text(keyword: str) -> str | None:
        return str(first.get(keyword) or "").strip() or None

    def texts(keyword: str) -> tuple[str, ...]:
        value = first.get(keyword)
        if value is None or value == "":
            return ()
        return tuple(str(item) for item in value) if _is_list(value) else (str(value),)

    thicknesses = Counter(_number(header, "SliceThickness") for header in headers)
    return Acquisition(
        source="DICOM headers",
        modality=text("Modality"),
        image_type=texts("ImageType"),
        manufacturer=text("Manufacturer"),
        model=text("ManufacturerModelName"),
        device_serial=text("DeviceSerialNumber"),
        software_versions=texts("SoftwareVersions"),
        study_instance_uid=text("StudyInstanceUID"),
        series_instance_uid=text("SeriesInstanceUID"),
        frame_of_reference_uid=text("FrameOfReferenceUID"),
        series_description=text("SeriesDescription"),
        body_part_examined=text("BodyPartExamined"),
        slice_thicknesses_mm=tuple(sorted(value for value in thicknesses if value is not None)),
        gantry_tilt_deg=_number(first, "GantryDetectorTilt"),
        convolution_kernel=texts("ConvolutionKernel"),
        kvp=_number(first, "KVP"),
        reconstruction_diameter_mm=_number(first, "ReconstructionDiameter"),
        contrast_agent=text("ContrastBolusAgent"),
        contrast_start_time=text("ContrastBolusStartTime"),
        contrast_volume_ml=_number(first, "ContrastBolusVolume"),
        acquisition_time=text("AcquisitionTime"),
        sequence_name=text("SequenceName") or text("PulseSequenceName"),
        magnetic_field_strength_t=_number(first, "MagneticFieldStrength"),
        units=text("Units"),
        window_levels=_window_levels(headers),
    )


def _is_list(value: Any) -> bool:
    from pydicom.multival import MultiValue

    return isinstance(value, MultiValue | list | tuple)


def _number(header: Dataset, keyword: str) -> float | None:
    """Return a single decimal value, or None where it is missing or not a finite number."""
    value = header.get(keyword)
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _window_levels(headers: Sequence[Dataset]) -> tuple[WindowLevel, ...]:
    found: dict[WindowLevel, None] = {}
    for header in headers:
        columns = []
        for keyword in ("WindowWidth", "WindowCenter", "WindowCenterWidthExplanation"):
            value = header.get(keyword)
            columns.append([] if value in (None, "") else list(value) if _is_list(value) else [value])
        widths, centres, explanations = columns
        for n, (width, centre) in enumerate(zip(widths, centres, strict=False)):
            explanation = str(explanations[n]) if n < len(explanations) else None
            found[WindowLevel(float(width), float(centre), explanation)] = None
    return tuple(found)
