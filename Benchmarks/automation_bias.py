"""Whom the automation-bias alert finds and whom it troubles wrongly: simulated readers whose behaviour is known.

    python Benchmarks/automation_bias.py [--readers 200] [--seed 20261122]

Everything is simulated. The rule's numbers were chosen on seed 1000; the table is of other seeds.
"""

import argparse
from dataclasses import replace

from SegQCLib.automation_bias.alarm_rates import SCENARIOS, Period, alarm_rate

FULL = Period()
PERIODS = {
    "100 reads in 180 days": FULL,
    "50 reads": Period(anchored=50, ai_free=12, planted=12),
    "200 reads": Period(anchored=200, ai_free=50, planted=24),
    "100 reads, no planted errors": replace(FULL, planted=0),
    "100 reads, no planted errors, no AI-free reads": replace(FULL, planted=0, ai_free=0),
    "100 reads, asked six times": replace(FULL, looks=6),
}


def main() -> None:
    """Simulate, judge, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--only", choices=PERIODS, action="append")
    options = parser.parse_args()
    for title in options.only or PERIODS:
        print(f"\nSIMULATED, {title}; {options.readers} readers per row", flush=True)
        print("| reader | an alert is | alert | alert or watch |\n| - | - | - | - |", flush=True)
        for number, scenario in enumerate(SCENARIOS):
            rate = alarm_rate(scenario, PERIODS[title], options.readers, options.seed + number)
            right = "right" if scenario.relies else "wrong"
            print(f"| {scenario.name} | {right} | {_words(rate.alert)} | {_words(rate.at_least_watch)} |", flush=True)


def _words(share) -> str:
    return f"{100 * share.share:.1f} % ({100 * share.lower:.1f} to {100 * share.upper:.1f})"


if __name__ == "__main__":
    main()
