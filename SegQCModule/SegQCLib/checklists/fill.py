"""The one way from a checklist and a study's files to a filled checklist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from SegQCLib.checklists.checklist import Checklist, ChecklistItem
from SegQCLib.checklists.filled_checklist import FilledChecklist, FilledItem, Reported
from SegQCLib.checklists.fillers import FILLERS
from SegQCLib.checklists.filling import Filling
from SegQCLib.checklists.item_state import item_state
from SegQCLib.checklists.methods_text import methods_parts
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import software_versions

SIMULATED = "SIMULATED DATA. "


def fill_checklist(checklist: Checklist, facts: StudyFacts) -> FilledChecklist:
    """Return a checklist with what the files of a study show, and what is still to answer.

    Nothing is filled that a file does not show. Readers are counted and numbered, never named. Where anything that was read
    says that it is simulated, every filled text says so.

    Raises
    ------
    BadDataError
        If an item names a filler that does not exist.
    """
    found = {filler.ID: filler.run(facts) for filler in FILLERS}
    return FilledChecklist(
        schema="segqc-filled-checklist",
        schema_version="1.0",
        created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        software=software_versions(),
        checklist=checklist.id,
        title=checklist.title,
        source=checklist.source,
        licence=checklist.licence,
        items_in_source=checklist.items_in_source,
        simulated=facts.simulated,
        read=tuple(_read(facts)),
        notes=tuple(_notes(facts)),
        items=tuple(_filled(checklist, item, found, facts.simulated) for item in checklist.items),
        left_out=checklist.left_out,
        methods=methods_parts(facts),
    )


def _filled(checklist: Checklist, item: ChecklistItem, found: Mapping[str, Filling], simulated: bool) -> FilledItem:
    unknown = [name for name in item.fillers if name not in found]
    if unknown:
        raise BadDataError(
            f"checklist {checklist.id}, item {item.number}", f"names the filler {unknown[0]!r}.", f"Known: {', '.join(found)}."
        )
    fillings = [found[name] for name in item.fillers]
    reported = tuple(_marked(one, simulated) for filling in fillings for one in filling.reported)
    missing = list(dict.fromkeys(text for filling in fillings for text in filling.missing))
    if item.person_only is not None and item.fillers:
        missing.append(item.person_only)
    ways = {checklist.verifications[name].how for name in item.verified}
    return FilledItem(
        number=item.number,
        section=item.section,
        topic=item.topic,
        annotation=item.annotation,
        verified="primary" if "primary" in ways else "secondary",
        state=item_state(reported, missing, None),
        reported=reported,
        missing=tuple(missing),
        question=item.question,
    )


def _marked(reported: Reported, simulated: bool) -> Reported:
    return replace(reported, text=SIMULATED + reported.text) if simulated else reported


def _read(facts: StudyFacts) -> Iterable[str]:
    if facts.records:
        yield f"{plural(len(facts.records), 'record')} of evaluated cases."
    if facts.protocol is not None:
        rules = facts.protocol.protocol
        yield f"The protocol {rules.id}, version {rules.version} (SHA-256 {facts.protocol.sha256})."
    if facts.reads is not None:
        sessions = plural(facts.reads.sessions, "session")
        yield f"{facts.reads.source.capitalize()}: {sessions}, {plural(len(facts.reads.reads), 'finished clinical read')}."
    if facts.agreement is not None:
        study = facts.agreement
        yield f"Agreement of {plural(len(study.readers), 'reader')} over {plural(study.cases, 'case')}."
    if facts.dataset is not None:
        yield f"An exported data set of {plural(len(facts.dataset.provenance.cases), 'case')}."
    if facts.consistency is not None:
        yield f"Uniformity of {len(facts.consistency.series)} series."
    if facts.quality is not None:
        yield f"Image quality over {plural(facts.quality.cases, 'case')}."


def _notes(facts: StudyFacts) -> Iterable[str]:
    if facts.simulated:
        yield "SIMULATED DATA: something of what was read says that it is simulated. This is no account of a real study."
    if facts.unreadable:
        yield f"{plural(len(facts.unreadable), 'file')} named record.json could not be read; nothing here is of them."
    if len(facts.protocols) > 1:
        named = "; ".join(f"{one.id} {one.version} ({plural(count, 'case')})" for one, count in facts.protocols.items())
        yield f"The records were made under {len(facts.protocols)} protocols: {named}. A study should have one."
    if facts.images is not None and facts.images < len(facts.records):
        yield f"{len(facts.records)} records are of {plural(facts.images, 'image')}: a case that was evaluated twice counts twice."
    if facts.reads is not None:
        if facts.reads.left_out:
            yield f"{plural(len(facts.reads.left_out), 'session log')} could not be read; nothing here is of them."
        if facts.reads.other_protocols:
            yield f"{plural(facts.reads.other_protocols, 'read')} in the logs are under other protocols and do not count."
        if facts.reads.other_versions:
            yield (
                f"{facts.reads.other_versions} of {plural(len(facts.reads.reads), 'read')} were made under another file of the"
                " protocol than the one given (its SHA-256 differs)."
            )
        if facts.records and len(facts.reads.cases) != len(facts.records):
            logged = plural(len(facts.reads.cases), "case")
            yield f"The session logs are of {logged}, the records of {len(facts.records)}: are both of the same study?"
    if facts.agreement is not None and facts.records and facts.agreement.cases != len(facts.records):
        yield f"The agreement is of {plural(facts.agreement.cases, 'case')}, the records are of {len(facts.records)}."
