"""Bring a case onto one regular grid before anything is checked or measured on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from SegQCLib.alignment import align, align_map
from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.progress import Progress, counted, part, unwatched
from SegQCLib.protocol import QCProtocol
from SegQCLib.regular_grid import is_regular, resample_case

CHECK_ID = "regular_grid"


@dataclass(frozen=True)
class PreparedCase:
    """A case with all segmentations and maps on the image's grid.

    Attributes
    ----------
    case : Case
    findings : tuple of Finding
        What it took to get there, where that can change numbers.
    measurable : bool
        False if the series is irregular and the protocol says to stop.
    """

    case: Case
    findings: tuple[Finding, ...]
    measurable: bool


def prepare(case: Case, protocol: QCProtocol, progress: Progress = unwatched) -> PreparedCase:
    """Return the case on one grid: an irregular series resampled or set aside as the protocol says, segmentations aligned.

    Raises
    ------
    BadDataError
        If a segmentation or the uncertainty map lies outside the image.
    """
    if is_regular(case.image):
        return PreparedCase(_aligned(case, progress), (), True)
    moved = f"up to {case.image.acquisition.slice_displacement_mm:.2f} mm"
    facts = f"Slices lie {moved} off a regular grid (gantry tilt, missing or irregular slices)"
    if protocol.irregular_geometry == "resample" and case.image.slice_origins_lps_mm is not None:
        message = f"{facts}. Image and segmentations were resampled by the true slice positions."
        finding = Finding(
            CHECK_ID, Status.WARN, message, moved, "a regular grid", "mm", "the protocol's irregular_geometry: resample"
        )
        progress("Resampling by the true slice positions", 0.0)
        return PreparedCase(_aligned(resample_case(case), part(progress, 0.5, 1.0)), (finding,), True)
    way_out = (
        "Use a regular reconstruction: the position of each slice, by which it could be resampled, is not known here."
        if protocol.irregular_geometry == "resample"
        else "Use a regular reconstruction, or a protocol that resamples."
    )
    message = f"{facts}. Nothing was measured: volumes and distances would be wrong. {way_out}"
    finding = Finding(
        CHECK_ID,
        Status.FAIL,
        message,
        moved,
        "a regular grid",
        "mm",
        f"the protocol's irregular_geometry: {protocol.irregular_geometry}",
    )
    return PreparedCase(_aligned(case, progress), (finding,), False)


def _aligned(case: Case, progress: Progress) -> Case:
    drawn = [case.candidate, *case.references, *(part for part in (case.draft, case.drawn_background) if part is not None)]
    candidate, *others = (align(item, case.image.geometry) for item in counted(progress, "Bringing onto the image's grid", drawn))
    background = None if case.drawn_background is None else others.pop()
    draft = None if case.draft is None else others.pop()
    uncertainty = None if case.uncertainty is None else align_map(case.uncertainty, case.image.geometry)
    return replace(
        case,
        candidate=candidate,
        references=tuple(others),
        draft=draft,
        uncertainty=uncertainty,
        drawn_background=background,
    )
