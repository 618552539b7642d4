"""The expected expert agreement of a case: which outline of each segment is described to the protocol's model, and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.case import Box, Case, Segment, Segmentation
from SegQCLib.difficulty.in_words import percent
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Finding, Status
from SegQCLib.hashing import sha256_of
from SegQCLib.pairing import pair_segments
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import ExpectedAgreementRule, LoadedProtocol, QCProtocol
from SegQCLib.record import DifficultyModelCard, SegmentExpectedAgreement
from SegQCLib.resources import resource

if TYPE_CHECKING:
    from SegQCLib.difficulty.model_file import DifficultyModel

CHECK_ID = "expected_agreement"

# What a model looks at beside the outline (bands along its border, normal tissue) lies within this.
_MARGIN_MM = 20.0

_EMPTY = "The segment is empty, so there is no outline that could be described."
_NO_REFERENCE = "No reference has an outline of it; a candidate's own outline never sets the limit that it is judged by."
_NOT_MEASURED = "The series is irregular and was not measured, so the shape of an outline on it is not known."


@dataclass(frozen=True)
class CaseAgreement:
    """What the protocol's difficulty model says of a case: per segment, its card, and what stood in the way."""

    segments: tuple[SegmentExpectedAgreement, ...] = ()
    models: tuple[DifficultyModelCard, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, eq=False)
class _Outline:
    """One segment as a reader, or the candidate, has it."""

    role: str
    segmentation: Segmentation
    segment: Segment


def expected_agreement(
    case: Case, protocol: LoadedProtocol, measurable: bool = True, progress: Progress = unwatched
) -> CaseAgreement:
    """Return what the protocol's difficulty model predicts for each segment whose structure it was fitted for.

    With references it is an expert's outline that is described: models are fitted on those, and a poor candidate
    must not lower the limit that it is judged by. Of several references the one whose predicted mean is the median
    decides, of an even number the lower of the middle two. Without a reference the candidate is described: that
    tells how hard the image is and decides nothing.

    A model that cannot be used is a finding, and an outline for which it predicts nothing has its reasons; neither
    stops an evaluation.

    Parameters
    ----------
    case : Case
        Segmentations on the image's grid.
    protocol : LoadedProtocol
    measurable : bool
        False where the grid is not the true one (see `prepare`): then nothing is predicted.
    """
    if protocol.protocol.expected_agreement.model is None:
        return CaseAgreement()
    try:
        model = protocol_model(protocol)
    except BadDataError as error:
        message = f"No expected expert agreement was predicted. {error}"
        return CaseAgreement(findings=(Finding(CHECK_ID, Status.WARN, message, source="the protocol's expected_agreement"),))
    segments = predict_segments(case, protocol.protocol, model, measurable, progress)
    return CaseAgreement(segments, (model_card(model, model_sha256(protocol)),) if segments else ())


def model_fault(findings: Iterable[Finding]) -> str | None:
    """Return why the protocol's model could not be used; None where it could, or where a reader kept that finding."""
    return next((finding.message for finding in findings if finding.check == CHECK_ID and finding.kept is None), None)


def protocol_model(protocol: LoadedProtocol) -> DifficultyModel:
    """Return the difficulty model that a protocol names.

    Raises
    ------
    BadDataError
        If it cannot be read, predicts for single slices, or is for no structure or modality of the protocol.
    ValueError
        If the protocol names no model.
    """
    rules = protocol.protocol
    if rules.expected_agreement.model is None:
        raise ValueError(f"The protocol {rules.id} names no difficulty model.")
    from SegQCLib.difficulty import load_model

    model = load_model(_name_or_path(protocol))
    where = f"{rules.id}: expected_agreement.model: {rules.expected_agreement.model}"
    if model.unit != "lesion":
        raise BadDataError(
            where,
            "predicts the agreement on single slices.",
            "A verdict is about whole segments: name a model whose unit is lesion.",
        )
    if not any(structure.terminology.same_structure(model.structure) for structure in rules.structures):
        raise BadDataError(
            where,
            f"is for {structure_words(model)}, and no structure of the protocol has its codes.",
            f"Give the structure the model's type, {model.structure.type.value} ({model.structure.type.scheme}), and region, or"
            " leave the model out.",
        )
    if model.modality not in rules.modality:
        raise BadDataError(
            where,
            f"is for {model.modality}, and the protocol allows {rules.modality}.",
            "Name a model that was fitted on such images.",
        )
    return model


def _name_or_path(protocol: LoadedProtocol) -> str | Path:
    """Return the id of a shipped model, or the path of a file, which starts at the protocol's."""
    named = protocol.protocol.expected_agreement.model
    return Path(protocol.path).parent / named if named.lower().endswith(".json") else named


def model_sha256(protocol: LoadedProtocol) -> str | None:
    """Return the SHA-256 of the difficulty model's file; None where the protocol names none, or it cannot be read."""
    if protocol.protocol.expected_agreement.model is None:
        return None
    named = _name_or_path(protocol)
    try:
        return sha256_of(named if isinstance(named, Path) else resource(f"Models/{named}.json"))
    except OSError:
        return None


def structure_words(model: DifficultyModel) -> str:
    """Return the structure that a model is for, in words: Lung Nodule on CT is 'Nodule (Lung)'."""
    region = model.structure.region
    return model.structure.type.meaning + (f" ({region.meaning})" if region is not None else "")


def predict_segments(
    case: Case, protocol: QCProtocol, model: DifficultyModel, measurable: bool = True, progress: Progress = unwatched
) -> tuple[SegmentExpectedAgreement, ...]:
    """Return what a model says of every segment that has its structure's codes; see `expected_agreement`."""
    named = list(_outlines(case, protocol, model))
    return tuple(
        _predicted(case, protocol.expected_agreement, model, name, outlines, measurable)
        for name, outlines in counted(progress, "Predicting the experts' agreement", named)
    )


def _outlines(case: Case, protocol: QCProtocol, model: DifficultyModel) -> Iterator[tuple[str, list[_Outline]]]:
    """Yield each segment's name with the outlines that may be described: the references', else the candidate's."""

    def matches(segment: Segment) -> bool:
        structure = protocol.structure_of(segment)
        return structure is not None and structure.terminology.same_structure(model.structure)

    if not case.references:
        for segment in case.candidate.segments:
            if matches(segment):
                yield segment.name, [_Outline("candidate", case.candidate, segment)]
        return
    # Names need not be unique among a candidate's segments; a lesion that only references have is known by its name.
    found: dict[tuple[str | None, str], list[_Outline]] = {}
    for role, reference in zip(case.reference_roles(), case.references, strict=True):
        for pair in pair_segments(reference, case.candidate):
            if matches(pair.candidate or pair.reference):
                outlines = found.setdefault((None if pair.candidate is None else pair.candidate.id, pair.name), [])
                if pair.reference is not None:
                    outlines.append(_Outline(role, reference, pair.reference))
    for (_, name), outlines in found.items():
        yield name, outlines


def _predicted(
    case: Case, rule: ExpectedAgreementRule, model: DifficultyModel, name: str, outlines: list[_Outline], measurable: bool
) -> SegmentExpectedAgreement:
    drawn = [outline for outline in outlines if outline.segmentation.box(outline.segment) is not None]
    if not measurable or not drawn:
        why = _NOT_MEASURED if not measurable else _NO_REFERENCE if case.references else _EMPTY
        return _refused(rule, model, name, None, (why,))
    said = [_said(case, rule, model, name, outline) for outline in drawn]
    in_domain = sorted((one for one in said if one.dice is not None), key=lambda one: one.dice)
    return in_domain[(len(in_domain) - 1) // 2] if in_domain else said[0]


def _said(
    case: Case, rule: ExpectedAgreementRule, model: DifficultyModel, name: str, outline: _Outline
) -> SegmentExpectedAgreement:
    box = _with_margin(outline.segmentation.box(outline.segment), case)
    image = case.image.array
    uncertainty = None if case.uncertainty is None else case.uncertainty.array
    try:
        prediction = model.predict(
            outline.segmentation.mask(outline.segment, box),
            case.image.geometry.spacing_mm,
            image=None if image is None else image[box],
            uncertainty=None if uncertainty is None else uncertainty[box],
            structure=model.structure,
            modality=case.image.acquisition.modality,
            rule=rule.rule,
            coverage=rule.coverage,
        )
    except (BadDataError, ValueError, ArithmeticError) as error:
        # A verdict by fixed limits is still right, and the sentence in the record shows what went wrong here.
        return _refused(rule, model, name, outline.role, (f"The model could not describe the outline. {error}",))
    return SegmentExpectedAgreement(
        segment=name,
        model=f"{model.id} {model.version}",
        dice=prediction.dice,
        lower=prediction.lower,
        upper=prediction.upper,
        coverage=prediction.coverage,
        threshold=prediction.threshold,
        rule=rule.rule,
        in_domain=prediction.in_domain,
        reasons=prediction.reasons,
        described_role=outline.role,
        unit=model.unit,
    )


def _refused(
    rule: ExpectedAgreementRule, model: DifficultyModel, name: str, role: str | None, reasons: tuple[str, ...]
) -> SegmentExpectedAgreement:
    identity = f"{model.id} {model.version}"
    return SegmentExpectedAgreement(
        name, identity, None, None, None, rule.coverage, None, rule.rule, False, reasons, role, model.unit
    )


def _with_margin(box: Box, case: Case) -> Box:
    """Return a segment's box with its surroundings, as far as the image goes."""
    geometry = case.image.geometry
    margins = [round(_MARGIN_MM / mm) + 1 for mm in geometry.spacing_mm]
    return tuple(
        slice(max(0, side.start - margin), min(size, side.stop + margin))
        for side, margin, size in zip(box, margins, geometry.size, strict=True)
    )


def model_card(model: DifficultyModel, sha256: str | None) -> DifficultyModelCard:
    """Return what a record says of a model: what it was fitted on, what it reaches on unseen patients, and its licence."""
    return DifficultyModelCard(
        id=model.id,
        version=model.version,
        sha256=sha256,
        unit=model.unit,
        structure=structure_words(model),
        modality=model.modality,
        simulated=model.simulated,
        facts=tuple(_facts(model)),
    )


def _facts(model: DifficultyModel) -> Iterator[str]:
    found = model.cross_validation
    yield f"Study: {model.data.rstrip('.')}."
    yield f"Fitted on {model.units:,} {model.unit}s of {model.patients:,} patients, outlined without AI drafts."
    yield (
        f"On patients of that study that the fit had not seen, the predicted mean Dice is off by {found.mae.value:.3f} on average"
        f" (95 % confidence interval {found.mae.lower:.3f} to {found.mae.upper:.3f}); the same Dice for every image would be off"
        f" by {found.mae_constant.value:.3f}."
    )
    yield (
        f"There the interval stated to hold the mean in {percent(found.stated_coverage)} of cases held it in"
        f" {100 * found.coverage:.1f} %; {100 * found.pairs_reaching_lower:.1f} % of single pairs of experts reached the threshold"
        f" of the rule lower, and {100 * found.pairs_reaching_mean:.1f} % the predicted mean."
    )
    own = model.recalibration
    if own is not None:
        yield f"Set to the level of {own.centre} with {own.cases} of its own cases of {own.patients} patients ({own.date})."
    yield f"Licence: {model.licence.rstrip('.')}."
    yield f"To cite: {model.citation.rstrip('.')}."
