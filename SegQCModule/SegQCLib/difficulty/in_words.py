"""What a prediction of the experts' agreement means, in the same words on screen, in the report and in a verdict's reasons."""

from __future__ import annotations

from SegQCLib.number_texts import ratio
from SegQCLib.record import SegmentExpectedAgreement

NOT_PREDICTED = "not predicted"


def percent(share: float) -> str:
    return f"{100 * share:g} %"


def threshold_meaning(prediction: SegmentExpectedAgreement) -> str:
    """Return what the threshold is: a phrase that stands after its number."""
    if prediction.rule == "mean":
        return f"the mean Dice that experts are expected to reach among themselves on an image like this (model {prediction.model})"
    return (
        f"the Dice that {percent(prediction.coverage)} of single pairs of experts are expected to reach on an image like this"
        f" (model {prediction.model}; the experts' expected mean is {ratio(prediction.dice)})"
    )


def mean_sentence(prediction: SegmentExpectedAgreement) -> str:
    """Return the expected mean with its interval, and what the interval is not."""
    return (
        f"Experts are expected to reach a mean Dice of {ratio(prediction.dice)} among themselves on this image; with a probability"
        f" of {percent(prediction.coverage)} their mean lies between {ratio(prediction.lower)} and {ratio(prediction.upper)}. The"
        " interval is about the mean of all pairs of experts: one outline is not to be judged by it."
    )


def threshold_sentence(prediction: SegmentExpectedAgreement) -> str:
    """Return what one outline has to reach on this image; without a reference, that nothing is judged by it."""
    whose = (
        "the experts' expected mean, which about half of the pairs of experts miss themselves"
        if prediction.rule == "mean"
        else f"{percent(prediction.coverage)} of single pairs of experts are expected to reach it"
    )
    if sets_limit(prediction):
        return f"Threshold for the Dice against a reference on this image: {ratio(prediction.threshold)} ({whose})."
    return (
        "There is no reference, so no outline is judged: for an expert's outline like the candidate's the threshold for the"
        f" Dice would be {ratio(prediction.threshold)} ({whose})."
    )


def sets_limit(prediction: SegmentExpectedAgreement) -> bool:
    """Return whether outlines are judged by a prediction's threshold: not where it is from the candidate's own outline."""
    return prediction.described_role != "candidate"


def described_words(prediction: SegmentExpectedAgreement) -> str:
    """Return which model looked at whose outline, as a sentence."""
    whose = {
        None: "it was given no outline",
        "candidate": "it was given the outline of the candidate, as there is no reference",
        "reference": "it was given the outline of the reference",
    }.get(prediction.described_role, f"it was given the outline of {prediction.described_role}")
    return f"Model {prediction.model}; {whose}."


def sentences(prediction: SegmentExpectedAgreement) -> tuple[str, ...]:
    """Return all that is to be said of a prediction, the numbers first; of a refusal only why."""
    if prediction.dice is None:
        return ("Expected agreement of experts on this image: not predicted.", *prediction.reasons, described_words(prediction))
    numbers = (mean_sentence(prediction), threshold_sentence(prediction))
    return (*numbers, described_words(prediction), *prediction.reasons)
