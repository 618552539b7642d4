"""What a study's files already know: records, session logs, protocol, agreement, exported data set."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.checklists.session_software import software_in_database, software_in_folder
from SegQCLib.dataclass_json import FaultyJSONError
from SegQCLib.errors import BadDataError
from SegQCLib.json_file import read_json_file
from SegQCLib.progress import Progress, counted, part, unwatched
from SegQCLib.protocol import LoadedProtocol, load_protocol, shipped_protocols
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.record import ProtocolIdentity, QCRecord
from SegQCLib.record_files import RECORD_NAME, record_files
from SegQCLib.training_provenance import TrainingProvenance

if TYPE_CHECKING:
    from SegQCLib.agreement.study_agreement import StudyAgreement
    from SegQCLib.quality.quality_study import QualityStudy
    from SegQCLib.study_consistency.study_consistency import StudyConsistency


@dataclass(frozen=True)
class LoggedReads:
    """What session logs say.

    Attributes
    ----------
    reads : tuple of CaseRead
        Finished clinical reads under the study's protocol, in whatever version; readers and cases are keys. All finished
        clinical reads where no protocol is known.
    not_counted : int
        Reads under that protocol that are not finished, or were made for training.
    other_protocols : int
        Reads under other protocols: a department's logs are of many studies.
    other_versions : int
        Of `reads`: those under another file of the protocol, by its SHA-256.
    sessions : int
        Of `reads`.
    software : tuple of dict of str to str
        Versions of what wrote the logs, each combination once.
    left_out : tuple of str
        Why logs were not read.
    source : str
        What was read, in words.
    """

    reads: tuple[CaseRead, ...]
    not_counted: int
    other_protocols: int
    other_versions: int
    sessions: int
    software: tuple[dict[str, str], ...]
    left_out: tuple[str, ...]
    source: str

    @property
    def readers(self) -> tuple[str, ...]:
        return tuple(sorted({read.reader for read in self.reads}))

    @property
    def cases(self) -> tuple[str, ...]:
        return tuple(sorted({read.case for read in self.reads}))

    @property
    def cases_of_several(self) -> int:
        """Number of cases that more than one reader has read."""
        readers_of: dict[str, set[str]] = {}
        for read in self.reads:
            readers_of.setdefault(read.case, set()).add(read.reader)
        return sum(len(readers) > 1 for readers in readers_of.values())

    @property
    def repeats(self) -> int:
        """Number of reads of a case that the same reader had read before."""
        return sum(read.repeat > 1 for read in self.reads)


@dataclass(frozen=True)
class ExportedDataset:
    """A training data set as `segqc export nnunet` wrote it.

    Attributes
    ----------
    provenance : TrainingProvenance
    folds : int or None
        None: without folds of its own.
    patients_apart : bool
        Every patient is known, and none is in training and in validation of a fold.
    """

    provenance: TrainingProvenance
    folds: int | None = None
    patients_apart: bool = False


@dataclass(frozen=True)
class StudyFacts:
    """Everything that checklists are filled from. None: it was not given.

    Attributes
    ----------
    records : tuple of QCRecord
    unreadable : tuple of str
        Why files named record.json were not read; with their names, so not for a paper.
    protocol : LoadedProtocol or None
        Given, or the shipped one that all records were judged by.
    reads : LoggedReads or None
    agreement : StudyAgreement or None
    dataset : ExportedDataset or None
    consistency : StudyConsistency or None
    quality : QualityStudy or None
    """

    records: tuple[QCRecord, ...] = ()
    unreadable: tuple[str, ...] = ()
    protocol: LoadedProtocol | None = None
    reads: LoggedReads | None = None
    agreement: StudyAgreement | None = None
    dataset: ExportedDataset | None = None
    consistency: StudyConsistency | None = None
    quality: QualityStudy | None = None
    _protocols: Counter[ProtocolIdentity] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_protocols", Counter(record.protocol for record in self.records))

    @property
    def protocols(self) -> Counter[ProtocolIdentity]:
        """The protocols that records were judged by, with the number of records."""
        return self._protocols

    @property
    def under_protocol(self) -> int:
        """Number of records that were judged by `protocol`, byte for byte."""
        return 0 if self.protocol is None else sum(n for one, n in self.protocols.items() if one.sha256 == self.protocol.sha256)

    @property
    def images(self) -> int | None:
        """Number of different images of the records, by their SHA-256; None where a record does not have it."""
        hashes = [next((one.sha256 for one in record.inputs if one.role == "image"), None) for record in self.records]
        return None if None in hashes else len(set(hashes))

    @property
    def simulated(self) -> bool:
        return any(
            (
                any(record.says_simulated for record in self.records),
                self.reads is not None and any(read.simulated for read in self.reads.reads),
                self.dataset is not None and self.dataset.provenance.simulated,
                self.consistency is not None and self.consistency.simulated,
                self.quality is not None and self.quality.simulated,
            )
        )


def collect_facts(
    *,
    records: Path | None = None,
    protocol: str | Path | None = None,
    logs: Path | None = None,
    database: str | None = None,
    names: Path | None = None,
    agreement: Path | None = None,
    dataset: Path | None = None,
    consistency: Path | None = None,
    quality: Path | None = None,
    processes: int | None = None,
    progress: Progress = unwatched,
) -> StudyFacts:
    """Return what a study's files say.

    Parameters
    ----------
    records : Path, optional
        Folder with outputs of `segqc evaluate`; every record.json below it counts.
    protocol : str or Path, optional
        Id of a shipped protocol, or a file. Without it, the shipped protocol that all records name is taken.
    logs : Path, optional
        Folder of session logs.
    database : str, optional
        URL of the database of the logs, in place of `logs`.
    names : Path, optional
        The names file that belongs to it.
    agreement : Path, optional
        agreement.json of `segqc agreement --study`.
    dataset : Path, optional
        Folder that `segqc export nnunet` wrote.
    consistency : Path, optional
        What `segqc study --json` wrote.
    quality : Path, optional
        What `segqc quality study --json` wrote.
    processes : int, optional
        That read large logs; default: by the number of processors.
    progress : Progress

    Raises
    ------
    BadDataError
        If something given cannot be used, or the folder of records has none.
    """
    found, unreadable = ((), ()) if records is None else _records(records, part(progress, 0.0, 0.5))
    given = load_protocol(protocol) if protocol is not None else _shipped_protocol_of(found)
    return StudyFacts(
        found,
        unreadable,
        given,
        _reads(logs, database, names, _protocol_id(given, found), given, processes, part(progress, 0.5, 0.9)),
        None if agreement is None else _agreement(agreement),
        None if dataset is None else _dataset(dataset),
        None if consistency is None else _consistency(consistency),
        None if quality is None else _quality(quality),
    )


def _records(folder: Path, progress: Progress) -> tuple[tuple[QCRecord, ...], tuple[str, ...]]:
    if not folder.is_dir():
        raise BadDataError(folder, "is no folder.", "Give the folder with the outputs of segqc evaluate.")
    paths = record_files(folder)
    if not paths:
        raise BadDataError(folder, f"has no {RECORD_NAME}.", "Give the folder with the outputs of segqc evaluate.")
    records, unreadable = [], []
    for path in counted(progress, "Reading records", paths):
        try:
            records.append(QCRecord.from_json(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            unreadable.append(f"{path}: cannot be read ({error}).")
        except FaultyJSONError as error:
            unreadable.append(f"{path}: is no record of SegQC: {error.faults[0]}.")
    if not records:
        raise BadDataError(folder, f"has no usable {RECORD_NAME}: {unreadable[0]}", "Evaluate the cases again.")
    return tuple(records), tuple(unreadable)


def _shipped_protocol_of(records: Iterable[QCRecord]) -> LoadedProtocol | None:
    named = {record.protocol for record in records}
    if len(named) != 1:
        return None
    (identity,) = named
    if identity.id not in shipped_protocols():
        return None
    loaded = load_protocol(identity.id)
    return loaded if loaded.sha256 == identity.sha256 else None


def _protocol_id(given: LoadedProtocol | None, records: Iterable[QCRecord]) -> str | None:
    if given is not None:
        return given.protocol.id
    named = {record.protocol.id for record in records}
    return named.pop() if len(named) == 1 else None


def _reads(
    logs: Path | None,
    database: str | None,
    names: Path | None,
    protocol_id: str | None,
    protocol: LoadedProtocol | None,
    processes: int | None,
    progress: Progress,
) -> LoggedReads | None:
    if logs is None and database is None:
        return None
    from SegQCLib.dashboard.report_source import from_database, from_folder

    source = from_database(database, names) if logs is None else from_folder(logs, names, progress, processes=processes)
    of_study = [read for read in source.reads if protocol_id in (None, read.protocol)]
    reads = tuple(read for read in of_study if read.finished and read.purpose == "clinical")
    sessions = frozenset(session for read in reads for session in read.sessions)
    return LoggedReads(
        reads,
        len(of_study) - len(reads),
        len(source.reads) - len(of_study),
        0 if protocol is None else sum(read.protocol_sha256 != protocol.sha256 for read in reads),
        len(sessions),
        software_in_database(database, sessions) if logs is None else software_in_folder(logs, sessions),
        source.left_out or (),
        "record store" if logs is None else "session logs",
    )


def _agreement(path: Path) -> StudyAgreement:
    from SegQCLib.agreement.study_agreement import StudyAgreement

    remedy = "Give the agreement.json that segqc agreement --study wrote."
    return read_json_file(StudyAgreement, path, "an agreement of a study", remedy)


def _consistency(path: Path) -> StudyConsistency:
    from SegQCLib.study_consistency.study_consistency import StudyConsistency

    return read_json_file(StudyConsistency, path, "a consistency of a study", "Give the file that segqc study --json wrote.")


def _quality(path: Path) -> QualityStudy:
    from SegQCLib.quality.quality_study import QualityStudy

    remedy = "Give the file that segqc quality study --json wrote."
    return read_json_file(QualityStudy, path, "image quality over a study", remedy)


def _dataset(folder: Path) -> ExportedDataset:
    remedy = "Give the data set's folder that segqc export nnunet wrote."
    provenance = read_json_file(TrainingProvenance, folder / "provenance.json", "the provenance of a data set", remedy)
    splits = folder / "splits_final.json"
    if not splits.is_file():
        return ExportedDataset(provenance)
    try:
        folds = json.loads(splits.read_text(encoding="utf-8"))
        pairs = [(set(fold["train"]), set(fold["val"])) for fold in folds]
    except (OSError, ValueError, RecursionError) as error:
        raise BadDataError(splits, f"cannot be read ({error}).", remedy) from error
    except (TypeError, KeyError) as error:
        raise BadDataError(splits, "is no list of folds with train and val.", remedy) from error
    patient_of = {case.case: case.patient for case in provenance.cases}

    def patients(cases: set[str]) -> set[str | None]:
        return {patient_of.get(case) for case in cases}

    apart = all(None not in patients(train | val) and not patients(train) & patients(val) for train, val in pairs)
    return ExportedDataset(provenance, len(pairs), apart)
