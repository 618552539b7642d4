"""That a checklist was filled at all, and with what."""

from __future__ import annotations

from SegQCLib import __version__
from SegQCLib.checklists.filled_checklist import Evidence, Reported
from SegQCLib.checklists.filling import Filling
from SegQCLib.checklists.study_facts import StudyFacts

ID = "checklist_in_use"


def run(facts: StudyFacts) -> Filling:  # noqa: ARG001
    """Report that this checklist was filled."""
    text = f"This checklist was filled with SegQC {__version__}."
    return Filling((Reported(text, (Evidence("checklist.json", "software.SegQC"),)),))
