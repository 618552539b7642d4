"""The alert: active time with drafts falls while the final segments come closer to the drafts, and what else is known.

It is a reason to look, never a judgement of a person. It is made for one reader, of that reader's own reads and of the
others' reads together, and belongs to that reader: there is no function that lists the alerts of a department.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from SegQCLib.automation_bias.alert_words import advice_of, summary_of
from SegQCLib.automation_bias.alternatives import alternatives_of
from SegQCLib.automation_bias.corroboration import corroboration_of, missed_planted
from SegQCLib.automation_bias.evidence import Alternative, Evidence, Support
from SegQCLib.automation_bias.model_version import ModelVersion
from SegQCLib.automation_bias.reading_window import reading_window
from SegQCLib.automation_bias.rule import RULE, SOURCE, Level, Rule
from SegQCLib.automation_bias.signs import Signs, signs_of
from SegQCLib.readers.case_read import CaseRead


@dataclass(frozen=True)
class BiasAlert:
    """What is known about one reader with one version of a model. It is private to that reader."""

    reader: str = field(metadata={"doc": "Whom it is about."})
    private_to: str = field(metadata={"doc": "Who may see it: the reader alone. Who else does, the reader decides."})
    model: str = field(metadata={"doc": "The AI model."})
    model_version: str | None = field(metadata={"doc": "Its version; no trend goes beyond one."})
    level: Level = field(metadata={"doc": "What the rule comes to."})
    simulated: bool = field(metadata={"doc": "True: the reads are made up by a program."})
    first: str = field(metadata={"doc": "First read of the period, ISO 8601."})
    last: str = field(metadata={"doc": "Last read of the period, ISO 8601."})
    days: float = field(metadata={"doc": "Between the two."})
    reads: int = field(metadata={"doc": "AI-anchored clinical reads in the period."})
    summary: str = field(metadata={"doc": "In a few sentences, for the reader."})
    signs: tuple[Evidence, ...] = field(metadata={"doc": "Active time, and agreement of draft and final segment: both are needed."})
    corroboration: tuple[Evidence, ...] = field(metadata={"doc": "What else speaks for over-reliance, or against it."})
    alternatives: tuple[Alternative, ...] = field(metadata={"doc": "Other explanations, and what the data say of each."})
    advice: tuple[str, ...] = field(metadata={"doc": "What helps to find out."})
    rule: Rule = field(metadata={"doc": "The numbers that the rule was applied with."})
    source: str = field(metadata={"doc": "Where the sign comes from."})


def bias_alerts(
    reads: Iterable[CaseRead], reader: str, *, rule: Rule = RULE, until: datetime | None = None
) -> tuple[BiasAlert, ...]:
    """Return what the rule comes to for one reader, for each version of each model that the reader worked with.

    Trends are never taken over several versions of a model: a better model is not a lazier reader. Others' reads serve
    for comparison only, and appear as numbers of all of them together.

    Parameters
    ----------
    reads : iterable of CaseRead
        Of the reader and of others; reads that are not finished are left out.
    reader : str
    rule : Rule
    until : datetime, optional
        As if asked at this moment; later reads do not count.

    Returns
    -------
    tuple of BiasAlert
        In order of the last read. A version with too few reads is among them, and says so.
    """
    counted = sorted((read for read in reads if read.finished and (until is None or read.started <= until)), key=_by_time)
    own = [read for read in counted if read.reader == reader]
    versions = {
        ModelVersion(segment.model, segment.model_version): read.started
        for read in own
        if read.purpose == "clinical"
        for segment in read.segments
        if segment.model is not None
    }
    ordered = sorted(versions, key=lambda version: (versions[version], str(version)))
    return tuple(_alert(counted, reader, version, rule) for version in ordered)


def _alert(reads: list[CaseRead], reader: str, version: ModelVersion, rule: Rule) -> BiasAlert:
    window = reading_window(reads, reader, version, timedelta(days=rule.longest_days))
    is_enough = len(window.anchored) >= rule.fewest_reads and window.days >= rule.fewest_days
    signs, corroboration, alternatives = None, (), ()
    level = Level.TOO_FEW
    missed = missed_planted(window, rule)
    if is_enough:
        signs = signs_of(window, rule)
        corroboration = corroboration_of(window, signs, rule)
        alternatives = alternatives_of(window, signs, corroboration, rule)
        level = level_of(signs, corroboration, alternatives)
    return BiasAlert(
        reader=reader,
        private_to=reader,
        model=version.model,
        model_version=version.version,
        level=level,
        simulated=any(read.simulated for read in window.anchored),
        first=window.first.isoformat(),
        last=window.last.isoformat(),
        days=round(window.days, 1),
        reads=len(window.anchored),
        summary=summary_of(level, version, window, alternatives, missed, rule),
        signs=() if signs is None else signs.evidence,
        corroboration=corroboration,
        alternatives=alternatives,
        advice=advice_of(level, missed),
        rule=rule,
        source=SOURCE,
    )


def level_of(signs: Signs, corroboration: tuple[Evidence, ...], alternatives: tuple[Alternative, ...]) -> Level:
    """Return what the rule comes to.

    1. Both signs, or there is no alert.
    2. At least one corroboration, or it is a watch. That time with drafts falls beyond time without them is one by itself only
       if final segments come closer to the drafts than those of others do: better drafts under the same version number
       save time, too, and of one reader alone nothing tells them from over-reliance.
    3. If the data are on the side of another explanation it is a watch, unless planted errors are missed: neither
       easier cases nor practice nor a better model make anybody miss those.
    """
    if not signs.are_both_there:
        return Level.NONE
    found = {evidence.id for evidence in corroboration if evidence.support is Support.FOR}
    drafts_may_be_better = any(
        alternative.id == "as_with_others" and alternative.support is not Support.AGAINST for alternative in alternatives
    )
    if not found or (found == {"ai_free_time"} and drafts_may_be_better):
        return Level.WATCH
    misses_planted = bool(found & {"planted_falling", "planted_below_others"})
    is_explained = any(alternative.support is Support.FOR for alternative in alternatives)
    return Level.ALERT if misses_planted or not is_explained else Level.WATCH


def _by_time(read: CaseRead) -> tuple:
    return read.started, read.case, read.repeat
