"""Agreement of readers over many cases: every pair in its own group, every number with its interval or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from SegQCLib.agreement.bland_altman import BlandAltman, bland_altman
from SegQCLib.agreement.case_summary import CaseSummary, case_summary
from SegQCLib.agreement.estimate import FEW_RULE, FEWEST_RULE, Estimate, of_patients
from SegQCLib.agreement.gwet import gwet_ac
from SegQCLib.agreement.icc import EXCHANGEABLE_REASON, ICCTable, intraclass_correlation
from SegQCLib.agreement.kappa import ASYMPTOTIC, cohen_kappa, fleiss_kappa
from SegQCLib.agreement.measured_study import Anchoring, MeasuredPair, MeasuredRead, MeasuredStudy, Relation
from SegQCLib.agreement.outlier_readers import RULE as OUTLIER_RULE
from SegQCLib.agreement.outlier_reads import RULE as OUTLIER_READS_RULE
from SegQCLib.agreement.study_reads import StudyRating
from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.record import Deidentification

STUDY_SCHEMA_ID = "https://segqc.invalid/schemas/study_agreement.schema.json"
_PAIRS_RULE = (
    "Pairs of different readers, of one reader's repeats, and pairs with and without an AI result in sight are never in one mean:"
    " readers who saw the same AI result agree because of it, whether it is right or wrong."
)
_REPEATS_RULE = (
    "Of a reader who read a case more than once, the first read stands in pairs with other readers; the repeats are compared with"
    " each other."
)
_CASES_RULE = (
    "A case counts once, with the mean of its pairs, and the bootstrap draws patients, never pairs: pairs of one case are not"
    " independent. The intervals of Bland-Altman, ICC, Cohen's kappa and Gwet's coefficient take cases as independent; where"
    " patients have several, a note says so."
)
_ICC_RULE = (
    "ICC of volumes is carried by the largest cases, and its interval assumes errors as large in small structures as in large ones."
    " Where errors grow with size and volumes differ widely it is too narrow: in simulation, volumes with a standard deviation of"
    " 1 and errors with one of 0.2 on the natural logarithm, it held the true value in 74 to 90 of 100 studies. ICC of the"
    " logarithms of volumes counts a tenth more alike at every size and has no such fault there; nor has Bland-Altman in percent."
)
_TESTS_RULE = (
    "No p-values: with many structures and pairs some would be small by chance. Intervals are of one number each and are not"
    " corrected for their number."
)
_ABSENT_RULE = (
    "A structure that a file does not have counts as absent, as if its segment were empty; the count of such reads is given."
    " Volumes are compared where both readers (for ICC: all readers) drew the structure; whether it is there is a question of its"
    " own, and answered by kappa."
)
RULES = (
    _PAIRS_RULE,
    _REPEATS_RULE,
    _CASES_RULE,
    _ICC_RULE,
    ASYMPTOTIC,
    _TESTS_RULE,
    _ABSENT_RULE,
    OUTLIER_RULE,
    OUTLIER_READS_RULE,
    FEWEST_RULE,
    FEW_RULE,
)


@dataclass(frozen=True)
class MeasureSummary:
    """One measure of a group of pairs over cases, with and without outliers."""

    measure: Literal["dice", "surface_dice", "hausdorff_95_mm"] = field(metadata={"doc": "Which measure."})
    title: str = field(metadata={"doc": "Its name in words."})
    unit: str = field(metadata={"doc": "UCUM unit."})
    definition: str = field(metadata={"doc": "How it is defined."})
    all_pairs: CaseSummary = field(metadata={"doc": "Over all pairs."})
    without_outliers: CaseSummary | None = field(metadata={"doc": "Without pairs of a named outlier; null: nobody is named."})


@dataclass(frozen=True)
class MatrixCell:
    """Two readers, and how well they agree over the cases that both read."""

    first: str = field(metadata={"doc": "A reader; in AI-free against AI-anchored the one who saw no AI result."})
    second: str = field(metadata={"doc": "The other reader; the same one for repeats."})
    cases: int = field(metadata={"doc": "Cases in which the Dice of the two is defined."})
    median_dice: float | None = field(metadata={"doc": "Median Dice over these cases, 0 to 1; null: there is none."})


@dataclass(frozen=True)
class CaseValues:
    """What two readers measured in one case."""

    case: str = field(metadata={"doc": "The case."})
    first_ml: float = field(metadata={"doc": "Volume by the first, mL."})
    second_ml: float = field(metadata={"doc": "Volume by the second, mL."})
    outlier: bool = field(metadata={"doc": "Whether one of the two is named as an outlier of this case."})


@dataclass(frozen=True)
class VolumeDifferences:
    """Volumes of two readers, or of two reads of one reader, over cases."""

    first: str = field(metadata={"doc": "Whose volume is taken first."})
    second: str = field(metadata={"doc": "Whose volume is subtracted."})
    absolute: BlandAltman = field(metadata={"doc": "Differences in mL."})
    percent: BlandAltman = field(metadata={"doc": "Differences in percent of the mean of the two."})
    without_outliers: BlandAltman | None = field(metadata={"doc": "In mL without cases of a named outlier; null: nobody is named."})
    one_absent: int = field(metadata={"doc": "Cases in which only one of the two drew the structure: not in the differences."})
    values: tuple[CaseValues, ...] = field(metadata={"doc": "The volumes, where both drew it."})


@dataclass(frozen=True)
class VolumeICC:
    """Intraclass correlation of volumes."""

    readers: tuple[str, ...] = field(metadata={"doc": "Whose volumes, or which reads."})
    table: ICCTable = field(metadata={"doc": "The forms that apply."})
    logarithms: ICCTable = field(
        metadata={"doc": "The same of the natural logarithms of volumes: a tenth more counts alike at every size."}
    )
    without_outliers: ICCTable | None = field(metadata={"doc": "Without reads of named outliers; null: nobody is named."})


@dataclass(frozen=True)
class ReadersEstimate:
    """A statistic of certain readers."""

    readers: tuple[str, ...] = field(metadata={"doc": "Whose answers, or which reads."})
    estimate: Estimate = field(metadata={"doc": "The statistic."})


@dataclass(frozen=True)
class Presence:
    """Whether readers call the structure present or absent."""

    present_by_all: int = field(metadata={"doc": "Cases in which all of their readers drew it."})
    absent_by_all: int = field(metadata={"doc": "Cases in which none did: assessed, absent."})
    disputed: int = field(metadata={"doc": "Cases in which some did."})
    no_segment: int = field(metadata={"doc": "Reads without such a segment, taken as absent."})
    statistics: tuple[ReadersEstimate, ...] = field(metadata={"doc": "Agreement beyond chance in presence and absence."})


@dataclass(frozen=True)
class StructureGroup:
    """One structure, pairs of one kind."""

    structure: str = field(metadata={"doc": "Name of the structure."})
    relation: Relation = field(metadata={"doc": "Different readers, or one reader's repeats."})
    anchoring: Anchoring = field(metadata={"doc": "Which reads saw an AI result."})
    readers: tuple[str, ...] = field(metadata={"doc": "Readers with at least one pair."})
    models: tuple[str, ...] = field(metadata={"doc": "AI results that readers saw."})
    cases: int = field(metadata={"doc": "Cases with at least one pair."})
    patients: int = field(metadata={"doc": "Patients of these cases."})
    pairs: int = field(metadata={"doc": "Pairs of reads."})
    measures: tuple[MeasureSummary, ...] = field(
        metadata={"doc": "Measures of pairs over cases; none where volumes alone are known."}
    )
    matrix: tuple[MatrixCell, ...] = field(metadata={"doc": "Each two readers; none where readers are exchangeable."})
    volumes: tuple[VolumeDifferences, ...] = field(metadata={"doc": "Bland-Altman of volumes, each two readers."})
    icc: tuple[VolumeICC, ...] = field(metadata={"doc": "Intraclass correlation of volumes."})
    presence: Presence = field(metadata={"doc": "Present or absent."})
    notes: tuple[str, ...] = field(metadata={"doc": "What is left out, and why."})

    @property
    def absent(self) -> bool:
        """Whether no reader of any of its cases drew the structure."""
        return not self.presence.present_by_all and not self.presence.disputed


@dataclass(frozen=True)
class RatingGroup:
    """One rating, answers of one kind."""

    rating: str = field(metadata={"doc": "Id of the rating."})
    lowest: int = field(metadata={"doc": "Lowest grade of the scale."})
    highest: int = field(metadata={"doc": "Highest grade of the scale."})
    relation: Relation = field(metadata={"doc": "Different readers, or one reader's repeats."})
    anchoring: Anchoring = field(metadata={"doc": "Which answers were given with an AI result in sight."})
    cases: int = field(metadata={"doc": "Cases with an answer."})
    answers: int = field(metadata={"doc": "Answers with a grade."})
    not_assessable: int = field(metadata={"doc": "Answers that it cannot be assessed: counted, and left out of the statistics."})
    statistics: tuple[ReadersEstimate, ...] = field(metadata={"doc": "Agreement beyond chance."})


@dataclass(frozen=True)
class NamedOutlier:
    """A read that is left out where 'without outliers' is said."""

    case: str = field(metadata={"doc": "The case."})
    structure: str = field(metadata={"doc": "The structure."})
    reader: str = field(metadata={"doc": "The reader."})
    repeat: int = field(metadata={"doc": "Which of the reader's reads of the case."})
    evidence: str = field(metadata={"doc": "What was found."})


@dataclass(frozen=True)
class StudyAgreement:
    """Agreement of readers over the cases of a study."""

    schema: Literal["segqc-study-agreement"] = field(metadata={"doc": "Always segqc-study-agreement."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what computed it."})
    exchangeable_readers: bool = field(metadata={"doc": "Whether reader 1 of two cases may be two persons."})
    surface_tolerance_mm: float | None = field(
        metadata={"doc": "Tolerance of the surface Dice, mm; null: no voxels were compared."}
    )
    definition: str | None = field(metadata={"doc": "What surface Dice and distances are measured between: surfel or voxel."})
    readers: tuple[str, ...] = field(metadata={"doc": "All readers."})
    cases: int = field(metadata={"doc": "Cases."})
    patients: int = field(metadata={"doc": "Patients."})
    reads: int = field(metadata={"doc": "Reads: one reader, one case, one time."})
    structures: tuple[StructureGroup, ...] = field(metadata={"doc": "By structure and kind of pairs."})
    ratings: tuple[RatingGroup, ...] = field(metadata={"doc": "By rating and kind of answers."})
    outliers: tuple[NamedOutlier, ...] = field(metadata={"doc": "Reads that are named as outliers."})
    read_once: tuple[str, ...] = field(metadata={"doc": "Cases without a pair, because one read alone is there."})
    rules: tuple[str, ...] = field(metadata={"doc": "How it was computed, in sentences."})
    simulated: bool = field(default=False, metadata={"doc": "Whether anything in it was simulated: then nobody read it."})
    deidentification: Deidentification | None = field(
        default=None, metadata={"doc": "How the report was de-identified; null: it was not."}
    )

    @property
    def absent(self) -> tuple[str, ...]:
        """Structures that were compared and that nobody drew in any case."""
        names = dict.fromkeys(group.structure for group in self.structures)
        drawn = {group.structure for group in self.structures if not group.absent}
        return tuple(name for name in names if name not in drawn)

    def to_json(self) -> str:
        return to_json(self)


def study_schema() -> dict:
    """Return the JSON Schema of a study's agreement."""
    return json_schema(StudyAgreement, title="Agreement of readers over many cases", identifier=STUDY_SCHEMA_ID)


def study_agreement(
    study: MeasuredStudy,
    ratings: Sequence[StudyRating] = (),
    *,
    exchangeable: bool = False,
    simulated: bool = False,
    software: dict[str, str] | None = None,
    progress: Progress = unwatched,
) -> StudyAgreement:
    """Return the agreement of a study's readers, by structure and kind of pairs.

    Parameters
    ----------
    study : MeasuredStudy
    ratings : sequence of StudyRating
    exchangeable : bool
        "Reader 1" of two cases is not one person, as in LIDC-IDRI: nothing is computed that needs to know who read.
    simulated : bool
        Any of it is simulated; every output says so.
    software : dict of str to str, optional
    progress : Progress

    Raises
    ------
    BadDataError
        If pingouin or statsmodels are not installed.
    """
    groups: dict[tuple[str, Relation, Anchoring], list[MeasuredPair]] = {}
    for structure in dict.fromkeys(read.structure for read in study.reads):
        for kind in _kinds():
            groups[structure, *kind] = []
    for pair in study.pairs:
        groups[pair.first.structure, pair.relation, pair.anchoring].append(pair)
    order = tuple(dict.fromkeys([*(read.reader for read in study.reads), *(answer.reader for answer in ratings)]))
    made = [
        _structure_group(*key, groups[key], order, study, exchangeable)
        for key in counted(progress, "Computing agreement", [key for key, pairs in groups.items() if pairs])
    ]
    everything = [*study.reads, *ratings]
    with_pair = {pair.first.case for pair in study.pairs}
    return StudyAgreement(
        schema="segqc-study-agreement",
        schema_version="1.0",
        software=software or {},
        exchangeable_readers=exchangeable,
        surface_tolerance_mm=study.tolerance_mm,
        definition=study.definition,
        readers=order,
        cases=len({entry.case for entry in everything}),
        patients=len({entry.patient for entry in everything}),
        reads=len({(entry.case, entry.reader, entry.repeat) for entry in everything}),
        structures=tuple(made),
        ratings=tuple(_rating_groups(ratings, order, exchangeable)),
        outliers=tuple(
            NamedOutlier(read.case, read.structure, read.reader, read.repeat, read.outlier)
            for read in study.reads
            if read.outlier is not None
        ),
        read_once=tuple(dict.fromkeys(read.case for read in study.reads if read.case not in with_pair)),
        rules=RULES,
        simulated=simulated,
    )


def _kinds() -> Iterator[tuple[Relation, Anchoring]]:
    for relation in get_args(Relation):
        for anchoring in get_args(Anchoring):
            yield relation, anchoring


def _structure_group(
    structure: str,
    relation: Relation,
    anchoring: Anchoring,
    pairs: Sequence[MeasuredPair],
    order: Sequence[str],
    study: MeasuredStudy,
    exchangeable: bool,
) -> StructureGroup:
    mixed = anchoring == "AI-free against AI-anchored"
    pairs = [pair if mixed or relation == "intra-reader" else _in_order(pair, order) for pair in pairs]
    reads = _distinct(pairs)
    by_readers: dict[tuple[str, str], list[MeasuredPair]] = {}
    for pair in sorted(pairs, key=lambda pair: (order.index(pair.first.reader), order.index(pair.second.reader))):
        by_readers.setdefault((pair.first.reader, pair.second.reader), []).append(pair)
    notes = []
    volumes: tuple[VolumeDifferences, ...] = ()
    icc: tuple[VolumeICC, ...] = ()
    if exchangeable and relation == "inter-reader":
        notes.append(EXCHANGEABLE_REASON + " Bland-Altman and a matrix of readers need persons, too, and are left out.")
        notes.append(
            "ICC and Fleiss' kappa need as many reads of each case: as many are taken as keep most of them, the first in the table;"
            " cases with fewer are left out."
        )
    elif mixed and relation == "inter-reader":
        notes.append(
            "Volumes are compared within one reader only: between readers, who saw what cannot be told from who reads how."
        )
    if not exchangeable and not (mixed and relation == "inter-reader"):
        volumes = tuple(_volumes(own, relation, mixed) for own in by_readers.values())
    if not mixed:
        icc = tuple(_icc(pairs, relation, order, exchangeable))
    models = tuple(dict.fromkeys(read.model for read in reads if read.model is not None))
    if len(models) > 1:
        notes.append(f"Readers saw results of {len(models)} models or versions here; who saw which is not told apart.")
    no_segment = sum(not read.has_segment for read in reads)
    return StructureGroup(
        structure=structure,
        relation=relation,
        anchoring=anchoring,
        readers=tuple(sorted({read.reader for read in reads}, key=order.index)),
        models=models,
        cases=len({pair.first.case for pair in pairs}),
        patients=len({pair.first.patient for pair in pairs}),
        pairs=len(pairs),
        measures=tuple(_measures(pairs, study)),
        matrix=() if exchangeable else tuple(_cell(*key, own) for key, own in by_readers.items()),
        volumes=volumes,
        icc=icc,
        presence=_presence(pairs, reads, relation, mixed, order, exchangeable, no_segment),
        notes=tuple(notes),
    )


def _in_order(pair: MeasuredPair, order: Sequence[str]) -> MeasuredPair:
    if order.index(pair.first.reader) <= order.index(pair.second.reader):
        return pair
    return MeasuredPair(pair.second, pair.first, pair.dice, pair.surface_dice, pair.hausdorff_95_mm)


def _distinct(pairs: Sequence[MeasuredPair]) -> list[MeasuredRead]:
    return list({(read.case, read.reader, read.repeat): read for pair in pairs for read in (pair.first, pair.second)}.values())


def _measures(pairs: Sequence[MeasuredPair], study: MeasuredStudy) -> Iterator[MeasureSummary]:
    if study.definition is None and all(pair.dice is None for pair in pairs):
        return
    tolerance = "" if study.tolerance_mm is None else f", tolerance {study.tolerance_mm:g} mm"
    definition = study.definition or ""
    texts: tuple[tuple[str, str, str, str, Callable[[MeasuredPair], float | None]], ...] = (
        ("dice", "Dice", "1", "2 |A and B| / (|A| + |B|), voxel counts; 0 if only one drew it", lambda pair: pair.dice),
        (
            "surface_dice",
            f"surface Dice{tolerance}",
            "1",
            f"share of both surfaces within the tolerance of the other ({definition}); 0 if only one drew it",
            lambda pair: pair.surface_dice,
        ),
        (
            "hausdorff_95_mm",
            "95 % Hausdorff distance",
            "mm",
            f"larger of the two directed 95th percentiles ({definition}); undefined if one drew nothing",
            lambda pair: pair.hausdorff_95_mm,
        ),
    )
    others = [pair for pair in pairs if not pair.has_outlier]
    for measure, title, unit, words, value in texts:
        if measure != "dice" and study.definition is None:
            continue
        fewer = None if len(others) == len(pairs) else _summary(title, others, value)
        yield MeasureSummary(measure, title, unit, words, _summary(title, pairs, value), fewer)


def _summary(title: str, pairs: Sequence[MeasuredPair], value: Callable[[MeasuredPair], float | None]) -> CaseSummary:
    return case_summary(
        title, [value(pair) for pair in pairs], [pair.first.case for pair in pairs], [pair.first.patient for pair in pairs]
    )


def _cell(first: str, second: str, pairs: Sequence[MeasuredPair]) -> MatrixCell:
    by_case: dict[str, list[float]] = {}
    for pair in pairs:
        if pair.dice is not None:
            by_case.setdefault(pair.first.case, []).append(pair.dice)
    middle = float(np.median([np.mean(own) for own in by_case.values()])) if by_case else None
    return MatrixCell(first, second, len(by_case), middle)


def _volumes(pairs: Sequence[MeasuredPair], relation: Relation, mixed: bool) -> VolumeDifferences:
    own = list(_first_two(pairs))
    drawn = [pair for pair in own if pair.first.volume_ml and pair.second.volume_ml]
    kept = [pair for pair in drawn if not pair.has_outlier]
    first, second = own[0].first.reader, own[0].second.reader
    if relation == "intra-reader":
        first, second = (f"{first}, AI-free", f"{first}, AI-anchored") if mixed else (f"{first}, earlier", f"{first}, later")
    return VolumeDifferences(
        first,
        second,
        _limits(drawn),
        _limits(drawn, percent=True),
        None if len(kept) == len(drawn) else _limits(kept),
        sum(bool(pair.first.volume_ml) != bool(pair.second.volume_ml) for pair in own),
        tuple(CaseValues(pair.first.case, pair.first.volume_ml, pair.second.volume_ml, pair.has_outlier) for pair in drawn),
    )


def _limits(pairs: Sequence[MeasuredPair], *, percent: bool = False) -> BlandAltman:
    return bland_altman(
        [pair.first.volume_ml for pair in pairs],
        [pair.second.volume_ml for pair in pairs],
        "mL",
        percent=percent,
        patients=[pair.first.patient for pair in pairs],
    )


def _first_two(pairs: Sequence[MeasuredPair]) -> Iterator[MeasuredPair]:
    """Yield one pair for each case and reader: that of the two earliest reads, where there are several repeats."""
    earliest: dict[tuple[str, str, str], MeasuredPair] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.first.repeat, pair.second.repeat)):
        earliest.setdefault((pair.first.case, pair.first.reader, pair.second.reader), pair)
    return iter(sorted(earliest.values(), key=pairs.index))


def _icc(pairs: Sequence[MeasuredPair], relation: Relation, order: Sequence[str], exchangeable: bool) -> Iterator[VolumeICC]:
    outliers = any(pair.has_outlier for pair in pairs)
    if relation == "intra-reader":
        if exchangeable:
            return
        for reader in sorted({pair.first.reader for pair in pairs}, key=order.index):
            own = list(_first_two([pair for pair in pairs if pair.first.reader == reader]))
            rows = {pair.first.case: [pair.first, pair.second] for pair in own}
            columns = (f"{reader}, earlier", f"{reader}, later")
            named = any(pair.has_outlier for pair in own)
            yield _volume_icc(columns, rows, False, named)
        return
    by_case: dict[str, list[MeasuredRead]] = {}
    for read in _distinct(pairs):
        by_case.setdefault(read.case, []).append(read)
    if exchangeable:
        # As many columns as lose the fewest reads; which read stands in which column means nothing.
        most = max(map(len, by_case.values()))
        k = max(range(2, most + 1), key=lambda k: k * sum(len(reads) >= k for reads in by_case.values()))
        rows = {case: [*reads[:k], *[None] * (k - len(reads))] for case, reads in by_case.items()}
        columns = tuple(f"read {n + 1}" for n in range(k))
    else:
        columns = tuple(sorted({read.reader for reads in by_case.values() for read in reads}, key=order.index))
        k = len(columns)
        rows = {
            case: [next((read for read in reads if read.reader == reader), None) for reader in columns]
            for case, reads in by_case.items()
        }
    yield _volume_icc(columns, rows, exchangeable, outliers)


def _volume_icc(
    columns: tuple[str, ...], rows: dict[str, list[MeasuredRead | None]], exchangeable: bool, outliers: bool
) -> VolumeICC:
    k = len(columns)
    return VolumeICC(
        columns,
        _icc_of(rows, k, exchangeable),
        _icc_of(rows, k, exchangeable, logarithms=True),
        _icc_of(rows, k, exchangeable, with_outliers=False) if outliers else None,
    )


def _icc_of(
    rows: dict[str, list[MeasuredRead | None]],
    k: int,
    exchangeable: bool,
    *,
    with_outliers: bool = True,
    logarithms: bool = False,
) -> ICCTable:
    def volume(read: MeasuredRead | None) -> float:
        known = read is not None and read.volume_ml and (with_outliers or read.outlier is None)
        return read.volume_ml if known else np.nan

    drawn = {case: row for case, row in rows.items() if any(read is not None and read.volume_ml for read in row)}
    table = np.array([[volume(read) for read in row] for row in drawn.values()]).reshape(-1, k)
    found = intraclass_correlation(np.log(table) if logarithms else table, list(drawn), exchangeable=exchangeable)
    patients = [next(read.patient for read in row if read is not None) for case, row in drawn.items() if case not in found.left_out]
    return replace(found, forms=tuple(replace(icc, estimate=of_patients(icc.estimate, patients)) for icc in found.forms))


def _presence(
    pairs: Sequence[MeasuredPair],
    reads: Sequence[MeasuredRead],
    relation: Relation,
    mixed: bool,
    order: Sequence[str],
    exchangeable: bool,
    no_segment: int,
) -> Presence:
    by_case: dict[str, list[bool]] = {}
    for read in reads:
        by_case.setdefault(read.case, []).append(read.volume_ml > 0)
    present = sum(all(own) for own in by_case.values())
    absent = sum(not any(own) for own in by_case.values())
    statistics: list[ReadersEstimate] = []
    if relation == "inter-reader" and not mixed:
        answers = [(read.case, read.patient, read.reader, int(read.volume_ml > 0)) for read in reads]
        statistics = list(_between_readers(answers, (0, 1), order, exchangeable, ordered=False))
    elif relation == "intra-reader" and not exchangeable:
        for reader in sorted({pair.first.reader for pair in pairs}, key=order.index):
            own = list(_first_two([pair for pair in pairs if pair.first.reader == reader]))
            both = [(int(pair.first.volume_ml > 0), int(pair.second.volume_ml > 0)) for pair in own]
            owners = [pair.first.patient for pair in own]
            statistics += _of_two((f"{reader}, repeated",), both, (0, 1), owners, ordered=False)
    return Presence(present, absent, len(by_case) - present - absent, no_segment, tuple(statistics))


def _between_readers(
    answers: Sequence[tuple[str, str, str, int]], grades: Sequence[int], order: Sequence[str], exchangeable: bool, *, ordered: bool
) -> Iterator[ReadersEstimate]:
    """Yield agreement of all readers, and of each two, from (case, patient, reader, grade)."""
    patients = {case: patient for case, patient, _, _ in answers}
    columns = tuple(sorted({reader for _, _, reader, _ in answers}, key=order.index))
    cases = list(patients)
    if exchangeable:
        of_case: dict[str, list[int]] = {case: [] for case in cases}
        for case, _, _, grade in answers:
            of_case[case].append(grade)
        most = max(map(len, of_case.values()))
        table = np.array([[*own, *[np.nan] * (most - len(own))] for own in of_case.values()], float)
        k = max(range(2, most + 1), key=lambda k: k * sum(len(own) >= k for own in of_case.values()), default=2)
        complete = table[:, :k]
        names: tuple[str, ...] = ("all reads",)
    else:
        table = np.full((len(cases), len(columns)), np.nan)
        for case, _, reader, grade in answers:
            table[cases.index(case), columns.index(reader)] = grade
        complete, names = table, columns
    owners = [patients[case] for case in cases]
    yield ReadersEstimate(names, fleiss_kappa(complete, grades, owners))
    yield ReadersEstimate(names, of_patients(gwet_ac(table, grades, "quadratic" if ordered else "unweighted"), owners))
    if exchangeable:
        return
    for a, b in combinations(range(len(columns)), 2):
        known = np.isfinite(table[:, (a, b)]).all(axis=1)
        both = table[:, (a, b)][known].astype(int)
        if len(both):
            of_both = [owner for owner, is_known in zip(owners, known, strict=True) if is_known]
            yield from _kappas((columns[a], columns[b]), both, grades, of_both, ordered=ordered)


def _kappas(
    readers: tuple[str, ...],
    both: NDArray[np.int_] | Sequence[tuple[int, int]],
    grades: Sequence[int],
    patients: Sequence[str],
    *,
    ordered: bool,
) -> Iterator[ReadersEstimate]:
    first, second = [int(a) for a, _ in both], [int(b) for _, b in both]
    for weights in ("linear", "quadratic") if ordered else ("unweighted",):
        yield ReadersEstimate(readers, of_patients(cohen_kappa(first, second, grades, weights), patients))


def _of_two(
    readers: tuple[str, ...], both: Sequence[tuple[int, int]], grades: Sequence[int], patients: Sequence[str], *, ordered: bool
) -> Iterator[ReadersEstimate]:
    yield from _kappas(readers, both, grades, patients, ordered=ordered)
    found = gwet_ac(np.array(both, float).reshape(-1, 2), grades, "quadratic" if ordered else "unweighted")
    yield ReadersEstimate(readers, of_patients(found, patients))


def _rating_groups(ratings: Sequence[StudyRating], order: Sequence[str], exchangeable: bool) -> Iterator[RatingGroup]:
    for rating in dict.fromkeys(answer.rating for answer in ratings):
        for relation in get_args(Relation):
            for anchored in (False, True):
                own = [answer for answer in ratings if answer.rating == rating and (answer.model is not None) == anchored]
                group = _rating_group(own, relation, "AI-anchored" if anchored else "AI-free", order, exchangeable)
                if group is not None:
                    yield group


def _rating_group(
    answers: Sequence[StudyRating], relation: Relation, anchoring: Anchoring, order: Sequence[str], exchangeable: bool
) -> RatingGroup | None:
    by_read: dict[tuple[str, str], list[StudyRating]] = {}
    for answer in sorted(answers, key=lambda answer: answer.repeat):
        by_read.setdefault((answer.case, answer.reader), []).append(answer)
    if relation == "inter-reader":
        used = [own[0] for own in by_read.values()]
        if len({answer.reader for answer in used}) < 2:
            return None
    else:
        by_read = {key: own[:2] for key, own in by_read.items() if len(own) > 1}
        used = [answer for own in by_read.values() for answer in own]
        if not used or exchangeable:
            return None
    grades = range(used[0].lowest, used[0].highest + 1)
    graded = [answer for answer in used if answer.grade is not None]
    statistics: list[ReadersEstimate] = []
    if relation == "inter-reader" and graded:
        facts = [(answer.case, answer.patient, answer.reader, answer.grade) for answer in graded]
        statistics = list(_between_readers(facts, grades, order, exchangeable, ordered=True))
    elif relation == "intra-reader":
        for reader in sorted({answer.reader for answer in used}, key=order.index):
            pairs = [own for (_, name), own in by_read.items() if name == reader]
            pairs = [(one, other) for one, other in pairs if one.grade is not None and other.grade is not None]
            both = [(one.grade, other.grade) for one, other in pairs]
            owners = [one.patient for one, _ in pairs]
            statistics += _of_two((f"{reader}, repeated",), both, grades, owners, ordered=True)
    return RatingGroup(
        rating=used[0].rating,
        lowest=used[0].lowest,
        highest=used[0].highest,
        relation=relation,
        anchoring=anchoring,
        cases=len({answer.case for answer in used}),
        answers=len(graded),
        not_assessable=len(used) - len(graded),
        statistics=tuple(statistics),
    )
