"""Results by their key: written once, never changed, checked before they are taken again."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from SegQCLib.cohort.case_outcome import CaseCost, CaseOutcome, Outcome
from SegQCLib.cohort.cohort_case import CaseFault
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.run_fault import writing_to
from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.record import QCRecord, Verdict

_SCHEMA = "segqc-cohort-result"
_UNFINISHED = "unfinished"


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
    """The results in a cohort's output folder.

    Files are not flushed to the disk one by one, which would take longer than evaluating a small case: a result that a power cut
    left damaged is not what its SHA-256 says, counts as none, and is computed again.
    """

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
        try:
            result = from_json(KeptResult, self.envelope_path(key).read_text(encoding="utf-8"))
            if result.key != key or (result.outcome is Outcome.EVALUATED) is (result.record_sha256 is None):
                return None
            if result.record_sha256 is not None:
                # Read at once, not through a buffer: records are small and there may be a hundred thousand.
                present = hashlib.sha256(self.record_path(key).read_bytes()).hexdigest()
                return result if present == result.record_sha256 else None
        except (OSError, UnicodeDecodeError, FaultyJSONError):
            return None
        return result

    def keep(self, case: str, key: str, found: QCRecord | CaseFault, cost: CaseCost) -> KeptResult:
        """Keep what was found of a case, its record or why it is refused, and return it.

        Raises
        ------
        RunFault
            If the folder cannot be written to, or is full.
        """
        if isinstance(found, CaseFault):
            result = KeptResult(_SCHEMA, case, key, Outcome.REFUSED, None, found, cost, None)
        else:
            content = json_bytes(found)
            place(self.folder, self.record_path(key), content)
            digest = hashlib.sha256(content).hexdigest()
            result = KeptResult(_SCHEMA, case, key, Outcome.EVALUATED, found.verdict, None, cost, digest)
        place(self.folder, self.envelope_path(key), json_bytes(result))
        return result

    def has_results(self) -> bool:
        """Return whether any run has kept anything."""
        return (self.folder.store / "results").is_dir()

    def sweep(self) -> None:
        """Remove what runs that were killed had begun to write."""
        places = self.folder.store / _UNFINISHED
        if places.is_dir():
            for path in places.iterdir():
                path.unlink(missing_ok=True)


def json_bytes(value: object) -> bytes:
    """Return a dataclass as the JSON of a file; a path that is not Unicode has surrogates, which JSON reads as they were."""
    return to_json(value).encode("utf-8", "backslashreplace")


def place(folder: CohortFolder, path: Path, content: bytes) -> None:
    """Write a file below a cohort's folder, in one step: there is the old one, or the whole new one.

    Raises
    ------
    RunFault
        If the folder cannot be written to, or is full.
    """
    unfinished = unfinished_path(folder)
    with writing_to(folder.path):
        try:
            _with_parents(unfinished, lambda: unfinished.write_bytes(content))
            _with_parents(path, lambda: unfinished.replace(path))
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise


def place_link(folder: CohortFolder, path: Path, target: Path) -> None:
    """Make `path` another name of a file of the store, in one step; a copy, where the file system knows no hard links.

    Raises
    ------
    RunFault
        If the folder cannot be written to, or is full.
    """
    with writing_to(folder.path):
        try:
            if path.samefile(target):
                return
        except FileNotFoundError:
            pass
        unfinished = unfinished_path(folder)
        try:
            _with_parents(unfinished, lambda: os.link(target, unfinished))
        except OSError:
            content = target.read_bytes()
            if not holds(path, content):
                place(folder, path, content)
            return
        _with_parents(path, lambda: unfinished.replace(path))


def unfinished_path(folder: CohortFolder) -> Path:
    """Return where a file may be written before it takes its place; nobody else writes there."""
    return folder.store / _UNFINISHED / secrets.token_hex(12)


def holds(path: Path, content: bytes) -> bool:
    """Return whether a file is there and has this content."""
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def _with_parents(path: Path, write: Callable[[], object]) -> None:
    """Write; make the folder only where it is missing, which on a network drive is one question less for each file."""
    try:
        write()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
