"""A structure of an RT Structure Set as voxels in the slices of an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from SegQCLib.importers.contour_slices import Placed, SlicePlanes, place
from SegQCLib.importers.contour_tangles import Tangles, find_tangles
from SegQCLib.importers.layer_stack import Plane
from SegQCLib.importers.polygon_fill import fill_even_odd
from SegQCLib.importers.rt_structure_set import Contours, Structure

# Contour Data is decimal text, in most files with three digits: a pixel centre this near to a line lies on it.
ON_LINE_MM = 1e-3
# Pixels that are filled at once, one byte each.
_PIXELS_AT_ONCE = 2**25
# Lines of a plane that cross rows of pixels: an outline drawn by hand or program crosses some thousand times.
_CROSSINGS_AT_ONCE = 2**21


@dataclass(frozen=True, eq=False)
class DrawnStructure:
    """What became of a structure's contours.

    Attributes
    ----------
    name : str
    contours, oblique, beyond, astray, between : int
        Closed contours in all, and how many were not used; see `Placed`. A structure with an oblique contour is not filled.
    outside_mm : float
        How far contours in the image's slices reach beyond the outer edges of the outermost pixels.
    misses : bool
        Whether no contour reaches into the image.
    crossings : int
        How often the lines of its contours cross rows of pixels: the work of filling them.
    distance_mm, astray_mm : float
        Largest distance of a point from the slice that its contour was put into, and of a contour that lies in no slice.
    slices : tuple of int
        Slices with a contour, ascending.
    crossing, overlapping : tuple of int
        Slices in which contours cross one another, and in which one runs over itself.
    filled : tuple of (slice, first row, ndarray of bool of shape (rows, columns))
    """

    name: str
    contours: int = 0
    oblique: int = 0
    beyond: int = 0
    astray: int = 0
    between: int = 0
    outside_mm: float = 0.0
    misses: bool = False
    crossings: int = 0
    distance_mm: float = 0.0
    astray_mm: float = 0.0
    slices: tuple[int, ...] = ()
    crossing: tuple[int, ...] = ()
    overlapping: tuple[int, ...] = ()
    filled: tuple[Plane, ...] = ()


def draw(structure: Structure, planes: SlicePlanes, most_crossings: int) -> DrawnStructure:
    """Return a structure filled in the slices of an image.

    Raises
    ------
    ValueError
        If the lines of its contours cross rows of pixels more than `most_crossings` times.
    """
    name = structure.segment.name
    if not len(structure.contours.lengths):
        return DrawnStructure(name)
    placed = place(structure.contours, planes)
    counts = _counts(placed)
    there = placed.slices >= 0
    if counts["oblique"] or not there.any():
        return DrawnStructure(name, misses=bool(placed.beyond.all()), **counts)
    contours, slices = structure.contours.only(there), placed.slices[there]
    at = planes.rows_columns(contours.points_lps_mm, np.repeat(slices, contours.lengths))
    edge = np.array(planes.size) - 0.5
    outside_mm = float(np.max(np.maximum(-0.5 - at, at - edge) * planes.spacing_mm))
    low, high = np.minimum.reduceat(at, contours.starts, axis=0), np.maximum.reduceat(at, contours.starts, axis=0)
    edges = _Edges(at, contours, slices)
    crossings = edges.crossings(planes.size[0])
    if crossings.sum() > most_crossings:
        raise ValueError(f"the contours of {name} and those before it run over the rows of the image millions of times")
    tangles = _tangles(edges, crossings, planes.size[0])
    return DrawnStructure(
        name,
        outside_mm=max(0.0, outside_mm),
        misses=bool(np.all(np.any((high < -0.5) | (low > edge), axis=1))),
        crossings=int(crossings.sum()),
        distance_mm=float(placed.distance_mm[there].max()),
        slices=tuple(edges.slices.tolist()),
        crossing=tuple(edges.slices[tangles.crossing].tolist()),
        overlapping=tuple(edges.slices[tangles.overlapping].tolist()),
        filled=_fill(edges, planes),
        **counts,
    )


def _counts(placed: Placed) -> dict[str, float]:
    counts = {kind: int(np.count_nonzero(getattr(placed, kind))) for kind in ("oblique", "beyond", "astray", "between")}
    return {
        "contours": len(placed.slices),
        "astray_mm": float(placed.distance_mm[placed.astray].max(initial=0)),
        **counts,
    }


class _Edges:
    """The edges of contours: ends as (row, column), numbers of plane and contour; planes are `slices`, ascending."""

    def __init__(self, at: NDArray[np.float64], contours: Contours, slices: NDArray[np.int64]) -> None:
        following = np.arange(len(at)) + 1
        following[contours.starts + contours.lengths - 1] = contours.starts
        self.slices, plane = np.unique(slices, return_inverse=True)
        self.starts, self.ends = at, at[following]
        self.planes = np.repeat(plane, contours.lengths)
        self.contours = np.repeat(np.arange(len(slices)), contours.lengths)

    def crossings(self, height: int) -> NDArray[np.float64]:
        """Return about how many rows of pixels each edge crosses."""
        return np.minimum(np.abs(self.ends - self.starts)[:, 0], height) + 1


def _tangles(edges: _Edges, crossings: NDArray[np.float64], height: int) -> Tangles:
    """Return the tangles in all planes but those with absurdly many lines."""
    of_plane = np.bincount(edges.planes, crossings)
    group = (np.cumsum(of_plane) // _CROSSINGS_AT_ONCE)[edges.planes]
    judged = (of_plane <= _CROSSINGS_AT_ONCE)[edges.planes]
    found = [
        find_tangles(edges.starts[own], edges.ends[own], edges.planes[own], edges.contours[own], height)
        for own in (judged & (group == one) for one in np.unique(group))
    ]
    return Tangles(np.concatenate([one.crossing for one in found]), np.concatenate([one.overlapping for one in found]))


def _fill(edges: _Edges, planes: SlicePlanes) -> tuple[Plane, ...]:
    low = np.clip(np.floor(edges.starts.min(axis=0)), 0, planes.size).astype(int)
    high = np.clip(np.ceil(edges.starts.max(axis=0)) + 1, low, planes.size).astype(int)
    height, width = (high - low).tolist()
    if not height * width:
        return ()
    columns = slice(int(low[1]), int(high[1]))
    at_once = max(1, _PIXELS_AT_ONCE // (height * width))
    on_line = (ON_LINE_MM / planes.spacing_mm[0], ON_LINE_MM / planes.spacing_mm[1])
    filled: list[Plane] = []
    for first in range(0, len(edges.slices), at_once):
        slices = edges.slices[first : first + at_once].tolist()
        own = (edges.planes >= first) & (edges.planes < first + at_once)
        inside = fill_even_odd(
            edges.starts[own] - low, edges.ends[own] - low, edges.planes[own] - first, (len(slices), height, width), on_line
        )
        for k, pixels in zip(slices, inside, strict=True):
            rows = np.flatnonzero(pixels.any(axis=1))
            if len(rows):
                plane = np.zeros((rows[-1] + 1 - rows[0], planes.size[1]), bool)
                plane[:, columns] = pixels[rows[0] : rows[-1] + 1]
                filled.append((k, int(low[0] + rows[0]), plane))
    return tuple(filled)
