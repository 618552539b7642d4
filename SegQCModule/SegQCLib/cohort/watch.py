"""Watch a source that is being filled: each case is evaluated when it is finished, and again when its files change.

It looks again and again instead of waiting for the system to tell: network drives (NFS, SMB) tell nobody what another computer
writes there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NoReturn

from SegQCLib.cohort.case_outcome import CaseOutcome, Outcome
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.folder_look import FolderLook, Stamps, being_copied
from SegQCLib.cohort.sources.found_cases import FoundCases
from SegQCLib.errors import BadDataError
from SegQCLib.words import few

# Of a large source finding the cases takes long: it may take this share of the time at most.
_MOST_FINDING = 0.1
# What failed is tried again after this, and then after twice as long each time: it may take a worker's whole memory.
_TRY_AGAIN_S = 600.0


@dataclass(frozen=True)
class WatchPace:
    """How often a watch looks, and when it takes a case for finished.

    Attributes
    ----------
    every_s : float
        Pause between two looks, s; above 0.
    settled_s : float
        How long nothing of a case may have changed, s; 0 or more. It counts from when the watch saw that state: times of change
        are those of the original where files are copied, and clocks of other computers may be wrong.

    Raises
    ------
    ValueError
    """

    every_s: float = 30.0
    settled_s: float = 60.0

    def __post_init__(self) -> None:
        if not self.every_s > 0:
            raise ValueError(f"The pause between two looks is above 0 s, not {self.every_s:g}.")
        if not self.settled_s >= 0:
            raise ValueError(f"The time after which a case is finished is 0 s or more, not {self.settled_s:g}.")


@dataclass(frozen=True)
class WatchNews:
    """Something that a watch tells, once."""

    event: Literal["found", "away", "back", "waiting", "finished", "again", "stands", "gone", "tables"]
    message: str
    cases: tuple[str, ...] = ()


@dataclass(frozen=True)
class WatchBatch:
    """What is to be evaluated now.

    Attributes
    ----------
    cases : tuple of CohortCase
        All that the tables are to hold, in the order of the source; results that are there are not computed again.
    standing : dict of str to CaseOutcome
        Of these the ones that were evaluated and are not finished now, because they are copied anew or their drive is away: by
        name the outcome that stands meanwhile. Their files are not to be looked at.
    changed : frozenset of str
        Names of cases that were evaluated before and have changed.
    kind : str
    notes : tuple of str
        What the source is, and what it passed over: see `sources.find_cases.FoundCases`.
    """

    cases: tuple[CohortCase, ...]
    standing: Mapping[str, CaseOutcome]
    changed: frozenset[str]
    kind: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _State:
    """A case as it was seen."""

    case: CohortCase
    stamps: Stamps

    @property
    def contents(self) -> tuple[tuple[int, int], ...]:
        """What stays the same when files or folders get other names."""
        return tuple(sorted(self.stamps.values()))


@dataclass
class _Known:
    """What a watch knows of a case: its state and since when (s), what was evaluated, and whether that is to be tried again."""

    state: _State
    since_s: float
    told: str = ""
    gone_since_s: float | None = None
    evaluated: _State | None = None
    outcome: CaseOutcome | None = None
    again: bool = False
    failures: int = 0
    failed_s: float = 0.0

    @property
    def has_failed(self) -> bool:
        return self.outcome is not None and self.outcome.outcome is Outcome.FAILED

    def try_again_if_failed(self) -> None:
        self.again = self.has_failed

    def is_due(self, now_s: float) -> bool:
        """Whether what failed is to be tried again."""
        return self.again or (self.has_failed and now_s - self.failed_s >= _TRY_AGAIN_S * 2 ** (self.failures - 1))

    def take(self, outcome: CaseOutcome, now_s: float) -> None:
        self.evaluated, self.outcome, self.again, self.failed_s = self.state, outcome, False, now_s
        self.failures = self.failures + 1 if self.has_failed else 0


@dataclass
class CohortWatch:
    """What a watch has seen so far; `look` is called again and again.

    Attributes
    ----------
    source : Path
        Folder or CSV file.
    find : callable
        Finds the cases of the source, as `sources.find_cases` does.
    pace : WatchPace
    """

    source: Path
    find: Callable[[], FoundCases]
    pace: WatchPace = field(default_factory=WatchPace)

    def __post_init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._found: FoundCases | None = None
        self._found_in: Stamps | None = None
        self._next_find_s = 0.0
        self._away = ""
        self._told_gone: frozenset[str] = frozenset()

    def look(self, clock: Callable[[], float]) -> tuple[WatchBatch | None, tuple[WatchNews, ...]]:
        """Look at the source; return what is to be evaluated now, if anything, and what there is to tell.

        Parameters
        ----------
        clock : callable
            Seconds that never go back.
        """
        news: list[WatchNews] = []
        look = FolderLook()
        away = self._find(look, clock)
        if away:
            if away != self._away:
                kept = " What was evaluated stays in the tables." if any(one.outcome for one in self._known.values()) else ""
                news.append(WatchNews("away", f"{away}{kept} Waiting for it."))
            self._away = away
            # What failed may have failed because of that, and is tried again.
            for one in self._known.values():
                one.try_again_if_failed()
            return None, tuple(news)
        if self._away:
            news.append(WatchNews("back", f"{self.source}: is there again."))
        self._away = ""
        now_s = clock()
        if not self._known:
            count = len(self._found.cases)
            begins = f"{self.source}: {count} {'case' if count == 1 else 'cases'} found."
            news.append(
                WatchNews("found", f"{begins} Each is evaluated when nothing of it has changed for {self.pace.settled_s:g} s.")
            )
        self._see(look, now_s)
        ready = self._ready(now_s, news)
        left = self._gone(now_s, news)
        unlike = {name for name in ready if self._known[name].evaluated != self._known[name].state}
        fresh = unlike | {name for name in ready if self._known[name].is_due(now_s)}
        if not fresh and not left:
            return None, tuple(news)
        changed = frozenset(name for name in unlike if self._known[name].evaluated is not None)
        for name in left:
            del self._known[name]
        new = sorted(fresh - changed)
        if new:
            news.append(WatchNews("finished", f"{_cases(new)} finished.", tuple(new)))
        return self._batch(ready, changed), tuple(news)

    def take(self, batch: WatchBatch, outcomes: Sequence[CaseOutcome], now_s: float) -> tuple[WatchNews, ...]:
        """Take what became of a batch, and when (s); return what there is to tell.

        Raises
        ------
        ValueError
            If the outcomes are not those of the batch's cases, in their order.
        """
        if [outcome.case for outcome in outcomes] != [case.case for case in batch.cases]:
            raise ValueError("The outcomes have to be those of the batch's cases, in their order.")
        for case, outcome in zip(batch.cases, outcomes, strict=True):
            if case.case not in batch.standing:
                self._known[case.case].take(outcome, now_s)
        again = sorted(outcome.case for outcome in outcomes if outcome.case in batch.changed and not outcome.kept)
        news = (
            [WatchNews("again", f"{_cases(again)} evaluated again: files changed or arrived later.", tuple(again))] if again else []
        )
        waiting = sum(one.outcome is None for one in self._known.values())
        more = f"; {waiting} more not finished" if waiting else ""
        tables = f"The tables hold {len(outcomes)} {'case' if len(outcomes) == 1 else 'cases'}{more}. Watching {self.source}."
        return (*news, WatchNews("tables", tables))

    def _find(self, look: FolderLook, clock: Callable[[], float]) -> str:
        """Find the cases anew where something has changed; return why the source cannot be read now, as a sentence."""
        is_folder = self.source.is_dir()
        stamps = look.stamps(self.source)
        if not stamps:
            return f"{self.source}: {'holds no file' if is_folder else 'is not there'}."
        started_s = clock()
        # The files that a CSV file names may lie anywhere.
        is_same = is_folder and stamps == self._found_in
        if self._found is not None and (is_same or started_s < self._next_find_s):
            return ""
        try:
            found = self.find()
        except (BadDataError, OSError) as error:
            return f"{error}"
        if not found.cases:
            return f"{self.source}: holds no case."
        self._found, self._found_in = found, stamps
        ended_s = clock()
        self._next_find_s = ended_s + (ended_s - started_s) / _MOST_FINDING
        return ""

    def _see(self, look: FolderLook, now_s: float) -> None:
        present = set()
        for case in self._found.cases:
            stamps: Stamps = {}
            for path in _paths(case, self._found.kind):
                stamps |= look.stamps(path)
            state = _State(case, stamps)
            present.add(case.case)
            known = self._known.setdefault(case.case, _Known(state, now_s))
            if known.state != state or known.gone_since_s is not None:
                known.state, known.since_s, known.gone_since_s = state, now_s, None
        for name in self._known.keys() - present:
            if self._known[name].gone_since_s is None:
                self._known[name].gone_since_s = now_s
                self._known[name].try_again_if_failed()

    def _ready(self, now_s: float, news: list[WatchNews]) -> set[str]:
        ready, waiting = set(), {}
        for name, known in self._known.items():
            if known.gone_since_s is not None or now_s - known.since_s < self.pace.settled_s:
                continue
            state = known.state
            copied = being_copied(state.stamps)
            if state.case.fault is not None:
                why = str(state.case.fault)
            elif copied is not None:
                why = f"{copied} is still being copied, going by its name."
            else:
                ready.add(name)
                known.told = ""
                continue
            known.try_again_if_failed()
            if why != known.told:
                known.told = waiting[name] = why
        for stands, event in ((False, "waiting"), (True, "stands")):
            names = sorted(name for name in waiting if (self._known[name].outcome is not None) is stands)
            if names:
                first = waiting[names[0]]
                more = "; its last result stands" if stands else ""
                news.append(WatchNews(event, f"{_waits(names)}{more}. {names[0]}: {first}", tuple(names)))
        return ready

    def _gone(self, now_s: float, news: list[WatchNews]) -> set[str]:
        """Return the cases that are no longer in the source and leave the tables."""
        for name in [name for name, known in self._known.items() if known.gone_since_s is not None and known.outcome is None]:
            del self._known[name]
        gone = {name for name, known in self._known.items() if known.gone_since_s is not None}
        if not gone:
            self._told_gone = frozenset()
            return set()
        never_evaluated = {known.state.contents: name for name, known in self._known.items() if known.outcome is None}
        now_called = {name: never_evaluated.get(self._known[name].state.contents) for name in gone}
        lost = {name for name in gone if now_called[name] is None}
        of = sum(known.outcome is not None for known in self._known.values())
        # A drive that goes away takes many cases with it; people remove a few.
        stays = lost if len(lost) > 1 and 2 * len(lost) > of else set()
        if stays and frozenset(stays) != self._told_gone:
            stay = f"more than half of {of} cases. Is a drive away? Their results stay in the tables."
            message = f"{_cases(sorted(stays))} no longer found, {stay}"
            news.append(WatchNews("stands", message, tuple(sorted(stays))))
        self._told_gone = frozenset(stays)
        left = {name for name in gone - stays if now_s - self._known[name].gone_since_s >= self.pace.settled_s}
        for name in sorted(left):
            why = "is no longer in the source" if name in lost else f"is now called {now_called[name]}"
            news.append(WatchNews("gone", f"{name} {why}: it leaves the tables; its result is kept.", (name,)))
        return left

    def _batch(self, ready: set[str], changed: frozenset[str]) -> WatchBatch:
        order = [case.case for case in self._found.cases if case.case in self._known]
        order += [name for name in self._known if self._known[name].gone_since_s is not None]
        cases, standing = [], {}
        for name in order:
            known = self._known[name]
            if name in ready:
                cases.append(known.state.case)
            elif known.outcome is not None:
                cases.append(known.evaluated.case)
                standing[name] = replace(known.outcome, kept=True, cost=None)
        return WatchBatch(tuple(cases), standing, changed, self._found.kind, self._found.notes)


def watch(
    source: Path,
    find: Callable[[], FoundCases],
    evaluate: Callable[[WatchBatch], Sequence[CaseOutcome]],
    tell: Callable[[WatchNews], None],
    pace: WatchPace = WatchPace(),
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> NoReturn:
    """Evaluate the cases of a source as they are finished, until somebody stops it.

    A case is finished when none of its files has changed in size, time of change or number for `pace.settled_s`, the source
    finds no fault with it, and no file has the name of a copy that is not done. A case with a fault waits: what is missing may
    still come. A copy that stood still for longer is evaluated as it is, and once more when the rest arrives.

    What failed for want of memory or the like is tried again with the next batch, and after 10 min at the latest, then after twice
    as long each time.

    A source that goes away, as a drive that is unmounted, is waited for; its cases stay in the tables. A case that is removed
    leaves the tables, and so does the old name of one that is renamed; but where more than half of the cases are gone at
    once, a drive is taken to be away, and they stay.

    Parameters
    ----------
    source : Path
        Folder or CSV file; it need not be there yet.
    find : callable
        Finds the cases of the source, as `sources.find_cases` does.
    evaluate : callable
        Evaluates a batch, brings the tables up to date, and returns the outcomes of the batch's cases in their order.
    tell : callable
    pace : WatchPace
    clock, sleep : callable
        Seconds that never go back; pauses for so many.

    Raises
    ------
    KeyboardInterrupt
        If somebody stops it. What was evaluated is kept.
    BadDataError
        Whatever `evaluate` raises: a full disk, a lost scheduler.
    """
    watched = CohortWatch(source, find, pace)
    while True:
        batch, news = watched.look(clock)
        for one in news:
            tell(one)
        if batch is not None:
            for one in watched.take(batch, evaluate(batch), clock()):
                tell(one)
        sleep(pace.every_s)


def _paths(case: CohortCase, kind: str) -> list[Path]:
    named = [case.image, case.candidate, *case.references, case.draft, case.uncertainty, case.second_image, case.ratings]
    rules = [Path(rule) for rule in (case.protocol, case.labels) if rule is not None]
    paths = [path for path in named if path is not None] + [path for path in rules if path.is_file()]
    if kind == "dicom" and case.image is not None and case.image.is_file():
        # One file stands for its series, whose other files lie beside it.
        paths.append(case.image.parent)
    return paths


def _cases(names: Sequence[str]) -> str:
    return f"{few(names)} {'is' if len(names) == 1 else 'are'}"


def _waits(names: Sequence[str]) -> str:
    return f"{few(names)} {'waits' if len(names) == 1 else 'wait'}"
