"""One structure over time: a reader's usual effort with and without drafts, and where it goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.my_reading.read_rows import draft_of
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.effort_statistics import ReaderEffort, effort_by_reader
from SegQCLib.statistics.trend import Trend

# Memory of a trend grows with the square of the number of reads.
MOST_OF_A_TREND = 2000


@dataclass(frozen=True)
class StructureCourse:
    """One structure with the drafts of one version of a model, or without drafts; finished clinical reads only.

    A newer version is a course of its own: drafts that became better are no change of the reader. None: undefined.
    """

    structure: str = field(metadata={"doc": "Name of the segment."})
    draft: ModelVersion | None = field(metadata={"doc": "AI model whose drafts you saw; AI-free: none."})
    reads: int = field(metadata={"doc": "Finished clinical reads."})
    active_min: float | None = field(metadata={"doc": "Median active time while the structure was selected, min."})
    minutes_per_ml: float | None = field(metadata={"doc": "Median active time per millilitre of the final segment, min/mL."})
    changed_part: float | None = field(metadata={"doc": "Median share of the draft that was changed: added and removed voxels."})
    trend: Trend = field(
        metadata={"doc": "Change of active time in % per 30 days: Theil-Sen slope with its 95 % interval; below 0: faster."}
    )


def structure_courses(
    reads: Iterable[CaseRead], structures: Sequence[str], progress: Progress = unwatched
) -> tuple[StructureCourse, ...]:
    """Return all courses in one reader's reads, in the order of the structures, AI-free before AI-anchored.

    Of more than 2,000 reads in a course the newest 2,000 count.

    Parameters
    ----------
    reads : iterable of CaseRead
        In order of time.
    structures : sequence of str
        Those that are asked for.
    progress : callable, optional
    """
    kept = list(reads)
    drafts = dict.fromkeys(draft_of(segment) for read in kept for segment in read.segments)
    ordered = sorted(drafts, key=lambda draft: draft is not None)
    courses = []
    for structure in counted(progress, "Looking at structures", structures):
        for draft in ordered:
            only = (_only(read, structure, draft) for read in kept)
            with_it = [read for read in only if read.segments][-MOST_OF_A_TREND:]
            courses += [_course(effort, draft) for effort in effort_by_reader(with_it)]
    return tuple(courses)


def _only(read: CaseRead, structure: str, draft: ModelVersion | None) -> CaseRead:
    segments = tuple(s for s in read.segments if s.name == structure and draft_of(s) == draft)
    return replace(read, segments=segments)


def _course(effort: ReaderEffort, draft: ModelVersion | None) -> StructureCourse:
    seconds = effort.active_s.median
    return StructureCourse(
        effort.structure,
        draft,
        effort.active_s.n,
        None if seconds is None else seconds / 60,
        effort.minutes_per_ml.median,
        effort.changed_part_of_draft.median,
        effort.trend,
    )
