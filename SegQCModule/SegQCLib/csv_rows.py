"""The rows of a CSV file that a person wrote or a spreadsheet exported, each with its line."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.errors import BadDataError


@dataclass(frozen=True)
class CSVRows:
    """A table as it is in the file.

    Attributes
    ----------
    header : tuple of str
        Column names, without white space around them; no name twice.
    header_line : int
        From 1.
    rows : tuple of (line, dict of column to text)
        Lines with values only; the line is the one a row ends in.
    """

    header: tuple[str, ...]
    header_line: int
    rows: tuple[tuple[int, dict[str, str]], ...]


def read_csv_rows(path: Path) -> CSVRows:
    """Return the rows of a UTF-8 text with or without byte order mark.

    Commas, semicolons (Excel in many countries) or tabs separate, whichever the header has most of; Excel's first line
    `sep=;` is passed over.

    Raises
    ------
    BadDataError
        If it cannot be read, has no header, a column twice, or rows with more values than columns: with each line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", "Give a CSV file.") from error
    except UnicodeDecodeError as error:
        raise BadDataError(path, "is not UTF-8 text.", "In Excel, save it as 'CSV UTF-8'.") from error
    first, line_end, rest = text.partition("\n")
    skipped = 1 if re.fullmatch(r"sep=.\s*", first) else 0
    table = rest if skipped else first + line_end + rest
    separator = max(",;\t", key=table.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(table, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        lines = [(reader.line_num + skipped, [field.strip() for field in row]) for row in reader]
    except csv.Error as error:
        line = reader.line_num + skipped
        raise BadDataError(path, f"cannot be read after line {line} ({error}).", "Close every quotation mark.") from error
    if not lines:
        raise BadDataError(path, "is empty.", "Its first line names the columns.")
    (header_line, header), *rest_lines = lines
    faults = [
        f"line {header_line}: the column {name} is given {header.count(name)} times" for name in dict.fromkeys(header)
        if name and header.count(name) > 1
    ]  # fmt: skip
    faults += [
        f"line {line}: has {len(row)} values for {len(header)} columns; put a value with separators in quotes"
        for line, row in rest_lines
        if any(row[len(header) :])
    ]
    if faults:
        raise BadDataError(path, "is not a usable table.", "Correct:\n" + "\n".join(f"  {fault}" for fault in faults))
    rows = tuple(
        (line, dict(zip(header, [*row, *[""] * (len(header) - len(row))], strict=False))) for line, row in rest_lines if any(row)
    )
    return CSVRows(tuple(header), header_line, rows)
