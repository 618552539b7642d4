"""Which version of which AI model made a segment's draft."""

from __future__ import annotations

from typing import NamedTuple

from SegQCLib.readers.case_read import CaseRead, SegmentRead


class ModelVersion(NamedTuple):
    """An AI model in one version; `version` None: its logs name none."""

    model: str
    version: str | None

    def __str__(self) -> str:
        return self.model if self.version is None else f"{self.model} {self.version}"


def anchored_segments(read: CaseRead, version: ModelVersion) -> tuple[SegmentRead, ...]:
    """Return the segments of a read whose draft a version of a model made."""
    return tuple(s for s in read.segments if s.model is not None and ModelVersion(s.model, s.model_version) == version)


def ai_free_segments(read: CaseRead) -> tuple[SegmentRead, ...]:
    """Return the segments of a read that were drawn without a draft."""
    return tuple(segment for segment in read.segments if not segment.ai_anchored and segment.voxels)
