"""What changed when a model came in a new version: reads before against reads after, structure by structure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.stats import mannwhitneyu

from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.automation_bias.robust_summary import FEWEST, MedianEstimate, median_difference
from SegQCLib.readers.case_read import CaseRead, SegmentRead

_MEASURES: dict[str, tuple[str, Callable[[SegmentRead], float | None]]] = {
    "dice_with_draft": ("Dice of draft and final segment", lambda segment: segment.dice_with_draft),
    "log_active_time": ("natural logarithm of active seconds", lambda segment: math.log(max(1.0, segment.seconds.active))),
    "accuracy": ("Dice of final segment and reference", lambda segment: segment.accuracy),
}


@dataclass(frozen=True)
class VersionShift:
    """One measure of one structure, before and after a new version of a model."""

    model: str = field(metadata={"doc": "The AI model."})
    before: str | None = field(metadata={"doc": "The older version."})
    after: str | None = field(metadata={"doc": "The newer version."})
    changed: str = field(metadata={"doc": "First read with the newer version, ISO 8601."})
    structure: str = field(metadata={"doc": "Name of the structure."})
    measure: str = field(metadata={"doc": "dice_with_draft, log_active_time or accuracy."})
    unit: str = field(metadata={"doc": "What the measure is; of a logarithm, exp(difference) is a factor."})
    reads_before: int = field(metadata={"doc": "Reads with the older version."})
    reads_after: int = field(metadata={"doc": "Reads with the newer version."})
    difference: MedianEstimate = field(metadata={"doc": "Median after minus median before, each relative to its reader's own."})
    p: float | None = field(
        metadata={"doc": "Two-sided, Mann-Whitney test; not corrected for the number of rows; null: fewer than 10 on a side."}
    )

    @property
    def factor(self) -> MedianEstimate:
        """Of a logarithm: how many times longer it takes after than before."""
        values = (self.difference.value, self.difference.lower, self.difference.upper)
        return MedianEstimate(self.difference.n, *(None if value is None else math.exp(value) for value in values))


def version_shifts(reads: Iterable[CaseRead], reader: str | None = None) -> tuple[VersionShift, ...]:
    """Return what changed at each change of a model's version, for one reader or for all together.

    Versions follow each other by their first read. Only readers who worked with both versions of a structure count,
    each relative to the median of all their own values, so that a change of readers is no change of the model. Where
    readers had one of the versions for a few reads only, most of the change is in that median, and too small a change is
    shown, never too large a one. What else changed in the meantime, practice or kinds of cases, is in the difference. The
    test is that of Mann HB, Whitney DR, Ann Math Stat 1947;18:50-60, doi:10.1214/aoms/1177730491: it also notices when
    values only vary more.

    A final segment that began as a draft flatters the model: it is closer to the draft than an independent drawing.

    Parameters
    ----------
    reads : iterable of CaseRead
        Only clinical ones that are finished count.
    reader : str, optional
    """
    by_version: dict[ModelVersion, list[tuple[CaseRead, SegmentRead]]] = defaultdict(list)
    counted = [read for read in reads if read.finished and read.purpose == "clinical" and reader in (None, read.reader)]
    for read in sorted(counted, key=lambda read: (read.started, read.reader, read.case)):
        for segment in read.segments:
            if segment.model is not None:
                by_version[ModelVersion(segment.model, segment.model_version)].append((read, segment))
    by_model: dict[str, list[ModelVersion]] = defaultdict(list)
    for version in by_version:
        by_model[version.model].append(version)
    return tuple(
        shift
        for model in sorted(by_model)
        for before, after in pairwise(by_model[model])
        for shift in _shifts(before, after, by_version[before], by_version[after])
    )


def _shifts(before: ModelVersion, after: ModelVersion, old: list, new: list) -> Iterable[VersionShift]:
    structures = sorted({segment.name for _, segment in old} & {segment.name for _, segment in new})
    for structure in structures:
        for measure, (unit, value_of) in _MEASURES.items():
            sides = [_by_reader(side, structure, value_of) for side in (old, new)]
            both = sides[0].keys() & sides[1].keys()
            if not both:
                continue
            medians = {reader: float(np.median(sides[0][reader] + sides[1][reader])) for reader in both}
            was, became = ([v - medians[reader] for reader in sorted(both) for v in side[reader]] for side in sides)
            p = None
            if min(len(was), len(became)) >= FEWEST and len({*was, *became}) > 1:
                p = float(mannwhitneyu(was, became).pvalue)
            yield VersionShift(
                before.model,
                before.version,
                after.version,
                new[0][0].started.isoformat(),
                structure,
                measure,
                unit,
                len(was),
                len(became),
                median_difference(was, became),
                p if p is not None and math.isfinite(p) else None,
            )


def _by_reader(side: list, structure: str, value_of: Callable[[SegmentRead], float | None]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = defaultdict(list)
    for read, segment in side:
        if segment.name == structure and (value := value_of(segment)) is not None:
            values[read.reader].append(value)
    return values
