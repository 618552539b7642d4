"""What `segqc quality measure` gives: the image-quality numbers of one image as JSON, CSV and a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.measurements_csv import inert
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.quality_texts import number_name, value_text

QUALITY_SCHEMA_ID = "https://segqc.invalid/schemas/quality.schema.json"


@dataclass(frozen=True)
class QualityReport:
    """The image-quality numbers of one image in and around the segments of one segmentation."""

    schema: Literal["segqc-quality"] = field(metadata={"doc": "Always segqc-quality."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what measured."})
    image: str = field(metadata={"doc": "Image file or folder."})
    segmentation: str = field(metadata={"doc": "Segmentation file."})
    second_image: str | None = field(metadata={"doc": "Registered second image; null: none."})
    protocol: str | None = field(metadata={"doc": "Id and version of the protocol; null: none, every segment was measured."})
    measurements: tuple[QualityMeasurement, ...] = field(metadata={"doc": "All numbers, and why others are missing."})

    def to_json(self) -> str:
        return to_json(self)


def quality_schema() -> dict:
    """Return the JSON Schema of what `segqc quality measure --json` writes."""
    return json_schema(QualityReport, title="SegQC image quality", identifier=QUALITY_SCHEMA_ID)


def quality_csv(measurements: Sequence[QualityMeasurement]) -> str:
    """Return one line per number; an empty value has its reason. Columns are the fields of a measurement."""
    columns = [item.name for item in fields(QualityMeasurement) if item.name != "in_study"]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(columns)
    for row in measurements:
        cells = (getattr(row, column) for column in columns)
        writer.writerow([inert(cell) if isinstance(cell, str) else "" if cell is None else cell for cell in cells])
    return text.getvalue()


def quality_table(measurements: Sequence[QualityMeasurement]) -> str:
    """Return the numbers as aligned text for a terminal, and below them each reason for a missing one, once."""
    rows = [["segment", "number", "region", "voxels", "value", "against"]]
    reasons: dict[str, int] = {}
    for m in measurements:
        if m.value is None:
            value = f"- [{reasons.setdefault(m.reason, len(reasons) + 1)}]"
        else:
            value = value_text(m.value, m.unit)
        against = "" if m.background is None else f"{m.background} ({m.background_voxels:,} voxels)"
        rows.append([m.segment, number_name(m.measure, m.method), m.region, f"{m.voxels:,}", value, against])
    right = (3, 4)
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = []
    for row in rows:
        padded = [
            cell.rjust(width) if n in right else cell.ljust(width) for n, cell, width in zip(range(6), row, widths, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    notes = [f"[{number}] {reason}" for reason, number in reasons.items()]
    return "\n".join([*lines, *([""] if notes else []), *notes])
