"""Values that lie far from those of the cohort's other cases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.cohort_columns import coded_texts, numbers, table_columns
from SegQCLib.cohort.report.report_cases import ReportCase
from SegQCLib.cohort.report.robust_z import FEWEST_VALUES, LIMIT, robust_z
from SegQCLib.cohort.report.segment_values import SegmentValues
from SegQCLib.metric_texts import metric_text
from SegQCLib.protocol import plain_name
from SegQCLib.quality.quality_texts import REGION_WORDS, number_name, quality_text

_MOST_NAMED = 5
# These follow from others of the same segment: one enlarged liver is not told four times.
_FOLLOWING = ("voxel_count", "slice_count", "jaccard", "surface_dice_1mm", "surface_dice_2mm", "surface_dice_3mm")
# Half of the last digit in which the page shows a value of this unit: a smaller spread cannot be seen, and a z-score of it has
# no meaning for a reader. Where most values of a ratio are 1 but for rounding, 0.97 would be 600 such spreads away.
_UNSEEN = {"1": 0.0005, "mm": 0.005}
# The reference is not under test.
_NOT_THE_CANDIDATE = ("volume_reference_mm3",)


@dataclass(frozen=True)
class Outlier:
    """A value whose robust z-score is above the limit, up or down.

    Attributes
    ----------
    case, segment : str
    of : str
        What is compared: a structure, or a segment's name.
    measure : str
        Metric id, or name of an image-quality number.
    unit : str
        UCUM unit of value, median and mad.
    count : int
        How many values it is compared with, itself counted.
    side : {"better", "worse", ""}
        Than the others, where the measure has a better direction.
    within : str
        What cases that are compared share, beyond the structure; "": nothing.
    definition : str
        Of the number, as the tables name it; "": it stands elsewhere.
    """

    case: str
    segment: str
    of: str
    measure: str
    unit: str
    value: float
    median: float
    mad: float
    z: float
    count: int
    side: str
    within: str = ""
    definition: str = ""


@dataclass(frozen=True)
class AllAlike:
    """Values that have no z-score, because more than half of them are the same, or would be shown so.

    Attributes
    ----------
    others : tuple of str
        Up to five cases with another value, the furthest first.
    differing, count : int
        How many values are another, of how many.
    definition : str
        As of an outlier.
    """

    of: str
    measure: str
    unit: str
    value: float
    differing: int
    count: int
    others: tuple[str, ...]
    definition: str = ""


@dataclass(frozen=True)
class Outliers:
    """What stands out.

    Attributes
    ----------
    found : tuple of Outlier
        The furthest first.
    alike : tuple of AllAlike
        Those with differing values; the most first.
    compared : int
        Groups of at least 20 values that were looked at.
    too_few : int
        Groups that were not, for having fewer.
    scanner_not_known : int
        Image-quality values only: cases whose header names no scanner.
    """

    found: tuple[Outlier, ...]
    alike: tuple[AllAlike, ...]
    compared: int
    too_few: int
    scanner_not_known: int = 0


@dataclass(frozen=True, eq=False)
class _Group:
    of: str
    measure: str
    unit: str
    better: str | None
    within: str
    cases: Sequence[str]
    segments: Sequence[str]
    values: NDArray[np.float64]
    definition: str = ""
    unseen: float = 0.0


def measurement_outliers(measured: SegmentValues, simulated: frozenset[str] = frozenset()) -> Outliers:
    """Return what stands out among measurements, per structure, metric and definition; simulated cases among themselves.

    Segments that are no structure of the protocol do not count, unless none is one. A value against several references is the mean
    over them. Undefined values, and sizes of empty segments, count nowhere.
    """
    return _outliers(_measured_groups(measured, simulated))


def quality_outliers(folder: CohortFolder, cases: Sequence[ReportCase]) -> Outliers:
    """Return what stands out among image-quality numbers, within scanner (manufacturer and model) and protocol.

    A case with several segments of one structure counts once, with their median, as in `quality.study_norms`.

    Raises
    ------
    BadDataError
        If there is no such table.
    """
    groups, unknown = _quality_groups(folder, cases)
    found = _outliers(groups)
    return Outliers(found.found, found.alike, found.compared, found.too_few, unknown)


def _outliers(groups: Iterator[_Group] | list[_Group]) -> Outliers:
    found: list[Outlier] = []
    alike: list[AllAlike] = []
    compared = too_few = 0
    for group in groups:
        count = len(group.values)
        if count < FEWEST_VALUES:
            too_few += 1
            continue
        compared += 1
        place = robust_z(group.values)
        if place.z is None or place.mad < group.unseen:
            away = np.abs(group.values - place.median)
            apart = np.flatnonzero(away > max(group.unseen, 1e-9 * abs(place.median)))
            furthest = apart[np.argsort(-away[apart], kind="stable")][:_MOST_NAMED]
            names = tuple(dict.fromkeys(group.cases[row] for row in furthest))
            if len(apart):
                own = (group.of, group.measure, group.unit, place.median, len(apart), count, names, group.definition)
                alike.append(AllAlike(*own))
            continue
        for row in np.flatnonzero(np.abs(place.z) > LIMIT):
            z = float(place.z[row])
            found.append(
                Outlier(
                    group.cases[row],
                    group.segments[row],
                    group.of,
                    group.measure,
                    group.unit,
                    float(group.values[row]),
                    place.median,
                    place.mad,
                    z,
                    count,
                    _side(group.better, z, float(group.values[row]), place.median),
                    group.within,
                    group.definition,
                )
            )
    found.sort(key=lambda one: (-abs(one.z), one.case, one.segment, one.measure))
    alike.sort(key=lambda one: (-one.differing, one.of, one.measure))
    return Outliers(tuple(found), tuple(alike), compared, too_few)


def _side(better: str | None, z: float, value: float, median: float) -> str:
    if better is None:
        return ""
    if better == "closer to 0":
        return "better" if abs(value) < abs(median) else "worse"
    return "better" if (z > 0) == (better == "higher") else "worse"


def _measured_groups(measured: SegmentValues, simulated: frozenset[str]) -> Iterator[_Group]:
    kinds: dict[str, int] = {}
    kind_of = np.array([kinds.setdefault(segment.group, len(kinds)) for segment in measured.segments] or [0], np.int64)
    judged = np.array([segment.structure is not None for segment in measured.segments] or [False])
    judged |= not judged.any()
    fake = np.array([case in simulated for case in measured.cases] or [False])
    for metric, values in measured.metrics.items():
        if metric in (*_FOLLOWING, *_NOT_THE_CANDIDATE):
            continue
        text = metric_text(metric)
        # A volume of 0 is an empty segment, which is told as a missing structure and not as a small one.
        sizes = text.group == "size" and values.unit == "mm3"
        kept = np.flatnonzero(judged[values.segments] & np.isfinite(values.values) & ~(sizes & (values.values == 0)))
        # Protocols differ in their tolerances: what is defined in another way is another number.
        definition = values.definitions[kept].astype(np.int64)
        key = (kind_of[values.segments[kept]] * (len(measured.definitions) + 1) + definition) * 2 + fake[values.cases[kept]]
        order = np.argsort(key, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
            if not len(rows):
                continue
            own = kept[rows]
            first = values.definitions[own[0]]
            yield _Group(
                measured.segments[values.segments[own[0]]].group,
                metric,
                values.unit,
                text.better,
                "simulated cases" if key[rows[0]] % 2 else "",
                [measured.cases[case] for case in values.cases[own]],
                [measured.segments[segment].segment for segment in values.segments[own]],
                values.values[own],
                "" if first < 0 else measured.definitions[first],
                0.0 if text.shown_as == "count" and values.unit == "1" else _UNSEEN.get(values.unit, 0.0),
            )


def _quality_groups(folder: CohortFolder, cases: Sequence[ReportCase]) -> tuple[list[_Group], int]:
    texts = ("case", "segment", "structure", "measure", "method", "region", "unit", "background")
    table = table_columns(folder, "image_quality", (*texts, "value"))
    columns = [coded_texts(table, name) for name in texts]
    values = numbers(table, "value")
    kinds: dict[tuple, int] = {}
    strata: dict[tuple, int] = {}
    by_name = {case.case: case for case in cases}
    stratum_of = np.full(len(columns[0].values) + 1, -1)
    for place, name in enumerate(columns[0].values):
        case = by_name.get(name)
        if case is not None and case.manufacturer and case.model:
            stratum_of[place] = strata.setdefault(
                ((case.scanner or "").casefold(), case.protocol_words, bool(case.simulated)), len(strata)
            )
    stratum_words = {strata[key]: key for key in strata}
    codes = np.stack([column.codes for column in columns[1:]], axis=1) if table.num_rows else np.empty((0, 7), np.int32)
    distinct, place = np.unique(codes, axis=0, return_inverse=True)
    kind_of = np.array([kinds.setdefault(_kind(columns[1:], row), len(kinds)) for row in distinct.tolist()] or [0], np.int64)
    names = list(kinds)
    known = np.isfinite(values)
    stratum = stratum_of[columns[0].codes]
    unknown = len(np.unique(columns[0].codes[known & (stratum < 0)]))
    rows = np.flatnonzero(known & (stratum >= 0))
    kind = kind_of[place.reshape(-1)[rows]]
    case = columns[0].codes[rows]
    order = np.lexsort((case, kind, stratum[rows]))
    rows, kind, case = rows[order], kind[order], case[order]
    group = stratum[rows] * max(len(names), 1) + kind
    found = []
    for own in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(group)) + 1):
        if not len(own):
            continue
        parts = np.split(own, np.flatnonzero(np.diff(case[own])) + 1)
        structure, measure, method, region, background, unit = names[kind[own[0]]]
        scanner, protocol, simulated = stratum_words[stratum[rows[own[0]]]]
        first = by_name[columns[0].values[case[own[0]]]]
        against = f", against {background}" if background else ""
        found.append(
            _Group(
                f"{structure}, {REGION_WORDS.get(region, region)}{against}",
                number_name(measure, method),
                unit,
                quality_text(measure).better,
                f"{'simulated images, ' if simulated else ''}{first.scanner or scanner}, protocol {protocol}",
                [columns[0].values[case[part[0]]] for part in parts],
                [columns[1][rows[part[0]]] or "" for part in parts],
                np.array([np.median(values[rows[part]]) for part in parts]),
            )
        )
    return found, unknown


def _kind(columns: Sequence, row: list[int]) -> tuple:
    """Return what a number has to share with another to be compared with it, as `quality.study_norms.kind_of` has it."""
    segment, structure, measure, method, region, unit, background = (
        None if code < 0 else column.values[code] for column, code in zip(columns, row, strict=True)
    )
    # "Lesion 1 background" of one case is to Lesion 1 what "Lesion 2 background" is to Lesion 2.
    against = (
        plain_name(re.sub(rf"(?<!\w){re.escape(segment or '')}(?!\w)", "segment", background or "")) if segment else background
    )
    return structure or segment, measure, method, region, against or "", unit
