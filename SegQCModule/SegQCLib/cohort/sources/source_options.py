"""What a person says about a cohort's source where its files alone do not tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

KINDS = ("csv", "worklist-folder", "dicom", "bids", "nnunet")


@dataclass(frozen=True)
class SourceOptions:
    """How a source is read; the defaults let its files decide.

    Raises
    ------
    ValueError
        If the kind is none of `KINDS`, or the channel is below 0.
    """

    kind: str | None = field(
        default=None,
        metadata={"doc": f"What the source is: {', '.join(KINDS)}. Without it, the files decide.", "choices": KINDS},
    )
    candidate_series: str | None = field(
        default=None,
        metadata={
            "doc": "DICOM: Series Description (0008,103E) of the segmentations under test; * stands for any text,"
            " upper and lower case are one. Without it: all that are no reference."
        },
    )
    reference_series: str | None = field(
        default=None,
        metadata={"doc": "DICOM: Series Description (0008,103E) of the reference segmentations; * stands for any text."},
    )
    candidate_pipeline: str | None = field(
        default=None,
        metadata={"doc": "BIDS: folder below derivatives with the segmentations under test. Without it: the only one."},
    )
    reference_pipeline: str | None = field(
        default=None, metadata={"doc": "BIDS: folder below derivatives with the reference segmentations."}
    )
    draft_pipeline: str | None = field(
        default=None, metadata={"doc": "BIDS: folder below derivatives with the drafts that readers started from."}
    )
    image_suffix: str | None = field(
        default=None,
        metadata={
            "doc": "BIDS: suffix of the images that were segmented (T1w, FLAIR, ct, ...), where a segmentation may be of several."
        },
    )
    predictions: Path | None = field(
        default=None,
        metadata={
            "doc": "nnU-Net: folder with the predictions. Without it: the only one in the set whose name begins with predictions."
        },
    )
    channel: int = field(
        default=0, metadata={"doc": "nnU-Net: number of the channel that is the image, from 0 (case_0000.nii.gz)."}
    )

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"A source's kind is one of {', '.join(KINDS)}, not {self.kind!r}.")
        if self.channel < 0:
            raise ValueError(f"A channel's number is 0 or above, not {self.channel}.")
