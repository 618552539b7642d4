"""How many reads each reader finished, month by month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from SegQCLib.readers.case_read import CaseRead

# More columns than that nobody reads.
_MOST_PERIODS = 24


@dataclass(frozen=True)
class ReaderActivity:
    """One reader's finished clinical reads."""

    reader: str = field(metadata={"doc": "Label of the reader."})
    reads: tuple[int, ...] = field(metadata={"doc": "Reads that began in each period."})
    anchored: int = field(metadata={"doc": "Reads, of all, in which the reader saw a draft of at least one segment."})


@dataclass(frozen=True)
class Activity:
    """Finished clinical reads by period of time, in UTC."""

    unit: str = field(metadata={"doc": "month, quarter or year: as fine as 24 columns allow."})
    periods: tuple[str, ...] = field(metadata={"doc": "All periods from the first to the last."})
    readers: tuple[ReaderActivity, ...] = field(metadata={"doc": "By reader."})


_UNITS: tuple[tuple[str, int, Callable[[int, int], str]], ...] = (
    ("month", 1, lambda year, month: f"{year}-{month:02d}"),
    ("quarter", 3, lambda year, month: f"{year} Q{(month + 2) // 3}"),
    ("year", 12, lambda year, _: f"{year}"),
)


def activity(reads: Sequence[CaseRead]) -> Activity:
    """Return finished clinical reads by reader and month, or by quarter or year where there are many months."""
    counted = [read for read in reads if read.finished and read.purpose == "clinical"]
    if not counted:
        return Activity("month", (), ())
    months = [_month(read.started) for read in counted]
    unit, length, name = next((of for of in _UNITS if max(months) // of[1] - min(months) // of[1] < _MOST_PERIODS), _UNITS[-1])
    first, last = min(months) // length, max(months) // length
    by_reader: dict[str, Counter[int]] = {}
    for read, month in zip(counted, months, strict=True):
        by_reader.setdefault(read.reader, Counter())[month // length] += 1
    periods = range(first, last + 1)
    return Activity(
        unit,
        tuple(name(period * length // 12, period * length % 12 + 1) for period in periods),
        tuple(
            ReaderActivity(
                reader,
                tuple(by_reader[reader][period] for period in periods),
                sum(read.reader == reader and has_draft(read) for read in counted),
            )
            for reader in sorted(by_reader)
        ),
    )


def has_draft(read: CaseRead) -> bool:
    """Return whether the reader saw a draft of at least one segment of the case."""
    return any(segment.ai_anchored for segment in read.segments)


def _month(moment: datetime) -> int:
    utc = moment.astimezone(UTC)
    return 12 * utc.year + utc.month - 1
