"""Where to look first: the pieces in which an attempt differs most from the experts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Box, Segmentation
from SegQCLib.geometry import Geometry
from SegQCLib.place import place_of
from SegQCLib.protocol import QCProtocol
from SegQCLib.readers.training.attempt_score import LookFirst
from SegQCLib.readers.training.error_map import structure_errors

MOST = 5
# Two readers' outlines of one border differ by a pixel nearly everywhere: such a rim is large and shows nothing.
_RIM = ndimage.generate_binary_structure(3, 1)
_RIM[[0, 2]] = False
_TOUCHING = np.ones((3, 3, 3), bool)


def look_first(
    candidate: Segmentation,
    references: Sequence[Segmentation],
    protocol: QCProtocol,
    structures: Sequence[str],
    geometry: Geometry,
) -> tuple[LookFirst, ...]:
    """Return where an attempt differs most from the experts, at most `MOST` places, largest first.

    Of each structure these are the largest piece that is missed and the largest that is extra. A piece is 26-connected. Rims of
    up to two pixels within a slice are left away from it; where there is nothing but such a rim, it is the piece, and the words
    say so.

    Parameters
    ----------
    candidate : Segmentation
    references : sequence of Segmentation
        On the candidate's grid.
    protocol : QCProtocol
    structures : sequence of str
        Names in the protocol.
    geometry : Geometry
    """
    found = [piece for structure in structures for piece in _of_structure(candidate, references, protocol, structure, geometry)]
    return tuple(sorted(found, key=lambda piece: -piece.volume_ml)[:MOST])


def _of_structure(
    candidate: Segmentation, references: Sequence[Segmentation], protocol: QCProtocol, structure: str, geometry: Geometry
) -> Iterator[LookFirst]:
    errors = structure_errors(candidate, references, protocol, structure)
    if errors is None:
        return
    for kind, mask in (("missed", errors.missed), ("extra", errors.extra)):
        if not mask.any():
            continue
        thick = ndimage.binary_opening(mask, _RIM)
        is_rim = not thick.any()
        piece = _largest(mask if is_rim else thick)
        yield _place(structure, _what(kind, len(references)), kind, piece, is_rim, errors.box, geometry)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    pieces, count = ndimage.label(mask, _TOUCHING)
    if count == 1:
        return mask
    sizes = np.bincount(pieces.ravel())
    return pieces == 1 + np.argmax(sizes[1:])


def _what(kind: Literal["missed", "extra"], count: int) -> str:
    if count == 1:
        # It may be a program's: nobody is said to have drawn it.
        missed = "the other outline includes this, yours does not"
        return missed if kind == "missed" else "yours includes this, the other outline does not"
    return "most experts drew this and you did not" if kind == "missed" else "you drew this and most experts did not"


def _place(
    structure: str,
    what: str,
    kind: Literal["missed", "extra"],
    piece: NDArray[np.bool_],
    is_rim: bool,
    box: Box,
    geometry: Geometry,
) -> LookFirst:
    place = place_of(piece, box, geometry)
    k = round(float(geometry.index_kji(place.location_lps_mm)[0]))
    slices = np.flatnonzero(piece.any(axis=(1, 2))) + box[0].start
    volume_ml = place.size_mm3 / 1000
    title = structure.replace("_", " ").capitalize()
    if is_rim:
        what += ", a thin rim along the border"
    where = f"slice {slices[0] + 1}" if len(slices) == 1 else f"slices {slices[0] + 1} to {slices[-1] + 1}"
    begin = "" if len(slices) == 1 else f"; begin at slice {k + 1}"
    words = f"{title}, {_volume(volume_ml)} on {where} of {geometry.size[0]}: {what}{begin}."
    return LookFirst(structure, kind, volume_ml, place.location_lps_mm, k, words)


def _volume(ml: float) -> str:
    return f"{ml:.0f} mL" if ml >= 10 else f"{ml:.1f} mL" if ml >= 0.1 else f"{1000 * ml:.0f} µL"
