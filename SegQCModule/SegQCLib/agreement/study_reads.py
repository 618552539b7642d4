"""The table of a reading study: who read which case, when again, with which AI result in sight, and where the segmentation is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.csv_rows import read_csv_rows
from SegQCLib.errors import BadDataError
from SegQCLib.readers.ratings import read_ratings_file

COLUMNS = {
    "case": "the image that was read (required)",
    "reader": "who read it (required)",
    "repeat": "1 for a reader's first read of a case, 2 for the second ...; empty: 1",
    "model": "the AI result that the reader saw before finishing, in any words; empty: none, the read is AI-free",
    "patient": "whose image it is; empty: every case is another patient",
    "structure": "which structure the line is of; empty: every structure in the file",
    "path": "the segmentation, beside the table or with its folder",
    "image": "the image, which an RTSTRUCT needs; empty: none",
    "volume_ml": "in place of a path: the volume as it was measured elsewhere, mL; 0: assessed, absent",
    "ratings": "a file of ratings as SegQC saves it",
    "rating:NAME:LOWEST-HIGHEST": "a grade of the scale, for example rating:motion:1-5; 'not assessable' is an answer, too",
}
NOT_ASSESSABLE = "not assessable"
_RATING = re.compile(r"rating:(?P<name>[^:]+):(?P<lowest>-?\d+)-(?P<highest>\d+)")
_MOST_GRADES = 101
# Somebody who writes one of these means that there was no AI result, and as a name it would say the opposite.
_NO_MODEL = frozenset(
    {
        "none",
        "no",
        "-",
        "–",
        "0",
        "n/a",
        "na",
        "nan",
        "null",
        "false",
        "no ai",
        "without",
        "without ai",
        "ai-free",
        "free",
        "manual",
    }
)


@dataclass(frozen=True)
class StudyRead:
    """One line of the table: one reader's read of one case, or of one structure of it.

    Attributes
    ----------
    case, patient, reader : str
    repeat : int
        From 1.
    model : str or None
        None: AI-free.
    structure : str or None
        None: every structure in the file.
    path, image : Path or None
    volume_ml : float or None
    """

    case: str
    patient: str
    reader: str
    repeat: int
    model: str | None
    structure: str | None = None
    path: Path | None = None
    image: Path | None = None
    volume_ml: float | None = None


@dataclass(frozen=True)
class StudyRating:
    """One answer to one rating.

    Attributes
    ----------
    case, patient, reader : str
    repeat : int
    model : str or None
    rating : str
    grade : int or None
        None: not assessable.
    lowest, highest : int
        Of the scale.
    """

    case: str
    patient: str
    reader: str
    repeat: int
    model: str | None
    rating: str
    grade: int | None
    lowest: int
    highest: int


@dataclass(frozen=True)
class StudyTable:
    """A study as its table has it."""

    reads: tuple[StudyRead, ...]
    ratings: tuple[StudyRating, ...]


def read_study_table(path: Path) -> StudyTable:
    """Return the reads and ratings of a table, see `COLUMNS`.

    Raises
    ------
    BadDataError
        With every fault and its line: unknown or missing columns, a value that cannot be used, a read that is given twice,
        two answers of one read to one rating, scales that differ, files that are not there.
    """
    rows = read_csv_rows(path)
    scales = {}
    faults = []
    for column in rows.header:
        found = _RATING.fullmatch(column)
        if found and 0 < int(found["highest"]) - int(found["lowest"]) < _MOST_GRADES:
            scales[column] = (found["name"].strip(), int(found["lowest"]), int(found["highest"]))
        elif column and column not in COLUMNS:
            faults.append(f"line {rows.header_line}: unknown column {column!r}; known are {', '.join(COLUMNS)}")
    faults += [f"line {rows.header_line}: the column {name} is missing" for name in ("case", "reader") if name not in rows.header]
    if not {"path", "volume_ml", "ratings", *scales} & set(rows.header):
        faults.append(f"line {rows.header_line}: nothing to compare; give a column path, volume_ml, ratings or rating:NAME:1-5")
    if faults:
        raise _faulty(path, faults)
    reads: dict[tuple, StudyRead] = {}
    answers: dict[tuple, StudyRating] = {}
    for line, row in rows.rows:
        try:
            read = _read(row, path.parent)
            given = [*_own_ratings(row, scales, read), *_ratings_of_file(row, path.parent, read)]
        except (ValueError, BadDataError) as error:
            faults.append(f"line {line}: {error}")
            continue
        if read.path is not None or read.volume_ml is not None:
            key = (read.case, read.reader, read.repeat, read.structure)
            if key in reads:
                faults.append(f"line {line}: {read.reader} reads {read.case} twice as repeat {read.repeat}; number the repeats")
            reads[key] = read
        for answer in given:
            key = (answer.case, answer.reader, answer.repeat, answer.rating)
            if answers.setdefault(key, answer) != answer:
                faults.append(f"line {line}: {answer.reader} answers {answer.rating!r} of {answer.case} in two ways; keep one")
    faults += dict.fromkeys(_across(reads, answers))
    if not faults and not reads and not answers:
        faults.append("no line has a path, a volume or a rating")
    if faults:
        raise _faulty(path, faults)
    return StudyTable(tuple(reads.values()), tuple(answers.values()))


def _faulty(path: Path, faults: list[str]) -> BadDataError:
    return BadDataError(path, "is not a usable table of reads.", "Correct:\n" + "\n".join(f"  {fault}" for fault in faults))


def _read(row: dict[str, str], folder: Path) -> StudyRead:
    case, reader = row["case"], row["reader"]
    if not case or not reader:
        raise ValueError("case and reader must both be given")
    repeat = row.get("repeat") or "1"
    if not repeat.isdecimal() or int(repeat) < 1:
        raise ValueError(f"repeat is {repeat!r}; it is a whole number from 1")
    model = row.get("model") or None
    if model is not None and model.casefold() in _NO_MODEL:
        raise ValueError(f"model is {model!r}; leave it empty where the reader saw no AI result")
    where, volume = row.get("path") or None, row.get("volume_ml") or None
    if where and volume:
        raise ValueError("give a path or volume_ml, not both")
    volume_ml = None
    if volume is not None:
        try:
            volume_ml = float(volume)
        except ValueError:
            raise ValueError(f"volume_ml is {volume!r}; it is a number in mL, with a point") from None
        if not 0 <= volume_ml < float("inf"):
            raise ValueError(f"volume_ml is {volume}; it is 0 or more")
        if not row.get("structure"):
            raise ValueError("volume_ml needs the structure that it is of")
    return StudyRead(
        case=case,
        patient=row.get("patient") or case,
        reader=reader,
        repeat=int(repeat),
        model=model,
        structure=row.get("structure") or None,
        path=_file(where, folder),
        image=_file(row.get("image"), folder),
        volume_ml=volume_ml,
    )


def _file(text: str | None, folder: Path) -> Path | None:
    if not text:
        return None
    path = folder / text
    if not path.exists():
        raise ValueError(f"there is no file {text}")
    return path


def _own_ratings(row: dict[str, str], scales: dict[str, tuple[str, int, int]], read: StudyRead) -> Iterator[StudyRating]:
    for column, (name, lowest, highest) in scales.items():
        text = row.get(column, "")
        if not text:
            continue
        grade = None
        if text.casefold() != NOT_ASSESSABLE:
            if not re.fullmatch(r"-?\d+", text) or not lowest <= int(text) <= highest:
                raise ValueError(f"{column} is {text!r}; it is a grade of {lowest} to {highest}, or {NOT_ASSESSABLE!r}")
            grade = int(text)
        yield _rating(read, name, grade, lowest, highest)


def _rating(read: StudyRead, rating: str, grade: int | None, lowest: int, highest: int) -> StudyRating:
    return StudyRating(read.case, read.patient, read.reader, read.repeat, read.model, rating, grade, lowest, highest)


def _ratings_of_file(row: dict[str, str], folder: Path, read: StudyRead) -> Iterator[StudyRating]:
    path = _file(row.get("ratings"), folder)
    if path is None:
        return
    for answer in read_ratings_file(path):
        # The table's reader is who this line is of; a file may hold answers of several.
        if answer.reader == read.reader:
            yield _rating(read, answer.rating, answer.grade, answer.lowest, answer.highest)


def _across(reads: dict[tuple, StudyRead], answers: dict[tuple, StudyRating]) -> Iterator[str]:
    patients: dict[str, str] = {}
    for entry in (*reads.values(), *answers.values()):
        if patients.setdefault(entry.case, entry.patient) != entry.patient:
            yield f"{entry.case} is of patient {patients[entry.case]} and of {entry.patient}; a case is of one patient"
    scales: dict[str, tuple[int, int]] = {}
    for answer in answers.values():
        scale = (answer.lowest, answer.highest)
        if scales.setdefault(answer.rating, scale) != scale:
            first = scales[answer.rating]
            yield (
                f"{answer.rating!r} is rated from {first[0]} to {first[1]} and from {scale[0]} to {scale[1]}; grades of two scales"
                " cannot be compared"
            )
    readers: dict[str, str] = {}
    for entry in (*reads.values(), *answers.values()):
        first = readers.setdefault(entry.reader.casefold(), entry.reader)
        if first != entry.reader:
            yield f"{first!r} and {entry.reader!r} differ in capitals only; write one reader one way"
    whole = {(read.case, read.reader, read.repeat) for read in reads.values() if read.structure is None}
    for read in reads.values():
        if read.structure is not None and (read.case, read.reader, read.repeat) in whole:
            yield f"{read.reader} reads {read.case} (repeat {read.repeat}) as a whole and by structure; keep one of the two"
