"""`segqc compare`: two segmentations side by side, as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Literal

from SegQCLib.alignment import align, was_resampled
from SegQCLib.case import Segmentation
from SegQCLib.dataclass_json import to_json
from SegQCLib.measurements_csv import inert
from SegQCLib.metrics import SegmentComparison, compare
from SegQCLib.pairing import pair_segments
from SegQCLib.progress import Progress, unwatched
from SegQCLib.record import Deidentification

COLUMNS = (
    "dice", "jaccard", "volume_reference_mm3", "volume_candidate_mm3", "relative_volume_difference", "hausdorff_mm",
    "hausdorff_95_mm", "assd_mm", "surface_dice_1mm", "surface_dice_2mm", "surface_dice_3mm", "added_path_length_mm",
    "islands_reference", "islands_candidate", "holes_reference", "holes_candidate",
)  # fmt: skip


@dataclass(frozen=True)
class ComparedSegment:
    """One segment in both segmentations. null: undefined, because it is absent on one side or on both."""

    segment: str = field(metadata={"doc": "Name in the candidate, or in the reference where only that has it."})
    values: dict[str, float | None] = field(
        metadata={"doc": "Value of each metric id; Dice and Jaccard 0 to 1, lengths in mm, volumes in mm3."}
    )
    worst_point_lps_mm: tuple[float, float, float] | None = field(
        metadata={"doc": "The point farthest from the other surface: left, posterior, superior, in mm."}
    )
    worst_point_kji: tuple[float, float, float] | None = field(
        metadata={"doc": "The same as index (k, j, i) on the reference's grid."}
    )
    worst_point_side: str | None = field(metadata={"doc": "reference or candidate: whose surface the point is on."})


@dataclass(frozen=True)
class ComparisonReport:
    """What `segqc compare` found."""

    schema: Literal["segqc-comparison"] = field(metadata={"doc": "Always segqc-comparison."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    reference: str = field(metadata={"doc": "Reference file."})
    candidate: str = field(metadata={"doc": "Candidate file."})
    reference_sha256: str | None = field(metadata={"doc": "SHA-256 of the reference file."})
    candidate_sha256: str | None = field(metadata={"doc": "SHA-256 of the candidate file."})
    definition: Literal["surfel", "voxel"] = field(metadata={"doc": "What distances and surface Dice are measured between."})
    resampled: bool = field(metadata={"doc": "Whether the candidate was resampled to the reference's grid (nearest neighbour)."})
    segments: tuple[ComparedSegment, ...] = field(metadata={"doc": "All segments of either side."})
    deidentification: Deidentification | None = field(
        default=None, metadata={"doc": "How the report was de-identified; null: it was not."}
    )

    def to_json(self) -> str:
        return to_json(self)


def compare_segmentations(
    reference: Segmentation,
    candidate: Segmentation,
    definition: Literal["surfel", "voxel"],
    progress: Progress = unwatched,
) -> ComparisonReport:
    """Return every measure of every segment of two segmentations; the candidate is brought onto the reference's grid.

    Raises
    ------
    BadDataError
        If they do not overlap in space.
    """
    grid = reference.geometry
    aligned = align(candidate, grid)
    pairs = pair_segments(reference, aligned)
    comparisons = compare(
        {n: reference.cropped_reader(pair.reference) for n, pair in enumerate(pairs) if pair.reference is not None},
        {n: aligned.cropped_reader(pair.candidate) for n, pair in enumerate(pairs) if pair.candidate is not None},
        grid.spacing_mm,
        labels=range(len(pairs)),
        definition=definition,
        progress=progress,
    )
    return ComparisonReport(
        schema="segqc-comparison",
        schema_version="1.0",
        reference=reference.source.path if reference.source else reference.name,
        candidate=candidate.source.path if candidate.source else candidate.name,
        reference_sha256=reference.source.sha256 if reference.source else None,
        candidate_sha256=candidate.source.sha256 if candidate.source else None,
        definition=definition,
        resampled=was_resampled(aligned),
        segments=tuple(_segment(pair.name, comparison, reference) for pair, comparison in zip(pairs, comparisons, strict=True)),
    )


def _segment(name: str, comparison: SegmentComparison, reference: Segmentation) -> ComparedSegment:
    values = {column: getattr(comparison, column) for column in COLUMNS if hasattr(comparison, column)}
    values |= {f"surface_dice_{tolerance:g}mm": value for tolerance, value in comparison.surface_dice}
    for side, pieces in (("reference", comparison.pieces_reference), ("candidate", comparison.pieces_candidate)):
        values[f"islands_{side}"] = None if pieces is None else float(pieces.islands)
        values[f"holes_{side}"] = None if pieces is None else float(pieces.holes)
    worst = comparison.worst_point_kji
    place = None if worst is None else tuple(round(float(value), 3) for value in reference.geometry.lps_mm(worst))
    return ComparedSegment(name, {column: values[column] for column in COLUMNS}, place, worst, comparison.worst_point_side)


def comparison_csv(report: ComparisonReport) -> str:
    """Return one line per segment; empty where a value is undefined."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    places = ("worst_point_l_mm", "worst_point_p_mm", "worst_point_s_mm", "worst_point_side")
    writer.writerow(("segment", "definition", *COLUMNS, *places))
    for segment in report.segments:
        place = segment.worst_point_lps_mm or ("", "", "")
        cells = ["" if segment.values[column] is None else segment.values[column] for column in COLUMNS]
        writer.writerow((inert(segment.segment), report.definition, *cells, *place, segment.worst_point_side or ""))
    return text.getvalue()


def comparison_table(report: ComparisonReport) -> str:
    """Return the main measures as aligned text for a terminal; a dash where a value is undefined."""
    shown = (
        ("Dice", "dice", 3),
        ("surf. Dice 2 mm", "surface_dice_2mm", 3),
        ("HD mm", "hausdorff_mm", 2),
        ("HD95 mm", "hausdorff_95_mm", 2),
        ("ASSD mm", "assd_mm", 2),
        ("V ref mL", "volume_reference_mm3", 2),
        ("V cand mL", "volume_candidate_mm3", 2),
        ("added path mm", "added_path_length_mm", 0),
        ("islands", "islands_candidate", 0),
        ("holes", "holes_candidate", 0),
    )
    rows = [["segment", *(title for title, _, _ in shown)]]
    present = [segment for segment in report.segments if segment.values["dice"] is not None]
    for segment in present:
        cells = [segment.segment]
        for _, column, digits in shown:
            value = segment.values[column]
            value = value / 1000 if value is not None and column.startswith("volume") else value
            cells.append("-" if value is None else f"{value:.{digits}f}")
        rows.append(cells)
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
    absent = len(report.segments) - len(present)
    return "\n".join([*lines, *([f"{absent} more segments are absent in both."] if absent else [])])
