"""All shipped checklists filled from one records folder: what the Checklists step of Slicer shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.checklists.answers import ChecklistAnswers
from SegQCLib.checklists.checklist import Question, load_checklist, shipped_checklists
from SegQCLib.checklists.fill import fill_checklist
from SegQCLib.checklists.filled_checklist import FilledChecklist
from SegQCLib.checklists.kept_answers import kept_answers
from SegQCLib.checklists.study_facts import StudyFacts, collect_facts
from SegQCLib.checklists.study_files import StudyFiles
from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.readers.log_files import log_files
from SegQCLib.record_files import record_files


@dataclass(frozen=True)
class FilledStudy:
    """What a study's files fill, and what persons answered.

    Attributes
    ----------
    filled : mapping of str to FilledChecklist
        By the checklist's id, without answers.
    questions : mapping of str to Question
        Of all checklists, by id.
    answers : ChecklistAnswers or None
        None: there is a file of answers that cannot be used.
    answers_fault : str
        Why; else empty.
    notes : tuple of str
        What was given and not used, and why.
    """

    filled: Mapping[str, FilledChecklist]
    questions: Mapping[str, Question]
    answers: ChecklistAnswers | None
    answers_fault: str
    notes: tuple[str, ...]


def fill_study(
    records: Path,
    logs: Path | None,
    protocol: str | None,
    files: StudyFiles,
    answers: Path,
    progress: Progress = unwatched,
) -> FilledStudy:
    """Fill every shipped checklist from a records folder.

    Parameters
    ----------
    records : Path
        It need not have records, nor be there.
    logs : Path or None
        Folder of session logs; it need not have any.
    protocol : str or None
        Id or file. Where all records are of other protocols, it is not taken: what it says would not hold for them.
    files : StudyFiles
        Those that are gone are passed over, with a note.
    answers : Path
        File of answers; it need not be there.
    progress : Progress

    Raises
    ------
    BadDataError
        If something that is there cannot be used.
    """
    there, notes = files.existing()
    given = {
        # Slicer's Python cannot start processes like itself: they would be more Slicers.
        "processes": 1,
        "records": records if records.is_dir() and record_files(records) else None,
        "logs": logs if logs is not None and logs.is_dir() and log_files(logs) else None,
        "agreement": there.agreement,
        "consistency": there.consistency,
        "quality": there.quality,
        "dataset": there.dataset,
    }
    facts = collect_facts(protocol=protocol, progress=part(progress, 0.0, 0.6), **given)
    if facts.protocol is not None and facts.records and facts.protocol.protocol.id not in _named(facts):
        named = ", ".join(_named(facts))
        notes = (
            *notes,
            f"The records are of the protocol {named}; {facts.protocol.protocol.id}, which is chosen now, was not used.",
        )
        facts = collect_facts(progress=part(progress, 0.6, 0.9), **given)
    filled, questions = {}, {}
    for name in shipped_checklists():
        progress("Filling", 0.9)
        checklist = load_checklist(name)
        filled[name] = fill_checklist(checklist, facts)
        questions |= checklist.questions()
    try:
        known, fault = kept_answers(answers, questions), ""
    except BadDataError as error:
        known, fault = None, str(error)
    return FilledStudy(filled, questions, known, fault, notes)


def _named(facts: StudyFacts) -> tuple[str, ...]:
    return tuple(sorted({one.id for one in facts.protocols}))
