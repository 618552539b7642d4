"""Reads of a study with their volumes, and pairs of reads with their measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from SegQCLib.agreement.case_agreement import CaseAgreement, PairAgreement, agreement_of
from SegQCLib.agreement.outlier_reads import ReadOfReader, outlier_reads
from SegQCLib.agreement.readers_of_case import MOST_READERS, readers_of_case
from SegQCLib.agreement.study_reads import StudyRead
from SegQCLib.case import Segmentation
from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import plain_name

Relation = Literal["inter-reader", "intra-reader"]
Anchoring = Literal["AI-free", "AI-anchored", "AI-free against AI-anchored"]
# Structure, reader and repeat: one read of a case.
_Key = tuple[str, str, int]


@dataclass(frozen=True)
class MeasuredRead:
    """One read of one structure.

    Attributes
    ----------
    case, patient, structure, reader : str
    repeat : int
    model : str or None
        The AI result that the reader saw; None: AI-free.
    volume_ml : float
        0: assessed, absent.
    has_segment : bool
        False: the file has no such segment. It counts as absent, because many programs drop empty segments.
    outlier : str or None
        Why this read is named as an outlier of its case; None: it is not.
    """

    case: str
    patient: str
    structure: str
    reader: str
    repeat: int
    model: str | None
    volume_ml: float
    has_segment: bool = True
    outlier: str | None = None

    @property
    def ai_anchored(self) -> bool:
        return self.model is not None


@dataclass(frozen=True)
class MeasuredPair:
    """Two reads of one structure of one case.

    Attributes
    ----------
    first, second : MeasuredRead
        The AI-free read first where only one of the two is; else in the order of the study.
    dice, surface_dice : float or None
        0 to 1; None: neither drew it, or no voxels were compared.
    hausdorff_95_mm : float or None
        None also where only one of the two drew it.
    """

    first: MeasuredRead
    second: MeasuredRead
    dice: float | None = None
    surface_dice: float | None = None
    hausdorff_95_mm: float | None = None

    @property
    def relation(self) -> Relation:
        return "intra-reader" if self.first.reader == self.second.reader else "inter-reader"

    @property
    def anchoring(self) -> Anchoring:
        if self.first.ai_anchored != self.second.ai_anchored:
            return "AI-free against AI-anchored"
        return "AI-anchored" if self.first.ai_anchored else "AI-free"

    @property
    def has_outlier(self) -> bool:
        return self.first.outlier is not None or self.second.outlier is not None


@dataclass(frozen=True)
class MeasuredStudy:
    """All reads and all pairs of reads that are compared.

    Attributes
    ----------
    reads : tuple of MeasuredRead
    pairs : tuple of MeasuredPair
    tolerance_mm : float or None
        Of the surface Dice; None where no voxels were compared.
    definition : str or None
        What surface Dice and distances are measured between.
    """

    reads: tuple[MeasuredRead, ...]
    pairs: tuple[MeasuredPair, ...]
    tolerance_mm: float | None = None
    definition: str | None = None


def compared_pairs(reads: Sequence[MeasuredRead]) -> Iterator[tuple[MeasuredRead, MeasuredRead]]:
    """Yield which reads of one structure of one case are compared with each other.

    - Different readers: the first AI-free read of each, and the first AI-anchored one, with each other. Later repeats are
      left out, so that a reader who repeats has no more weight than others.
    - The same reader: all repeats under the same condition; and the first AI-free with the first AI-anchored read.
    """
    firsts: dict[tuple[str, bool], MeasuredRead] = {}
    for read in sorted(reads, key=lambda read: read.repeat):
        firsts.setdefault((read.reader, read.ai_anchored), read)
    for one, other in combinations(reads, 2):
        is_first = all(firsts[read.reader, read.ai_anchored] is read for read in (one, other))
        if is_first or (one.reader == other.reader and one.ai_anchored == other.ai_anchored):
            swapped = one.ai_anchored and not other.ai_anchored
            # Of one reader's repeats the earlier one comes first, however the table is sorted.
            swapped |= one.reader == other.reader and one.ai_anchored == other.ai_anchored and one.repeat > other.repeat
            yield (other, one) if swapped else (one, other)


def measure_study(
    reads: Sequence[StudyRead], *, labels: str | None = None, tolerance_mm: float = 2.0, progress: Progress = unwatched
) -> MeasuredStudy:
    """Return the volumes of all reads, and all pairs with their measures.

    Structures of different cases are one if their names are, without case, separators and word order of sides.

    Parameters
    ----------
    reads : sequence of StudyRead
        With a path, or a volume that was measured elsewhere.
    labels : str, optional
        What label values mean, see `importers.read_segmentation`.
    tolerance_mm : float
        Of the surface Dice, mm.
    progress : Progress

    Raises
    ------
    BadDataError
        If a file cannot be read, a named structure is not in it, or a case has more than 16 reads.
    """
    titles: dict[str, str] = {}
    measured: list[MeasuredRead] = []
    pairs: list[MeasuredPair] = []
    definition = None
    by_case: dict[str, list[StudyRead]] = {}
    for read in reads:
        by_case.setdefault(read.case, []).append(read)
    for case in counted(progress, "Comparing the readers of cases", tuple(by_case)):
        found = [
            _measured(read, _title(read.structure, titles), read.volume_ml)
            for read in by_case[case]
            if read.volume_ml is not None and read.structure is not None
        ]
        compared: dict[frozenset[_Key], PairAgreement] = {}
        for group in _groups([read for read in by_case[case] if read.path is not None]):
            segmentations = [_segmentation(read, labels) for read in group]
            if len(group) == 1:
                found += _alone(group[0], segmentations[0], titles)
                continue
            agreement, evidence = _agree(case, group, segmentations, tolerance_mm)
            definition = agreement.definition
            found += _reads_of(group, agreement, evidence, titles)
            compared |= _pairs_of(group, agreement, titles)
        for same in _by_structure(found):
            for first, second in compared_pairs(same):
                pair = compared.get(frozenset((_key(first), _key(second))))
                pairs.append(_measured_pair(first, second, pair))
        measured += found
    return MeasuredStudy(tuple(measured), tuple(pairs), None if definition is None else tolerance_mm, definition)


def _title(structure: str, titles: dict[str, str]) -> str:
    """Return what a structure is called in the study: as it was met first."""
    return titles.setdefault(plain_name(structure), structure)


def _measured(
    read: StudyRead, structure: str, volume_ml: float, has_segment: bool = True, outlier: str | None = None
) -> MeasuredRead:
    return MeasuredRead(read.case, read.patient, structure, read.reader, read.repeat, read.model, volume_ml, has_segment, outlier)


def _key(read: MeasuredRead) -> _Key:
    return read.structure, read.reader, read.repeat


def _groups(reads: Sequence[StudyRead]) -> list[list[StudyRead]]:
    """Return reads that are compared together: those of one structure, or of whole files."""
    groups: dict[str | None, list[StudyRead]] = {}
    for read in reads:
        groups.setdefault(None if read.structure is None else plain_name(read.structure), []).append(read)
    return list(groups.values())


def _segmentation(read: StudyRead, labels: str | None) -> Segmentation:
    from SegQCLib.images import read_image
    from SegQCLib.importers import read_segmentation

    image = None if read.image is None else read_image(read.image)
    segmentation = read_segmentation(read.path, labels=labels, image=image)
    if read.structure is None:
        return segmentation
    same = [segment for segment in segmentation.segments if plain_name(segment.name) == plain_name(read.structure)]
    if not same and len(segmentation.segments) == 1:
        # A file of one structure is called after the case or the reader as often as after the structure.
        same = list(segmentation.segments)
    if len(same) != 1:
        names = ", ".join(segment.name for segment in segmentation.segments) or "none"
        raise BadDataError(
            read.path,
            f"has {len(same) or 'no'} segments {read.structure!r}; its segments are {names}.",
            "Correct the column structure.",
        )
    return replace(segmentation, segments=(replace(same[0], name=read.structure),))


def _agree(
    case: str, group: Sequence[StudyRead], segmentations: Sequence[Segmentation], tolerance_mm: float
) -> tuple[CaseAgreement, dict[tuple[str, str], str]]:
    """Return all pairs of reads, and the evidence on outliers by the name of the read and of the structure."""
    if len(group) > MOST_READERS:
        raise BadDataError(case, f"has {len(group)} reads.", f"At most {MOST_READERS} reads of one case can be compared.")
    names = [_read_name(read) for read in group]
    anchored = {_read_name(read) for read in group if read.model is not None}
    try:
        readers = readers_of_case(segmentations, names=names, ai_anchored=anchored)
    except BadDataError as error:
        raise BadDataError(f"{case}: {error.where}", error.found, error.remedy) from error
    agreement = agreement_of(readers, tolerances_mm=(tolerance_mm,))
    dice = [
        {(names.index(pair.reader_a), names.index(pair.reader_b)): pair.dice for pair in structure.pairs}
        for structure in agreement.structures
    ]
    reads = [ReadOfReader(read.reader, read.repeat, read.model is not None) for read in group]
    named = outlier_reads(readers, reads, dice)
    return agreement, {(names[number], structure): words for (number, structure), words in named.items()}


def _read_name(read: StudyRead) -> str:
    return f"{read.reader}, read {read.repeat}"


def _alone(read: StudyRead, segmentation: Segmentation, titles: dict[str, str]) -> Iterator[MeasuredRead]:
    for segment in segmentation.segments:
        box = segmentation.box(segment)
        voxels = 0 if box is None else int(segmentation.mask(segment, box).sum())
        yield _measured(read, _title(segment.name, titles), voxels * segmentation.geometry.voxel_volume_mm3 / 1000)


def _reads_of(
    group: Sequence[StudyRead], agreement: CaseAgreement, evidence: Mapping[tuple[str, str], str], titles: dict[str, str]
) -> Iterator[MeasuredRead]:
    for structure in agreement.structures:
        title = _title(structure.structure, titles)
        for read in group:
            name = _read_name(read)
            has_segment = name not in structure.no_segment_by
            yield _measured(read, title, structure.volumes_ml[name], has_segment, evidence.get((name, structure.structure)))


def _pairs_of(group: Sequence[StudyRead], agreement: CaseAgreement, titles: dict[str, str]) -> dict[frozenset[_Key], PairAgreement]:
    read_of = {_read_name(read): read for read in group}
    pairs = {}
    for structure in agreement.structures:
        title = _title(structure.structure, titles)
        for pair in structure.pairs:
            reads = (read_of[pair.reader_a], read_of[pair.reader_b])
            pairs[frozenset((title, read.reader, read.repeat) for read in reads)] = pair
    return pairs


def _by_structure(reads: Sequence[MeasuredRead]) -> list[list[MeasuredRead]]:
    groups: dict[str, list[MeasuredRead]] = {}
    for read in reads:
        groups.setdefault(read.structure, []).append(read)
    return list(groups.values())


def _measured_pair(first: MeasuredRead, second: MeasuredRead, pair: PairAgreement | None) -> MeasuredPair:
    if pair is None:
        return MeasuredPair(first, second)
    return MeasuredPair(first, second, pair.dice, pair.surface_dice[0][1], pair.hausdorff_95_mm)
