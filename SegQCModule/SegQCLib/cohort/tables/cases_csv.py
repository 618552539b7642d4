"""The table cases for spreadsheets (cases.csv)."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from SegQCLib.cohort.tables.cases import CASES
from SegQCLib.measurements_csv import inert
from SegQCLib.printable import printable

CASES_CSV_NAME = "cases.csv"


def write_cases_csv(path: Path, parts: Iterable[Path]) -> None:
    """Write the table cases as `measurements_csv.render_csv` writes CSV: one line per case, in the order of the parts.

    Texts that a spreadsheet would run as a formula are guarded, yes and no are in words, lists are separated by semicolons, and
    the file begins with the mark without which Excel does not read UTF-8.

    Raises
    ------
    OSError
        If the disk is full.
    """
    import pyarrow.parquet as pq

    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([column.name for column in CASES.columns])
        for part in parts:
            columns = pq.ParquetFile(part).read().to_pydict().values()
            writer.writerows([_cell(value) for value in row] for row in zip(*columns, strict=True))


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(value)
    if isinstance(value, str):
        return inert(printable(value))
    # A bool is an int too, and repr of a float has all its digits.
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else repr(value) if isinstance(value, float) else value
