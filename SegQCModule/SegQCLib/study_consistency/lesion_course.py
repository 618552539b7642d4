"""One lesion over time: what was measured when, and how it changed between series that may be compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Change:
    """A lesion, or a sum over lesions, at one time point against an earlier one. Not a verdict of response."""

    since: str = field(metadata={"doc": "The earlier time point; its case where it has none."})
    comparable: bool = field(metadata={"doc": "Whether both series share what the rules ask for; false: every change is null."})
    reasons: tuple[str, ...] = field(metadata={"doc": "Why not comparable, or why a change is undefined."})
    caveats: tuple[str, ...] = field(metadata={"doc": "What to know when reading the change."})
    volume_ml: float | None = field(metadata={"doc": "Later minus earlier volume, mL."})
    volume_percent: float | None = field(metadata={"doc": "The same in percent of the earlier volume."})
    diameter_mm: float | None = field(metadata={"doc": "Later minus earlier RECIST-like longest diameter, mm."})
    diameter_percent: float | None = field(metadata={"doc": "The same in percent of the earlier diameter."})


@dataclass(frozen=True)
class LesionPoint:
    """One lesion in one read of one series."""

    case: str = field(metadata={"doc": "Case."})
    timepoint: str = field(metadata={"doc": "Time point as given; empty: none."})
    order: float | None = field(
        metadata={"doc": "Place on a time axis: days for dates (1 is 0001-01-01), else its number; null: not known."}
    )
    reader: str | None = field(metadata={"doc": "Who segmented; null: not known."})
    assisted: bool | None = field(metadata={"doc": "An AI draft or another algorithm took part; null: not known."})
    voxels: int = field(metadata={"doc": "Voxels of the lesion; 0: assessed, absent."})
    slices: int = field(metadata={"doc": "Slices with at least one voxel."})
    volume_ml: float = field(metadata={"doc": "Voxel count x voxel volume, mL."})
    longest_diameter_mm: float | None = field(metadata={"doc": "RECIST-like longest diameter, mm; see `definitions`."})
    why_no_diameter: str | None = field(metadata={"doc": "Why the diameter is null."})
    caveats: tuple[str, ...] = field(metadata={"doc": "What limits this measurement by itself."})
    since_first: Change | None = field(metadata={"doc": "Against the first time point; null: this is the first."})
    since_previous: Change | None = field(
        metadata={"doc": "Against the time point before; null: that is the first one, or there is none."}
    )


@dataclass(frozen=True)
class LesionCourse:
    """One lesion of one patient over time, in one kind of image."""

    patient: str = field(metadata={"doc": "Patient."})
    kind: str = field(metadata={"doc": "Kind of image."})
    lesion: str = field(metadata={"doc": "Segment name at the first time point."})
    structure: str | None = field(metadata={"doc": "The protocol's name of the structure; null: not in the protocol."})
    matched_by: Literal["tracking UID", "segment name", "nothing"] = field(
        metadata={"doc": "What says that it is one lesion at all time points; nothing: it is there once."}
    )
    reader: str | None = field(
        metadata={"doc": "Whose course it is, where several readers read one series; null: of all reads there are."}
    )
    points: tuple[LesionPoint, ...] = field(metadata={"doc": "In order of time."})
    no_such_segment: tuple[str, ...] = field(metadata={"doc": "Time points with a segmentation that has no such segment."})
    notes: tuple[str, ...] = field(metadata={"doc": "Sentences on the course as a whole."})


@dataclass(frozen=True)
class SumPoint:
    """The sum of diameters at one time point."""

    timepoint: str = field(metadata={"doc": "Time point; its case where it has none."})
    sum_mm: float | None = field(metadata={"doc": "Sum of RECIST-like longest diameters, mm; null: see reason."})
    reason: str | None = field(metadata={"doc": "Why there is no sum."})
    since_first: Change | None = field(metadata={"doc": "Against the first time point: diameters only."})


@dataclass(frozen=True)
class DiameterSum:
    """The sum of the RECIST-like longest diameters of all lesions segmented at the first time point."""

    patient: str = field(metadata={"doc": "Patient."})
    kind: str = field(metadata={"doc": "Kind of image."})
    reader: str | None = field(metadata={"doc": "Whose lesions, where several readers read one series."})
    lesions: tuple[str, ...] = field(metadata={"doc": "Lesions in the sum: all of the first time point; SegQC chooses none."})
    points: tuple[SumPoint, ...] = field(metadata={"doc": "In order of time."})
