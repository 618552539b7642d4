"""Largest distance between two points of a set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PAIRED_DIRECTLY = 500  # up to so many points, all pairs are faster than a convex hull


def largest_distance(points: NDArray[np.float64]) -> float:
    """Return the largest distance between two points, exactly; 0 for one point.

    Both ends of the largest distance D lie at least D - R from any centre, R the largest distance from that centre; a
    distance that two points are known to have is a lower bound of D. On round shapes this leaves a handful of points.

    Parameters
    ----------
    points : ndarray of float, shape (n, 2 or 3)
        One or more. In 3-D, many points must not all lie in one plane; those of an outline never do.
    """
    from_centre = np.linalg.norm(points - (points.min(axis=0) + points.max(axis=0)) / 2, axis=1)
    farthest = points[from_centre.argmax()]
    bound = 0.0
    for _ in range(2):
        distances = np.linalg.norm(points - farthest, axis=1)
        bound, farthest = max(bound, float(distances.max())), points[distances.argmax()]
    ends = points[from_centre >= (bound - from_centre.max()) * (1 - 1e-9)]
    if len(ends) > _PAIRED_DIRECTLY:
        from scipy.spatial import ConvexHull

        ends = ends[ConvexHull(ends).vertices]
    return max(bound, _largest_of_all_pairs(ends))


def _largest_of_all_pairs(points: NDArray[np.float64]) -> float:
    squares = sum(np.subtract.outer(axis, axis) ** 2 for axis in points.T)
    return float(np.sqrt(np.max(squares)))


def largest_distance_in_planes(points: NDArray[np.int64], axis: int, spacing_mm: tuple[float, ...]) -> float:
    """Return the largest distance in mm between two points of one plane, over all planes across an axis.

    Parameters
    ----------
    points : ndarray of int, shape (n, 3)
        In half voxels.
    axis : int
        The axis that the planes are perpendicular to.
    spacing_mm : tuple of float
        Of whole voxels, (k, j, i).
    """
    order = np.argsort(points[:, axis].astype(np.uint16), kind="stable")  # 16 bits are sorted several times faster
    plane_of = points[order, axis]
    starts = np.flatnonzero(np.diff(plane_of, prepend=-1))
    sizes = np.diff(starts, append=len(order))
    in_plane = [points[order, other] * (spacing_mm[other] / 2) for other in range(3) if other != axis]
    squared_radii = 0.0
    for places in in_plane:
        centres = (np.minimum.reduceat(places, starts) + np.maximum.reduceat(places, starts)) / 2
        squared_radii = squared_radii + (places - np.repeat(centres, sizes)) ** 2
    radii = np.sqrt(np.maximum.reduceat(squared_radii, starts))
    in_plane = np.stack(in_plane, axis=1)
    largest = 0.0
    for plane in np.argsort(-radii):
        if 2 * radii[plane] <= largest:
            break
        largest = max(largest, largest_distance(in_plane[starts[plane] : starts[plane] + sizes[plane]]))
    return largest
