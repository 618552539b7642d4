"""The image-quality numbers of the cases in a folder, for a program that asks again and again: only changed files are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.quality.study_norms import QualityNorms, examinations, quality_norms
from SegQCLib.quality.study_records import read_record_file
from SegQCLib.record import QCRecord
from SegQCLib.record_files import record_files

# What was read of a file of that size and time; None: it is no record.
KnownRecords = dict[Path, tuple[tuple[int, int], QCRecord | None]]


@dataclass(frozen=True)
class StudyFolder:
    """What a folder holds to compare a case with.

    Attributes
    ----------
    norms : QualityNorms
        Empty where there is no record.
    cases : int
        Examinations under a protocol: several records of one count once.
    left_out : int
        Files record.json that are no usable record.
    """

    norms: QualityNorms
    cases: int
    left_out: int


def read_study_folder(folder: Path, known: KnownRecords, progress: Progress = unwatched) -> StudyFolder:
    """Return the numbers of all records below a folder.

    Parameters
    ----------
    folder : Path
    known : dict
        What was read before; it is brought up to date.
    progress : Progress

    Raises
    ------
    BadDataError
        If the folder cannot be listed.
    """
    records, left_out = [], 0
    for path in counted(progress, "Reading the study's records", record_files(folder)):
        record = _read(path, known)
        if record is None:
            left_out += 1
        else:
            records.append(record)
    return StudyFolder(quality_norms(records), len(examinations(records)), left_out)


def _read(path: Path, known: KnownRecords) -> QCRecord | None:
    try:
        facts = path.stat()
    except OSError:
        # Saved anew, or put aside, while the folder was read.
        return None
    stamp = (facts.st_mtime_ns, facts.st_size)
    if path not in known or known[path][0] != stamp:
        try:
            record = _numbers_of(read_record_file(path))
        except BadDataError:
            record = None
        known[path] = (stamp, record)
    return known[path][1]


def _numbers_of(record: QCRecord) -> QCRecord:
    """Return a record with what norms are made of alone: a thousand whole ones would not fit in memory."""
    return replace(
        record,
        findings=tuple(finding for finding in record.findings if "simulated" in finding.message.casefold()),
        measurements=(),
        slices_to_view=(),
        expected_agreement=(),
        verdicts=(),
        reasons=(),
        ratings=(),
        image_quality=tuple(replace(m, definition="", remark=None) for m in record.image_quality if m.value is not None),
    )
