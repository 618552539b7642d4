"""How did readers rate the image?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol, Rating
from SegQCLib.readers.ratings import RatingGiven, answers, scale_text

ID = "ratings"
WHY = (
    "A person sees motion, metal or noise that no header tells. Where artifact hides the borders of a structure, no outline of"
    " it can be trusted."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report every answer to a rating of the protocol, and in one finding the ratings that nobody answered.

    A grade that the protocol calls unusable fails, which asks a person to decide: it proposes to exclude the image and
    excludes nothing by itself, unless the protocol has this check among its rejecting_checks.
    """
    unanswered = []
    for rating in protocol.ratings:
        given = [answer for answer in case.ratings if answer.rating == rating.id]
        if not given:
            unanswered.append(rating.title)
        for answer in given:
            yield _finding(rating, answer)
    if unanswered:
        message = f"The protocol asks the reader to rate the image; not rated yet: {', '.join(unanswered)}."
        yield Finding(ID, Status.NOT_EVALUATED, message, source=f"protocol {protocol.id} {protocol.version}")


def _finding(rating: Rating, answer: RatingGiven) -> Finding:
    usable = ", ".join(str(grade.value) for grade in rating.grades if grade.value not in rating.unusable)
    allowed = f"{usable} ({scale_text(rating)})"
    comment = f" Comment: “{answer.comment}”." if answer.comment else ""
    if not answers(rating, answer):
        given = "not assessable" if answer.grade is None else f"{answer.grade} ({answer.wording})"
        message = (
            f"{rating.title}: {answer.reader} answered {given} on a scale of {answer.scale}. The protocol's scale or wording"
            f" is another ({scale_text(rating)}), so the answer does not count: rate it again.{comment}"
        )
        return Finding(ID, Status.NOT_EVALUATED, message, f"{given}; {answer.scale}", allowed, source=rating.source)
    if answer.grade is None:
        message = f"{rating.title}: {answer.reader} could not assess it on this image.{comment}"
        return Finding(ID, Status.NOT_EVALUATED, message, "not assessable", allowed, source=rating.source)
    message = f"{rating.title}: {answer.reader} gave {answer.grade} ({answer.wording}) on a scale of {answer.scale}."
    measured = f"{answer.grade} ({answer.scale})"
    if answer.proposes_exclusion:
        message += f" The protocol calls this grade unusable: it proposes to exclude the image.{comment}"
        return Finding(ID, Status.FAIL, message, measured, allowed, source=rating.source)
    return Finding(ID, Status.PASS, message + comment, measured, allowed, source=rating.source)
