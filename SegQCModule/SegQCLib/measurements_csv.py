"""The record's measurements and predictions as a table for spreadsheets and statistics (measurements.csv)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from SegQCLib.difficulty.in_words import described_words, percent, sets_limit
from SegQCLib.record import Measurement, QCRecord, SegmentExpectedAgreement

COLUMNS = ("segment", "structure", "metric", "value", "unit", "definition", "candidate_role", "reference_role", "reason")

# Spreadsheets run a cell that starts with one of these (their full-width forms too) as a formula, and drop white
# space before it. OWASP, CSV Injection. The apostrophe is in the list so that removing one always restores the text.
_STARTS_A_FORMULA = tuple("=+-@＝＋－＠\t\r\n'")


def render_csv(record: QCRecord) -> str:
    """Return the measurements as CSV, RFC 4180: a header line, CRLF line ends, quotes where needed.

    The expected expert agreement follows them in rows of its own: expected_dice, expected_dice_lower, expected_dice_upper
    (the interval of that mean) and dice_threshold (what one outline has to reach).

    An undefined value is an empty cell with its reason in the last column. Numbers have all their digits
    and a point as decimal mark. A text that a spreadsheet would run as a formula (it starts with = + - @,
    after white space or not) gets one apostrophe in front; so does a text that starts with an apostrophe.
    Programs that need the exact text remove one leading apostrophe, where there is one.

    Write it with newline="" and encoding "utf-8-sig": without the mark, Excel does not read UTF-8.
    """
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    structures = {verdict.segment: verdict.structure for verdict in record.verdicts}
    predicted = [row for one in record.expected_agreement for row in _predicted(one, structures.get(one.segment))]
    for m in (*record.measurements, *predicted):
        # Only texts are guarded: a negative number is a number.
        value = "" if m.value is None else repr(float(m.value))
        writer.writerow(
            (
                *map(inert, (m.segment, m.structure, m.metric)),
                value,
                *map(inert, (m.unit, m.definition, m.candidate_role, m.reference_role, m.reason)),
            )
        )
    return lines.getvalue()


def _predicted(prediction: SegmentExpectedAgreement, structure: str | None) -> Iterator[Measurement]:
    model, coverage = described_words(prediction), percent(prediction.coverage)
    interval = f"of the interval that holds the experts' mean with a probability of {coverage}"
    pairs = f"{coverage} of single pairs of experts are expected to reach it" if prediction.rule == "lower" else "the expected mean"
    limit = "Dice that is accepted on this image" if sets_limit(prediction) else "decides nothing, as there is no reference"
    why = None if prediction.dice is not None else " ".join(prediction.reasons)
    for metric, value, definition in (
        ("expected_dice", prediction.dice, "predicted mean Dice over all pairs of experts"),
        ("expected_dice_lower", prediction.lower, f"lower end {interval}"),
        ("expected_dice_upper", prediction.upper, f"upper end {interval}"),
        ("dice_threshold", prediction.threshold, f"{limit}: {pairs}"),
    ):
        role = prediction.described_role or "candidate"
        yield Measurement(prediction.segment, structure, metric, value, "1", f"{definition}. {model}", role, None, why)


def inert(text: str | None) -> str:
    """Return a text as a cell that no spreadsheet runs as a formula; None as an empty cell."""
    if text is None:
        return ""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) or text.lstrip().startswith(_STARTS_A_FORMULA) else text
