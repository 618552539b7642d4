"""The one way from a case and a protocol to a record."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy
import scipy
import SimpleITK

from SegQCLib import __version__
from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.checks import image_quality, run_checks
from SegQCLib.difficulty.in_case import expected_agreement
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding
from SegQCLib.measure import Measured, measure
from SegQCLib.prepare import PreparedCase, prepare
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.protocols.sign_off import signoff_state
from SegQCLib.protocols.sign_off_state import SignOffState
from SegQCLib.quality.measure_image_quality import QualityMeasured, measure_image_quality
from SegQCLib.quality.study_norms import place_in_study
from SegQCLib.readers.kept_findings import mark_kept
from SegQCLib.record import CaseFacts, Input, ProtocolIdentity, QCRecord
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
    rules, case = protocol.protocol, prepared.case
    checked = tuple(run_checks(case, rules, part(progress, 0.0, 0.5)))
    found = measure(case, rules, part(progress, 0.5, 0.8)) if prepared.measurable else Measured((), ())
    quality = QualityMeasured((), None)
    if prepared.measurable:
        quality = measure_image_quality(case, rules, part(progress, 0.8, 0.95))
    judged = tuple(image_quality.judge(case, rules, quality.measurements))
    expected = expected_agreement(case, protocol, prepared.measurable, part(progress, 0.95, 1.0))
    findings = (*_reading_findings(case), *prepared.findings, *checked, *judged, *expected.findings)
    findings = mark_kept(findings, case.kept_findings)
    verdict = decide(rules, findings, found.measurements, prepared.measurable, expected.segments)
    record = QCRecord(
        schema="segqc-record",
        schema_version="1.0",
        created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        software=software_versions(),
        inputs=tuple(_inputs(case)),
        case=CaseFacts(case.image.geometry, case.image.acquisition),
        protocol=ProtocolIdentity(rules.id, rules.version, rules.title, protocol.sha256),
        findings=findings,
        measurements=found.measurements,
        slices_to_view=found.slices_to_view,
        expected_agreement=expected.segments,
        verdicts=verdict.segments,
        verdict=verdict.verdict,
        reasons=verdict.reasons,
        ratings=case.ratings,
        difficulty_models=expected.models,
        protocol_sign_off=_sign_off(protocol),
        image_quality=quality.measurements,
    )
    if case.quality_norms is not None:
        record = place_in_study(record, case.quality_norms)
    return Evaluated(record, quality.background)


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
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _reading_findings(case: Case) -> tuple[Finding, ...]:
    parts: list[Volume | Segmentation] = [case.image, case.candidate, *case.references]
    if case.draft is not None:
        parts.append(case.draft)
    if case.second_image is not None:
        parts.append(case.second_image)
    return tuple(finding for part in parts for finding in part.findings)


def _inputs(case: Case) -> list[Input]:
    def one(role: str, name: str, part: Volume | Segmentation) -> Input:
        source = part.source
        return Input(role, name, source.path if source else None, source.sha256 if source else None)

    inputs = [one("image", case.image.acquisition.series_description or "image", case.image)]
    inputs.append(one("candidate", case.candidate.name, case.candidate))
    inputs += [one(role, s.name, s) for role, s in zip(case.reference_roles(), case.references, strict=True)]
    if case.draft is not None:
        inputs.append(one("draft", case.draft.name, case.draft))
    if case.uncertainty is not None:
        inputs.append(one("uncertainty", "uncertainty map", case.uncertainty))
    if case.second_image is not None:
        name = case.second_image.acquisition.series_description or "second image"
        inputs.append(one("second image", name, case.second_image))
    if case.drawn_background is not None:
        inputs.append(one("background", case.drawn_background.name, case.drawn_background))
    return inputs
