"""Where readers of one case disagree: voxels, connected pieces, slices, and a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.agreement.readers_of_case import ReadersOfCase
from SegQCLib.case import Box
from SegQCLib.geometry import Vector
from SegQCLib.place import place_of

_CORNERS_TOUCH = np.ones((3, 3, 3), bool)


@dataclass(frozen=True, eq=False)
class Holders:
    """Which readers hold each voxel of a structure.

    Attributes
    ----------
    structure : str
    readers : tuple of str
    box : tuple of slice
        The part (k, j, i) of the case's grid that holds what any reader drew.
    code : ndarray of uint8 or uint16, shape (k, j, i) of the box
        Bit n: reader n holds the voxel.
    """

    structure: str
    readers: tuple[str, ...]
    box: Box
    code: NDArray[np.unsignedinteger]

    @property
    def everybody(self) -> int:
        return (1 << len(self.readers)) - 1

    @property
    def differs(self) -> NDArray[np.bool_]:
        """Voxels that some readers hold and others do not, shape of the box."""
        return (self.code != 0) & (self.code != self.everybody)


@dataclass(frozen=True, eq=False)
class DisagreementComponent:
    """A connected piece of voxels that the same readers hold and the same readers do not.

    Attributes
    ----------
    structure : str
    number : int
        From 1 in its structure, the largest first.
    holders, others : tuple of str
        Names of the readers whose segment it belongs to, and of those whose segment it does not.
    box : tuple of slice
        The part (k, j, i) of the case's grid that it fills.
    mask : ndarray of bool, shape (k, j, i) of the box
    voxels : int
    size_ml : float
    center_lps_mm : tuple of float
        Centre of mass; it may lie outside of a bent piece.
    location_lps_mm : tuple of float
        A voxel of it near the centre: where to look.
    """

    structure: str
    number: int
    holders: tuple[str, ...]
    others: tuple[str, ...]
    box: Box
    mask: NDArray[np.bool_]
    voxels: int
    size_ml: float
    center_lps_mm: Vector
    location_lps_mm: Vector


@dataclass(frozen=True)
class DisagreementSlice:
    """One slice of one structure on which readers disagree: where to jump to.

    Attributes
    ----------
    structure : str
    k : int
        Slice number on the case's grid, from 0.
    size_ml : float
        Voxels of this slice that some readers hold and others do not, as a volume in mL.
    mean_dice : float or None
        Mean over all pairs of readers of the Dice on this slice, 0 to 1; pairs that both have nothing there are left out.
    location_lps_mm : tuple of float
        A disputed voxel of this slice near the middle of all that are.
    """

    structure: str
    k: int
    size_ml: float
    mean_dice: float | None
    location_lps_mm: Vector


def holders_of(case: ReadersOfCase, structure: str) -> Holders | None:
    """Return who holds each voxel of a structure; None if nobody drew any.

    Raises
    ------
    ValueError
        If no reader has a structure of this name.
    """
    segments = case.structure(structure).segments
    own = [None if s is None else reader.segmentation.box(s) for s, reader in zip(segments, case.readers, strict=True)]
    boxes = [box for box in own if box is not None]
    if not boxes:
        return None
    box = tuple(slice(min(b[axis].start for b in boxes), max(b[axis].stop for b in boxes)) for axis in range(3))
    code = np.zeros([part.stop - part.start for part in box], np.uint8 if len(case.readers) <= 8 else np.uint16)
    for n, (part, segment, reader) in enumerate(zip(own, segments, case.readers, strict=True)):
        if part is not None:
            inside = tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True))
            code[inside] |= reader.segmentation.mask(segment, part) * code.dtype.type(1 << n)
    return Holders(structure, case.names, box, code)


def disagreement_components(case: ReadersOfCase, structure: str) -> tuple[DisagreementComponent, ...]:
    """Return the connected pieces that readers disagree about, the largest first.

    Voxels are of one piece if the same readers hold them and they share a face, edge or corner: each piece then is one
    question, do these voxels belong to the structure or not.

    Parameters
    ----------
    case : ReadersOfCase
    structure : str

    Raises
    ------
    ValueError
        If no reader has a structure of this name.
    """
    held = holders_of(case, structure)
    if held is None:
        return ()
    found = []
    for code, box in enumerate(ndimage.find_objects(held.code.astype(np.int32), max_label=held.everybody - 1), start=1):
        if box is None:
            continue
        numbers, _ = ndimage.label(held.code[box] == code, _CORNERS_TOUCH)
        for number, part in enumerate(ndimage.find_objects(numbers), start=1):
            mask = numbers[part] == number
            starts = [h.start + b.start + p.start for h, b, p in zip(held.box, box, part, strict=True)]
            whole = tuple(slice(start, start + size) for start, size in zip(starts, mask.shape, strict=True))
            found.append((int(np.count_nonzero(mask)), code, whole, mask))
    # Equal sizes in the order of the grid, whatever the order of readers.
    found.sort(key=lambda piece: (-piece[0], *(part.start for part in piece[2])))
    components = []
    for number, (voxels, code, box, mask) in enumerate(found, start=1):
        place = place_of(mask, box, case.geometry)
        holds = [bool(code >> n & 1) for n in range(len(case.readers))]
        components.append(
            DisagreementComponent(
                structure=structure,
                number=number,
                holders=tuple(name for name, held_by in zip(case.names, holds, strict=True) if held_by),
                others=tuple(name for name, held_by in zip(case.names, holds, strict=True) if not held_by),
                box=box,
                mask=mask,
                voxels=voxels,
                size_ml=place.size_mm3 / 1000,
                center_lps_mm=place.center_lps_mm,
                location_lps_mm=place.location_lps_mm,
            )
        )
    return tuple(components)
