"""The reads that a judgement of one reader with one version of a model rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from SegQCLib.automation_bias.model_version import ModelVersion, ai_free_segments, anchored_segments
from SegQCLib.readers.case_read import CaseRead

# Trends of many more reads take long and say nothing more; the reads that are kept are spread evenly over the period.
_MOST_OF_OTHERS = 600


@dataclass(frozen=True)
class ReadingWindow:
    """Reads of one period.

    Attributes
    ----------
    reader : str
    version : ModelVersion
    first, last : datetime
        The first and last anchored read of the reader.
    anchored : tuple of CaseRead
        The reader's clinical reads with drafts of the version.
    ai_free : tuple of CaseRead
        The reader's clinical reads of any of the same structures, drawn without a draft.
    planted : tuple of CaseRead
        The reader's training reads with planted errors, with whatever model.
    others_anchored, others_planted : tuple of CaseRead
        The same of all other readers together.
    """

    reader: str
    version: ModelVersion
    first: datetime
    last: datetime
    anchored: tuple[CaseRead, ...]
    ai_free: tuple[CaseRead, ...]
    planted: tuple[CaseRead, ...]
    others_anchored: tuple[CaseRead, ...]
    others_planted: tuple[CaseRead, ...]

    @property
    def days(self) -> float:
        return (self.last - self.first).total_seconds() / 86400


def reading_window(reads: Sequence[CaseRead], reader: str, version: ModelVersion, longest: timedelta) -> ReadingWindow:
    """Return the window that ends with the reader's last read with a version.

    Parameters
    ----------
    reads : sequence of CaseRead
        In order of time; at least one is the reader's, clinical and anchored to the version.
    reader : str
    version : ModelVersion
    longest : timedelta
    """
    anchored = [read for read in reads if read.purpose == "clinical" and anchored_segments(read, version)]
    own = [read for read in anchored if read.reader == reader]
    last = own[-1].started
    first = next(read.started for read in own if read.started >= last - longest)
    inside = [read for read in reads if first <= read.started <= last]
    names = {segment.name for read in own for segment in anchored_segments(read, version)}
    others = [read for read in anchored if read.reader != reader and first <= read.started <= last]
    return ReadingWindow(
        reader,
        version,
        first,
        last,
        tuple(read for read in own if read.started >= first),
        tuple(
            read
            for read in inside
            if read.reader == reader and read.purpose == "clinical" and any(s.name in names for s in ai_free_segments(read))
        ),
        tuple(read for read in inside if read.reader == reader and read.planted),
        tuple(others[:: max(1, -(-len(others) // _MOST_OF_OTHERS))]),
        tuple(read for read in inside if read.reader != reader and read.planted),
    )
