"""What a cohort's cases were judged by, and what they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from SegQCLib.cohort.case_outcome import Outcome
from SegQCLib.cohort.cohort_facts import CohortFacts, read_facts
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.report_cases import ReportCase
from SegQCLib.errors import BadDataError
from SegQCLib.json_file import read_json_file
from SegQCLib.protocol import QCProtocol, load_protocol
from SegQCLib.record import QCRecord


@dataclass(frozen=True)
class ProtocolUsed:
    """A protocol of the cohort.

    Attributes
    ----------
    id, version, sha256 : str
    title, sign_off : str or None
        As the record of one of its cases has them; None: no record could be read.
    cases : int
        Evaluated under it.
    rules : QCProtocol or None
        None: no file of this content could be read again.
    """

    id: str
    version: str
    sha256: str
    title: str | None
    sign_off: str | None
    cases: int
    rules: QCProtocol | None


@dataclass(frozen=True)
class WhatWasRun:
    """What was run.

    Attributes
    ----------
    outcomes : dict of Outcome to int
    protocols : tuple of ProtocolUsed
        The one with most cases first.
    software : dict of str
        Versions that evaluated, as a record says; empty: no record could be read.
    simulated : int
        Cases that say that images or readers are simulated.
    drafts : int
        Cases in which the draft itself was evaluated, before anybody read.
    references : dict of int to int
        Evaluated cases by their number of references.
    modalities : dict of str to int
        Evaluated cases by Modality (0008,0060); "" where the header does not say.
    facts : CohortFacts or None
        What was asked; None: cohort.json cannot be read.
    """

    outcomes: dict[Outcome, int]
    protocols: tuple[ProtocolUsed, ...]
    software: dict[str, str]
    simulated: int
    drafts: int
    references: dict[int, int]
    modalities: dict[str, int]
    facts: CohortFacts | None


def what_was_run(folder: CohortFolder, cases: Sequence[ReportCase]) -> WhatWasRun:
    """Return what a cohort's cases were judged by."""
    evaluated = [case for case in cases if case.evaluated]
    outcomes = Counter(case.outcome for case in cases)
    by_protocol: dict[tuple[str, str, str], list[ReportCase]] = {}
    for case in evaluated:
        identity = (case.protocol_id or "not known", case.protocol_version or "", case.protocol_sha256 or "")
        by_protocol.setdefault(identity, []).append(case)
    protocols, software = [], {}
    for (name, version, sha256), own in by_protocol.items():
        record = _record(folder, own)
        if record is not None:
            software = software or dict(record.software)
        title, sign_off = (None, None) if record is None else (record.protocol.title, record.protocol_sign_off)
        rules = protocol_of(sha256, (own[0].protocol, name))
        protocols.append(ProtocolUsed(name, version, sha256, title, sign_off, len(own), rules))
    return WhatWasRun(
        {outcome: outcomes[outcome] for outcome in Outcome},
        tuple(sorted(protocols, key=lambda protocol: (-protocol.cases, protocol.id, protocol.version))),
        software,
        sum(bool(case.simulated) for case in cases),
        sum(case.candidate_is_draft for case in evaluated),
        dict(sorted(Counter(case.references for case in evaluated).items())),
        dict(Counter(case.modality or "" for case in evaluated).most_common()),
        _facts(folder),
    )


def _facts(folder: CohortFolder) -> CohortFacts | None:
    try:
        return read_facts(folder)
    except BadDataError:
        # Tables alone make a page, too; it says what it lacks.
        return None


def _record(folder: CohortFolder, cases: Sequence[ReportCase]) -> QCRecord | None:
    """Return the record of the first case that has one; all have the same software, because it is part of their keys."""
    for case in cases[:3]:
        try:
            return read_json_file(QCRecord, folder.record(case.case), "a record", "Run segqc cohort again.")
        except BadDataError:
            # The page says that nothing could be read; its tables need no record.
            continue
    return None


def protocol_of(sha256: str, names: Sequence[str | None]) -> QCProtocol | None:
    """Return the protocol that is known by one of these ids or paths and has this SHA-256; None where none has."""
    for name in dict.fromkeys(name for name in names if name):
        try:
            loaded = load_protocol(name)
        except BadDataError:
            # It was moved since: another name may still be right, and the page says what it cannot tell.
            continue
        if loaded.sha256 == sha256:
            return loaded.protocol
    return None
