"""Every DICOM object of ../shared/data, there and back, as the Markdown table of Documentation/dicom.md.

    python Benchmarks/dicom_round_trips.py [--out FILE]

What a round trip is stands in Testing/dicom_round_trips.py. Needs dcmqi (PyPI), highdicom and dicom3tools (Debian). Ends
with exit code 1 and lists the faults if anything came back other than it was. About two minutes.
"""

import argparse
import itertools
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="file for the table (default: standard output)")
    out = parser.parse_args().out
    sys.path.insert(0, str(ROOT / "Testing"))
    from dicom_round_trips import all_rows

    rows = []
    with tempfile.TemporaryDirectory() as work, warnings.catch_warnings():
        # pydicom's about values that are too long for their kind, which real files have.
        warnings.simplefilter("ignore")
        for row in all_rows(SHARED, Path(work)):
            rows.append(row)
            print(f"{'FAULT' if row.faults else 'ok':6}{row.name}", file=sys.stderr)
    table = "\n".join(
        ["| file | what it is | loads as | round trip, or why it is refused |", "|---|---|---|---|", *merged(rows), ""]
    )
    if out is None:
        print(table)
    else:
        out.write_text(table, encoding="utf-8")
    faults = [fault for row in rows for fault in row.faults]
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


def merged(rows):
    """Return the table's lines; rows in a folder that say the same, but for the file's own name, are one line."""

    def said(row):
        return Path(row.name).parent, row.what, row.outcome.replace(Path(row.name).name, "it", 1)

    for (folder, what, outcome), group in itertools.groupby(rows, key=said):
        alike = list(group)
        names = ", ".join(Path(row.name).name for row in alike)
        loads = "; ".join(dict.fromkeys(row.loads for row in alike))
        yield f"| {folder / names} | {what} | {loads} | {outcome[0].upper()}{outcome[1:]} |".replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main())
