"""How many readers segmented and rated, without a name."""

from __future__ import annotations

from collections import Counter

from SegQCLib.checklists.filled_checklist import Reported
from SegQCLib.checklists.filling import NO_LOGS, Filling, of_reads, of_records
from SegQCLib.checklists.over_cases import plural
from SegQCLib.checklists.study_facts import LoggedReads, StudyFacts

ID = "readers_counted"


def run(facts: StudyFacts) -> Filling:
    """Report readers by number, their reads, and cases that several readers or one reader twice has read."""
    reported, missing = [], []
    if facts.reads is None:
        missing.append(NO_LOGS)
    elif not facts.reads.reads:
        missing.append("The session logs have no finished clinical read.")
    else:
        reported.append(_readers(facts.reads))
    who_rated = {rating.reader for record in facts.records for rating in record.ratings}
    if who_rated:
        rated = sum(bool(record.ratings) for record in facts.records)
        text = f"{plural(len(who_rated), 'reader')} rated the image quality of {plural(rated, 'case')}."
        reported.append(Reported(text, of_records(facts, "ratings[].reader")))
    return Filling(tuple(reported), tuple(missing))


def _readers(reads: LoggedReads) -> Reported:
    of_reader = Counter(read.reader for read in reads.reads)
    # Numbered by their keys' order, which tells nothing about who they are.
    each = ", ".join(f"reader {n}: {of_reader[key]}" for n, key in enumerate(reads.readers, 1))
    several, again = reads.cases_of_several, reads.repeats
    text = (
        f"{plural(len(of_reader), 'reader')} segmented {plural(len(reads.cases), 'case')} in"
        f" {plural(len(reads.reads), 'finished read')} ({each}); {plural(several, 'case was', 'cases were')} read by more than one"
        f" reader, and {plural(again, 'read was', 'reads were')} a reader's repeat."
    )
    return Reported(text, of_reads(reads, "case_reads.reader", "case_reads.case", "case_reads.repeat"))
