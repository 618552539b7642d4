"""The command line of many cases: segqc cohort."""

from __future__ import annotations

import argparse
import os
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib import cli_cohort_ingest, cli_cohort_report, cli_cohort_watch, cli_cohort_worklist
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.printable import printable
from SegQCLib.terminal import LABELS_HELP, say

if TYPE_CHECKING:
    from distributed import Client

    from SegQCLib.cohort.cohort_run import CohortRun

_MOST_TOLD, _LONGEST_TOLD = 10, 400
_STOPPED = 130

_COHORT = """\
Evaluate many cases under a protocol, and look at them as a whole.

  segqc cohort CASES --protocol P --out DIR     evaluate every case; the same as segqc cohort run CASES ...
  segqc cohort report DIR                       write DIR/report.html
  segqc cohort worklist DIR                     write worklists, hard cases for senior readers
  segqc cohort ingest DIR --db URL              load the tables into a database, beside the reader records

Example:
  segqc cohort worklist.csv --protocol ct-abdomen-portal-venous --labels totalsegmentator --out results
  segqc cohort report results"""

_RUN = """\
Evaluate every case of a cohort as segqc evaluate does, on all cores of this computer or on a site's Dask cluster.

CASES is one of
  a CSV file (worklist) with columns case, image, candidate and, if there are any, reference, reference_2, draft,
    uncertainty, second_image, ratings, protocol, labels, patient, site, reader; or a folder with one sub-folder for each case
  a folder of DICOM studies with SEG or RTSTRUCT objects
  a BIDS tree: sub-*/ with the images, derivatives/<pipeline>/ with the segmentations
  an nnU-Net data set with predictions

A case that cannot be evaluated becomes a row with its error; the others go on. Whatever stops the run, give the same command
again: what is there is not computed twice, and a changed protocol computes anew just what it touches. Ctrl-C stops it, too.

DIR/cohort.json             what was asked, counts
    cases/<case>/           record.json of each case; or error.json, where it was refused or failed
    tables/                 everything as Parquet tables, and cases.csv
    .segqc-cohort/          results by their key, which make the next run short, and the tables: do not change it

Example:
  segqc cohort worklist.csv --protocol ct-abdomen-portal-venous --labels totalsegmentator --out results"""

_EXIT = """\
exit codes: 0 every case was evaluated, refused or tried, whatever the verdicts; 1 the run could not be done or was not
finished (the message says why); 2 wrong usage; 130 stopped by Ctrl-C."""


def add_commands(commands: Any) -> None:
    """Add `cohort` and its actions to the subparsers of segqc."""
    cohort = commands.add_parser(
        "cohort",
        help="evaluate many cases: CSV, DICOM studies, BIDS tree or nnU-Net set; report, worklists",
        description=_COHORT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = cohort.add_subparsers(metavar="ACTION", required=True)
    _add_run(actions)
    cli_cohort_report.add_report(actions)
    cli_cohort_worklist.add_worklist(actions)
    cli_cohort_ingest.add_ingest(actions)


ACTIONS = ("run", "report", "worklist", "ingest")


def with_action(arguments: Sequence[str]) -> list[str]:
    """Return a command's arguments with `run` put in where `segqc cohort` is given cases and no action."""
    named = list(arguments)
    if named[:1] == ["cohort"] and len(named) > 1 and named[1] not in (*ACTIONS, "-h", "--help"):
        # Who mistypes an action is told the actions, and not what a run lacks.
        mistyped = named[1].isalpha() and get_close_matches(named[1], ACTIONS) and not Path(named[1]).exists()
        if not mistyped:
            named.insert(1, "run")
    return named


def _add_run(actions: Any) -> None:
    run = actions.add_parser(
        "run",
        help="evaluate every case (run may be left out)",
        description=_RUN,
        epilog=_EXIT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("cases", type=Path, metavar="CASES", help="CSV file or folder; a name like 'report' as ./report")
    run.add_argument("--protocol", required=True, metavar="P", help="id of a shipped protocol, or a protocol's JSON file")
    run.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder, the same for every run of this cohort")
    run.add_argument("--labels", metavar="L", help=LABELS_HELP)
    cluster = run.add_argument_group("where it is computed")
    cluster.add_argument(
        "--workers", type=_count, metavar="N", help="worker processes on this computer (default: one for each core)"
    )
    cluster.add_argument(
        "--memory",
        type=_gib,
        metavar="GIB",
        help="memory of one worker, GiB: a case that takes more fails (default: 80 %% of what is free, divided by the workers)",
    )
    cluster.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="a Dask scheduler that is running, tcp://host:port or tls://host:port, in place of this computer's own workers",
    )
    source = run.add_argument_group("what CASES is")
    for option in fields(SourceOptions):
        choices = option.metadata.get("choices")
        source.add_argument(
            "--as" if option.name == "kind" else f"--{option.name.replace('_', '-')}",
            dest=option.name,
            default=option.default,
            choices=choices,
            type={"channel": _channel, "predictions": Path}.get(option.name, str),
            metavar=None if choices else {"channel": "N", "predictions": "DIR"}.get(option.name, "NAME"),
            help=option.metadata["doc"].replace("%", "%%"),
        )
    cli_cohort_watch.add_options(run)
    run.set_defaults(run=_run, usage_error=run.error)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of workers, 1 or more")
    return int(text)


def _channel(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a channel's number, 0 or above")
    return int(text)


def _gib(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of GiB") from error
    if not 0.1 <= value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of GiB; a worker needs 0.1 at least")
    return value


def _run(options: argparse.Namespace) -> int:
    if options.scheduler is not None and (options.workers is not None or options.memory is not None):
        options.usage_error("--workers and --memory are of this computer's workers; those of --scheduler have their own.")
    cli_cohort_watch.require_watch(options)
    from SegQCLib.cohort import plan, run
    from SegQCLib.cohort.cohort_progress import shown_progress, tell_note

    source_options = SourceOptions(**{field.name: getattr(options, field.name) for field in fields(SourceOptions)})
    if options.watch:
        with _stoppable(), _client(options) as client:
            cli_cohort_watch.watch_source(options, options.cases, source_options, client, shown_progress)
    planned = plan(options.cases, options.protocol, labels=options.labels, options=source_options)
    for note in planned.notes:
        tell_note(note)
    with _stoppable(), _client(options) as client:
        done = run(planned, client, options.out, shown_progress())
    _tell(done, options.out)
    return 0


@contextmanager
def _client(options: argparse.Namespace) -> Iterator[Client]:
    from SegQCLib.cohort.cohort_progress import tell_note
    from SegQCLib.cohort.local_cluster import local_client, scheduler_client

    own = options.scheduler is None
    with local_client(options.workers, options.memory) if own else scheduler_client(options.scheduler) as client:
        if not own and not client.nthreads():
            tell_note(f"{options.scheduler}: no worker yet; waiting for the first.")
        yield client


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let the first Ctrl-C stop the run in order, and the second one at once."""
    try:
        yield
    except KeyboardInterrupt:
        say("segqc: stopped. What was evaluated is kept; the same command goes on from there, and writes the tables at its end.")
        # Not through Python's own end, which waits for Dask: local workers end with this process.
        os._exit(_STOPPED)


def _tell(done: CohortRun, out: Path) -> None:
    """Print what a run came to."""
    from SegQCLib.cohort.case_outcome import Outcome
    from SegQCLib.cohort.cohort_facts import counts_of
    from SegQCLib.cohort.cohort_folder import CohortFolder
    from SegQCLib.cohort.tables.read_tables import read_table

    counts, folder = counts_of(done.outcomes), CohortFolder(out)
    unread = f", {done.unread} not read (their source shows a fault)" if done.unread else ""
    print(f"{counts.cases} cases: {done.computed} computed in this run, {done.kept} kept from earlier runs{unread}.")
    print(f"  evaluated: {counts.evaluated} (ACCEPT {counts.accept}, REVIEW {counts.review}, REJECT {counts.reject})")
    simulated = read_table(folder, "cases", ["simulated"]).column(0).to_pylist().count(True)
    if simulated:
        print(f"  SIMULATED: {simulated} of the cases say that images, readers or models are simulated")
    for outcome, count, meaning in (
        (Outcome.REFUSED, counts.refused, "their files cannot be evaluated"),
        (Outcome.FAILED, counts.failed, "the same command tries them again"),
    ):
        if not count:
            continue
        print(f"  {outcome}: {count} ({meaning})")
        told = [one for one in done.outcomes if one.outcome is outcome]
        for one in told[:_MOST_TOLD]:
            print(printable(f"    {one.case}: {textwrap.shorten(str(one.fault), _LONGEST_TOLD, placeholder=' …')}"))
        if len(told) > _MOST_TOLD:
            print(f"    and {len(told) - _MOST_TOLD} more: {folder.cases / '<case>' / 'error.json'}")
    print(f"  tables:  {folder.tables}")
    print(f"  records: {folder.cases / '<case>' / 'record.json'}")
    print(f"  report:  segqc cohort report {out}")
