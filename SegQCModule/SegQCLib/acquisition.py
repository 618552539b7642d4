"""How an image was made, as its header says: the facts that checks judge and reports show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

# Units of voxel values. Rescale Type (0028,1054) HU_MOD: Hounsfield units of an image that was processed after that.
HU, HU_MODIFIED, SUVBW = "HU", "HU (modified)", "g/mL (SUVbw)"
_MOST_VALUES = 6

# The protocol's limits that need a fact of the header, and the fact.
FACT_OF_LIMIT = {
    "slice_thickness_mm": "slice_thicknesses_mm",
    "convolution_kernel": "convolution_kernel",
    "kvp": "kvp",
    "mr_sequence": "sequence_name",
    "magnetic_field_strength_t": "magnetic_field_strength_t",
    "echo_time_ms": "echo_time_ms",
    "repetition_time_ms": "repetition_time_ms",
    "inversion_time_ms": "inversion_time_ms",
    "uptake_time_min": "uptake_time_min",
    "image_type": "image_type",
    "lossy_compression_ratio": "lossy_compression",
}


@dataclass(frozen=True)
class WindowLevel:
    """A grey-scale window, DICOM Window Width (0028,1051) and Window Center (0028,1050)."""

    window: float
    level: float
    explanation: str | None = None

    def __str__(self) -> str:
        return f"{self.window:g}/{self.level:g}"


@dataclass(frozen=True)
class Span:
    """The lowest and the highest value of a fact that may differ from slice to slice."""

    lowest: float = field(metadata={"doc": "Lowest value of the series."})
    highest: float = field(metadata={"doc": "Highest value of the series."})

    def __str__(self) -> str:
        low, high = f"{self.lowest:g}", f"{self.highest:g}"
        return low if low == high else f"{low} to {high}"


def values_in_words(values: Sequence[str]) -> str:
    """Return distinct values of a fact for a sentence; a series can have hundreds."""
    more = len(values) - _MOST_VALUES
    return " and ".join(values) if more <= 0 else f"{', '.join(values[:_MOST_VALUES])} and {more} more values"


@dataclass(frozen=True)
class DifferingFact:
    """A fact that is not the same in all slices although it belongs to the series."""

    fact: str = field(metadata={"doc": "Name of the fact, as in this object."})
    values: tuple[str, ...] = field(metadata={"doc": "Its distinct values as text, in the order of the slices."})

    def __str__(self) -> str:
        return values_in_words(self.values)


def _header(group: str, attribute: str, unit: str = "", *, note: str = "") -> dict[str, str]:
    """Return a field's metadata: the DICOM attribute with its tag, the unit, and the group that a report shows it in."""
    of_unit = f", {unit}" if unit else ""
    more = f" {note}" if note else ""
    return {"doc": f"{attribute}{of_unit}.{more}", "attribute": attribute, "unit": unit, "group": group}


@dataclass(frozen=True)
class Acquisition:
    """How the image was made, as its header says. None or () means that the header does not say, or see `differing`.

    Every field names its DICOM attribute; nothing here is guessed from anything else.
    """

    source: str = field(default="unknown", metadata={"doc": "Where these facts come from: DICOM headers, or none."})
    modality: str | None = field(default=None, metadata=_header("Image", "Modality (0008,0060)"))
    image_type: tuple[str, ...] = field(default=(), metadata=_header("Post-processing", "Image Type (0008,0008)"))
    manufacturer: str | None = field(default=None, metadata=_header("Scanner", "Manufacturer (0008,0070)"))
    model: str | None = field(default=None, metadata=_header("Scanner", "Manufacturer's Model Name (0008,1090)"))
    device_serial: str | None = field(default=None, metadata=_header("Scanner", "Device Serial Number (0018,1000)"))
    software_versions: tuple[str, ...] = field(default=(), metadata=_header("Scanner", "Software Versions (0018,1020)"))
    study_instance_uid: str | None = field(default=None, metadata={"doc": "Study Instance UID (0020,000D)."})
    series_instance_uid: str | None = field(default=None, metadata={"doc": "Series Instance UID (0020,000E)."})
    frame_of_reference_uid: str | None = field(default=None, metadata={"doc": "Frame of Reference UID (0020,0052)."})
    series_description: str | None = field(default=None, metadata=_header("Image", "Series Description (0008,103E)"))
    body_part_examined: str | None = field(default=None, metadata=_header("Image", "Body Part Examined (0018,0015)"))
    slice_thicknesses_mm: tuple[float, ...] = field(
        default=(),
        metadata=_header(
            "Slices and matrix",
            "Slice Thickness (0018,0050)",
            "mm",
            note="Distinct values of the series, ascending: how thick slices are, not how far apart. More than one value: the"
            " series is not uniform.",
        ),
    )
    slice_positions_mm: tuple[float, ...] = field(
        default=(),
        metadata={
            "doc": "Image Position (Patient) (0020,0032) of each slice along the slice normal, mm, ascending,"
            " one entry per slice of the volume."
        },
    )
    duplicate_positions_mm: tuple[float, ...] = field(
        default=(), metadata={"doc": "Positions along the normal that more than one file has, mm."}
    )
    slice_displacement_mm: float | None = field(
        default=None,
        metadata={
            "doc": "Largest distance between a slice's Image Position (Patient) and where a regular grid from the first"
            " to the last slice would put it, mm. Readers that stack slices silently hide exactly this."
        },
    )
    stack_tilt_deg: float | None = field(
        default=None,
        metadata={
            "doc": "Angle between the slice normal and the line through the Image Positions (Patient), degrees:"
            " not 0 for a tilted gantry, whatever Gantry/Detector Tilt says."
        },
    )
    gantry_tilt_deg: float | None = field(
        default=None, metadata=_header("Slices and matrix", "Gantry/Detector Tilt (0018,1120)", "degrees")
    )
    convolution_kernel: tuple[str, ...] = field(default=(), metadata=_header("CT", "Convolution Kernel (0018,1210)"))
    kvp: float | None = field(default=None, metadata=_header("CT", "KVP (0018,0060)", "kV"))
    reconstruction_diameter_mm: float | None = field(
        default=None, metadata=_header("Slices and matrix", "Reconstruction Diameter (0018,1100)", "mm")
    )
    contrast_agent: str | None = field(
        default=None,
        metadata=_header(
            "Contrast agent",
            "Contrast/Bolus Agent (0018,0010)",
            note="In an enhanced object the Code Meaning (0008,0104) of Contrast/Bolus Agent Sequence (0018,0012).",
        ),
    )
    contrast_start_time: str | None = field(
        default=None, metadata=_header("Contrast agent", "Contrast/Bolus Start Time (0018,1042)")
    )
    contrast_volume_ml: float | None = field(
        default=None, metadata=_header("Contrast agent", "Contrast/Bolus Volume (0018,1041)", "mL")
    )
    acquisition_time: str | None = field(
        default=None,
        metadata=_header(
            "Image",
            "Acquisition Time (0008,0032)",
            note="The earliest of the series, HHMMSS; in an enhanced object from Frame Acquisition DateTime (0018,9074), else"
            " Acquisition DateTime (0008,002A).",
        ),
    )
    sequence_name: str | None = field(
        default=None, metadata=_header("MR", "Sequence Name (0018,0024), else Pulse Sequence Name (0018,9005)")
    )
    magnetic_field_strength_t: float | None = field(
        default=None, metadata=_header("MR", "Magnetic Field Strength (0018,0087)", "T")
    )
    units: str | None = field(
        default=None, metadata=_header("PET", "Units (0054,1001)", note="Of the stored voxel values; see value_unit.")
    )
    window_levels: tuple[WindowLevel, ...] = field(
        default=(),
        metadata={
            "doc": "Window Width (0028,1051) and Window Center (0028,1050) pairs, in the header's order; none where values were"
            " converted, as PET to SUV."
        },
    )
    value_unit: str | None = field(
        default=None,
        metadata={
            "doc": "Unit of the volume's voxel values as they were read: HU, g/mL (SUVbw), Bq/mL ...; null: no known scale,"
            " as for MR."
        },
    )
    differing: tuple[DifferingFact, ...] = field(
        default=(),
        metadata={"doc": "Facts that differ between slices and should not; the facts themselves are then null or empty."},
    )
    protocol_name: str | None = field(default=None, metadata=_header("Image", "Protocol Name (0018,1030)"))
    acquisition_date: str | None = field(
        default=None,
        metadata=_header(
            "Image", "Acquisition Date (0008,0022)", note="Of acquisition_time, YYYYMMDD; identifying where dates are."
        ),
    )
    spacing_between_slices_mm: float | None = field(
        default=None,
        metadata=_header(
            "Slices and matrix", "Spacing Between Slices (0018,0088)", "mm", note="As written; the measured one is in the geometry."
        ),
    )
    matrix: tuple[int, ...] = field(default=(), metadata=_header("Slices and matrix", "Rows (0028,0010) and Columns (0028,0011)"))
    acquisition_matrix: tuple[int, ...] = field(
        default=(),
        metadata=_header(
            "Slices and matrix",
            "Acquisition Matrix (0018,1310)",
            note="Frequency rows, frequency columns, phase rows, phase columns.",
        ),
    )
    reconstruction_field_of_view_mm: tuple[float, ...] = field(
        default=(), metadata=_header("Slices and matrix", "Reconstruction Field of View (0018,9317)", "mm")
    )
    filter_type: str | None = field(default=None, metadata=_header("CT", "Filter Type (0018,1160)"))
    exposure_mas: Span | None = field(
        default=None, metadata=_header("CT", "Exposure (0018,1152), else Exposure in mAs (0018,9332)", "mAs")
    )
    tube_current_ma: Span | None = field(
        default=None, metadata=_header("CT", "X-Ray Tube Current (0018,1151), else X-Ray Tube Current in mA (0018,9330)", "mA")
    )
    exposure_time_ms: Span | None = field(
        default=None, metadata=_header("CT", "Exposure Time (0018,1150), else Exposure Time in ms (0018,9328)", "ms")
    )
    ctdi_vol_mgy: Span | None = field(default=None, metadata=_header("CT", "CTDIvol (0018,9345)", "mGy"))
    scanning_sequence: tuple[str, ...] = field(
        default=(), metadata=_header("MR", "Scanning Sequence (0018,0020), else Echo Pulse Sequence (0018,9008)")
    )
    sequence_variant: tuple[str, ...] = field(default=(), metadata=_header("MR", "Sequence Variant (0018,0021)"))
    mr_acquisition_type: str | None = field(default=None, metadata=_header("MR", "MR Acquisition Type (0018,0023)"))
    echo_time_ms: float | None = field(
        default=None, metadata=_header("MR", "Echo Time (0018,0081), else Effective Echo Time (0018,9082)", "ms")
    )
    repetition_time_ms: float | None = field(default=None, metadata=_header("MR", "Repetition Time (0018,0080)", "ms"))
    inversion_time_ms: float | None = field(
        default=None,
        metadata=_header(
            "MR", "Inversion Time (0018,0082), else Inversion Times (0018,9079)", "ms", note="The first of several inversion times."
        ),
    )
    flip_angle_deg: float | None = field(default=None, metadata=_header("MR", "Flip Angle (0018,1314)", "degrees"))
    pixel_bandwidth_hz: float | None = field(default=None, metadata=_header("MR", "Pixel Bandwidth (0018,0095)", "Hz per pixel"))
    receive_coil_type: str | None = field(
        default=None, metadata=_header("MR", "Receive Coil Type (0018,9043)", note="Only enhanced objects have it.")
    )
    complex_image_component: str | None = field(
        default=None,
        metadata=_header("MR", "Complex Image Component (0008,9208)", note="MAGNITUDE, PHASE, ...; only enhanced objects have it."),
    )
    parallel_acquisition: str | None = field(
        default=None,
        metadata=_header("MR", "Parallel Acquisition (0018,9077)", note="YES or NO; only enhanced objects have it."),
    )
    contrast_phase: str | None = field(
        default=None,
        metadata=_header("Contrast agent", "Contrast/Bolus Agent Phase (0018,9344)", note="Only enhanced objects have it."),
    )
    derivation_description: str | None = field(
        default=None, metadata=_header("Post-processing", "Derivation Description (0008,2111)")
    )
    derivation_codes: tuple[str, ...] = field(
        default=(),
        metadata=_header("Post-processing", "Derivation Code Sequence (0008,9215)", note="Code Meaning (0008,0104) of each item."),
    )
    lossy_compression: str | None = field(
        default=None,
        metadata=_header(
            "Post-processing", "Lossy Image Compression (0028,2110)", note="00: never; 01: at some time, even if not now."
        ),
    )
    lossy_compression_ratios: tuple[float, ...] = field(
        default=(),
        metadata=_header(
            "Post-processing",
            "Lossy Image Compression Ratio (0028,2112)",
            note="Each step of compression, of the slice that lost most.",
        ),
    )
    transfer_syntaxes: tuple[str, ...] = field(
        default=(),
        metadata=_header(
            "Post-processing",
            "Transfer Syntax UID (0002,0010)",
            note="Distinct values of the files as they are stored now, in the order of the slices.",
        ),
    )
    radiopharmaceutical: str | None = field(
        default=None,
        metadata=_header(
            "PET",
            "Radiopharmaceutical (0018,0031)",
            note="Else the Code Meaning (0008,0104) of Radiopharmaceutical Code Sequence (0054,0304).",
        ),
    )
    injected_dose_bq: float | None = field(
        default=None, metadata=_header("PET", "Radionuclide Total Dose (0018,1074)", "Bq", note="As written.")
    )
    half_life_s: float | None = field(default=None, metadata=_header("PET", "Radionuclide Half Life (0018,1075)", "s"))
    injection_time: str | None = field(
        default=None,
        metadata=_header("PET", "Radiopharmaceutical Start DateTime (0018,1078), else Radiopharmaceutical Start Time (0018,1072)"),
    )
    uptake_time_min: float | None = field(
        default=None,
        metadata=_header(
            "PET",
            "Time from Radiopharmaceutical Start DateTime (0018,1078), else Radiopharmaceutical Start Time (0018,1072), to the"
            " start of the scan",
            "min",
            note="The start of the scan is Series Time (0008,0031) unless that is later than the first Acquisition Time"
            " (0008,0032); the reading of PET values says what stands in for it then.",
        ),
    )
    decay_correction: str | None = field(default=None, metadata=_header("PET", "Decay Correction (0054,1102)"))
    corrected_image: tuple[str, ...] = field(default=(), metadata=_header("PET", "Corrected Image (0028,0051)"))
    suv_type: str | None = field(default=None, metadata=_header("PET", "SUV Type (0054,1006)"))
    reconstruction_method: str | None = field(default=None, metadata=_header("PET", "Reconstruction Method (0054,1103)"))
    attenuation_correction_method: str | None = field(
        default=None, metadata=_header("PET", "Attenuation Correction Method (0054,1101)")
    )

    def may_be_in(self, unit: str) -> bool:
        """Return whether voxel values may be in a UCUM unit of a protocol: what is not known may be, other units are no scale."""
        if unit == "[hnsf'U]":
            return self.modality in (None, "CT") and self.value_unit in (None, HU, HU_MODIFIED)
        if unit == "g/ml":
            return self.modality in (None, "PT") and self.value_unit in (None, SUVBW)
        return True

    def differing_values(self, fact: str) -> tuple[str, ...]:
        """Return the distinct values of a fact that differs between slices; () for one that does not."""
        return next((item.values for item in self.differing if item.fact == fact), ())


def attribute_of(fact: str) -> str:
    """Return the DICOM attribute of a fact, with tag, as a report shows it.

    Raises
    ------
    KeyError
        If there is no such fact, or it is measured and not read from one attribute.
    """
    return {item.name: item.metadata["attribute"] for item in fields(Acquisition) if "attribute" in item.metadata}[fact]
