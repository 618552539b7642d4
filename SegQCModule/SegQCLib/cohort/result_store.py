"""Results by their key: written once, never changed, checked before they are taken again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from SegQCLib.cohort.case_outcome import CaseCost, CaseOutcome, Outcome
from SegQCLib.cohort.cohort_case import CaseFault
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.record import QCRecord, Verdict


@dataclass(frozen=True)
class KeptResult:
    """What is kept of one case under one key. Written after the record that belongs to it: who finds it finds both."""

    schema: Literal["segqc-cohort-result"] = field(metadata={"doc": "Always segqc-cohort-result."})
    case: str = field(metadata={"doc": "Name of the case."})
    key: str = field(metadata={"doc": "SHA-256 of inputs, protocol, sign-off, difficulty model and versions."})
    outcome: Outcome = field(metadata={"doc": "evaluated or refused."})
    verdict: Verdict | None = field(metadata={"doc": "Of an evaluated case."})
    fault: CaseFault | None = field(metadata={"doc": "Of a refused case: why."})
    cost: CaseCost = field(metadata={"doc": "What computing it took."})
    record_sha256: str | None = field(metadata={"doc": "SHA-256 of <key>.record.json; null: refused, there is none."})

    def as_outcome(self, *, kept: bool) -> CaseOutcome:
        """Return it as the outcome of a case in a run."""
        return CaseOutcome(self.case, self.key, self.outcome, kept, self.verdict, self.fault, self.cost)


class ResultStore:
    """The results in a cohort's output folder."""

    def __init__(self, folder: CohortFolder) -> None:
        self.folder = folder

    def envelope_path(self, key: str) -> Path:
        """Return where the KeptResult of a key is, if there is one."""
        return self._path(key, ".json")

    def record_path(self, key: str) -> Path:
        """Return where the record of a key is, if it has one."""
        return self._path(key, ".record.json")

    def _path(self, key: str, ending: str) -> Path:
        if not re.fullmatch("[0-9a-f]{64}", key):
            raise ValueError(f"A key is 64 hexadecimal digits, not {key!r}.")
        return self.folder.store / "results" / key[:2] / f"{key}{ending}"

    def read(self, key: str) -> KeptResult | None:
        """Return what is kept under a key; None: nothing, or it is damaged."""
        raise NotImplementedError

    def keep(self, result: KeptResult, record: QCRecord | None) -> None:
        """Keep a result, its record first."""
        raise NotImplementedError
