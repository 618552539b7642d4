"""From findings and measurements to a verdict with its reasons, as the protocol decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from SegQCLib.difficulty.in_case import model_fault
from SegQCLib.difficulty.in_words import threshold_meaning
from SegQCLib.findings import Finding, Status
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.metric_texts import metric_text
from SegQCLib.number_texts import beside, ratio
from SegQCLib.protocol import Decision, QCProtocol, Range, Structure
from SegQCLib.record import Measurement, SegmentExpectedAgreement, SegmentVerdict, Verdict

_MOST_REFUSALS = 2
_SEVERITY = (Verdict.ACCEPT, Verdict.REVIEW, Verdict.REJECT)


@dataclass(frozen=True)
class CaseVerdict:
    """The verdict on a case and on each of its segments."""

    verdict: Verdict
    reasons: tuple[str, ...]
    segments: tuple[SegmentVerdict, ...]


def decide(
    protocol: QCProtocol,
    findings: Sequence[Finding],
    measurements: Sequence[Measurement],
    measured: bool,
    expected: Sequence[SegmentExpectedAgreement] = (),
) -> CaseVerdict:
    """Return the verdict: the worst of the failed checks and of the segments' measures.

    A warning alone never changes the verdict: it tells the reader something to look at. Nor does a failure that a
    reader keeps with a reason, unless the protocol has its check among its rejecting_checks. Where several
    readers' references exist, the mean over them decides, as in Fournel et al.

    Where an image-specific threshold was predicted for a segment, a Dice at or above it accepts in place of the
    protocol's accepted Dice; below it the protocol's rejected Dice still rejects, and anything else asks for review.

    Parameters
    ----------
    protocol : QCProtocol
    findings, measurements : sequence
    measured : bool
        False where the case could not be measured (irregular series): then a person decides.
    expected : sequence of SegmentExpectedAgreement
        What was predicted, or why nothing was.
    """
    failures = [finding for finding in findings if finding.status is Status.FAIL]
    failed = [finding for finding in failures if not is_excused(finding, protocol)]
    kept = [finding for finding in failures if is_excused(finding, protocol)]
    from_checks = [Verdict.REJECT if finding.check in protocol.rejecting_checks else Verdict.REVIEW for finding in failed]
    reasons = [finding.message for finding in failed]
    segments = tuple(_segment_verdicts(protocol, measurements, expected)) if measured else ()
    compared = any(_decides(m) for m in measurements)
    if measured and not compared:
        from_checks.append(Verdict.REVIEW)
        reasons.append(
            "No reference segmentation was given, so nothing shows how good the outlines are: a reader has to look at them."
        )
        reasons += [_how_hard(prediction) for prediction in expected if prediction.dice is not None]
    elif measured and not any(s.structure for s in segments):
        from_checks.append(Verdict.REVIEW)
        reasons.append("No segment is a structure of this protocol, so no measure decides.")
    for segment in segments:
        if segment.verdict is not Verdict.ACCEPT and compared:
            reasons += [f"{segment.segment}: {reason}" for reason in segment.reasons]
    verdict = _worst([*from_checks, *(s.verdict for s in segments)])
    if verdict is Verdict.ACCEPT:
        by_image = [s for s in segments if any(prediction.threshold is not None for prediction in _of(expected, s.segment))]
        own = f"; the accepted Dice of {', '.join(s.segment for s in by_image)} is this image's own" if by_image else ""
        reasons.append(
            f"No {'other ' if kept else ''}check failed, and the measures of all {len(segments)} judged segments are in the"
            f" protocol's accepted ranges{own}."
        )
        reasons += [f"{segment.segment}: {reason}" for segment in by_image for reason in segment.reasons]
    fault = model_fault(findings)
    if fault is not None and measured:
        # Other limits decide than the protocol means to: whoever reads the verdict has to know.
        reasons.append(fault)
    reasons += [f"Not counted, because a reader keeps it: {finding.message} Reason: {finding.kept}." for finding in kept]
    return CaseVerdict(verdict, tuple(reasons), segments)


def is_excused(finding: Finding, protocol: QCProtocol) -> bool:
    """Return whether a warning or failure no longer counts, because a reader keeps it and the protocol lets readers decide."""
    return finding.kept is not None and finding.check not in protocol.rejecting_checks


def _decides(measurement: Measurement) -> bool:
    return measurement.reference_role not in (None, DRAFT_ROLE)


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=_SEVERITY.index, default=Verdict.ACCEPT)


def _of(expected: Sequence[SegmentExpectedAgreement], segment: str) -> list[SegmentExpectedAgreement]:
    return [prediction for prediction in expected if prediction.segment == segment]


def _how_hard(prediction: SegmentExpectedAgreement) -> str:
    return (
        f"Experts are expected to reach a mean Dice of {ratio(prediction.dice)} among themselves on {prediction.segment} (model"
        f" {prediction.model}): it says how hard this image is, not how good this outline is."
    )


def _segment_verdicts(
    protocol: QCProtocol, measurements: Sequence[Measurement], expected: Sequence[SegmentExpectedAgreement]
) -> Iterable[SegmentVerdict]:
    structures = {structure.name: structure for structure in protocol.structures}
    names = dict.fromkeys((m.segment, m.structure) for m in measurements if m.structure is not None)
    for segment, structure_name in names:
        own = [m for m in measurements if m.segment == segment and m.structure == structure_name]
        yield _segment_verdict(protocol, structures[structure_name], segment, own, _of(expected, segment))


def _segment_verdict(
    protocol: QCProtocol, structure: Structure, segment: str, own: list[Measurement], expected: list[SegmentExpectedAgreement]
) -> SegmentVerdict:
    compared = [m for m in own if _decides(m)]
    if not compared:
        is_empty = any(m.metric == "voxel_count" and m.value == 0 for m in own)
        reason = f"{'Empty, and not' if is_empty else 'Not'} compared with a reference."
        return SegmentVerdict(segment, structure.name, Verdict.REVIEW, (reason,))
    if all(m.value is None for m in compared if m.metric == "dice"):
        reason = "Absent in the candidate and in every reference: they agree."
        return SegmentVerdict(segment, structure.name, Verdict.ACCEPT, (reason,))
    decisions = protocol.decisions_for(structure)
    prediction, without = _deciding(expected)
    outcomes = [
        _outcome_on_this_image(decision, compared, prediction)
        if decision.metric == "dice" and prediction is not None
        else _outcome(decision, compared)
        for decision in decisions
    ]
    if prediction is not None and not any(decision.metric == "dice" for decision in decisions):
        outcomes.append(_outcome_on_this_image(None, compared, prediction))
    if not outcomes:
        reason = "The protocol has no deciding measure for it."
        return SegmentVerdict(segment, structure.name, Verdict.REVIEW, (reason, *without))
    verdict = _worst(outcome for outcome, _ in outcomes)
    reasons = dict.fromkeys(text for outcome, text in outcomes if outcome is verdict)
    return SegmentVerdict(segment, structure.name, verdict, (*reasons, *without))


def _deciding(expected: list[SegmentExpectedAgreement]) -> tuple[SegmentExpectedAgreement | None, tuple[str, ...]]:
    """Return the prediction whose threshold decides, or None with the sentence that says why there is none."""
    if not expected:
        return None, ()
    if len(expected) > 1:
        # Measures are found by the segment's name: which of them a threshold is for cannot be told.
        return None, (f"{len(expected)} segments have this name, so no image-specific threshold was used.",)
    (prediction,) = expected
    if prediction.threshold is None:
        # A lesion of another kind lies outside the model's range in a dozen ways; the prediction lists them all.
        left = len(prediction.reasons) - _MOST_REFUSALS
        more = (f"{left} more such reason{'s' if left > 1 else ''}.",) if left > 0 else ()
        return None, (" ".join(("No image-specific threshold was used.", *prediction.reasons[:_MOST_REFUSALS], *more)),)
    return prediction, ()


def _outcome(decision: Decision, compared: list[Measurement]) -> tuple[Verdict, str]:
    rows = [m for m in compared if m.metric == decision.metric]
    undecided = _undecided(decision.metric, rows)
    if undecided is not None:
        return Verdict.REVIEW, undecided
    mean = _mean(rows)
    unit = " mm" if decision.accept.unit == "mm" else ""
    shown = f"{metric_text(decision.metric).long_name} is {_shown(mean, decision)}{unit}{_over(rows)}"
    if mean in decision.accept:
        return Verdict.ACCEPT, f"{shown}; accepted: {decision.accept} ({decision.accept.source})."
    if decision.reject is not None and mean in decision.reject:
        return Verdict.REJECT, f"{shown}; rejected: {decision.reject} ({decision.reject.source})."
    return Verdict.REVIEW, f"{shown}; accepted: {decision.accept} ({decision.accept.source})."


def _outcome_on_this_image(
    decision: Decision | None, compared: list[Measurement], prediction: SegmentExpectedAgreement
) -> tuple[Verdict, str]:
    """Return what a Dice means beside the threshold that was predicted for this image."""
    rows = [m for m in compared if m.metric == "dice"]
    undecided = _undecided("dice", rows)
    if undecided is not None:
        return Verdict.REVIEW, undecided
    mean = _mean(rows)
    if decision is not None and decision.accept.maximum is not None and mean not in Range("1", "", maximum=decision.accept.maximum):
        # Better than the study allows, as for a candidate that is a copy of the reference.
        return _outcome(decision, compared)
    reject = None if decision is None else decision.reject
    edges = [] if reject is None else [edge for edge in (reject.minimum, reject.maximum) if edge is not None]
    value, threshold, *_ = beside(mean, prediction.threshold, *edges)
    shown = f"{metric_text('dice').long_name} is {value}{_over(rows)}"
    meaning = f"{threshold}, {threshold_meaning(prediction)}"
    if mean in Range("1", "", minimum=prediction.threshold):
        return Verdict.ACCEPT, f"{shown}, at or above {meaning}."
    if reject is not None and mean in reject:
        return Verdict.REJECT, f"{shown}; rejected: {reject} ({reject.source}); it is also below {meaning}."
    return Verdict.REVIEW, f"{shown}, below {meaning}."


def _undecided(metric: str, rows: list[Measurement]) -> str | None:
    """Return why a measure decides nothing, or None."""
    name = metric_text(metric).long_name
    if not rows:
        return f"{name} was not measured."
    undefined = next((m for m in rows if m.value is None), None)
    return None if undefined is None else f"{name} is undefined. {undefined.reason}"


def _mean(rows: list[Measurement]) -> float:
    return sum(m.value for m in rows) / len(rows)


def _over(rows: list[Measurement]) -> str:
    return f" (mean over {len(rows)} references)" if len(rows) > 1 else ""


def _shown(value: float, decision: Decision) -> str:
    """Return a value with as many digits as it takes not to round it across a limit: 0.8996 is not shown as 0.900 beside 0.9."""
    limits = [limit for limit in (decision.accept, decision.reject) if limit is not None]
    for decimals in (3, 4, 5):
        text = f"{value:.{decimals}f}"
        if all((float(text) in limit) == (value in limit) for limit in limits):
            return text
    return f"{value:.8g}"
