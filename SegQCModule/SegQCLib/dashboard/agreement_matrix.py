"""Readers against readers: a number and its cases for each two, from records or from compared segmentations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np

from SegQCLib.agreement.bland_altman import bland_altman
from SegQCLib.agreement.estimate import Estimate
from SegQCLib.agreement.gwet import gwet_ac
from SegQCLib.agreement.kappa import cohen_kappa
from SegQCLib.agreement.measured_study import Anchoring, MeasuredRead, Relation, compared_pairs
from SegQCLib.agreement.study_agreement import StudyAgreement
from SegQCLib.dashboard.activity import has_draft
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.readers.case_read import CaseRead

Source = Literal["ratings", "volumes", "segmentations"]


@dataclass(frozen=True)
class AgreementCell:
    """Two readers, or one reader's repeats."""

    first: str = field(metadata={"doc": "Label of a reader."})
    second: str = field(metadata={"doc": "Label of the other reader; the same one for repeats."})
    cases: int = field(metadata={"doc": "Cases that both read so."})
    value: Estimate = field(
        metadata={
            "doc": "Ratings: Gwet's AC2. Volumes: mean of 100 (first - second) / mean of the two, %. Segmentations: median Dice."
        }
    )
    lower_limit: float | None = field(default=None, metadata={"doc": "Volumes: lower 95 % limit of agreement, %."})
    upper_limit: float | None = field(default=None, metadata={"doc": "Volumes: upper 95 % limit of agreement, %."})
    kappa: Estimate | None = field(default=None, metadata={"doc": "Ratings: Cohen's kappa with quadratic weights."})


@dataclass(frozen=True)
class AgreementMatrix:
    """One matrix of readers. Pairs that have no case in common are not in it."""

    source: Source = field(metadata={"doc": "What it is made of."})
    subject: str = field(metadata={"doc": "The rating, or the structure."})
    relation: Relation = field(metadata={"doc": "Different readers, or one reader's repeats."})
    anchoring: Anchoring = field(metadata={"doc": "Which reads saw an AI result."})
    readers: tuple[str, ...] = field(metadata={"doc": "Readers with at least one pair, in order."})
    cells: tuple[AgreementCell, ...] = field(metadata={"doc": "Pairs with a case in common."})
    overall: Estimate | None = field(default=None, metadata={"doc": "Ratings: Gwet's AC2 of all readers together."})
    shared_cases: int | None = field(default=None, metadata={"doc": "Ratings: cases with answers of two readers or more."})
    scale: tuple[int, int] | None = field(default=None, metadata={"doc": "Ratings: lowest and highest grade."})
    scale_is_known: bool = field(
        default=True, metadata={"doc": "Ratings: false where no shipped protocol has the scale, and the grades given stand for it."}
    )

    @property
    def pairs(self) -> int:
        return sum(cell.cases for cell in self.cells)


def rating_matrices(reads: Sequence[CaseRead]) -> tuple[AgreementMatrix, ...]:
    """Return the agreement in ratings of finished clinical reads, each rating and condition by itself.

    Of a reader who rated a case more than once under one condition, the first answer stands beside other readers'.

    Raises
    ------
    BadDataError
        If statsmodels is not installed.
    """
    counted = [read for read in reads if read.finished and read.purpose == "clinical"]
    grades: dict[tuple[str, tuple[int, ...], bool, bool], dict[str, dict[str, list[int]]]] = {}
    scales = _scales(counted)
    for read in sorted(counted, key=lambda read: (read.started, read.reader)):
        for answer in read.ratings:
            if answer.grade is None:
                continue
            scale, is_known = scales[answer.rating, read.protocol]
            key = (answer.rating, scale, is_known, has_draft(read))
            grades.setdefault(key, {}).setdefault(read.case, {}).setdefault(read.reader, []).append(answer.grade)
    several = {rating for rating in {key[0] for key in grades} if len({key[1] for key in grades if key[0] == rating}) > 1}
    matrices = []
    for (rating, scale, is_known, anchored), by_case in sorted(grades.items()):
        if len(scale) < 2:
            continue
        subject = f"{rating} ({scale[0]} to {scale[-1]})" if rating in several else rating
        facts = {"scale": (scale[0], scale[-1]), "scale_is_known": is_known}
        anchoring: Anchoring = "AI-anchored" if anchored else "AI-free"
        matrices += _rating_matrices(subject, by_case, scale, anchoring, facts)
    return tuple(matrices)


def volume_matrices(reads: Sequence[CaseRead]) -> tuple[AgreementMatrix, ...]:
    """Return the agreement in volumes of finished clinical reads, those with most pairs first.

    Logs have no voxels: two segments of one volume can lie in different places. Pairs are those of `segqc agreement`.
    """
    by_segment: dict[tuple[str, str], list[MeasuredRead]] = defaultdict(list)
    for read in sorted(reads, key=lambda read: (read.started, read.reader)):
        if not read.finished or read.purpose != "clinical":
            continue
        for segment in read.segments:
            if segment.volume_ml:
                by_segment[segment.name, read.case].append(
                    MeasuredRead(read.case, read.case, segment.name, read.reader, read.repeat, segment.model, segment.volume_ml)
                )
    pairs: dict[tuple[str, Relation, Anchoring], dict[tuple[str, str], list[tuple[float, float]]]] = {}
    for (structure, _), own in by_segment.items():
        for pair in compared_pairs(own):
            first, second = pair
            different = first.reader != second.reader
            mixed = first.ai_anchored != second.ai_anchored
            if different and mixed:
                # Who saw a draft cannot be told there from who reads how.
                continue
            if different and first.reader > second.reader:
                first, second = second, first
            relation: Relation = "inter-reader" if different else "intra-reader"
            anchoring: Anchoring = "AI-free against AI-anchored" if mixed else "AI-anchored" if first.ai_anchored else "AI-free"
            of_readers = pairs.setdefault((structure, relation, anchoring), {})
            of_readers.setdefault((first.reader, second.reader), []).append((first.volume_ml, second.volume_ml))
    made = [_matrix("volumes", *key, (_volume_cell(*who, values) for who, values in own.items())) for key, own in pairs.items()]
    return tuple(sorted(made, key=lambda matrix: (-matrix.pairs, matrix.subject, matrix.relation, matrix.anchoring)))


def segmentation_matrices(study: StudyAgreement, label: Callable[[str], str]) -> tuple[AgreementMatrix, ...]:
    """Return the median Dice of each two readers from the agreement of a study.

    Parameters
    ----------
    study : StudyAgreement
        As `segqc agreement --study` writes it.
    label : callable
        Returns what a reader of the study is called on the page.
    """
    return tuple(
        _matrix("segmentations", group.structure, group.relation, group.anchoring, cells)
        for group in study.structures
        if (cells := [_dice_cell(label(c.first), label(c.second), c.cases, c.median_dice) for c in group.matrix if c.cases])
        and not (group.relation == "inter-reader" and group.anchoring == "AI-free against AI-anchored")
    )


def _dice_cell(first: str, second: str, cases: int, dice: float | None) -> AgreementCell:
    if second < first:
        first, second = second, first
    reason = None if dice is not None else "Dice is undefined in every case."
    return AgreementCell(first, second, cases, Estimate("median Dice", dice, None, None, cases, "none", reason))


def _matrix(
    source: Source, subject: str, relation: Relation, anchoring: Anchoring, cells: Sequence[AgreementCell], **more
) -> AgreementMatrix:
    ordered = tuple(sorted(cells, key=lambda cell: (cell.first, cell.second)))
    readers = tuple(sorted({reader for cell in ordered for reader in (cell.first, cell.second)}))
    return AgreementMatrix(source, subject, relation, anchoring, readers, ordered, **more)


def _volume_cell(first: str, second: str, volumes: Sequence[tuple[float, float]]) -> AgreementCell:
    found = bland_altman([one for one, _ in volumes], [other for _, other in volumes], "%", percent=True)
    return AgreementCell(first, second, len(volumes), found.bias, found.lower_limit.value, found.upper_limit.value)


def _rating_matrices(
    subject: str, by_case: dict[str, dict[str, list[int]]], scale: tuple[int, ...], anchoring: Anchoring, facts: dict
) -> Iterator[AgreementMatrix]:
    firsts = {case: {reader: own[0] for reader, own in answers.items()} for case, answers in by_case.items()}
    readers = sorted({reader for answers in firsts.values() for reader in answers})
    between = []
    for one, other in combinations(readers, 2):
        both = [(answers[one], answers[other]) for answers in firsts.values() if one in answers and other in answers]
        if both:
            between.append(_rating_cell(one, other, both, scale))
    if between:
        table = np.array([[answers.get(reader, np.nan) for reader in readers] for answers in firsts.values()], float)
        overall = gwet_ac(table, scale, "quadratic")
        shared = int((np.isfinite(table).sum(axis=1) > 1).sum())
        yield _matrix("ratings", subject, "inter-reader", anchoring, between, overall=overall, shared_cases=shared, **facts)
    within = []
    for reader in readers:
        both = [(own[0], own[1]) for answers in by_case.values() if len(own := answers.get(reader, [])) > 1]
        if both:
            within.append(_rating_cell(reader, reader, both, scale))
    if within:
        yield _matrix("ratings", subject, "intra-reader", anchoring, within, **facts)


def _rating_cell(first: str, second: str, both: Sequence[tuple[int, int]], scale: tuple[int, ...]) -> AgreementCell:
    coefficient = gwet_ac(np.array(both, float), scale, "quadratic")
    kappa = cohen_kappa([one for one, _ in both], [other for _, other in both], scale, "quadratic")
    return AgreementCell(first, second, len(both), coefficient, kappa=kappa)


def _scales(reads: Sequence[CaseRead]) -> dict[tuple[str, str | None], tuple[tuple[int, ...], bool]]:
    """Return the scale of each rating under each protocol, and whether it is known."""
    shipped = {
        (rating.id, protocol): tuple(sorted(grade.value for grade in rating.grades))
        for protocol in set(shipped_protocols()) & {read.protocol for read in reads}
        for rating in load_protocol(protocol).protocol.ratings
    }
    given: dict[str, set[int]] = defaultdict(set)
    asked: dict[tuple[str, str | None], set[int]] = defaultdict(set)
    for read in reads:
        for answer in read.ratings:
            if answer.grade is not None:
                given[answer.rating].add(answer.grade)
                asked[answer.rating, read.protocol].add(answer.grade)
    found = {}
    for key, grades in asked.items():
        known = shipped.get(key, ())
        is_known = bool(known) and grades <= set(known)
        found[key] = (known, True) if is_known else (tuple(range(min(given[key[0]]), max(given[key[0]]) + 1)), False)
    return found
