"""Active time for a whole case, by reader and kind of case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from SegQCLib.dashboard.activity import has_draft
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.effort_statistics import Typical, typical


@dataclass(frozen=True)
class CaseEffort:
    """One reader's active time on cases of one protocol, with drafts or without."""

    protocol: str | None = field(metadata={"doc": "Id of the protocol that the cases were read under; null: none is known."})
    reader: str = field(metadata={"doc": "Label of the reader."})
    ai_anchored: bool = field(metadata={"doc": "The reader saw a draft of at least one segment of the case."})
    active_minutes: Typical = field(metadata={"doc": "Active time of a case, also while no segment was selected, min."})


def case_effort(reads: Sequence[CaseRead]) -> tuple[CaseEffort, ...]:
    """Return active minutes for a case; protocols with most reads first, because cases of two protocols are not alike."""
    minutes: dict[tuple[str | None, str, bool], list[float]] = {}
    number: dict[str | None, int] = {}
    for read in reads:
        if read.finished and read.purpose == "clinical":
            minutes.setdefault((read.protocol, read.reader, has_draft(read)), []).append(read.seconds.active / 60)
            number[read.protocol] = number.get(read.protocol, 0) + 1
    order = sorted(minutes, key=lambda key: (-number[key[0]], key[0] or "", key[1], not key[2]))
    return tuple(CaseEffort(*key, typical(minutes[key])) for key in order)
