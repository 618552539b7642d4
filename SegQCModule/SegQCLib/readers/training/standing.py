"""Where a reader stands with the training that a protocol asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from SegQCLib.protocol import LoadedProtocol
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.training.certificate import Certificate

CERTIFICATES_FOLDER = "certificates"  # below the records folder

TrainingState = Literal["valid", "expiring", "expired", "missing", "other_version", "altered"]


@dataclass(frozen=True)
class TrainingStanding:
    """Where a reader stands.

    Attributes
    ----------
    state : TrainingState
        valid; expiring: valid, for 30 days at most; expired; missing: no certificate; other_version: of another version of the
        protocol; altered: a certificate whose file was changed.
    words : str
        For the reader, in whole sentences.
    certificate : Certificate or None
        The one that the state rests on.
    valid_until : date or None
        Last day on which it holds for this protocol.
    days_left : int or None
        0 on the last day, negative afterwards.
    refresh_due : bool
    refresh_words : str
        Why a refresh is due; "" where it is not.
    """

    reader: str
    course: str
    state: TrainingState
    words: str
    certificate: Certificate | None = None
    valid_until: date | None = None
    days_left: int | None = None
    refresh_due: bool = False
    refresh_words: str = ""


def training_standing(
    protocol: LoadedProtocol,
    reader: str,
    certificates: Path,
    *,
    now: datetime | None = None,
    reads: Sequence[CaseRead] = (),
) -> TrainingStanding | None:
    """Return where a reader stands, or None if the protocol asks for no training."""
    raise NotImplementedError
