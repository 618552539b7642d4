"""The written protocol: what is segmented, by which codes, in which windows, and what is accepted."""

from __future__ import annotations

from SegQCLib.case import Terminology
from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_PROTOCOL, Filling, nothing, of_protocol, protocol_doubts
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.metric_texts import metric_text
from SegQCLib.protocol import Decision, LoadedProtocol, Structure, WindowRule
from SegQCLib.readers.ratings import scale_text

ID = "segmentation_protocol"

_MOST_STRUCTURES = 15


def run(facts: StudyFacts) -> Filling:
    """Report identity, structures with codes, windows, lesion limits, acceptance limits and ratings of the protocol."""
    if facts.protocol is None:
        if len(facts.protocols) > 1:
            named = "; ".join(f"{one.id} {one.version} ({plural(count, 'case')})" for one, count in facts.protocols.items())
            return nothing(f"The records were made under several protocols ({named}); give one of them with --protocol.")
        return nothing(NO_PROTOCOL)
    rules, reported = facts.protocol.protocol, [_identity(facts.protocol), _structures(facts.protocol)]
    if rules.windows:
        text = f"Grey-scale windows: {'; '.join(map(_window, rules.windows))}."
        reported.append(Reported(text, of_protocol(facts.protocol, "windows[]")))
    smallest = [
        f"{title} {limit}"
        for title, limit in (("voxels of a lesion", rules.lesion_voxels), ("slices of a lesion", rules.lesion_slices))
        if limit is not None
    ]
    if smallest:
        text = f"Limits of size: {'; '.join(smallest)}."
        reported.append(Reported(text, of_protocol(facts.protocol, "lesion_voxels", "lesion_slices")))
    if rules.decisions:
        text = f"A segment is accepted at: {'; '.join(map(_decision, rules.decisions))}."
        reported.append(Reported(text, of_protocol(facts.protocol, "decisions[]")))
    if rules.ratings:
        rated = "; ".join(f"{one.title} ({scale_text(one)})" for one in rules.ratings)
        reported.append(Reported(f"Readers rate each image by: {rated}.", of_protocol(facts.protocol, "ratings[]")))
    return Filling(tuple(reported), protocol_doubts(facts))


def _identity(protocol: LoadedProtocol) -> Reported:
    rules = protocol.protocol
    text = f"Segmentation follows the written protocol “{rules.title}” ({rules.id}, version {rules.version}). {rules.purpose}"
    return Reported(text, of_protocol(protocol, "title", "id", "version", "purpose"))


def _structures(protocol: LoadedProtocol) -> Reported:
    structures = protocol.protocol.structures
    named = "; ".join(map(_structure, structures[:_MOST_STRUCTURES]))
    more = len(structures) - _MOST_STRUCTURES
    rest = f"; and {more} more, which the protocol file lists" if more > 0 else ""
    text = f"{plural(len(structures), 'structure').capitalize()} with codes: {named}{rest}."
    return Reported(text, of_protocol(protocol, "structures[].name", "structures[].terminology"))


def _structure(structure: Structure) -> str:
    required = ", required" if structure.required else ""
    return f"{structure.name} ({_codes(structure.terminology)}{required})"


def _codes(terminology: Terminology) -> str:
    kind, modifier = terminology.type, terminology.modifier
    side = "" if modifier is None else f", {modifier.meaning} {modifier.scheme} {modifier.value}"
    return f"{kind.meaning} {kind.scheme} {kind.value}{side}"


def _window(rule: WindowRule) -> str:
    structures = "all structures" if "*" in rule.structures else ", ".join(rule.structures)
    return (
        f"{rule.name} for {structures}: window {rule.window}, level {rule.level}, applied {rule.apply_window:g}/"
        f"{rule.apply_level:g} (source: {rule.window.source})"
    )


def _decision(decision: Decision) -> str:
    structures = "all structures" if "*" in decision.structures else ", ".join(decision.structures)
    return f"{metric_text(decision.metric).long_name} {decision.accept} for {structures} (source: {decision.accept.source})"
