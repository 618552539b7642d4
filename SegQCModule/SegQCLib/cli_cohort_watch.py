"""The command line of watching a source that is being filled: segqc cohort run --watch."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from SegQCLib.terminal import say

if TYPE_CHECKING:
    from distributed import Client

    from SegQCLib.cohort.case_outcome import CaseOutcome
    from SegQCLib.cohort.cohort_progress import CohortWatcher
    from SegQCLib.cohort.sources.source_options import SourceOptions
    from SegQCLib.cohort.watch import WatchBatch, WatchNews


def add_options(parser: Any) -> None:
    """Add --watch and what belongs to it."""
    watching = parser.add_argument_group("a source that is being filled")
    watching.add_argument(
        "--watch",
        action="store_true",
        help="go on until Ctrl-C: evaluate each case when it is finished, and again when its files change. It looks again and"
        " again, because network drives tell nobody what other computers write",
    )
    watching.add_argument("--every", type=_pause, metavar="S", help="with --watch: seconds between two looks (default 30)")
    watching.add_argument(
        "--settled",
        type=_seconds,
        metavar="S",
        help="with --watch: a case is finished when none of its files has changed for so many seconds (default 60)",
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds.") from error
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more.")
    return value


def _pause(text: str) -> float:
    value = _seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError("The pause between two looks is above 0 seconds.")
    return value


def require_watch(options: argparse.Namespace) -> None:
    """End with wrong usage if an option of --watch is given without it."""
    if not options.watch and (options.every is not None or options.settled is not None):
        options.usage_error("--every and --settled belong to --watch.")


def watch_source(
    options: argparse.Namespace, source: Path, source_options: SourceOptions, client: Client, progress: Callable[[], CohortWatcher]
) -> NoReturn:
    """Watch a source until Ctrl-C, with the protocol, labels and output folder of the command's options.

    Parameters
    ----------
    options : argparse.Namespace
        With `protocol`, `labels`, `out`, `every` and `settled`.
    source : Path
    source_options : SourceOptions
    client : distributed.Client
        For the whole watch.
    progress : callable
        Returns who is told how far the next run is.
    """
    from SegQCLib.cohort import plan, run
    from SegQCLib.cohort.sources.find_cases import find_cases
    from SegQCLib.cohort.watch import WatchPace, watch

    def evaluate(batch: WatchBatch) -> Sequence[CaseOutcome]:
        planned = plan(batch.cases, options.protocol, labels=options.labels)
        planned = replace(planned, source=source.absolute(), kind=batch.kind, notes=batch.notes)
        return run(planned, client, options.out, progress(), standing=batch.standing).outcomes

    given = {"every_s": options.every, "settled_s": options.settled}
    pace = WatchPace(**{name: value for name, value in given.items() if value is not None})
    # A protocol that cannot be used is told at once, not when the first case is finished.
    plan((), options.protocol, labels=options.labels)
    watch(source, lambda: find_cases(source, source_options), evaluate, tell_news, pace)


def tell_news(news: WatchNews) -> None:
    """Tell what a watch has to tell: a line on a terminal, else JSON on one line, as the progress of a run is told."""
    if sys.stderr.isatty():
        say(news.message)
    else:
        say(json.dumps({"event": f"watch-{news.event}", "message": news.message, "cases": news.cases}, ensure_ascii=False))
