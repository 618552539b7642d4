"""Cohorts that nobody has to evaluate: results in a store, whose rows follow from what is written here."""

import hashlib
from pathlib import Path

from phantoms import a_geometry
from SegQCLib.acquisition import Acquisition
from SegQCLib.cohort.case_outcome import CaseCost, CaseOutcome, Outcome
from SegQCLib.cohort.cohort_case import CaseFault, CohortCase
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.result_store import KeptResult, ResultStore
from SegQCLib.dataclass_json import to_json
from SegQCLib.findings import Finding, Status
from SegQCLib.quality.quality_measurement import QualityMeasurement, StudyPosition
from SegQCLib.readers.ratings import RatingGiven
from SegQCLib.record import (
    CaseFacts,
    Input,
    Measurement,
    ProtocolIdentity,
    QCRecord,
    SegmentExpectedAgreement,
    SegmentVerdict,
    Verdict,
)

COST = CaseCost("2026-11-22T13:00:00+00:00", 12.5, 4.25, 900.0, "node-7")
FAULT = CaseFault("/data/ct-3/image.nii.gz", "is cut off.", "Copy it again.")


def key_of(case):
    return hashlib.sha256(case.encode()).hexdigest()


def a_record(dice=0.8, expected=0.7, reader="Dr. Éva", verdict=Verdict.REVIEW, segments=("liver",), status=Status.FAIL, **facts):
    """Return a record with one measurement, verdict and prediction for each segment, and one of everything else."""
    acquisition = {"modality": "CT", "manufacturer": "ACME", "model": "One", "slice_thicknesses_mm": (2.0,), **facts}
    rules = {"coverage": 0.9, "threshold": 0.6, "rule": "lower", "in_domain": True}
    return QCRecord(
        schema="segqc-record",
        schema_version="1.0",
        created="2026-11-22T13:00:00+00:00",
        software={"SegQC": "0.1.0"},
        inputs=(
            Input("image", "ct", "/data/ct", "aa" * 32),
            Input("candidate", "simulated reader", "/data/candidate.nii.gz", "bb" * 32),
        ),
        case=CaseFacts(a_geometry(), Acquisition(**acquisition)),
        protocol=ProtocolIdentity("liver_ct", "1.0.0", "Liver", "cd" * 32),
        findings=(
            Finding("islands", status, "2 islands", segment="liver", location_lps_mm=(1.0, 2.0, 3.0), size_voxels=7),
            Finding("kvp", Status.WARN, "120 kV", "120 kV", "100 kV"),
        ),
        measurements=tuple(
            measurement
            for segment in segments
            for measurement in (
                Measurement(segment, segment, "dice", dice, "1", "DSC", "candidate", "reference"),
                Measurement(segment, segment, "assd_mm", None, "mm", "surfel", "candidate", "reference", "One mask is empty."),
            )
        ),
        slices_to_view=(),
        expected_agreement=tuple(
            SegmentExpectedAgreement(segment, "lung 1.0", expected, 0.6, 0.8, **rules, reasons=("few",)) for segment in segments
        ),
        verdicts=tuple(SegmentVerdict(segment, segment, verdict, ("islands", "Dice")) for segment in segments),
        verdict=verdict,
        reasons=("islands",),
        ratings=(
            RatingGiven("motion", "Motion", 4, "slight", "highest", 1, 5, reader, "2026-11-22T13:00:00+00:00", "X", comment="=1+1"),
        ),
        image_quality=(
            QualityMeasurement("liver", "liver", "snr", "tissue", "mean / SD", "core", 900, 10.0, "1",
                               in_study=StudyPosition(-2.5, 24, 12.0, 0.5, "ACME One, liver_ct")),
            QualityMeasurement("liver", "liver", "cnr", "tissue", "difference", "core", 900, None, "1", reason="No background."),
        ),
    )  # fmt: skip


def keep(folder: CohortFolder, case, record) -> CaseOutcome:
    """Put a result into the store, as a run does; without a record the case is refused."""
    store, key = ResultStore(folder), key_of(case)
    outcome = Outcome.REFUSED if record is None else Outcome.EVALUATED
    # As `output.write_files` writes what is no Unicode.
    text = None if record is None else record.to_json().encode("utf-8", "backslashreplace")
    sha256 = None if text is None else hashlib.sha256(text).hexdigest()
    result = KeptResult(
        "segqc-cohort-result", case, key, outcome, record and record.verdict, FAULT if record is None else None, COST, sha256
    )
    store.envelope_path(key).parent.mkdir(parents=True, exist_ok=True)
    if text is not None:
        store.record_path(key).write_bytes(text)
    store.envelope_path(key).write_text(to_json(result), encoding="utf-8")
    return result.as_outcome(kept=False)


def a_case(name, **fields):
    return CohortCase(name, Path(f"/data/{name}/image.nii.gz"), Path(f"/data/{name}/candidate.nii.gz"), **fields)


def a_cohort(folder: CohortFolder, count, record=None, **fields):
    """Return cases ct-0000, ... with one record in the store, and their outcomes: one result under as many keys."""
    cases = [a_case(f"ct-{number:04d}", **fields) for number in range(count)]
    return cases, [keep(folder, case.case, a_record() if record is None else record) for case in cases]


def failed(case):
    return CaseOutcome(case, None, Outcome.FAILED, fault=CaseFault(case, "The worker was killed.", "Give it more memory."))
