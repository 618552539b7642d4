"""The steps from a case to its record, and who runs them: what one step finds, and what reading the case told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.findings import Finding
from SegQCLib.prepare import PreparedCase
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.readers.kept_findings import KeptFinding
from SegQCLib.readers.ratings import RatingGiven
from SegQCLib.record import CaseFacts, DifficultyModelCard, Input, Measurement, SegmentExpectedAgreement, SliceToView

# Beside the checks, whose steps are called by their ids: no check may be called so.
MEASURE = "measure"
MEASURE_IMAGE_QUALITY = "measure_image_quality"
EXPECTED_AGREEMENT = "expected_agreement"


@dataclass(frozen=True)
class StepFound:
    """What one step found, as the record has it. A step fills what it is about and leaves the rest empty."""

    findings: tuple[Finding, ...] = field(default=(), metadata={"doc": "What a check says."})
    measurements: tuple[Measurement, ...] = field(default=(), metadata={"doc": "Numbers of segments."})
    slices_to_view: tuple[SliceToView, ...] = field(default=(), metadata={"doc": "Slices worth a look."})
    image_quality: tuple[QualityMeasurement, ...] = field(default=(), metadata={"doc": "Image-quality numbers."})
    expected_agreement: tuple[SegmentExpectedAgreement, ...] = field(default=(), metadata={"doc": "Predicted expert agreement."})
    difficulty_models: tuple[DifficultyModelCard, ...] = field(default=(), metadata={"doc": "Models that predicted it."})


@dataclass(frozen=True)
class CaseTold:
    """What reading and preparing a case told, before any check."""

    facts: CaseFacts = field(metadata={"doc": "Grid and acquisition of the image, as prepared."})
    inputs: tuple[Input, ...] = field(metadata={"doc": "What went in."})
    findings: tuple[Finding, ...] = field(metadata={"doc": "What reading and preparing showed."})
    measurable: bool = field(metadata={"doc": "False if the series is irregular and the protocol says to stop."})
    ratings: tuple[RatingGiven, ...] = field(metadata={"doc": "What readers say of the image."})
    kept_findings: tuple[KeptFinding, ...] = field(metadata={"doc": "Findings that a reader keeps as they are."})


# A step looks at the case and at the protocol that it is given, and at nothing else.
Work = Callable[[Case, LoadedProtocol], StepFound]


class EvaluationSteps(Protocol):
    """Who runs the steps of one case's evaluation."""

    @property
    def told(self) -> CaseTold:
        """What reading and preparing the case told."""

    def step(self, name: str, work: Work, *, needs_voxels: bool = False, after: tuple[str, ...] = ()) -> StepFound:
        """Return what a step finds.

        Parameters
        ----------
        name : str
            Id of the check, or one of the names above.
        work : callable
        needs_voxels : bool
            Whether it cannot do without the case's voxels.
        after : tuple of str
            Names of earlier steps whose results it uses.
        """


class StepsAnew:
    """Every step is computed, on a case that is at hand."""

    def __init__(self, prepared: PreparedCase, protocol: LoadedProtocol) -> None:
        self._case, self._protocol = prepared.case, protocol
        self.told = told_of(prepared)

    def step(self, name: str, work: Work, *, needs_voxels: bool = False, after: tuple[str, ...] = ()) -> StepFound:  # noqa: ARG002
        return work(self._case, self._protocol)


def told_of(prepared: PreparedCase) -> CaseTold:
    """Return what reading and preparing a case told."""
    case = prepared.case
    return CaseTold(
        facts=CaseFacts(case.image.geometry, case.image.acquisition),
        inputs=tuple(_inputs(case)),
        findings=(*_reading_findings(case), *prepared.findings),
        measurable=prepared.measurable,
        ratings=case.ratings,
        kept_findings=case.kept_findings,
    )


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
