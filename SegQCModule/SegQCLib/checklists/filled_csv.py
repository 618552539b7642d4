"""A filled checklist as a table for the paper's supplement."""

from __future__ import annotations

import csv
import io

from SegQCLib.checklists.filled_checklist import FilledChecklist
from SegQCLib.measurements_csv import inert

COLUMNS = (
    "checklist", "number", "section", "topic", "annotation", "state", "reported_by_segqc", "evidence", "missing", "question",
    "answer", "answered",
)  # fmt: skip


def filled_csv(filled: FilledChecklist) -> str:
    """Return one row for each item as CSV (RFC 4180) that begins with a byte order mark, by which Excel knows UTF-8.

    A text that a spreadsheet would run as a formula gets one apostrophe in front.
    """
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for item in filled.items:
        reported = " ".join(one.text for one in item.reported)
        places = dict.fromkeys(f"{place.source}: {place.path}" for one in item.reported for place in one.evidence)
        row = (
            filled.checklist,
            item.number,
            item.section,
            item.topic,
            "yes" if item.annotation else "no",
            item.state.value,
            f"Reported by SegQC: {reported}" if reported else "",
            "; ".join(places),
            " ".join(item.missing),
            item.question.text if item.is_open else "",
            "" if item.answer is None else item.answer.text,
            "" if item.answer is None else item.answer.when,
        )
        writer.writerow([inert(cell) for cell in row])
    return "\ufeff" + lines.getvalue()
