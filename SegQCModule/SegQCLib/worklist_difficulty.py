"""How hard the cases of a worklist are expected to be, from saved records or the worklist itself: hard cases can come first."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from SegQCLib.file_name import file_name
from SegQCLib.record_files import RECORD_NAME
from SegQCLib.worklist import Worklist, WorklistCase

# Columns of a worklist, as `segqc cohort worklist` writes them.
DICE_COLUMN = "expected_dice"
SEGMENT_COLUMN = "hardest_segment"


@dataclass(frozen=True)
class CaseDifficulty:
    """The hardest segment of a case.

    Attributes
    ----------
    segment : str or None
        None: whoever wrote the worklist does not say which.
    dice : float
        Mean Dice that experts are expected to reach among themselves on it, 0 to 1: the lowest of the case's segments.
    """

    segment: str | None
    dice: float


def case_difficulties(worklist: Worklist, records_folder: Path) -> dict[str, CaseDifficulty]:
    """Return the difficulty of each case that has one, from its newest record in `<records folder>/<case>/<any name>/`.

    Any reader's record will do, and one that `segqc evaluate --out` wrote there before anybody read: what is expected of
    experts is the image's, not the reader's. Of a damaged record nothing is known. Where no record says it, the worklist's own
    columns expected_dice and hardest_segment do, whatever their upper and lower case; a Dice that is no number from 0 to 1
    is none.
    """
    known = {}
    for entry in worklist.cases:
        records = sorted(
            (records_folder / file_name(entry.case)).glob(f"*/{RECORD_NAME}"), key=lambda path: path.stat().st_mtime_ns
        )
        hardest = (_hardest(records[-1]) if records else None) or _listed(entry)
        if hardest is not None:
            known[entry.case] = hardest
    return known


def _hardest(record: Path) -> CaseDifficulty | None:
    try:
        # Not as a whole record: of a thousand cases only this part is looked at.
        predictions = json.loads(record.read_text(encoding="utf-8"))["expected_agreement"]
        found = [CaseDifficulty(one["segment"], one["dice"]) for one in predictions if one["dice"] is not None]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return min(found, key=lambda one: one.dice, default=None)


def _listed(entry: WorklistCase) -> CaseDifficulty | None:
    values = {column.casefold(): value for column, value in entry.other}
    try:
        # Spreadsheets of many countries save a comma.
        dice = float(values.get(DICE_COLUMN, "").replace(",", "."))
    except ValueError:
        return None
    # Whatever a spreadsheet would run as a formula is written with an apostrophe before it.
    segment = values.get(SEGMENT_COLUMN, "").removeprefix("'")
    return CaseDifficulty(segment or None, dice) if 0 <= dice <= 1 else None


def hard_cases_first(worklist: Worklist, difficulties: dict[str, CaseDifficulty]) -> Worklist:
    """Return the worklist with the lowest expected agreement first; cases without one come last, in their order."""
    return replace(
        worklist,
        cases=tuple(sorted(worklist.cases, key=lambda entry: difficulties[entry.case].dice if entry.case in difficulties else 2.0)),
    )
