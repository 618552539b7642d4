"""The one way from a case and a protocol to a record."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

import numpy
import scipy
import SimpleITK

from SegQCLib import __version__
from SegQCLib.case import Case, Segmentation
from SegQCLib.checks import asked_checks, image_quality
from SegQCLib.difficulty.in_case import expected_agreement
from SegQCLib.errors import BadDataError
from SegQCLib.evaluation_steps import (
    EXPECTED_AGREEMENT,
    MEASURE,
    MEASURE_IMAGE_QUALITY,
    EvaluationSteps,
    StepFound,
    StepsAnew,
)
from SegQCLib.findings import Finding
from SegQCLib.measure import measure
from SegQCLib.prepare import PreparedCase, prepare
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.protocols.sign_off import signoff_state
from SegQCLib.protocols.sign_off_state import SignOffState
from SegQCLib.quality.measure_image_quality import measure_image_quality
from SegQCLib.quality.study_norms import place_in_study
from SegQCLib.readers.kept_findings import mark_kept
from SegQCLib.record import ProtocolIdentity, QCRecord
from SegQCLib.verdict import decide


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What evaluating a case gave.

    Attributes
    ----------
    record : QCRecord
    background : Segmentation or None
        The background regions that image quality was measured against and that were placed automatically; None: none were.
    """

    record: QCRecord
    background: Segmentation | None


def evaluate(case: Case, protocol: LoadedProtocol, progress: Progress = unwatched) -> QCRecord:
    """Return the record of a case under a protocol.

    Segmentations on another grid are brought onto the image's first. A series whose slices are tilted
    or irregularly spaced is resampled by its true positions or not measured at all, as the protocol says.

    Raises
    ------
    BadDataError
        If a segmentation or the uncertainty map lies outside the image.
    """
    prepared = prepare(case, protocol.protocol, part(progress, 0.0, 0.1))
    return evaluate_prepared(prepared, protocol, part(progress, 0.1, 1.0))


def evaluate_prepared(prepared: PreparedCase, protocol: LoadedProtocol, progress: Progress = unwatched) -> QCRecord:
    """Return the record of a case that is on the image's grid already, for callers that also draw it."""
    return evaluate_with_background(prepared, protocol, progress).record


def evaluate_with_background(prepared: PreparedCase, protocol: LoadedProtocol, progress: Progress = unwatched) -> Evaluated:
    """Return the record of a case that is on the image's grid already, and the background regions that were placed for it."""
    evaluated = evaluate_in_steps(StepsAnew(prepared, protocol), protocol, progress)
    norms = prepared.case.quality_norms
    return evaluated if norms is None else replace(evaluated, record=place_in_study(evaluated.record, norms))


def evaluate_in_steps(steps: EvaluationSteps, protocol: LoadedProtocol, progress: Progress = unwatched) -> Evaluated:
    """Return the record that the steps of a case's evaluation make up, whoever runs them.

    The verdict is decided here from what they found; the record's background regions are those that a step placed just now.
    """
    rules, told = protocol.protocol, steps.told
    checks = asked_checks(rules)
    checked: list[Finding] = []
    for number, check in enumerate(checks):
        progress(f"Checking: {check.ID.replace('_', ' ')}", 0.5 * number / len(checks))
        checked += steps.step(check.ID, partial(_check, check)).findings
    background = None

    def measure_segments(case: Case, own: LoadedProtocol) -> StepFound:
        found = measure(case, own.protocol, part(progress, 0.5, 0.8))
        return StepFound(measurements=found.measurements, slices_to_view=found.slices_to_view)

    def measure_quality(case: Case, own: LoadedProtocol) -> StepFound:
        nonlocal background
        found = measure_image_quality(case, own.protocol, part(progress, 0.8, 0.95))
        background = found.background
        return StepFound(image_quality=found.measurements)

    def judge_quality(case: Case, own: LoadedProtocol) -> StepFound:
        return StepFound(findings=tuple(image_quality.judge(case, own.protocol, quality.image_quality)))

    def predict(case: Case, own: LoadedProtocol) -> StepFound:
        found = expected_agreement(case, own, told.measurable, part(progress, 0.95, 1.0))
        return StepFound(findings=found.findings, expected_agreement=found.segments, difficulty_models=found.models)

    measured = quality = StepFound()
    if told.measurable:
        measured = steps.step(MEASURE, measure_segments, needs_voxels=True)
        quality = steps.step(MEASURE_IMAGE_QUALITY, measure_quality, needs_voxels=True)
    judged = steps.step(image_quality.ID, judge_quality, after=(MEASURE_IMAGE_QUALITY,))
    expected = steps.step(EXPECTED_AGREEMENT, predict)
    findings = mark_kept((*told.findings, *checked, *judged.findings, *expected.findings), told.kept_findings)
    verdict = decide(rules, findings, measured.measurements, told.measurable, expected.expected_agreement)
    record = QCRecord(
        schema="segqc-record",
        schema_version="1.0",
        created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        software=software_versions(),
        inputs=told.inputs,
        case=told.facts,
        protocol=ProtocolIdentity(rules.id, rules.version, rules.title, protocol.sha256),
        findings=findings,
        measurements=measured.measurements,
        slices_to_view=measured.slices_to_view,
        expected_agreement=expected.expected_agreement,
        verdicts=verdict.segments,
        verdict=verdict.verdict,
        reasons=verdict.reasons,
        ratings=told.ratings,
        difficulty_models=expected.difficulty_models,
        protocol_sign_off=_sign_off(protocol),
        image_quality=quality.image_quality,
    )
    return Evaluated(record, background)


def _check(check: ModuleType, case: Case, protocol: LoadedProtocol) -> StepFound:
    return StepFound(findings=tuple(check.run(case, protocol.protocol)))


def _sign_off(protocol: LoadedProtocol) -> SignOffState:
    try:
        return signoff_state(protocol).state
    except BadDataError:
        # The case is evaluated under the protocol whatever stands beside it; `segqc protocol verify` says what is wrong.
        return "unreadable"


def software_versions(*packages: str) -> dict[str, str]:
    """Return the versions of what computes a record, and of further packages, as far as they are installed."""
    versions = {
        "SegQC": __version__,
        "Python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "SimpleITK": SimpleITK.Version.VersionString(),
    }
    for package in ("pydicom", "slicer-core", *packages):
        installed = _installed(package)
        if installed is not None:
            versions[package] = installed
    return versions


@cache  # looking for a package takes as long as measuring a small segment
def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
