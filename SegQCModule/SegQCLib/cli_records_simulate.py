"""The command line of a simulated department: segqc records simulate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SegQCLib.cli_numbers import whole_from_0, whole_from_1


def add_actions(actions: Any) -> None:
    """Add the actions to the subparsers of segqc records."""
    simulate = actions.add_parser(
        "simulate",
        help="write a year of SIMULATED session logs: readers whose behaviour is known, to try reports and alerts on",
        description="Write a year of session logs of a department that does not exist. Every log, reader, case and model says"
        " that it is simulated; SIMULATED department.json tells what each reader does, and when which model changed.",
    )
    simulate.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    simulate.add_argument(
        "--readers", type=whole_from_1, default=6, metavar="N", help="number of readers (default: 6, one of each kind)"
    )
    simulate.add_argument("--models", type=int, choices=(1, 2, 3), default=3, help="number of AI models (default: 3)")
    simulate.add_argument("--cases", type=whole_from_1, default=1000, metavar="N", help="number of clinical cases (default: 1000)")
    simulate.add_argument("--seed", type=whole_from_0, default=0, metavar="N", help="another seed, another year (default: 0)")
    simulate.set_defaults(run=_simulate)


def _simulate(options: argparse.Namespace) -> int:
    from SegQCLib.readers.simulated_logs import LOGS, TRUTH, simulate_department
    from SegQCLib.terminal import terminal_progress

    truth = simulate_department(
        options.out,
        readers=options.readers,
        models=options.models,
        cases=options.cases,
        seed=options.seed,
        progress=terminal_progress(),
    )
    print(f"SIMULATED: {truth.events:,} events in {truth.sessions:,} sessions of {truth.reads:,} reads of {truth.cases:,} cases.")
    print(f"  logs:   {options.out / LOGS}")
    print(f"  truth:  {options.out / TRUTH}")
    return 0
