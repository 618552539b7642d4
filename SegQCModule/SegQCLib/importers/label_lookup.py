"""The look-up table of a BIDS tree, *_dseg.tsv, as a label table."""

from __future__ import annotations

import re
from pathlib import Path

from SegQCLib.csv_rows import read_csv_rows
from SegQCLib.errors import BadDataError
from SegQCLib.importers.label_table import LabelName, LabelTable

_COLOR = re.compile(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_RULE = "A look-up table has the columns index (a whole number) and name, and may have color (#ff53bb)."


def read_label_lookup(path: Path) -> LabelTable:
    """Return the labels of a tab-separated table with the columns index, name and, if there is one, color; 0 is left out.

    Raises
    ------
    BadDataError
        If it is no such table; all faults are named at once.

    References
    ----------
    Brain Imaging Data Structure specification 1.10, derivatives, imaging data types: common image-derived labels.
    """
    rows = read_csv_rows(path)
    missing = [column for column in ("index", "name") if column not in rows.header]
    if missing:
        raise BadDataError(path, f"has no column {' and no column '.join(missing)}.", _RULE)
    faults, labels = [], []
    for line, row in rows.rows:
        index, name = row["index"], row["name"]
        if not (index.isascii() and index.isdigit()):
            faults.append(f"line {line}: the index is {index!r}, not a whole number")
        elif int(index) != 0:
            labels.append(LabelName(int(index), name, _color(row.get("color", ""))))
    table = LabelTable(title=path.name, source=str(path), labels=tuple(labels))
    faults.extend(text for label in table.labels for _, text in label.faults())
    faults.extend(text for _, text in table.faults())
    if not labels and not faults:
        faults.append("it names no label")
    if faults:
        raise BadDataError(path, "is not a usable label table: " + "; ".join(faults) + ".", _RULE)
    return table


def _color(text: str) -> tuple[int, int, int] | None:
    found = _COLOR.fullmatch(text)
    return None if found is None else (int(found[1], 16), int(found[2], 16), int(found[3], 16))
