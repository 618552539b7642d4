"""From findings and measurements to a verdict with its reasons, as the protocol decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from SegQCLib.findings import Finding, Status
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.metric_texts import metric_text
from SegQCLib.protocol import Decision, QCProtocol, Structure
from SegQCLib.record import Measurement, SegmentVerdict, Verdict

_SEVERITY = (Verdict.ACCEPT, Verdict.REVIEW, Verdict.REJECT)


@dataclass(frozen=True)
class CaseVerdict:
    """The verdict on a case and on each of its segments."""

    verdict: Verdict
    reasons: tuple[str, ...]
    segments: tuple[SegmentVerdict, ...]


def decide(protocol: QCProtocol, findings: Sequence[Finding], measurements: Sequence[Measurement], measured: bool) -> CaseVerdict:
    """Return the verdict: the worst of the failed checks and of the segments' measures.

    A warning alone never changes the verdict: it tells the reader something to look at. Nor does a failure that a
    reader keeps with a reason, unless the protocol has its check among its rejecting_checks. Where several
    readers' references exist, the mean over them decides, as in Fournel et al.

    Parameters
    ----------
    protocol : QCProtocol
    findings, measurements : sequence
    measured : bool
        False where the case could not be measured (irregular series): then a person decides.
    """
    failures = [finding for finding in findings if finding.status is Status.FAIL]
    failed = [finding for finding in failures if not is_excused(finding, protocol)]
    kept = [finding for finding in failures if is_excused(finding, protocol)]
    from_checks = [Verdict.REJECT if finding.check in protocol.rejecting_checks else Verdict.REVIEW for finding in failed]
    reasons = [finding.message for finding in failed]
    segments = tuple(_segment_verdicts(protocol, measurements)) if measured else ()
    compared = any(_decides(m) for m in measurements)
    if measured and not compared:
        from_checks.append(Verdict.REVIEW)
        reasons.append(
            "No reference segmentation was given and no expected agreement was predicted for this image, so nothing shows how"
            " good the outlines are: a reader has to look at them."
        )
    elif measured and not any(s.structure for s in segments):
        from_checks.append(Verdict.REVIEW)
        reasons.append("No segment is a structure of this protocol, so no measure decides.")
    for segment in segments:
        if segment.verdict is not Verdict.ACCEPT and compared:
            reasons += [f"{segment.segment}: {reason}" for reason in segment.reasons]
    verdict = _worst([*from_checks, *(s.verdict for s in segments)])
    if verdict is Verdict.ACCEPT:
        reasons.append(
            f"No {'other ' if kept else ''}check failed, and the measures of all {len(segments)} judged segments are in the"
            " protocol's accepted ranges."
        )
    reasons += [f"Not counted, because a reader keeps it: {finding.message} Reason: {finding.kept}." for finding in kept]
    return CaseVerdict(verdict, tuple(reasons), segments)


def is_excused(finding: Finding, protocol: QCProtocol) -> bool:
    """Return whether a warning or failure no longer counts, because a reader keeps it and the protocol lets readers decide."""
    return finding.kept is not None and finding.check not in protocol.rejecting_checks


def _decides(measurement: Measurement) -> bool:
    return measurement.reference_role not in (None, DRAFT_ROLE)


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    return max(verdicts, key=_SEVERITY.index, default=Verdict.ACCEPT)


def _segment_verdicts(protocol: QCProtocol, measurements: Sequence[Measurement]) -> Iterable[SegmentVerdict]:
    structures = {structure.name: structure for structure in protocol.structures}
    names = dict.fromkeys((m.segment, m.structure) for m in measurements if m.structure is not None)
    for segment, structure_name in names:
        own = [m for m in measurements if m.segment == segment and m.structure == structure_name]
        yield _segment_verdict(protocol, structures[structure_name], segment, own)


def _segment_verdict(protocol: QCProtocol, structure: Structure, segment: str, own: list[Measurement]) -> SegmentVerdict:
    compared = [m for m in own if _decides(m)]
    if not compared:
        is_empty = any(m.metric == "voxel_count" and m.value == 0 for m in own)
        reason = f"{'Empty, and not' if is_empty else 'Not'} compared with a reference."
        return SegmentVerdict(segment, structure.name, Verdict.REVIEW, (reason,))
    if all(m.value is None for m in compared if m.metric == "dice"):
        reason = "Absent in the candidate and in every reference: they agree."
        return SegmentVerdict(segment, structure.name, Verdict.ACCEPT, (reason,))
    outcomes = [_outcome(decision, compared) for decision in protocol.decisions_for(structure)]
    if not outcomes:
        reason = "The protocol has no deciding measure for it."
        return SegmentVerdict(segment, structure.name, Verdict.REVIEW, (reason,))
    verdict = _worst(outcome for outcome, _ in outcomes)
    return SegmentVerdict(segment, structure.name, verdict, tuple(text for outcome, text in outcomes if outcome is verdict))


def _outcome(decision: Decision, compared: list[Measurement]) -> tuple[Verdict, str]:
    name = metric_text(decision.metric).long_name
    rows = [m for m in compared if m.metric == decision.metric]
    if not rows:
        return Verdict.REVIEW, f"{name} was not measured."
    undefined = next((m for m in rows if m.value is None), None)
    if undefined is not None:
        return Verdict.REVIEW, f"{name} is undefined. {undefined.reason}"
    defined = [m.value for m in rows]
    mean = sum(defined) / len(defined)
    unit = " mm" if decision.accept.unit == "mm" else ""
    shown = f"{name} is {_shown(mean, decision)}{unit}"
    if len(defined) > 1:
        shown += f" (mean over {len(defined)} references)"
    if mean in decision.accept:
        return Verdict.ACCEPT, f"{shown}; accepted: {decision.accept} ({decision.accept.source})."
    if decision.reject is not None and mean in decision.reject:
        return Verdict.REJECT, f"{shown}; rejected: {decision.reject} ({decision.reject.source})."
    return Verdict.REVIEW, f"{shown}; accepted: {decision.accept} ({decision.accept.source})."


def _shown(value: float, decision: Decision) -> str:
    """Return a value with as many digits as it takes not to round it across a limit: 0.8996 is not shown as 0.900 beside 0.9."""
    limits = [limit for limit in (decision.accept, decision.reject) if limit is not None]
    for decimals in (3, 4, 5):
        text = f"{value:.{decimals}f}"
        if all((float(text) in limit) == (value in limit) for limit in limits):
            return text
    return f"{value:.8g}"
