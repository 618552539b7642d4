"""Is the image good enough where it is segmented, by the study's own limits?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.number_texts import beside
from SegQCLib.protocol import ImageQualityLimit, QCProtocol
from SegQCLib.quality.background import around_name, names_of
from SegQCLib.quality.quality_measurement import QualityMeasurement

ID = "image_quality"
WHY = (
    "Noise hides borders, and a lesion that hardly differs from its surroundings has none to draw. How"
    " much is too much no guideline"
    " says in one number: the ESR/EORTC consensus leaves the limits to each study (deSouza et al. 2022)."
)
NOT_MEASURED = "Image quality was not measured on this case."

_WORDS = {
    "snr": "signal-to-noise ratio",
    "cnr": "contrast-to-noise ratio",
    "noise": "noise",
    "tumour_to_background": "tumour-to-background ratio",
    "contrast_at_border": "contrast at the border",
    "sharpness": "width of the edge",
    "ssim": "structural similarity (SSIM)",
}
_UNITS = {"1": "", "[hnsf'U]": " HU", "g/ml": " g/mL", "{arbitrary}": " (grey values without a unit)"}


def judge(case: Case, protocol: QCProtocol, measurements: Sequence[QualityMeasurement]) -> Iterator[Finding]:
    """Compare a case's image-quality numbers with the protocol's limits: one finding for each limit and segment.

    Parameters
    ----------
    case : Case
    protocol : QCProtocol
    measurements : sequence of QualityMeasurement
        What `measure_image_quality` gave for this case and protocol; () where nothing could be measured.
    """
    if ID in protocol.skipped_checks:
        return
    for limit in protocol.image_quality:
        segments = [
            segment
            for segment in case.candidate.segments
            if (structure := protocol.structure_of(segment)) is not None and structure.name == limit.region
        ]
        if not segments:
            yield _finding(limit, None, Status.NOT_EVALUATED, f"There is no segment of {limit.region}.")
        for segment in segments:
            rows = [row for row in measurements if row.segment == segment.name and _is_about(row, limit, case, protocol)]
            yield _judged(limit, segment.name, rows, bool(measurements), case.candidate.box(segment) is None)


def _is_about(row: QualityMeasurement, limit: ImageQualityLimit, case: Case, protocol: QCProtocol) -> bool:
    if (row.measure, row.method, row.region) != (limit.measure, limit.wanted_method, limit.wanted_part):
        return False
    if row.background is None:
        # Measured against nothing, or refused for the whole image.
        return True
    if limit.background is not None:
        return row.background in _background_names(limit.background, case, protocol)
    return limit.wanted_part == "background" or row.background == around_name(row.segment)


def _background_names(structure_name: str, case: Case, protocol: QCProtocol) -> set[str]:
    return {
        name
        for segment in case.candidate.segments
        if (structure := protocol.structure_of(segment)) is not None and structure.name == structure_name
        for name in names_of(segment)
    }


def _judged(limit: ImageQualityLimit, segment: str, rows: Sequence[QualityMeasurement], anything: bool, empty: bool) -> Finding:
    found = next((row for row in rows if row.value is not None), None)
    if found is None:
        if empty:
            reason = "The segment has no voxels."
        elif rows:
            reason = rows[0].reason
        elif not anything:
            reason = NOT_MEASURED
        elif limit.background is not None:
            reason = f"There is no segment of {limit.background} with voxels to measure it against."
        else:
            reason = "It has no background region." if limit.wanted_part == "background" else NOT_MEASURED
        return _finding(limit, segment, Status.NOT_EVALUATED, reason)
    if found.unit != limit.limit.unit:
        reason = f"It is in{_UNITS.get(found.unit, f' {found.unit}') or ' unit 1'}, the limit is {limit.limit}."
        return _finding(limit, segment, Status.NOT_EVALUATED, reason)
    edges = [edge for edge in (limit.limit.minimum, limit.limit.maximum) if edge is not None]
    value = f"{beside(found.value, *edges)[0]}{_UNITS.get(found.unit, f' {found.unit}')}"
    where = f" against {found.background}" if found.background else ""
    inside = found.value in limit.limit
    text = f"is {value}{where}" + ("." if inside else f"; the protocol allows {limit.limit}.")
    return _finding(limit, segment, Status.PASS if inside else Status.FAIL, text, value)


def _finding(limit: ImageQualityLimit, segment: str | None, status: Status, text: str, measured: str | None = None) -> Finding:
    part = "" if limit.part is None else f", {limit.part}"
    method = "" if limit.method is None else f", method {limit.method}"
    name = f"{_WORDS[limit.measure]} of {segment or limit.region}{part}{method}"
    message = f"{name[0].upper()}{name[1:]} {text}" if measured else f"{name[0].upper()}{name[1:]} was not judged. {text}"
    return Finding(ID, status, message, measured, str(limit.limit), limit.limit.unit, limit.limit.source, segment)
