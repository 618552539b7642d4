"""Ratings that readers give to an image: a grade in its own words, on a scale whose direction is stored with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.errors import BadDataError
from SegQCLib.protocol import Grade, Rating
from SegQCLib.words import LEFT_OUT


@dataclass(frozen=True)
class RatingGiven:
    """One reader's answer to one rating of a protocol.

    It carries the scale and the wording it was given by: papers differ in which end is best, and a bare 1 of
    another study would be read the wrong way round.
    """

    rating: str = field(metadata={"doc": "Id of the rating in the protocol, for example motion."})
    title: str = field(metadata={"doc": "What was rated."})
    grade: int | None = field(metadata={"doc": "The grade; null: not assessable."})
    wording: str | None = field(metadata={"doc": "The grade in words, as the reader saw it; null: not assessable."})
    best: Literal["highest", "lowest"] = field(metadata={"doc": "Which end of the scale is best."})
    lowest: int = field(metadata={"doc": "Lowest grade of the scale."})
    highest: int = field(metadata={"doc": "Highest grade of the scale."})
    reader: str = field(metadata={"doc": "Who rated."})
    created: str = field(metadata={"doc": "When, ISO 8601 with time zone; left out, in a de-identified record."})
    source: str = field(metadata={"doc": "Where the scale comes from."})
    not_assessable: bool = field(
        default=False, metadata={"doc": "The reader looked and could not say: an answer of its own, with the reason in comment."}
    )
    comment: str | None = field(default=None, metadata={"doc": "The reader's own words; where not assessable, why."})
    proposes_exclusion: bool = field(
        default=False, metadata={"doc": "Whether the protocol calls this grade unusable, so that it proposes to exclude the image."}
    )

    @property
    def scale(self) -> str:
        """The scale in words: 1 to 5, 5 is best."""
        return _scale(self.lowest, self.highest, self.best)

    def faults(self) -> Iterator[tuple[str, str]]:
        if self.lowest >= self.highest:
            yield "highest", f"{self.highest} is not above lowest, {self.lowest}"
        if self.not_assessable and self.grade is not None:
            yield "grade", f"is {self.grade} although the rating is not assessable; keep one of the two"
        if not self.not_assessable and self.grade is None:
            yield "grade", "is null; give a grade, or set not_assessable"
        if self.grade is not None and not self.lowest <= self.grade <= self.highest:
            yield "grade", f"{self.grade} is not on the scale of {self.lowest} to {self.highest}"
        if (self.grade is None) != (self.wording is None):
            yield "wording", "a grade has its wording, and what is not assessable has none"
        if self.grade is None and self.proposes_exclusion:
            yield "proposes_exclusion", "is true without a grade; only a grade can propose to exclude the image"
        if not self.reader.strip():
            yield "reader", "is empty; say who rated"
        try:
            has_time_zone = datetime.fromisoformat(self.created).tzinfo is not None
        except ValueError:
            has_time_zone = False
        if not has_time_zone and self.created != LEFT_OUT:
            yield "created", f"{self.created!r} is not a time with time zone, as in 2026-11-21T18:59:00+01:00"


@dataclass(frozen=True)
class RatingsFile:
    """Ratings as a file and as a text in the scene: one answer per reader and rating."""

    schema: Literal["segqc-ratings"] = field(metadata={"doc": "Always segqc-ratings."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    ratings: tuple[RatingGiven, ...] = field(metadata={"doc": "The answers, in the order in which they were given."})

    def faults(self) -> Iterator[tuple[str, str]]:
        seen: dict[tuple[str, str], int] = {}
        for n, answer in enumerate(self.ratings):
            first = seen.setdefault((answer.rating, answer.reader), n)
            if first != n:
                yield (
                    f"ratings[{n}]",
                    f"{answer.reader} answers {answer.rating!r} here and in ratings[{first}]; keep the answer that holds",
                )


def _scale(lowest: int, highest: int, best: Literal["highest", "lowest"]) -> str:
    return f"{lowest} to {highest}, {highest if best == 'highest' else lowest} is best"


def scale_text(rating: Rating) -> str:
    """Return a rating's scale in words: 1 to 5, 5 is best."""
    values = [grade.value for grade in rating.grades]
    return _scale(min(values), max(values), rating.best)


def give_grade(rating: Rating, grade: int, reader: str, comment: str | None = None, created: str | None = None) -> RatingGiven:
    """Return a reader's grade as an answer to a rating.

    Parameters
    ----------
    rating : Rating
    grade : int
        One of the rating's grades.
    reader : str
    comment : str, optional
    created : str, optional
        ISO 8601 with time zone; default: now.

    Raises
    ------
    ValueError
        If the scale has no such grade.
    """
    wordings = {item.value: item.wording for item in rating.grades}
    if grade not in wordings:
        raise ValueError(f"{grade} is not a grade of {rating.id!r}; its grades are {sorted(wordings)}.")
    return _answer(rating, grade, wordings[grade], reader, comment, created)


def not_assessable(rating: Rating, reader: str, comment: str | None = None, created: str | None = None) -> RatingGiven:
    """Return the answer that a rating cannot be assessed on this image; the comment says why."""
    return _answer(rating, None, None, reader, comment, created)


def _answer(
    rating: Rating, grade: int | None, wording: str | None, reader: str, comment: str | None, created: str | None
) -> RatingGiven:
    values = [item.value for item in rating.grades]
    return RatingGiven(
        rating=rating.id,
        title=rating.title,
        grade=grade,
        wording=wording,
        best=rating.best,
        lowest=min(values),
        highest=max(values),
        reader=reader,
        created=created or datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        source=rating.source,
        not_assessable=grade is None,
        comment=comment,
        proposes_exclusion=grade in rating.unusable,
    )


def answers(rating: Rating, given: RatingGiven) -> bool:
    """Return whether an answer was given to this rating as it stands: same scale, direction, wording and consequence.

    An answer to an earlier version of a scale says something else, however close the numbers are.
    """
    values = [item.value for item in rating.grades]
    if (given.rating, given.best, given.lowest, given.highest) != (rating.id, rating.best, min(values), max(values)):
        return False
    if given.grade is None:
        return True
    wordings = {item.value: item.wording for item in rating.grades}
    return wordings.get(given.grade) == given.wording and given.proposes_exclusion == (given.grade in rating.unusable)


def answers_of(reader: str, ratings: Iterable[Rating], given: Iterable[RatingGiven]) -> dict[str, RatingGiven]:
    """Return one reader's answers to ratings as they stand, by rating id; a rating without one is not in it."""
    own = [answer for answer in given if answer.reader == reader]
    return {rating.id: answer for rating in ratings for answer in own if answers(rating, answer)}


def common_scale(ratings: Sequence[Rating]) -> str | None:
    """Return the scale that all ratings share, in words, or None where they differ in range or direction."""
    scales = {scale_text(rating) for rating in ratings}
    return scales.pop() if len(scales) == 1 else None


def best_first(rating: Rating) -> list[Grade]:
    """Return a rating's grades from the best to the worst."""
    return sorted(rating.grades, key=lambda grade: grade.value, reverse=rating.best == "highest")


def with_answer(ratings: tuple[RatingGiven, ...], answer: RatingGiven) -> tuple[RatingGiven, ...]:
    """Return the ratings with an answer in place of what the same reader answered to the same rating before."""
    kept = tuple(item for item in ratings if (item.rating, item.reader) != (answer.rating, answer.reader))
    return (*kept, answer)


def ratings_text(ratings: tuple[RatingGiven, ...]) -> str:
    """Return ratings as the text of a ratings file."""
    return to_json(RatingsFile("segqc-ratings", "1.0", ratings))


def ratings_from_text(text: str, where: object) -> tuple[RatingGiven, ...]:
    """Return the ratings in the text of a ratings file.

    Parameters
    ----------
    text : str
    where : object
        The file or node that messages name.

    Raises
    ------
    BadDataError
        With every fault, if the text is not one of ratings.
    """
    try:
        return from_json(RatingsFile, text).ratings
    except FaultyJSONError as error:
        listed = "\n".join(f"  {fault}" for fault in error.faults)
        raise BadDataError(where, "has no usable ratings.", f"Correct:\n{listed}") from error


def read_ratings_file(path: Path) -> tuple[RatingGiven, ...]:
    """Return the ratings in a JSON file.

    Raises
    ------
    BadDataError
        If it cannot be read or is not a file of ratings: then with every fault.
    """
    try:
        return ratings_from_text(path.read_text(encoding="utf-8-sig"), path)
    except OSError as error:
        raise BadDataError(
            path, f"cannot be read as ratings ({error.strerror}).", "Give a JSON file of ratings as SegQC saves it."
        ) from error
    except UnicodeDecodeError as error:
        raise BadDataError(path, "is not UTF-8 text.", "Save the ratings as UTF-8.") from error
