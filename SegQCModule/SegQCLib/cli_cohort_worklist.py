"""The command line of a cohort's worklists: segqc cohort worklist."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_WORKLIST = """\
Write the worklists of a cohort: the cases whose verdict is REVIEW or REJECT, the hardest first, as CSV files that the Case step
of the SegQC module opens.

  worklist.csv             all of them
  worklist-senior.csv      those for senior readers: the lowest expected expert agreement
  worklist-general.csv     the others
  worklist-not-listed.csv  cases that cannot be opened, and why
  worklist-spot-checks.csv with --spot-check: which ones they are; not for readers

How hard a case is comes from the protocol's difficulty model: the mean Dice that experts are expected to reach among themselves
on its hardest segment. The column route_reason says for each case why it is where it is.

Examples:
  segqc cohort worklist results --senior-below 0.7
  segqc cohort worklist results --senior-share 0.1 --spot-check 0.05 --to for-readers"""


def add_worklist(actions: Any) -> None:
    """Add the action to the subparsers of segqc cohort."""
    worklist = actions.add_parser(
        "worklist",
        help="write worklists of the cases that need a reader, hard ones for senior readers",
        description=_WORKLIST,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    worklist.add_argument("folder", type=Path, metavar="DIR", help="output folder of segqc cohort")
    cut = worklist.add_mutually_exclusive_group()
    cut.add_argument(
        "--senior-below",
        type=_dice,
        metavar="DICE",
        help="cases whose hardest segment has an expected Dice below this go to senior readers (above 0, at most 1)",
    )
    cut.add_argument(
        "--senior-share",
        type=_share,
        default=0.25,
        metavar="SHARE",
        help="this share of the listed cases that have a prediction goes to senior readers, the hardest ones; cases with the same"
        " expected Dice stay together (0 to 1, default 0.25)",
    )
    worklist.add_argument(
        "--unpredicted-to",
        choices=["senior", "general"],
        default="senior",
        help="where cases without prediction go: nobody knows how hard they are (default: senior)",
    )
    which = worklist.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="list accepted cases too")
    which.add_argument(
        "--spot-check",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="list this share of the accepted cases too, drawn at random, to check the acceptance itself; then no list has the"
        " verdict or the references, so that readers cannot tell them from the others (0 to 1)",
    )
    worklist.add_argument("--seed", type=int, default=0, metavar="N", help="of that draw (default 0)")
    worklist.add_argument(
        "--to", type=Path, metavar="DIR", help="folder for the lists that readers open (default: the cohort's own folder)"
    )
    worklist.set_defaults(run=_worklist)


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1; a quarter is 0.25.")
    return value


def _dice(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a Dice above 0 and at most 1.")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number.") from error


def _worklist(options: argparse.Namespace) -> int:
    from SegQCLib.cohort.cohort_folder import CohortFolder
    from SegQCLib.cohort.cohort_worklists import NOT_LISTED, ROUTE_WORKLISTS, SPOT_CHECKS, WORKLIST, WorklistChoice, write_worklists
    from SegQCLib.cohort.routing import Route, RoutingRule

    rule = RoutingRule(options.senior_below, options.senior_share, Route(options.unpredicted_to))
    choice = WorklistChoice(rule, options.all, options.spot_check, options.seed)
    written = write_worklists(CohortFolder(options.folder), choice, options.to)
    to = options.folder if options.to is None else options.to
    if not written.routed:
        # Cases that cannot be opened may need one.
        none = "No case needs a reader" if not written.not_listed else "No case can be listed"
        print(
            f"{none}: {written.accepted} accepted{f', {len(written.not_listed)} cannot be opened' if written.not_listed else ''}."
        )
    else:
        print(f"Cases for readers: {len(written.routed)}, the hardest first.")
        for route, name in ROUTE_WORKLISTS.items():
            routed = written.routed_to(route)
            unpredicted = sum(one.forecast.dice is None for one in routed)
            without = f", {unpredicted} of them without prediction" if unpredicted else ""
            print(f"  {route} readers: {len(routed)}{without}: {to / name}")
        print(f"  all: {to / WORKLIST}")
    if written.spot_checks:
        key = options.folder / SPOT_CHECKS
        print(f"Spot checks among them: {len(written.spot_checks)} of {written.accepted} accepted cases. Which ones: {key}")
        if options.to is None:
            print("  Readers who can open that file are not blinded; --to writes the lists to a folder of their own.")
    elif written.accepted and not options.all and written.routed:
        print(f"Accepted and not listed: {written.accepted}.")
    if written.not_listed:
        print(f"Cannot be opened: {len(written.not_listed)}: {options.folder / NOT_LISTED}")
    return 0
