"""What one session's log says of effort: the part of a read that one log holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from SegQCLib.readers.case_read import PlantedRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.readers.log_lines import LogHeader
from SegQCLib.readers.voxel_change import VoxelChange

Context = tuple[int, str | None, str | None]


@dataclass(frozen=True)
class ShownModel:
    """The AI result that a reader saw of a structure."""

    name: str
    version: str | None


@dataclass(frozen=True)
class SegmentMeasures:
    """What `segments_measured` says of a segment; see `log_events`."""

    voxel_volume_mm3: float
    added_path_length_mm: float | None
    slices: tuple[int, int] | None
    accuracy: float | None
    threshold: float | None


@dataclass
class LoggedSegment:
    """What a session says of one segment of one candidate.

    Attributes
    ----------
    name : str or None
        The last one in the session.
    came_edited : bool
        Its tags said so when the session met it.
    touched : bool
        Its voxels were changed, by an edit or undo.
    edited : bool
        Where it was touched: not all of it was undone.
    automatic : ShownModel or None
        It came as an algorithm's result.
    first, last : VoxelChange or None
    removed : bool
        It is not in the candidate any more.
    """

    name: str | None = None
    came_edited: bool = False
    touched: bool = False
    edited: bool = False
    automatic: ShownModel | None = None
    first: VoxelChange | None = None
    last: VoxelChange | None = None
    measures: SegmentMeasures | None = None
    removed: bool = False


@dataclass(frozen=True)
class LoggedCandidate:
    """A segmentation that was the candidate in a session. `name` None: there was none yet."""

    name: str | None
    segments: dict[str, LoggedSegment]


@dataclass(frozen=True)
class FindingStep:
    """One thing that happened to a check's findings on a segment: found, viewed, repaired or kept, or that no longer."""

    check: str
    segment: str | None
    what: str
    holds: bool


@dataclass(frozen=True)
class Reading:
    """How far a reader had come at a moment.

    Attributes
    ----------
    seconds : mapping of (number of the candidate, segment id or None, effect or None) to Seconds
    shown : mapping of `plain_name` of a structure to ShownModel
    seen : bytes or None
        1 for each slice k of the image that was shown, else 0.
    time : str
        Wall clock.
    """

    seconds: Mapping[Context, Seconds]
    shown: Mapping[str, ShownModel]
    seen: bytes | None
    scrolled: bool | None
    time: str


@dataclass(frozen=True)
class SessionEffort:
    """One session's part of a read.

    Attributes
    ----------
    header : LogHeader
    origin : str or None
        `case_files.CandidateOrigin` of the case's opening; None: it is not in the log.
    finished : bool
    edited_after_finish : bool
        Then the reading went on to the end.
    has_edits : bool
        Something was edited or undone.
    at_finish, at_end : Reading
        When the case was finished for the last time, else at the end; and at the end.
    candidates : tuple of LoggedCandidate
    verdict : str or None
    findings : tuple of FindingStep
    ratings : mapping of rating to grade, None: not assessable
    planted : tuple of PlantedRead
        Of the last time that the case was finished.
    """

    header: LogHeader
    origin: str | None
    finished: bool
    edited_after_finish: bool
    has_edits: bool
    at_finish: Reading
    at_end: Reading
    candidates: tuple[LoggedCandidate, ...]
    verdict: str | None
    findings: tuple[FindingStep, ...]
    ratings: Mapping[str, int | None]
    planted: tuple[PlantedRead, ...]
