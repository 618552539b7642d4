"""A study table as a CSV file: one line per described outline, with what the agreement is the mean of."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from SegQCLib.csv_rows import read_csv_rows
from SegQCLib.difficulty.agreement_target import TargetDefinition
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.errors import BadDataError
from SegQCLib.measurements_csv import inert

_FIRST = ("unit", "described", "patient", "describing_reader", "target", "pairs")
_DEFINITION = ("target_kind", "least_readers", "operator", "repeat")
COLUMNS = (*_FIRST, *_DEFINITION, "simulated")

# A spreadsheet may keep fewer digits than it was given.
_ROUNDED = 1e-4

_REMEDY = "Write the table again with `segqc difficulty features`."


def render_table(table: StudyTable, definition: TargetDefinition) -> str:
    """Return a table as CSV by RFC 4180: a header line, CRLF line ends, quotes where needed, numbers with all their digits.

    Columns: unit (lesion or slice), described (which one), patient, describing_reader (from 0), target, pairs (the Dice
    of each single pair, with blanks between), the target's definition (target_kind, least_readers, operator, repeat),
    simulated (yes or no), and the descriptors. An undefined descriptor is an empty cell. A text that a spreadsheet would run as a
    formula has an apostrophe in front.
    """
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow((*COLUMNS, *table.names))
    of_all = (
        definition.kind,
        definition.least_readers,
        "" if definition.operator is None else definition.operator,
        "" if definition.repeat is None else definition.repeat,
        "yes" if table.simulated else "no",
    )
    for row in range(len(table)):
        pairs = " ".join(repr(float(value)) for value in table.pairs[row])
        writer.writerow(
            (
                table.unit,
                inert(table.units[row]),
                inert(table.patients[row]),
                int(table.describing_reader[row]),
                repr(float(table.target[row])),
                pairs,
                *of_all,
                *("" if math.isnan(value) else repr(value) for value in table.values[row].tolist()),
            )
        )
    return lines.getvalue()


def read_table(path: Path) -> tuple[StudyTable, TargetDefinition]:
    """Return the table in a CSV file as `render_table` writes it, and the definition of its target.

    Raises
    ------
    BadDataError
        If the file cannot be read or has faults: then with all of them, each with its line.
    """
    found = read_csv_rows(path)
    absent = [name for name in COLUMNS if name not in found.header]
    names = tuple(name for name in found.header if name not in COLUMNS)
    if absent or not names or not found.rows:
        lacks = f"the columns {', '.join(absent)}" if absent else "descriptors" if not names else "rows"
        raise BadDataError(path, f"is not a table of a difficulty study: it lacks {lacks}.", _REMEDY)
    faults: list[str] = []
    rows = [_Cells(line, cells, faults) for line, cells in found.rows]
    of_all = rows[0]
    for row in rows[1:]:
        for name in ("unit", *_DEFINITION, "simulated"):
            if row.cells[name] != of_all.cells[name]:
                faults.append(f"line {row.line}: {name}: {row.cells[name]!r}, but {of_all.cells[name]!r} in line {of_all.line}")
    definition = TargetDefinition(
        kind=of_all.choice("target_kind", ("mean_pairwise", "against_operator", "without_describing_reader")),
        unit=of_all.choice("unit", ("lesion", "slice")),
        least_readers=of_all.number("least_readers", int, at_least=2),
        operator=of_all.number("operator", int, at_least=0) if of_all.cells["operator"] else None,
        repeat=of_all.number("repeat", int, at_least=0) if of_all.cells["repeat"] else None,
    )
    faults += [f"line {of_all.line}: {name}: {text}" for name, text in definition.faults()]
    table = StudyTable(
        unit=definition.unit,
        names=names,
        values=np.array([[row.number(name, float) if row.cells[name] else math.nan for name in names] for row in rows]),
        units=tuple(row.text("described") for row in rows),
        patients=tuple(row.text("patient") for row in rows),
        describing_reader=np.array([row.number("describing_reader", int, at_least=0) for row in rows], np.int64),
        target=np.array([row.number("target", float, at_least=0, at_most=1) for row in rows]),
        pairs=tuple(row.pairs() for row in rows),
        simulated=of_all.choice("simulated", ("yes", "no")) == "yes",
    )
    if not faults:
        faults += _contradictions(table, [row.line for row in rows])
    if faults:
        shown = dict.fromkeys(faults)
        raise BadDataError(path, "is not a usable table.", f"{_REMEDY} Found:\n" + "\n".join(f"  {fault}" for fault in shown))
    return table, definition


def _contradictions(table: StudyTable, lines: Sequence[int]) -> Iterator[str]:
    """Yield what cannot be of one study, as after rows were moved or cells changed by hand."""
    rows: set[tuple[str, int]] = set()
    patient_of: dict[str, str] = {}
    for line, unit, patient, reader, target, pairs in zip(
        lines, table.units, table.patients, table.describing_reader, table.target, table.pairs, strict=True
    ):
        if (unit, int(reader)) in rows:
            yield f"line {line}: {unit} is described by reader {reader} a second time"
        rows.add((unit, int(reader)))
        if patient_of.setdefault(unit, patient) != patient:
            yield f"line {line}: {unit} is of {patient}, but of {patient_of[unit]} before"
        if abs(pairs.mean() - target) > _ROUNDED:
            yield f"line {line}: target: {target:g}, but the mean of the pairs is {pairs.mean():g}"


class _Cells:
    """The cells of one line; what cannot be read is added to the faults, and replaced."""

    def __init__(self, line: int, cells: dict[str, str], faults: list[str]) -> None:
        self.line = line
        self.cells = cells
        self._faults = faults

    def text(self, column: str) -> str:
        text = self.cells[column]
        if not text:
            self._fault(column, "is empty")
        return text.removeprefix("'")

    def choice(self, column: str, allowed: tuple[str, ...]) -> Any:
        if self.cells[column] not in allowed:
            self._fault(column, f"{self.cells[column]!r} is not one of {', '.join(allowed)}")
            return allowed[0]
        return self.cells[column]

    def number(self, column: str, kind: Callable[[str], Any], at_least: float = -math.inf, at_most: float = math.inf) -> Any:
        try:
            value = kind(self.cells[column])
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and at_least <= value <= at_most):
            self._fault(column, f"{self.cells[column]!r} is not a possible value")
            return kind("2")
        return value

    def pairs(self) -> np.ndarray:
        try:
            pairs = np.array([float(part) for part in self.cells["pairs"].split()])
        except ValueError:
            pairs = np.empty(0)
        if not len(pairs) or not ((pairs >= 0) & (pairs <= 1)).all():
            self._fault("pairs", f"{self.cells['pairs']!r} is not a list of Dice coefficients, 0 to 1")
        return pairs

    def _fault(self, column: str, text: str) -> None:
        self._faults.append(f"line {self.line}: {column}: {text}")
