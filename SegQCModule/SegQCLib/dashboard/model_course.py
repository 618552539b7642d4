"""How close final segments stayed to the drafts, month by month and version by version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC

from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.effort_statistics import Typical, typical


@dataclass(frozen=True)
class MonthOfVersion:
    """Reads of one month with drafts of one version."""

    month: str = field(metadata={"doc": "YYYY-MM, in UTC, of the read's beginning."})
    version: str | None = field(metadata={"doc": "Version of the model; null: the logs name none."})
    dice_with_draft: Typical = field(metadata={"doc": "Dice of draft and final segment, 0 to 1, over reads."})


@dataclass(frozen=True)
class StructureCourse:
    """One structure of one model over time."""

    structure: str = field(metadata={"doc": "Name of the structure."})
    months: tuple[MonthOfVersion, ...] = field(metadata={"doc": "Months with a read, in order."})


@dataclass(frozen=True)
class VersionStart:
    """When a version was first met."""

    version: str | None = field(metadata={"doc": "Version of the model; null: the logs name none."})
    first: str = field(metadata={"doc": "First read with its drafts, ISO 8601: it may have been installed earlier."})
    reads: int = field(metadata={"doc": "Finished clinical reads with its drafts."})


@dataclass(frozen=True)
class ModelCourse:
    """A model over time."""

    model: str = field(metadata={"doc": "The AI model."})
    versions: tuple[VersionStart, ...] = field(metadata={"doc": "Its versions, by their first read."})
    structures: tuple[StructureCourse, ...] = field(metadata={"doc": "Its structures, those with most reads first."})


def model_courses(reads: Sequence[CaseRead]) -> tuple[ModelCourse, ...]:
    """Return every model's months, of finished clinical reads."""
    counted = sorted((read for read in reads if read.finished and read.purpose == "clinical"), key=lambda read: read.started)
    starts: dict[ModelVersion, str] = {}
    reads_of: dict[ModelVersion, int] = {}
    values: dict[str, dict[str, dict[tuple[str, str | None], list[float]]]] = {}
    for read in counted:
        utc = read.started.astimezone(UTC)
        for version in {ModelVersion(s.model, s.model_version) for s in read.segments if s.model is not None}:
            starts.setdefault(version, utc.isoformat())
            reads_of[version] = reads_of.get(version, 0) + 1
        for segment in read.segments:
            if segment.dice_with_draft is not None:
                months = values.setdefault(segment.model, {}).setdefault(segment.name, {})
                months.setdefault((f"{utc:%Y-%m}", segment.model_version), []).append(segment.dice_with_draft)
    return tuple(
        ModelCourse(
            model,
            tuple(
                VersionStart(version.version, first, reads_of[version])
                for version, first in sorted(starts.items(), key=lambda item: item[1])
                if version.model == model
            ),
            tuple(
                StructureCourse(
                    structure,
                    tuple(
                        MonthOfVersion(month, version, typical(dice))
                        for (month, version), dice in sorted(months.items(), key=lambda item: (item[0][0], item[0][1] or ""))
                    ),
                )
                for structure, months in sorted(
                    values.get(model, {}).items(), key=lambda item: (-sum(map(len, item[1].values())), item[0])
                )
            ),
        )
        for model in sorted({version.model for version in starts})
    )
