"""A reader's own alerts, from that reader's own reads: what others did is neither opened nor shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from SegQCLib.automation_bias.alert import BiasAlert, bias_alerts
from SegQCLib.automation_bias.rule import Level
from SegQCLib.readers.case_read import CaseRead

_ORDER = (Level.ALERT, Level.WATCH, Level.NONE, Level.TOO_FEW)
# Evidence and explanation that rest on other readers' reads.
_OF_OTHERS = {
    "planted_below_others": "Planted errors against other readers: not compared, because only your own logs are opened here.",
    "as_with_others": (
        "Did cases or drafts change for everybody, for example by an update of the model under the same version number?"
        " Not compared, because only your own logs are opened here: ask a colleague."
    ),
}


def own_alerts(reads: Iterable[CaseRead], reader: str) -> tuple[BiasAlert, ...]:
    """Return the reader's alerts: those with something to look at first, then by the last use of the model's version.

    Without others' reads the rule has one other explanation less to weigh: an alert here may be a watch for who sees all.

    Parameters
    ----------
    reads : iterable of CaseRead
        All of this reader.
    reader : str
        As the reads have it.

    Raises
    ------
    ValueError
        If a read is another reader's.
    """
    own = tuple(reads)
    if any(read.reader != reader for read in own):
        raise ValueError("Own alerts are made of one reader's reads only.")
    newest_first = reversed(bias_alerts(own, reader))
    return tuple(map(_without_others, sorted(newest_first, key=lambda alert: _ORDER.index(alert.level))))


def _without_others(alert: BiasAlert) -> BiasAlert:
    return replace(
        alert,
        corroboration=tuple(replace(one, words=_OF_OTHERS.get(one.id, one.words)) for one in alert.corroboration),
        alternatives=tuple(replace(one, words=_OF_OTHERS.get(one.id, one.words)) for one in alert.alternatives),
    )
