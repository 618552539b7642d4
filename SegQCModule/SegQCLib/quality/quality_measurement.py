"""One number about the image's quality in one region, with all that a reader needs to know what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

QualityMeasure = Literal[
    "snr", "cnr", "noise", "tumour_to_background", "contrast_at_border", "sharpness", "ssim",
]  # fmt: skip
Region = Literal["whole", "core", "shell", "background"]


@dataclass(frozen=True)
class StudyPosition:
    """Where a number stands among the cases of a study that were made on the same scanner under the same protocol."""

    z: float | None = field(
        metadata={"doc": "Robust z-score: (value - median) / (1.4826 MAD); null where the cases do not differ (MAD 0)."}
    )
    cases: int = field(metadata={"doc": "How many cases it is compared with, this one not counted; at least 19."})
    median: float = field(metadata={"doc": "Median of those cases, in the measurement's unit."})
    mad: float = field(metadata={"doc": "Median absolute deviation of those cases from their median, in the same unit."})
    stratum: str = field(metadata={"doc": "Scanner and protocol that those cases share, in words."})


@dataclass(frozen=True)
class QualityMeasurement:
    """One image-quality number about one segment's neighbourhood."""

    segment: str = field(metadata={"doc": "Segment of the candidate whose image quality this is."})
    structure: str | None = field(metadata={"doc": "The protocol's name of the structure; null: not in the protocol."})
    measure: QualityMeasure = field(metadata={"doc": "Which number."})
    method: str = field(metadata={"doc": "Id of the method, for example tissue, air, difference: one number has several."})
    definition: str = field(metadata={"doc": "The method's formula in words, with its source: shown beside the number."})
    region: Region = field(
        metadata={
            "doc": "Where: whole segment; its eroded core; a shell of tissue around it; a background region of normal tissue."
        }
    )
    voxels: int = field(metadata={"doc": "How many voxels of the region were measured."})
    value: float | None = field(metadata={"doc": "The value; null where it was refused or is undefined, with the reason."})
    unit: str = field(metadata={"doc": "UCUM unit: 1, [hnsf'U], g/ml, mm, or {arbitrary} for grey values without a scale."})
    background: str | None = field(
        default=None, metadata={"doc": "Name of the background region that it is measured against; null: against none."}
    )
    background_voxels: int | None = field(default=None, metadata={"doc": "How many voxels that background region has."})
    reason: str | None = field(default=None, metadata={"doc": "Why the value is null: what does not apply, and what would."})
    remark: str | None = field(default=None, metadata={"doc": "A caution that belongs beside the value, in one sentence."})
    in_study: StudyPosition | None = field(
        default=None, metadata={"doc": "Its place among the study's cases; null: none, see not_in_study, or no study was given."}
    )
    not_in_study: str | None = field(
        default=None,
        metadata={"doc": "Why in_study is null although a study was given, with how many cases there are; null: that is not so."},
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.value is None and not self.reason:
            yield "reason", "is missing; a number that is not there needs its reason"
        if (self.background is None) != (self.background_voxels is None):
            yield "background_voxels", "a background region has its voxel count, and what has none has no count"
