"""The longest diameter of a lesion in one slice, from its voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

DEFINITION = (
    "RECIST-like longest diameter: the largest distance, mm, between two points on the outline of one connected piece (pixels"
    " that share an edge or a corner) in one slice of the acquisition plane, from outer pixel corner to outer pixel corner;"
    " the largest over all slices and pieces"
)


def longest_diameter_mm(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float], *, across_pieces: bool = False) -> float:
    """Return the largest in-plane distance between two points on the outline of a mask, in one slice and one connected piece.

    The outline runs along the outer edges of the pixels: one pixel of 1 mm x 1 mm has the diameter of its diagonal, sqrt(2) mm,
    and a row of ten 1 mm pixels sqrt(101) mm. Between pixel centres it would be up to one pixel's diagonal less.

    Parameters
    ----------
    mask : ndarray of bool, shape (k, j, i)
        Slices of the acquisition plane along k.
    spacing_mm : tuple of float
        Along (k, j, i); the first is not used.
    across_pieces : bool
        The two points may lie on different pieces of one slice.

    Returns
    -------
    float
        mm; 0 for an empty mask.

    References
    ----------
    RECIST 1.1 asks for the longest diameter in the plane of measurement, by a trained reader with calipers (Eisenhauer et al.,
    Eur J Cancer 2009;45:228-247, doi 10.1016/j.ejca.2008.10.026). This is a measurement on somebody's outline, therefore
    "RECIST-like": it has no reader's judgement of where the lesion ends, and takes lymph nodes by their long axis.
    """
    pixel_mm = np.array(spacing_mm[1:])
    pieces = (piece for plane in mask if plane.any() for piece in ([plane] if across_pieces else _pieces(plane)))
    return max((_of_piece(piece, pixel_mm) for piece in pieces), default=0.0)


def _pieces(plane: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    pieces, _ = ndimage.label(plane, structure=np.ones((3, 3)))
    return [pieces[box] == number for number, box in enumerate(ndimage.find_objects(pieces), start=1)]


def _of_piece(piece: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> float:
    rows = np.flatnonzero(piece.any(axis=1))
    first = piece[rows].argmax(axis=1)
    last = piece.shape[1] - piece[rows][:, ::-1].argmax(axis=1)
    # The farthest corners lie at the ends of rows.
    ends = np.concatenate([np.stack([rows + edge, side], axis=1) for edge in (0, 1) for side in (first, last)])
    points = ends * spacing_mm
    return float(pdist(points[ConvexHull(points).vertices]).max())
