"""An attempt's numbers as the Training step writes them."""

from __future__ import annotations

import qt
from slicer.i18n import tr as _

from SegQCLib.number_texts import millilitres, ratio
from SegQCLib.readers.training.attempt_score import BesideExperts, StructureScore


def score_titles():
    """Return title and tip of each column of a table of structures."""
    experts = _("Lowest to highest value that two of the experts reach with each other on this image. A dash: one expert only.")
    return (
        (_("Structure"), _("As the protocol names it.")),
        (
            _("Dice"),
            _("Your mean over the experts: twice the shared volume, divided by the sum of the volumes, 0 to 1; higher is better."),
        ),
        (_("Experts"), experts),
        (
            _("Surface"),
            _("Surface Dice, your mean over the experts: share of both surfaces within the tolerance, 0 to 1; higher is better."),
        ),
        (_("Experts"), experts),
        (_("Within"), _("Whether both values are within the experts' own range on this image.")),
    )


def range_texts(beside: BesideExperts) -> tuple[str, str]:
    """Return the reader's value and the experts' range."""
    experts = beside.experts
    between = _("–") if experts is None else f"{experts.lowest:.2f}–{experts.highest:.2f}"
    return ratio(beside.reader), between


def score_row(score: StructureScore) -> tuple[str, ...]:
    """Return a row of the table: structure, Dice, experts' Dice, surface Dice, experts' surface Dice, the place of an icon."""
    return score.structure.replace("_", " "), *range_texts(score.dice), *range_texts(score.surface_dice), ""


def is_within(score: StructureScore) -> bool | None:
    """Return whether a structure is within the range by both measures, or reaches its limit; None where nothing decides."""
    if score.dice.within is not None:
        return score.dice.within and score.surface_dice.within is not False
    return None if score.limit is None else score.dice.reader >= score.limit


def within_icon(score: StructureScore):
    """Return the icon (or None) and the words for it."""
    within = is_within(score)
    if within is None:
        return None, _("There is no range to compare with: one expert only, and no limit.")
    if within:
        return qt.QStyle.SP_DialogApplyButton, _("Within the experts' own range.")
    return qt.QStyle.SP_ArrowRight, _("Outside of the experts' own range: look at the error map.")


def structure_details(score: StructureScore) -> str:
    """Return a structure's numbers in sentences: how it stands, expert by expert, and what the image lets expect."""
    lines = [score.words]
    for one in score.against:
        lines.append(
            _("{expert}: Dice {dice}, surface Dice {surface}; {volume}, yours {own}.").format(
                expert=one.expert,
                dice=ratio(one.dice),
                surface=ratio(one.surface_dice),
                volume=millilitres(1000 * one.volume_ml),
                own=millilitres(1000 * score.volume_ml),
            )
        )
    lines.append(
        _("Tolerance of the surface Dice: {tolerance:g} mm ({source}).").format(
            tolerance=score.tolerance_mm, source=score.tolerance_source
        )
    )
    expected = score.expected
    if expected is not None and expected.dice is not None:
        interval = "" if expected.lower is None else f" ({ratio(expected.lower)} to {ratio(expected.upper)})"
        lines.append(
            _("Expected mean Dice of experts among themselves on this image: {dice}{interval}, by {model}.").format(
                dice=ratio(expected.dice), interval=interval, model=expected.model
            )
        )
    elif expected is not None:
        lines += expected.reasons
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """Return a time as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
