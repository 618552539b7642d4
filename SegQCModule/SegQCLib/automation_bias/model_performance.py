"""How a model's drafts fared with readers, by version and structure.

A final segment that began as the draft flatters the model, because readers leave alone what they would have drawn
otherwise themselves. So beside it stands what was drawn of the same cases without a draft. Logs hold no voxels:
between two reads of a case only volumes can be compared here; `segqc agreement` compares the segmentations themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from SegQCLib.automation_bias.model_version import ModelVersion, ai_free_segments
from SegQCLib.automation_bias.proportion import Proportion, proportion
from SegQCLib.automation_bias.robust_summary import MedianEstimate, median_estimate
from SegQCLib.readers.case_read import CaseRead, SegmentRead


@dataclass(frozen=True)
class VersionPerformance:
    """One version of a model on one structure."""

    model: str = field(metadata={"doc": "The AI model."})
    version: str | None = field(metadata={"doc": "Its version; null: the logs name none."})
    structure: str = field(metadata={"doc": "Name of the structure."})
    reader: str | None = field(metadata={"doc": "Whose reads; null: of all readers together."})
    first: str = field(metadata={"doc": "First read, ISO 8601."})
    last: str = field(metadata={"doc": "Last read, ISO 8601."})
    reads: int = field(metadata={"doc": "Reads with this draft."})
    dice_with_draft: MedianEstimate = field(metadata={"doc": "Dice of draft and final segment, median over reads. Anchored."})
    unchanged: Proportion = field(metadata={"doc": "Drafts that were taken as they were."})
    active_s: MedianEstimate = field(metadata={"doc": "Active seconds while the segment was selected, median over reads."})
    ai_free_active_s: MedianEstimate = field(metadata={"doc": "The same of reads of this structure without a draft."})
    volume_difference_percent: MedianEstimate = field(
        metadata={"doc": "Draft's volume against AI-free reads of the same case: (draft - read) / read, %, median over cases."}
    )
    accuracy: MedianEstimate = field(metadata={"doc": "Dice of final segment and reference, where the case has one."})
    ai_free_accuracy: MedianEstimate = field(metadata={"doc": "The same of reads without a draft."})


def model_performance(reads: Iterable[CaseRead], reader: str | None = None) -> tuple[VersionPerformance, ...]:
    """Return the performance of each version of each model on each structure.

    Parameters
    ----------
    reads : iterable of CaseRead
        Only clinical ones that are finished count.
    reader : str, optional
        Only this reader's reads with drafts; AI-free reads of the same case are those of all readers.

    Returns
    -------
    tuple of VersionPerformance
        By model, first read of the version, and structure.
    """
    counted = [read for read in reads if read.finished and read.purpose == "clinical"]
    anchored: dict[tuple[ModelVersion, str], list[tuple[CaseRead, SegmentRead]]] = defaultdict(list)
    free: dict[str, list[tuple[CaseRead, SegmentRead]]] = defaultdict(list)
    free_ml: dict[tuple[str, str], list[float]] = defaultdict(list)
    for read in sorted(counted, key=lambda read: (read.started, read.reader, read.case)):
        is_asked = reader in (None, read.reader)
        for segment in read.segments:
            if segment.model is not None and is_asked:
                anchored[ModelVersion(segment.model, segment.model_version), segment.name].append((read, segment))
        for segment in ai_free_segments(read):
            if is_asked:
                free[segment.name].append((read, segment))
            if segment.volume_ml:
                free_ml[read.case, segment.name].append(segment.volume_ml)
    firsts: dict[ModelVersion, str] = {}
    for (version, _), items in anchored.items():
        firsts[version] = min(firsts.get(version, "~"), items[0][0].started.isoformat())
    order = sorted(anchored, key=lambda key: (key[0].model, firsts[key[0]], key[1]))
    return tuple(_performance(*key, reader, anchored[key], free[key[1]], free_ml) for key in order)


def _performance(
    version: ModelVersion,
    structure: str,
    reader: str | None,
    anchored: list[tuple[CaseRead, SegmentRead]],
    free: list[tuple[CaseRead, SegmentRead]],
    free_ml: dict[tuple[str, str], list[float]],
) -> VersionPerformance:
    segments = [segment for _, segment in anchored]
    without = [segment for _, segment in free]
    # A case has one draft, however many read it.
    drafts = {
        read.case: segment.draft_voxels * segment.voxel_volume_mm3 / 1000
        for read, segment in anchored
        if segment.draft_voxels is not None and segment.voxel_volume_mm3 is not None
    }
    against = {case: float(np.median(free_ml[case, structure])) for case in drafts if (case, structure) in free_ml}
    return VersionPerformance(
        version.model,
        version.version,
        structure,
        reader,
        anchored[0][0].started.isoformat(),
        anchored[-1][0].started.isoformat(),
        len(anchored),
        median_estimate(_known(segment.dice_with_draft for segment in segments)),
        proportion(_known(segment.accepted_unchanged for segment in segments)),
        median_estimate([segment.seconds.active for segment in segments]),
        median_estimate([segment.seconds.active for segment in without]),
        median_estimate([100 * (drafts[case] - volume_ml) / volume_ml for case, volume_ml in against.items()]),
        median_estimate(_known(segment.accuracy for segment in segments)),
        median_estimate(_known(segment.accuracy for segment in without)),
    )


def _known(values: Iterable) -> list:
    return [value for value in values if value is not None]
