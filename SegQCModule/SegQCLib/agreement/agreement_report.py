"""An agreement of readers on one case as text for a terminal and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from SegQCLib.agreement.case_agreement import CaseAgreement, PairAgreement, PairAverage, StructureAgreement
from SegQCLib.measurements_csv import inert

_MEASURES = (
    "hausdorff_mm", "hausdorff_95_mm", "assd_mm", "volume_a_ml", "volume_b_ml", "volume_difference_ml", "volume_difference_percent",
)  # fmt: skip
LEGEND = (
    "Below the diagonal Dice (1: the same voxels, 0: only one of the two drew it), above it the 95 % Hausdorff distance in mm, on"
    " it each reader's volume in mL; a dash: undefined."
)


def agreement_csv(agreement: CaseAgreement) -> str:
    """Return one line for each pair of readers and structure; empty where a value is undefined."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    pairs = [pair for structure in agreement.structures for pair in structure.pairs]
    tolerances = sorted({tolerance for pair in pairs for tolerance, _ in pair.surface_dice})
    surface = [f"surface_dice_{tolerance:g}mm" for tolerance in tolerances]
    writer.writerow(
        ("structure", "reader_a", "reader_b", "anchoring", "outlier", "definition", "dice", "jaccard", *surface, *_MEASURES)
    )
    for pair in pairs:
        by_tolerance = dict(pair.surface_dice)
        values = (
            pair.dice,
            pair.jaccard,
            *(by_tolerance.get(tolerance) for tolerance in tolerances),
            *(getattr(pair, measure) for measure in _MEASURES),
        )
        names = (inert(pair.structure), inert(pair.reader_a), inert(pair.reader_b))
        cells = ("" if value is None else value for value in values)
        writer.writerow((*names, pair.anchoring, "yes" if pair.outlier else "no", agreement.definition, *cells))
    return text.getvalue()


def agreement_text(agreement: CaseAgreement) -> str:
    """Return the matrix of each structure with its averages, the outliers, and the slices that are worth a look."""
    return "\n".join(
        [
            LEGEND,
            f"Distances by the definition {agreement.definition!r}. Grid: {agreement.grid}.",
            *_anchoring(agreement),
            *(line for structure in agreement.structures if structure.drawn_by for line in ("", *_structure(agreement, structure))),
            "",
            *_drawn_by_nobody(agreement),
            *_outliers(agreement),
            *_slices(agreement),
            *_consensus(agreement),
        ]
    )


def _anchoring(agreement: CaseAgreement) -> Iterator[str]:
    words = {
        True: "saw an AI result (AI-anchored)",
        False: "saw no AI result (AI-free)",
        None: "may or may not have seen an AI result",
    }
    parts = []
    for kind, told in words.items():
        readers = [reader for reader in agreement.readers if reader.ai_anchored is kind]
        if readers:
            bases = ", ".join(dict.fromkeys(reader.anchoring_basis for reader in readers))
            parts.append(f"{', '.join(reader.name for reader in readers)} {told}: {bases}")
    yield f"{'; '.join(parts)}."
    resampled = [reader.name for reader in agreement.readers if reader.resampled]
    if resampled:
        yield f"Resampled to the grid, which moves a surface by up to half a voxel: {', '.join(resampled)}."


def _structure(agreement: CaseAgreement, structure: StructureAgreement) -> Iterator[str]:
    count = len(agreement.readers)
    told = [f"drawn by {len(structure.drawn_by)} of {count}"]
    if structure.absent_by:
        told.append(f"assessed, absent by {len(structure.absent_by)} of {count} ({', '.join(structure.absent_by)})")
    if structure.no_segment_by:
        told.append(f"no such segment, taken as empty: {', '.join(structure.no_segment_by)}")
    yield f"{structure.structure}: {'; '.join(told)}"
    yield from _matrix(agreement, structure)
    for average in structure.averages:
        yield f"  {_average(agreement, structure, average)}"


def _drawn_by_nobody(agreement: CaseAgreement) -> Iterator[str]:
    names = [structure.structure for structure in agreement.structures if not structure.drawn_by]
    if names:
        yield f"Drawn by nobody: {', '.join(names)}."


def _matrix(agreement: CaseAgreement, structure: StructureAgreement) -> Iterator[str]:
    names = [reader.name for reader in agreement.readers]
    pairs: Mapping[tuple[str, str], PairAgreement] = {(pair.reader_a, pair.reader_b): pair for pair in structure.pairs}
    rows = [["", *names]]
    for n, own in enumerate(names):
        row = [own]
        for m, other in enumerate(names):
            if m < n:
                row.append(_number(pairs[other, own].dice, 3))
            elif m > n:
                row.append(_number(pairs[own, other].hausdorff_95_mm, 1))
            else:
                row.append(f"[{structure.volumes_ml[own]:.2f}]" if own in structure.drawn_by else "[-]")
        rows.append(row)
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        yield "  " + "  ".join([row[0].ljust(widths[0]), *cells]).rstrip()


def _average(agreement: CaseAgreement, structure: StructureAgreement, average: PairAverage) -> str:
    pairs = "pair" if average.pairs == 1 else "pairs"
    kind = f"{pairs} (AI seen or not: not known)" if average.anchoring == "not known" else f"{average.anchoring} {pairs}"
    if average.without_outliers:
        named = dict.fromkeys(
            outlier.reader
            for outlier in agreement.outliers
            if any(entry.structure == structure.structure for entry in outlier.structures)
        )
        kind = f"{kind} without {', '.join(named)}"
    if not average.pairs:
        return f"{kind}: none left"
    tolerance, surface = average.surface_dice[min(1, len(average.surface_dice) - 1)] if average.surface_dice else (0.0, None)
    volume = average.absolute_volume_difference_percent
    mean_of = "mean of " if average.pairs > 1 else ""
    return (
        f"{mean_of}{average.pairs} {kind}: Dice {_number(average.dice, 3)},"
        f" surface Dice at {tolerance:g} mm {_number(surface, 3)},"
        f" HD95 {_number(average.hausdorff_95_mm, 1)} mm, ASSD {_number(average.assd_mm, 2)} mm,"
        f" volume difference {'-' if volume is None else f'{volume:.1f} %'}"
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _outliers(agreement: CaseAgreement) -> Iterator[str]:
    if len(agreement.readers) < 3:
        yield agreement.outlier_rule
        return
    if not agreement.outliers:
        yield "No reader is an outlier."
        return
    yield "Left out of the averages that say 'without'; worth a look together before anything is concluded:"
    for outlier in agreement.outliers:
        yield f"  {outlier.reader}, {outlier.kind}: {outlier.evidence}"
    yield f"  The rule: {agreement.outlier_rule}"


def _slices(agreement: CaseAgreement) -> Iterator[str]:
    if not agreement.worst_slices:
        return
    yield "Slices with the largest disputed volume (not the lowest Dice, which the few voxels of end slices have):"
    for entry in agreement.worst_slices[:5]:
        place = ", ".join(f"{value:.1f}" for value in entry.location_lps_mm)
        yield (
            f"  {entry.structure}, slice k {entry.k} (LPS {place} mm): {entry.size_ml:.2f} mL disputed,"
            f" mean Dice on the slice {_number(entry.mean_dice, 3)}"
        )


def _consensus(agreement: CaseAgreement) -> Iterator[str]:
    made = agreement.consensus
    if made is None:
        return
    yield f"Consensus of {', '.join(made.readers)} ({made.anchoring}). {made.how}"
    for one in made.structures:
        if not one.voxels and not any(entry.sensitivity is not None for entry in one.performance):
            continue
        told = [f"{one.volume_ml:.2f} mL"]
        if one.left_out:
            told.append(f"without {', '.join(one.left_out)}")
        if one.undecided_voxels:
            told.append(f"{one.undecided_voxels} voxels undecided and left out")
        told += [
            f"{entry.reader} sensitivity {entry.sensitivity:.3f}, specificity {entry.specificity:.3f}"
            for entry in one.performance
            if entry.sensitivity is not None and entry.specificity is not None
        ]
        yield f"  {one.structure}: {'; '.join(told)}"
