"""One reader's read of one case, in numbers: what effort, agreement and automation bias are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from SegQCLib.readers.edit_times import Seconds

Purpose = Literal["clinical", "training"]


@dataclass(frozen=True)
class SegmentRead:
    """What a reader did to one segment of a case.

    Attributes
    ----------
    name : str
        The segment's last name in the log: the structure.
    seconds : Seconds
        While this segment was the selected one.
    active_s_by_effect : mapping of str to float
        Active time by the Segment Editor's effect, s; "" where none was chosen.
    model, model_version : str or None
        The AI result that the reader saw of this segment before it was finished: then the read is AI-anchored.
        None: the read is AI-free as far as the log knows.
    edited : bool
        It was edited, and the edits were not all undone.
    voxels, draft_voxels, added_voxels, removed_voxels : int or None
        At the end, against the draft. None: never counted. Without a draft `draft_voxels` is 0.
    voxel_volume_mm3 : float or None
    added_path_length_mm : float or None
        Contour that the reader drew anew, mm (Vaassen et al., Phys Imaging Radiat Oncol 2020;13:1-6); None without a draft.
    slices_of_structure, slices_of_structure_seen : int or None
        Slices (k) from the first to the last that hold the draft or the final segment, and how many of them were shown.
    accuracy : float or None
        Dice against a reference, 0 to 1, where the case has one.
    threshold : float or None
        Dice that this image's expected expert agreement asks for, where it was predicted.
    """

    name: str
    seconds: Seconds
    active_s_by_effect: Mapping[str, float]
    model: str | None
    model_version: str | None
    edited: bool
    voxels: int | None = None
    draft_voxels: int | None = None
    added_voxels: int | None = None
    removed_voxels: int | None = None
    voxel_volume_mm3: float | None = None
    added_path_length_mm: float | None = None
    slices_of_structure: int | None = None
    slices_of_structure_seen: int | None = None
    accuracy: float | None = None
    threshold: float | None = None

    @property
    def ai_anchored(self) -> bool:
        """Whether the reader saw an AI result of this segment."""
        return self.model is not None

    @property
    def dice_with_draft(self) -> float | None:
        """Dice of draft against final segment, 0 to 1; None without a draft, without a count, or if both are empty."""
        if not self.ai_anchored or None in (self.voxels, self.draft_voxels, self.removed_voxels):
            return None
        both = self.voxels + self.draft_voxels
        return 2 * (self.draft_voxels - self.removed_voxels) / both if both else None

    @property
    def volume_ml(self) -> float | None:
        """Final volume, mL; None where it was not counted."""
        if self.voxels is None or self.voxel_volume_mm3 is None:
            return None
        return self.voxels * self.voxel_volume_mm3 / 1000

    @property
    def accepted_unchanged(self) -> bool | None:
        """Whether a draft was taken as it was; None without a draft, or where voxels were never counted."""
        if not self.ai_anchored or None in (self.added_voxels, self.removed_voxels):
            return None
        return self.added_voxels == self.removed_voxels == 0


@dataclass(frozen=True)
class FindingPath:
    """How far a reader went with one check's findings on a segment: found, looked at, repaired or kept, left open."""

    check: str
    segment: str | None
    found: bool
    viewed: bool
    repaired: bool
    kept: bool


@dataclass(frozen=True)
class RatingRead:
    """The last answer that a reader gave to one rating. `grade` None: not assessable."""

    rating: str
    grade: int | None


@dataclass(frozen=True)
class PlantedRead:
    """One planted error and what became of it. `seconds`: active time until it was corrected; None: not detected."""

    error: str
    segment: str
    detected: bool
    corrected: float
    seconds: float | None


@dataclass(frozen=True)
class CaseRead:
    """One reader's read of one case, from opening it to finishing it, over one session or several.

    A case that a reader finished and opened afresh is another read: an intra-reader repeat. A finished case that is opened
    with the reader's own saved segmentation is the same read (see `effort`).

    Attributes
    ----------
    reader, case : str
        Names or, from the database, pseudonymous keys.
    repeat : int
        1 for the reader's first read of the case, 2 for the second, and so on.
    sessions : tuple of str
        Ids of the logs, in order of time.
    purpose : {"clinical", "training"}
    started, ended : datetime
        Wall clock with time zone: the first event, and the last one that counts. Time after the case was finished does not,
        unless it was edited on; nor do sessions in which a finished case was only looked at.
    finished : bool
        The reader said that the case is done.
    protocol : str or None
        Id of the protocol of the last session.
    protocol_sha256 : str or None
    seconds : Seconds
        All time of the case, also while no segment was selected.
    slices, slices_seen : int or None
        Slices of the image along k, and how many of them were shown; None where views were not followed.
    scrolled : bool or None
        Whether a view's slice was changed at all.
    verdict : str or None
        ACCEPT, REVIEW or REJECT, of the last evaluation.
    segments, findings, ratings, planted : tuple
    simulated : bool
        Made by `segqc records simulate`: nobody read anything.
    """

    reader: str
    case: str
    repeat: int
    sessions: tuple[str, ...]
    purpose: Purpose
    started: datetime
    ended: datetime
    finished: bool
    protocol: str | None
    protocol_sha256: str | None
    seconds: Seconds
    slices: int | None
    slices_seen: int | None
    scrolled: bool | None
    verdict: str | None
    segments: tuple[SegmentRead, ...]
    findings: tuple[FindingPath, ...] = ()
    ratings: tuple[RatingRead, ...] = ()
    planted: tuple[PlantedRead, ...] = ()
    simulated: bool = False

    @property
    def accepted_without_scrolling(self) -> bool | None:
        """Whether every draft segment was taken unchanged and no view was scrolled; None without drafts or views followed."""
        taken = [segment.accepted_unchanged for segment in self.segments if segment.ai_anchored]
        if not taken or None in taken or self.scrolled is None:
            return None
        return all(taken) and not self.scrolled
