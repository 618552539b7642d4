"""Volumes of one patient's lesions over time; only points of comparable series are joined."""

from __future__ import annotations

from collections.abc import Sequence

from SegQCLib.figure_svg import drawable_text, figure_svg, new_figure
from SegQCLib.study_consistency.lesion_course import LesionCourse, LesionPoint

# Okabe and Ito's palette (jfly.uni-koeln.de/color) and a marker for each: told apart in grey, too.
_STYLES = (("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"), ("#56b4e9", "v"), ("#4a5158", "P"))
MOST_LESIONS = len(_STYLES)
_MOST_TICKS = 8
_LONGEST_NAME = 22


def volume_plot(courses: Sequence[LesionCourse], *, simulated: bool) -> str | None:
    """Return volume in mL over time as SVG, one line for each of the first six lesions; None if there is one time point only.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    shown = courses[:MOST_LESIONS]
    places = _places([point for course in shown for point in course.points])
    if len(set(places.values())) < 2:
        return None
    figure = new_figure(6.4, 2.7)
    axes = figure.add_axes((0.1, 0.2, 0.6, 0.68))
    for course, (color, marker) in zip(shown, _STYLES, strict=False):
        xs, ys = [places[_key(point)] for point in course.points], [point.volume_ml for point in course.points]
        for n, point in enumerate(course.points[1:], 1):
            if _joined(point):
                axes.plot(xs[n - 1 : n + 1], ys[n - 1 : n + 1], "-", color=color, linewidth=1.4)
        name = course.lesion if course.reader is None else f"{course.lesion}, {course.reader}"
        axes.plot(xs, ys, marker, color=color, markersize=5.5, clip_on=False, label=_short(name))
    _axis(axes, places)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("Volume, mL", fontsize=9)
    axes.grid(axis="y", color="#d9dde1", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if simulated:
        figure.text(0.1, 0.93, "SIMULATED", fontsize=9, fontweight="bold")
    legend = axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.03), frameon=False, fontsize=9)
    for text in legend.get_texts():
        # A lesion may be called $x$.
        text.set_parse_math(False)
    return figure_svg(figure)


def _key(point: LesionPoint) -> tuple[str, float | None]:
    return point.timepoint or point.case, point.order


def _places(points: Sequence[LesionPoint]) -> dict[tuple[str, float | None], float]:
    keys = list(dict.fromkeys(map(_key, points)))
    if all(order is not None for _, order in keys):
        return {key: float(key[1] or 0) for key in keys}
    # Without dates or numbers the order is all that is known.
    return {key: float(n) for n, key in enumerate(keys)}


def _joined(point: LesionPoint) -> bool:
    before = point.since_previous or point.since_first
    return before is not None and before.comparable


def _axis(axes, places: dict[tuple[str, float | None], float]) -> None:
    ticks = sorted((place, text) for (text, _), place in places.items())
    ticks = ticks[:: -(-len(ticks) // _MOST_TICKS)]
    axes.set_xticks([place for place, _ in ticks])
    axes.set_xticklabels([_short(text) for _, text in ticks], fontsize=8.5, parse_math=False)
    if len(ticks) > 4:
        for label in axes.get_xticklabels():
            label.set(rotation=25, horizontalalignment="right")
    axes.tick_params(axis="y", labelsize=8.5)
    axes.margins(x=0.06)


def _short(text: str) -> str:
    text = drawable_text(text)
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
