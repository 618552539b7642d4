"""The one way from a case and a protocol to a record."""

from __future__ import annotations

import platform
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy
import scipy
import SimpleITK

from SegQCLib import __version__
from SegQCLib.alignment import align
from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.checks import run_checks
from SegQCLib.findings import Finding, Status
from SegQCLib.measure import Measured, measure
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.record import CaseFacts, Input, ProtocolIdentity, QCRecord
from SegQCLib.regular_grid import is_regular, resample_case
from SegQCLib.verdict import decide

GRID_CHECK = "regular_grid"


def evaluate(case: Case, protocol: LoadedProtocol) -> QCRecord:
    """Return the record of a case under a protocol.

    Segmentations on another grid are brought onto the image's first. A series whose slices are tilted
    or irregularly spaced is resampled by its true positions or not measured at all, as the protocol says.

    Raises
    ------
    BadDataError
        If a segmentation lies outside the image.
    """
    rules = protocol.protocol
    on_grid, grid_findings, measurable = aligned(case, protocol)
    findings = (*_reading_findings(case), *grid_findings, *run_checks(on_grid, rules))
    found = measure(on_grid, rules) if measurable else Measured((), ())
    verdict = decide(rules, findings, found.measurements, measurable)
    return QCRecord(
        schema="segqc-record",
        schema_version="1.0",
        created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        software=software_versions(),
        inputs=tuple(_inputs(case)),
        case=CaseFacts(on_grid.image.geometry, case.image.acquisition),
        protocol=ProtocolIdentity(rules.id, rules.version, rules.title, protocol.sha256),
        findings=findings,
        measurements=found.measurements,
        slices_to_view=found.slices_to_view,
        expected_agreement=(),
        verdicts=verdict.segments,
        verdict=verdict.verdict,
        reasons=verdict.reasons,
    )


def aligned(case: Case, protocol: LoadedProtocol) -> tuple[Case, tuple[Finding, ...], bool]:
    """Return the case with everything on the image's grid, what that took, and whether it can be measured."""
    findings: tuple[Finding, ...] = ()
    measurable = True
    if not is_regular(case.image):
        moved = f"up to {case.image.acquisition.slice_displacement_mm:.2f} mm"
        if protocol.protocol.irregular_geometry == "resample":
            case = resample_case(case)
            message = f"Slices lie {moved} off a regular grid. Image and segmentations were resampled by the true slice positions."
            findings = (Finding(GRID_CHECK, Status.WARN, message, moved, "a regular grid", "mm", "protocol: resample"),)
        else:
            measurable = False
            message = (
                f"Slices lie {moved} off a regular grid (gantry tilt, missing or irregular slices). Nothing was measured: volumes and"
                " distances would be wrong. Use a regular reconstruction, or a protocol that resamples."
            )
            findings = (Finding(GRID_CHECK, Status.FAIL, message, moved, "a regular grid", "mm", "protocol: stop"),)
    grid = case.image.geometry
    on_grid = replace(
        case,
        candidate=align(case.candidate, grid),
        references=tuple(align(reference, grid) for reference in case.references),
        draft=None if case.draft is None else align(case.draft, grid),
    )
    return on_grid, findings, measurable


def software_versions() -> dict[str, str]:
    """Return the versions of what computes a record."""
    versions = {
        "SegQC": __version__,
        "Python": platform.python_version(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "SimpleITK": SimpleITK.Version.VersionString(),
    }
    for package in ("pydicom", "slicer-core"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def _reading_findings(case: Case) -> tuple[Finding, ...]:
    parts: list[Volume | Segmentation] = [case.image, case.candidate, *case.references]
    if case.draft is not None:
        parts.append(case.draft)
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
    return inputs
