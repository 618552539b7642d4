"""Where an image-quality number stands among the cases of a study: robust z-scores within scanner and protocol.

No universal limit exists for these numbers: a z-score says that an image differs from the study's others, not that it is
unusable. It is shown beside the study's limits and decides nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from scipy import stats

from SegQCLib.protocol import plain_name
from SegQCLib.quality.quality_measurement import QualityMeasurement, StudyPosition
from SegQCLib.record import QCRecord

# Median absolute deviation of a normal distribution with a standard deviation of 1: 1 / 1.4826.
_MAD_OF_NORMAL = float(stats.norm.ppf(0.75))
# Rows of others in memory at once.
_AT_ONCE = 500

StratumKey = tuple[str, str, str, str, bool]

# Of a study, the case itself counted.
FEWEST_CASES = 20
NO_SCANNER = (
    "Manufacturer (0008,0070) and Manufacturer's Model Name (0008,1090) are not known, so cases of the same scanner cannot be told."
    " Give the DICOM series."
)
RULES = (
    (
        "z = (value − median) / (1.4826 MAD), with median and MAD (median absolute deviation) of the other cases: the case itself"
        " is left out (Leys et al., J Exp Soc Psychol 2013;49:764-766)."
    ),
    (
        "Only cases of one scanner under one protocol are compared, and only where at least"
        f" {FEWEST_CASES} have the number, the case itself counted."
    ),
    (
        "One scanner is one device: manufacturer, model and Device Serial Number (0018,1000), because noise differs between devices"
        " of one model, too. Without serial numbers, cases of that model that have none are compared, and it is said."
    ),
    "One protocol is one version of it: another version can ask for another slice thickness or kernel.",
    (
        "Of several records of one examination (Study Instance UID, else Series Instance UID, else SHA-256 of the image) under one"
        " protocol the latest counts. Two examinations of one patient are two cases: records do not name patients."
    ),
    "A case with several segments of one structure counts once, with their median.",
    "No source gives a z-score from which an image is unusable: none is judged by it.",
)


@dataclass(frozen=True)
class Stratum:
    """Scanner and protocol that cases have to share before their numbers are compared.

    Attributes
    ----------
    manufacturer, model, device_serial : str
        Without regard to case and white space; device_serial is "" where it is not known.
    protocol : str
        Id and version.
    simulated : bool
        Simulated and real images are never compared.
    scanner : str
        The scanner as people read it.
    """

    manufacturer: str
    model: str
    device_serial: str
    protocol: str
    simulated: bool
    scanner: str

    @property
    def words(self) -> str:
        """All of it as people read it."""
        return f"{self.scanner}, protocol {self.protocol}"

    @property
    def key(self) -> StratumKey:
        """What two cases have to share."""
        return self.manufacturer, self.model, self.device_serial, self.protocol, self.simulated


@dataclass(frozen=True)
class NumberKind:
    """What two numbers have to share to mean the same."""

    structure: str
    measure: str
    method: str
    region: str
    background: str
    unit: str


@dataclass(frozen=True)
class QualityNorms:
    """The numbers of a study's cases.

    Attributes
    ----------
    values : mapping of (StratumKey, NumberKind) to mapping of case to value
        One value for each case. Cases whose headers name no scanner are not in it.
    """

    values: Mapping[tuple[StratumKey, NumberKind], Mapping[str, float]]


def stratum_of(record: QCRecord) -> Stratum | None:
    """Return the scanner and the protocol of a record; None where its header names no manufacturer or no model."""
    facts = record.case.acquisition
    manufacturer, model, serial = (
        " ".join((text or "").split()) for text in (facts.manufacturer, facts.model, facts.device_serial)
    )
    if not manufacturer or not model:
        return None
    protocol = f"{record.protocol.id} {record.protocol.version}"
    device = f"serial number {serial}" if serial else "serial number not known: devices of this model count as one"
    simulated = "simulated images, " if record.says_simulated else ""
    scanner = f"{simulated}{manufacturer} {model} ({device})"
    return Stratum(manufacturer.casefold(), model.casefold(), serial.casefold(), protocol, record.says_simulated, scanner)


def kind_of(measurement: QualityMeasurement) -> NumberKind:
    """Return what a number has to share with another to be compared with it."""
    m = measurement
    # "Lesion 1 background" of one case is to Lesion 1 what "Lesion 2 background" is to Lesion 2.
    background = plain_name(re.sub(rf"(?<!\w){re.escape(m.segment)}(?!\w)", "segment", m.background or ""))
    return NumberKind(m.structure or m.segment, m.measure, m.method, m.region, background, m.unit)


def case_key(record: QCRecord) -> str | None:
    """Return what tells a record's examination from others; None where nothing does, as without UIDs after de-identification."""
    facts = record.case.acquisition
    of_image = next((entry.sha256 for entry in record.inputs if entry.role == "image"), None)
    return facts.study_instance_uid or facts.series_instance_uid or of_image


def examinations(records: Sequence[QCRecord]) -> dict[str, list[QCRecord]]:
    """Return the records of each examination under each protocol, the latest last, by a key of both.

    A record whose examination nothing tells is one of its own. Of records of one moment, or without a date, the last given is
    the latest.
    """
    found: dict[str, list[QCRecord]] = defaultdict(list)
    for number, record in enumerate(records):
        found[_key(case_key(record) or f"record {number}", record)].append(record)
    return {key: sorted(own, key=_moment) for key, own in found.items()}


def case_values(measurements: Iterable[QualityMeasurement]) -> dict[NumberKind, float]:
    """Return one value for each kind of number: the median over segments of one structure; refused numbers are left out."""
    found: dict[NumberKind, list[float]] = defaultdict(list)
    for m in measurements:
        if m.value is not None:
            found[kind_of(m)].append(m.value)
    return {kind: float(np.median(values)) for kind, values in found.items()}


def quality_norms(records: Sequence[QCRecord]) -> QualityNorms:
    """Return the numbers of a study's cases for each scanner and protocol."""
    values: dict[tuple[StratumKey, NumberKind], dict[str, float]] = defaultdict(dict)
    for key, own in examinations(records).items():
        stratum = stratum_of(own[-1])
        for kind, value in case_values(own[-1].image_quality).items() if stratum is not None else ():
            values[stratum.key, kind][key] = value
    return QualityNorms(dict(values))


def place_in_study(record: QCRecord, norms: QualityNorms) -> QCRecord:
    """Return a record whose image-quality numbers say where they stand among the study's other cases.

    Where there are fewer than 19 such cases, or the scanner is not known, a number has no place, and says why.
    """
    stratum = stratum_of(record)
    own = _key(case_key(record) or "", record)
    placed = tuple(_placed(m, stratum, own, norms) for m in record.image_quality)
    return replace(record, image_quality=placed)


def position(value: float, others: Iterable[float], stratum: str) -> StudyPosition:
    """Return where a value stands among those of other cases.

    Parameters
    ----------
    value : float
    others : iterable of float
        One value for each other case, in the same unit; at least 19.
    stratum : str
        What the cases share, in words.

    Returns
    -------
    StudyPosition
        Its z is None where the median absolute deviation of the others is 0.

    Raises
    ------
    ValueError
        If there are fewer than 19 others.

    References
    ----------
    Leys C, Ley C, Klein O, Bernard P, Licata L. Detecting outliers: do not use standard deviation around the mean, use absolute
    deviation around the median. J Exp Soc Psychol 2013;49:764-766, doi:10.1016/j.jesp.2013.03.013.
    """
    numbers = np.asarray(list(others), float)
    if len(numbers) < FEWEST_CASES - 1:
        raise ValueError(f"A z-score needs at least {FEWEST_CASES - 1} other cases; there are {len(numbers)}.")
    median, mad = float(np.median(numbers)), float(stats.median_abs_deviation(numbers))
    return StudyPosition(_z(value, median, mad), len(numbers), median, mad, stratum)


def z_scores(values: Sequence[float]) -> list[float | None]:
    """Return the robust z-score of each value among all the others, as `position` does.

    Parameters
    ----------
    values : sequence of float
        One for each case of a stratum; at least 20.
    """
    numbers, found = np.asarray(values, float), []
    for start in range(0, len(numbers), _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, len(numbers)))
        others = np.stack([np.delete(numbers, row) for row in rows])
        medians, mads = np.median(others, axis=1), stats.median_abs_deviation(others, axis=1)
        found += [_z(float(numbers[row]), float(m), float(d)) for row, m, d in zip(rows, medians, mads, strict=True)]
    return found


def _z(value: float, median: float, mad: float) -> float | None:
    return (value - median) / (mad / _MAD_OF_NORMAL) if mad > 0 else None


def too_few(cases: int, stratum: str = "") -> str:
    """Return the sentence that says why there is no z-score."""
    known = "No other case has" if cases == 0 else "1 other case has" if cases == 1 else f"{cases} other cases have"
    of_what = f" ({stratum})" if stratum else ""
    return f"{known} this number{of_what}; a robust z-score needs at least {FEWEST_CASES} cases, this one counted."


def _placed(m: QualityMeasurement, stratum: Stratum | None, own: str, norms: QualityNorms) -> QualityMeasurement:
    if m.value is None:
        return replace(m, in_study=None, not_in_study=None)
    if stratum is None:
        return replace(m, in_study=None, not_in_study=NO_SCANNER)
    others = [value for case, value in norms.values.get((stratum.key, kind_of(m)), {}).items() if case != own]
    if len(others) < FEWEST_CASES - 1:
        return replace(m, in_study=None, not_in_study=too_few(len(others), stratum.words))
    return replace(m, in_study=position(m.value, others, stratum.words), not_in_study=None)


def _key(case: str, record: QCRecord) -> str:
    return f"{case} under {record.protocol.id} {record.protocol.version}"


def _moment(record: QCRecord) -> datetime:
    try:
        moment = datetime.fromisoformat(record.created)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
