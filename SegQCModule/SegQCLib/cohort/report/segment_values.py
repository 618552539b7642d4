"""What was measured of a cohort's segments: one value for each case, segment and metric, the mean over references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.cohort_columns import CodedTexts, coded_texts, numbers, table_batches
from SegQCLib.measure import DRAFT_ROLE

_COLUMNS = ("case", "segment", "structure", "metric", "value", "unit", "definition", "candidate_role", "reference_role")


@dataclass(frozen=True)
class SegmentName:
    """A segment as the candidate calls it, and the structure of the protocol that it is; None: it is none."""

    segment: str
    structure: str | None

    @property
    def group(self) -> str:
        """What it is compared with over the cohort."""
        return self.structure if self.structure is not None else self.segment


@dataclass(frozen=True, eq=False)
class MetricValues:
    """Values of one metric.

    Attributes
    ----------
    unit : str
        UCUM unit.
    cases, segments, definitions : ndarray of int32, shape (n,)
        Places in `SegmentValues.cases`, `SegmentValues.segments` and `SegmentValues.definitions`.
    values : ndarray of float, shape (n,)
        NaN: undefined.
    references : ndarray of int64, shape (n,)
        Over how many references a value is the mean; 0: it needs none.
    """

    unit: str
    cases: NDArray[np.int32]
    segments: NDArray[np.int32]
    definitions: NDArray[np.int32]
    values: NDArray[np.float64]
    references: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SegmentValues:
    """What was measured of the candidates of a cohort, drafts they were compared with left out."""

    cases: tuple[str, ...]
    segments: tuple[SegmentName, ...]
    definitions: tuple[str, ...]
    metrics: Mapping[str, MetricValues]


class _Places:
    """Numbers things in the order in which they come first."""

    def __init__(self) -> None:
        self.found: dict = {}

    def of(self, thing: object) -> int:
        return self.found.setdefault(thing, len(self.found))

    def of_codes(self, texts: CodedTexts) -> NDArray[np.int32]:
        own = np.array([self.of(value) for value in texts.values] or [-1], np.int32)
        return np.where(texts.codes < 0, -1, own[texts.codes])


def segment_values(folder: CohortFolder) -> SegmentValues:
    """Return what was measured.

    A value is undefined where it is against any one of several references, as in the verdict. Segments of one name in one case
    are told as one, with their mean.

    Raises
    ------
    BadDataError
        If there is no such table.
    """
    cases, segments, structures, names, metrics, units, definitions = (_Places() for _ in range(7))
    parts: dict[tuple[int, int], list[tuple[NDArray, ...]]] = {}
    for batch in table_batches(folder, "measurements", _COLUMNS):
        candidate, reference = coded_texts(batch, "candidate_role"), coded_texts(batch, "reference_role")
        kept = _is(candidate, "candidate") & ~_is(reference, DRAFT_ROLE)
        structure, segment = structures.of_codes(coded_texts(batch, "structure")), segments.of_codes(coded_texts(batch, "segment"))
        pairs = structure.astype(np.int64) << 32 | segment
        distinct, place = np.unique(pairs, return_inverse=True)
        named = np.array([names.of(int(pair)) for pair in distinct], np.int32)[place] if len(distinct) else np.empty(0, np.int32)
        kinds = metrics.of_codes(coded_texts(batch, "metric")), units.of_codes(coded_texts(batch, "unit"))
        defined = definitions.of_codes(coded_texts(batch, "definition"))
        columns = (cases.of_codes(coded_texts(batch, "case")), named, defined, numbers(batch, "value"), reference.codes >= 0)
        for metric, unit in {(int(m), int(u)) for m, u in zip(*kinds, strict=True)}:
            own = kept & (kinds[0] == metric) & (kinds[1] == unit)
            parts.setdefault((metric, unit), []).append(tuple(column[own] for column in columns))
    metric_names, unit_names = list(metrics.found), list(units.found)
    segment_names, structure_names = list(segments.found), list(structures.found)
    return SegmentValues(
        tuple(cases.found),
        tuple(
            # An arithmetic shift: no structure is -1.
            SegmentName(segment_names[pair & 0xFFFFFFFF], structure_names[pair >> 32] if pair >> 32 >= 0 else None)
            for pair in names.found
        ),
        tuple(definitions.found),
        {
            metric_names[metric]: _means(unit_names[unit], *(np.concatenate(column) for column in zip(*own, strict=True)))
            for (metric, unit), own in parts.items()
        },
    )


def _is(texts: CodedTexts, value: str) -> NDArray[np.bool_]:
    return texts.codes == (texts.values.index(value) if value in texts.values else -2)


def _means(unit: str, cases: NDArray, segments: NDArray, definitions: NDArray, values: NDArray, compared: NDArray) -> MetricValues:
    key = cases.astype(np.int64) << 32 | segments
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    rows = np.bincount(place, minlength=len(first))
    means = np.bincount(place, values, len(first)) / np.maximum(rows, 1)
    references = np.bincount(place, compared, len(first)).astype(np.int64)
    return MetricValues(unit, cases[first], segments[first], definitions[first], means, references)
