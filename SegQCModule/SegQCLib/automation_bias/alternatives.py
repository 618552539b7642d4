"""Other explanations of less time and more agreement with drafts, and whether the reads are on their side."""

from __future__ import annotations

from collections.abc import Sequence

from SegQCLib.automation_bias.corroboration import ai_free_time_trend, detected
from SegQCLib.automation_bias.evidence import Alternative, Evidence, Support
from SegQCLib.automation_bias.model_version import anchored_segments
from SegQCLib.automation_bias.order import order_of
from SegQCLib.automation_bias.proportion import proportion
from SegQCLib.automation_bias.read_series import active_time_series, segment_series, series_trend
from SegQCLib.automation_bias.reading_window import ReadingWindow
from SegQCLib.automation_bias.rule import Rule
from SegQCLib.automation_bias.signs import Signs, dice_words, is_defined, percent_words
from SegQCLib.automation_bias.slope_difference import slope_difference


def alternatives_of(window: ReadingWindow, signs: Signs, corroboration: Sequence[Evidence], rule: Rule) -> tuple[Alternative, ...]:
    """Return all other explanations that the rule knows, in a fixed order."""
    answers = {evidence.id: evidence.support for evidence in corroboration}
    return (
        _as_with_others(window, signs, rule),
        _easier_cases(window, rule),
        _practice(window, answers, rule),
        _knows_the_model(window, answers, rule),
        _shorter_list(window, rule),
        _gaps(window, rule),
    )


def _as_with_others(window: ReadingWindow, signs: Signs, rule: Rule) -> Alternative:
    id_ = "as_with_others"
    opening = "Did cases or drafts change for everybody, for example by an update of the model under the same version number?"

    def segments_of(read):
        return anchored_segments(read, window.version)

    times = active_time_series(window.others_anchored, segments_of, window.first)
    agreement = segment_series(window.others_anchored, segments_of, lambda segment: segment.dice_with_draft, window.first)
    others_time = series_trend(times, rule.confidence)
    others_dice = series_trend(agreement, rule.confidence)
    readers = len({read.reader for read in window.others_anchored})
    is_enough = others_time.n >= rule.fewest_reads and readers >= rule.fewest_others
    if not (is_enough and is_defined(others_time) and is_defined(others_dice) and is_defined(signs.dice)):
        words = (
            f"{opening} {readers} other readers made {others_time.n} reads with this version; {rule.fewest_others} readers and"
            f" {rule.fewest_reads} reads are needed to compare with."
        )
        return Alternative(id_, Support.UNKNOWN, words)
    facts = f"Others' time changed by {percent_words(others_time)}, their Dice by {dice_words(others_dice)}; {others_time.n} reads."
    do_others_too = others_dice.lower > 0
    is_steeper = slope_difference(signs.dice, others_dice).lower > 0
    if do_others_too and not is_steeper:
        support = Support.FOR
    else:
        support = Support.AGAINST if is_steeper else Support.UNCLEAR
    return Alternative(id_, support, f"{opening} {facts}")


def _easier_cases(window: ReadingWindow, rule: Rule) -> Alternative:
    id_, opening = "easier_cases", "Did the cases become easier?"
    series = segment_series(
        window.anchored, lambda read: anchored_segments(read, window.version), lambda segment: segment.threshold, window.first
    )
    course = series_trend(series, rule.confidence)
    if course.n < rule.fewest_reads or not is_defined(course):
        words = (
            f"{opening} Expected expert agreement, which is higher for easier images, is known of {course.n} reads;"
            f" {rule.fewest_reads} are needed."
        )
        return Alternative(id_, Support.UNKNOWN, words)
    words = f"{opening} The Dice that expected expert agreement asks for changed by {dice_words(course)}; {course.n} reads."
    support = Support.UNCLEAR
    if course.lower > 0:
        support = Support.FOR
    elif course.upper <= 0:
        support = Support.AGAINST
    return Alternative(id_, support, words)


def _practice(window: ReadingWindow, answers: dict[str, Support], rule: Rule) -> Alternative:
    id_, opening = "practice", "Have you become quicker with practice, with and without drafts?"
    free = ai_free_time_trend(window, rule)
    if free.n < rule.fewest_ai_free or not is_defined(free):
        words = f"{opening} There are {free.n} AI-free reads of the same structures; {rule.fewest_ai_free} are needed to tell."
        return Alternative(id_, Support.UNKNOWN, words)
    support = Support.UNCLEAR
    if free.upper < 0:
        support = Support.FOR
    elif answers["ai_free_time"] is Support.FOR:
        support = Support.AGAINST
    return Alternative(id_, support, f"{opening} Your time without a draft changed by {percent_words(free)}; {free.n} reads.")


def _knows_the_model(window: ReadingWindow, answers: dict[str, Support], rule: Rule) -> Alternative:
    id_ = "knows_the_model"
    opening = "Have you learnt where this model errs, so that you look there first and miss nothing?"
    supports = {answers["planted_falling"], answers["planted_below_others"]}
    if Support.FOR in supports:
        return Alternative(id_, Support.AGAINST, f"{opening} Planted errors were missed, which speaks against it.")
    met = detected(window.planted)
    late = proportion(met[len(met) // 2 :])
    if late.n >= rule.fewest_planted and late.share >= rule.reassuring_detection:
        words = f"{opening} Of the planted errors in the second half of the period you found {late}, which speaks for it."
        return Alternative(id_, Support.FOR, words)
    return Alternative(id_, Support.UNKNOWN, f"{opening} Only planted errors can tell, and those that you met do not settle it.")


def _shorter_list(window: ReadingWindow, rule: Rule) -> Alternative:
    id_, opening = "shorter_list", "Were there fewer structures to draw?"
    series = active_time_series(window.anchored, lambda read: anchored_segments(read, window.version), window.first)
    days = [(read.started - window.first).total_seconds() / 86400 for read in window.anchored]
    counts = order_of(days, [len(read.segments) for read in window.anchored])
    falls = counts.p is not None and counts.p < rule.significance and counts.tau < 0
    facts = f"Times are compared between reads of the same list of structures only; {series.left_out} reads had a rare list."
    if falls and series.left_out > len(window.anchored) / 3:
        return Alternative(id_, Support.FOR, f"{opening} The lists did become shorter. {facts}")
    if falls:
        return Alternative(id_, Support.AGAINST, f"{opening} The lists did become shorter, but {facts[0].lower()}{facts[1:]}")
    return Alternative(id_, Support.AGAINST, f"{opening} The lists did not become shorter. {facts}")


def _gaps(window: ReadingWindow, rule: Rule) -> Alternative:
    id_, opening = "logging_gaps", "Was a part of the work not logged, or did somebody else work under your name?"
    missing = [
        read.scrolled is None
        or any(segment.dice_with_draft is None and segment.voxels != 0 for segment in anchored_segments(read, window.version))
        for read in window.anchored
    ]
    days = [(read.started - window.first).total_seconds() / 86400 for read in window.anchored]
    order = order_of(days, missing)
    share = proportion(missing)
    words = (
        f"{opening} Of the reads, {share} lack voxel counts or slices seen. Reads while the log was switched off, and whose hand"
        " it was, no log can tell."
    )
    if order.p is not None and order.p < rule.significance and order.tau > 0:
        return Alternative(id_, Support.FOR, f"{words} That became more over time.")
    return Alternative(id_, Support.AGAINST if share.upper < 0.2 else Support.UNCLEAR, words)
