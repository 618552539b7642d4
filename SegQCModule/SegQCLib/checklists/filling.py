"""What fills an item: sentences with their evidence, and what the files do not show."""

from __future__ import annotations

from dataclasses import dataclass

from SegQCLib.agreement.study_agreement import StudyAgreement
from SegQCLib.checklists.filled_checklist import Evidence, Reported
from SegQCLib.checklists.study_facts import LoggedReads, StudyFacts
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.record_files import RECORD_NAME

NO_RECORDS = "Records of evaluated cases (record.json) were not given."
NO_LOGS = "Session logs of the readers were not given."
NO_PROTOCOL = "The written segmentation protocol was not given."
NO_AGREEMENT = "Agreement of the readers was not given (agreement.json, from segqc agreement --study)."
NO_DATASET = "The exported training data set was not given (its folder, from segqc export nnunet)."


@dataclass(frozen=True)
class Filling:
    """What one filler found.

    Attributes
    ----------
    reported : tuple of Reported
    missing : tuple of str
        Sentences: what the filler would have told and the files do not show.
    """

    reported: tuple[Reported, ...] = ()
    missing: tuple[str, ...] = ()


def nothing(*missing: str) -> Filling:
    """Return that nothing is known, and why."""
    return Filling((), missing)


def of_records(facts: StudyFacts, *paths: str) -> tuple[Evidence, ...]:
    """Return places in the records; which file is whose is not told."""
    return tuple(Evidence(f"{RECORD_NAME} of {_cases(len(facts.records))}", path) for path in paths)


def of_reads(reads: LoggedReads, *columns: str) -> tuple[Evidence, ...]:
    """Return columns of the record store, into which logs are read."""
    sessions = f"{reads.sessions} session{'' if reads.sessions == 1 else 's'}"
    return tuple(Evidence(f"{reads.source}, {sessions} (table.column)", column) for column in columns)


def of_protocol(protocol: LoadedProtocol, *paths: str) -> tuple[Evidence, ...]:
    """Return places in the protocol file, whose SHA-256 the filled checklist has where it says what was read."""
    rules = protocol.protocol
    return tuple(Evidence(f"protocol {rules.id} {rules.version}", path) for path in paths)


def of_agreement(study: StudyAgreement, *paths: str) -> tuple[Evidence, ...]:
    """Return places in the agreement of a study."""
    return tuple(Evidence(f"agreement.json of {_cases(study.cases)}", path) for path in paths)


def of_dataset(*paths: str) -> tuple[Evidence, ...]:
    """Return places in a data set's own files."""
    return tuple(Evidence("data set of segqc export nnunet", path) for path in paths)


def protocol_doubts(facts: StudyFacts) -> tuple[str, ...]:
    """Return what stands between the records and the protocol: another version, or several protocols."""
    if not facts.records or facts.protocol is None:
        return ()
    others = len(facts.records) - facts.under_protocol
    if not others:
        return ()
    named = ", ".join(sorted({f"{one.id} {one.version}" for one in facts.protocols if one.sha256 != facts.protocol.sha256}))
    verb = "was" if others == 1 else "were"
    doubt = (
        f"{others} of {_cases(len(facts.records))} {verb} evaluated under another protocol file ({named}): what is said of the"
        " protocol does not hold for them."
    )
    return (doubt,)


def _cases(count: int) -> str:
    return f"{count} case{'' if count == 1 else 's'}"
