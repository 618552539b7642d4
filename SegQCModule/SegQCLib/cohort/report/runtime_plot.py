"""The plot of what cases took against the size of their images."""

from __future__ import annotations

from collections.abc import Sequence

from SegQCLib.figure_svg import figure_svg, new_figure

MOST_POINTS = 1500
_POINT = "#0072b2"


def runtime_svg(points: Sequence[tuple[float, float]]) -> str:
    """Return a plot of seconds over millions of voxels, both logarithmic; of more than 1500 points an even selection.

    Raises
    ------
    BadDataError
        If matplotlib is not installed.
    """
    step = -(-len(points) // MOST_POINTS)
    # By size, so that the selection keeps small and large images alike.
    shown = sorted(points)[::step]
    figure = new_figure(5.2, 3.0)
    axes = figure.add_axes((0.14, 0.18, 0.83, 0.77))
    axes.loglog(
        [max(voxels, 1e-6) for voxels, _ in shown],
        [max(s, 1e-3) for _, s in shown],
        "o",
        color=_POINT,
        markersize=4,
        alpha=0.5,
        mew=0,
    )
    axes.set_xlabel("Size of the image, millions of voxels", fontsize=10)
    axes.set_ylabel("Time per case, s", fontsize=10)
    axes.grid(visible=True, color="#dde1e5", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure_svg(figure)
