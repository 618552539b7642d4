"""Readers of one case against each other: every pair, every structure, every measure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from SegQCLib.agreement.consensus import ConsensusSummary
from SegQCLib.agreement.disagreement import DisagreementSlice, worst_slices
from SegQCLib.agreement.outlier_readers import OutlierReader, outlier_readers, outliers_by_structure
from SegQCLib.agreement.readers_of_case import Reader, ReadersOfCase, readers_of_case
from SegQCLib.case import Segmentation, Volume
from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.metrics import SegmentComparison, compare_every_pair
from SegQCLib.metrics.comparison import Definition
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.record import Deidentification

AGREEMENT_SCHEMA_ID = "https://segqc.invalid/schemas/agreement.schema.json"
TOLERANCES_MM = (1.0, 2.0, 3.0)

# Two readers who both saw the same AI result agree because of it: such pairs are never averaged with others.
Anchoring = Literal["AI-free", "AI-anchored", "AI-free against AI-anchored", "not known"]


@dataclass(frozen=True)
class ComparedReader:
    """One reader of the case."""

    name: str = field(metadata={"doc": "Name, each once in a case."})
    path: str | None = field(metadata={"doc": "File of the segmentation; null: none, or left out."})
    sha256: str | None = field(metadata={"doc": "SHA-256 of the file."})
    ai_anchored: bool | None = field(metadata={"doc": "Whether the reader saw an AI result of the case; null: not known."})
    anchoring_basis: str = field(metadata={"doc": "How that is known."})
    resampled: bool = field(metadata={"doc": "Whether it was resampled to the common grid (nearest voxel)."})


@dataclass(frozen=True)
class PairAgreement:
    """Two readers on one structure. null: undefined, because nobody or only one of the two drew it."""

    structure: str = field(metadata={"doc": "Name of the structure."})
    reader_a: str = field(metadata={"doc": "The earlier reader."})
    reader_b: str = field(metadata={"doc": "The later reader."})
    anchoring: Anchoring = field(metadata={"doc": "Whether the two saw an AI result of the case."})
    dice: float | None = field(metadata={"doc": "0 to 1, higher is better; 0 if only one drew it, null if neither did."})
    jaccard: float | None = field(metadata={"doc": "0 to 1, higher is better; 0 if only one drew it, null if neither did."})
    surface_dice: tuple[tuple[float, float | None], ...] = field(
        metadata={"doc": "Tolerance in mm and the share of both surfaces that lies within it, 0 to 1; as Dice where undefined."}
    )
    hausdorff_mm: float | None = field(metadata={"doc": "Largest distance between the surfaces, mm."})
    hausdorff_95_mm: float | None = field(metadata={"doc": "Larger of the two directed 95th percentiles, mm."})
    assd_mm: float | None = field(metadata={"doc": "Average symmetric surface distance, mm."})
    volume_a_ml: float = field(metadata={"doc": "Volume by the earlier reader, mL."})
    volume_b_ml: float = field(metadata={"doc": "Volume by the later reader, mL."})
    volume_difference_ml: float = field(metadata={"doc": "Later minus earlier reader, mL."})
    volume_difference_percent: float | None = field(
        metadata={"doc": "The same in percent of the mean of the two volumes; null if neither drew it."}
    )
    outlier: bool = field(metadata={"doc": "Whether one of the two is named as an outlier of this structure."})


@dataclass(frozen=True)
class PairAverage:
    """Means over pairs of one kind on one structure; a pair whose value is undefined is not in its mean."""

    anchoring: Anchoring = field(metadata={"doc": "Which pairs: what the readers of a pair saw of AI."})
    without_outliers: bool = field(metadata={"doc": "Whether pairs with a reader who is named as an outlier are left out."})
    pairs: int = field(metadata={"doc": "Number of pairs."})
    dice: float | None = field(metadata={"doc": "Mean Dice; null: undefined in all pairs."})
    surface_dice: tuple[tuple[float, float | None], ...] = field(metadata={"doc": "Tolerance in mm and mean surface Dice."})
    hausdorff_95_mm: float | None = field(metadata={"doc": "Mean of the 95 % Hausdorff distances, mm."})
    assd_mm: float | None = field(metadata={"doc": "Mean of the average symmetric surface distances, mm."})
    absolute_volume_difference_percent: float | None = field(
        metadata={"doc": "Mean absolute volume difference, percent of the mean of the two volumes."}
    )


@dataclass(frozen=True)
class StructureAgreement:
    """All readers on one structure."""

    structure: str = field(metadata={"doc": "Name of the structure."})
    drawn_by: tuple[str, ...] = field(metadata={"doc": "Readers who drew it."})
    absent_by: tuple[str, ...] = field(metadata={"doc": "Readers who have a segment for it without voxels: assessed, absent."})
    no_segment_by: tuple[str, ...] = field(
        metadata={"doc": "Readers without such a segment; compared as if it were empty, because many programs drop empty segments."}
    )
    volumes_ml: dict[str, float] = field(metadata={"doc": "Volume by each reader, mL; 0 where it is absent or has no segment."})
    averages: tuple[PairAverage, ...] = field(
        metadata={"doc": "One for each kind of pairs; where a reader is named as an outlier, with and without that reader."}
    )
    pairs: tuple[PairAgreement, ...] = field(metadata={"doc": "Every pair of readers once."})


@dataclass(frozen=True)
class CaseAgreement:
    """What readers of one case agree on."""

    schema: Literal["segqc-agreement"] = field(metadata={"doc": "Always segqc-agreement."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    definition: Literal["surfel", "voxel"] = field(metadata={"doc": "What distances and surface Dice are measured between."})
    grid: str = field(metadata={"doc": "Which grid the segmentations were compared on, and why."})
    grid_size_kji: tuple[int, int, int] = field(metadata={"doc": "Its voxels along (k, j, i)."})
    grid_spacing_mm: tuple[float, float, float] = field(metadata={"doc": "Its spacing along (k, j, i), mm."})
    readers: tuple[ComparedReader, ...] = field(metadata={"doc": "The readers, in the order of all that follows."})
    structures: tuple[StructureAgreement, ...] = field(metadata={"doc": "Every structure that any reader has."})
    outliers: tuple[OutlierReader, ...] = field(metadata={"doc": "Readers who are left out of averages, with the evidence."})
    outlier_rule: str = field(metadata={"doc": "How outliers are told, or why they cannot be."})
    worst_slices: tuple[DisagreementSlice, ...] = field(
        default=(),
        metadata={"doc": "Slices with the largest disputed volume, the largest first; outliers are not looked at."},
    )
    consensus: ConsensusSummary | None = field(default=None, metadata={"doc": "The consensus that was made; null: none."})
    deidentification: Deidentification | None = field(
        default=None, metadata={"doc": "How the report was de-identified; null: it was not."}
    )

    def to_json(self) -> str:
        return to_json(self)


def agreement_schema() -> dict[str, Any]:
    """Return the JSON Schema of an agreement report."""
    return json_schema(CaseAgreement, title="SegQC agreement of readers on one case", identifier=AGREEMENT_SCHEMA_ID)


def agree(
    readers: Sequence[Segmentation],
    image: Volume | None = None,
    *,
    names: Sequence[str] | None = None,
    ai_anchored: Collection[str] | None = None,
    tolerances_mm: Sequence[float] | Mapping[str, Sequence[float]] = TOLERANCES_MM,
    definition: Definition = "surfel",
    workers: int | None = None,
    progress: Progress = unwatched,
) -> CaseAgreement:
    """Compare every pair of readers of one case on every structure.

    Parameters
    ----------
    readers : sequence of Segmentation
        2 to 16, on any grids.
    image, names, ai_anchored
        See `readers_of_case`.
    tolerances_mm, definition, workers, progress
        See `agreement_of`.

    Raises
    ------
    ValueError, BadDataError
        See `readers_of_case`.
    """
    case = readers_of_case(readers, image, names=names, ai_anchored=ai_anchored)
    return agreement_of(case, tolerances_mm=tolerances_mm, definition=definition, workers=workers, progress=progress)


def agreement_of(
    case: ReadersOfCase,
    *,
    tolerances_mm: Sequence[float] | Mapping[str, Sequence[float]] = TOLERANCES_MM,
    definition: Definition = "surfel",
    workers: int | None = None,
    progress: Progress = unwatched,
) -> CaseAgreement:
    """Compare every pair of readers who are on one grid already.

    Parameters
    ----------
    case : ReadersOfCase
    tolerances_mm : sequence of float, or mapping of structure name to sequence
        Tolerances of the surface Dice, mm; a mapping gives structures their own, the others have 1, 2 and 3 mm.
    definition, workers
        See `metrics.compare`.
    progress : Progress
    """
    own = tolerances_mm if isinstance(tolerances_mm, Mapping) else dict.fromkeys([s.name for s in case.structures], tolerances_mm)
    compared = compare_every_pair(
        [_labels(case, n) for n in range(len(case.readers))],
        case.geometry.spacing_mm,
        labels=range(len(case.structures)),
        tolerances_mm={n: tuple(own.get(s.name, TOLERANCES_MM)) for n, s in enumerate(case.structures)},
        definition=definition,
        workers=workers,
        progress=part(progress, 0.0, 0.9),
    )
    by_structure = [{pair: values[n] for pair, values in compared.items()} for n in range(len(case.structures))]
    progress("Looking for outliers", 0.9)
    outliers, rule = outlier_readers(case, [{pair: value.dice for pair, value in of_one.items()} for of_one in by_structure])
    named = {(outlier.reader, entry.structure) for outlier in outliers for entry in outlier.structures}
    return CaseAgreement(
        schema="segqc-agreement",
        schema_version="1.0",
        definition=definition,
        grid=case.grid,
        grid_size_kji=case.geometry.size,
        grid_spacing_mm=case.geometry.spacing_mm,
        readers=tuple(map(_reader, case.readers)),
        structures=tuple(_structure(case, n, of_one, named) for n, of_one in enumerate(by_structure)),
        outliers=outliers,
        outlier_rule=rule,
        worst_slices=worst_slices(case, outliers=outliers_by_structure(outliers)),
    )


def _labels(case: ReadersOfCase, reader: int) -> dict[int, tuple[NDArray[np.integer], int]]:
    """Return where the voxels of each structure, by its number, are in a reader's layers."""
    layers = case.readers[reader].segmentation.layers
    segments = ((n, structure.segments[reader]) for n, structure in enumerate(case.structures))
    return {n: (layers[segment.layer], segment.label_value) for n, segment in segments if segment is not None}


def _reader(reader: Reader) -> ComparedReader:
    source = reader.segmentation.source
    return ComparedReader(
        name=reader.name,
        path=source.path if source else None,
        sha256=source.sha256 if source else None,
        ai_anchored=reader.ai_anchored,
        anchoring_basis=reader.anchoring_basis,
        resampled=reader.resampled,
    )


def _structure(
    case: ReadersOfCase, number: int, compared: Mapping[tuple[int, int], SegmentComparison], named: Collection[tuple[str, str]]
) -> StructureAgreement:
    structure = case.structures[number]
    voxels: dict[int, int] = {}
    for (a, b), value in compared.items():
        voxels |= {a: value.voxels_reference, b: value.voxels_candidate}
    has_segment = {n for n, segment in enumerate(structure.segments) if segment is not None}
    pairs = tuple(_pair(case, structure.name, a, b, compared[a, b], named) for a, b in combinations(range(len(case.readers)), 2))
    return StructureAgreement(
        structure=structure.name,
        drawn_by=tuple(name for n, name in enumerate(case.names) if voxels[n]),
        absent_by=tuple(name for n, name in enumerate(case.names) if n in has_segment and not voxels[n]),
        no_segment_by=tuple(name for n, name in enumerate(case.names) if n not in has_segment),
        volumes_ml={name: voxels[n] * case.geometry.voxel_volume_mm3 / 1000 for n, name in enumerate(case.names)},
        averages=tuple(_averages(pairs)),
        pairs=pairs,
    )


def _pair(
    case: ReadersOfCase, structure: str, a: int, b: int, value: SegmentComparison, named: Collection[tuple[str, str]]
) -> PairAgreement:
    first, second = case.readers[a], case.readers[b]
    volumes_ml = value.volume_reference_mm3 / 1000, value.volume_candidate_mm3 / 1000
    difference_ml, both_ml = volumes_ml[1] - volumes_ml[0], sum(volumes_ml)
    return PairAgreement(
        structure=structure,
        reader_a=first.name,
        reader_b=second.name,
        anchoring=pair_anchoring(first.ai_anchored, second.ai_anchored),
        dice=value.dice,
        jaccard=value.jaccard,
        surface_dice=value.surface_dice,
        hausdorff_mm=value.hausdorff_mm,
        hausdorff_95_mm=value.hausdorff_95_mm,
        assd_mm=value.assd_mm,
        volume_a_ml=volumes_ml[0],
        volume_b_ml=volumes_ml[1],
        volume_difference_ml=difference_ml,
        volume_difference_percent=200 * difference_ml / both_ml if both_ml else None,
        outlier=any((reader.name, structure) in named for reader in (first, second)),
    )


def pair_anchoring(a: bool | None, b: bool | None) -> Anchoring:
    """Return what two readers saw of AI, for whom `ai_anchored` is known or None."""
    if a is None or b is None:
        return "not known"
    return "AI-free against AI-anchored" if a != b else "AI-anchored" if a else "AI-free"


def _averages(pairs: Sequence[PairAgreement]) -> Iterator[PairAverage]:
    for kind in get_args(Anchoring):
        of_kind = [pair for pair in pairs if pair.anchoring == kind]
        if of_kind:
            yield _average(kind, of_kind, False)
        if any(pair.outlier for pair in of_kind):
            yield _average(kind, [pair for pair in of_kind if not pair.outlier], True)


def _average(kind: Anchoring, pairs: Sequence[PairAgreement], without_outliers: bool) -> PairAverage:
    tolerances_mm = [tolerance for tolerance, _ in pairs[0].surface_dice] if pairs else []
    return PairAverage(
        anchoring=kind,
        without_outliers=without_outliers,
        pairs=len(pairs),
        dice=_mean([pair.dice for pair in pairs]),
        surface_dice=tuple((t, _mean([pair.surface_dice[n][1] for pair in pairs])) for n, t in enumerate(tolerances_mm)),
        hausdorff_95_mm=_mean([pair.hausdorff_95_mm for pair in pairs]),
        assd_mm=_mean([pair.assd_mm for pair in pairs]),
        absolute_volume_difference_percent=_mean(
            [None if pair.volume_difference_percent is None else abs(pair.volume_difference_percent) for pair in pairs]
        ),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
