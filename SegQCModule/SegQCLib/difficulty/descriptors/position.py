"""How usual a lesion's place in its organ is.

Fournel et al. describe a "positional orthodoxy score" between 0 and 1 "that reflects the alignment between the lesion's
position in the lung and its positional frequency across the entire dataset", without a formula: the definition is SegQC's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.grey_levels import bounding_box
from SegQCLib.difficulty.descriptors.meaning import Meaning
from SegQCLib.errors import BadDataError

MEANINGS = {"orthodoxy": Meaning("how usual the place in the organ is, 1 for the most usual")}

CELLS = (12, 12, 12)


@dataclass(frozen=True, eq=False)
class FrequencyMap:
    """How often each place of an organ was part of a lesion.

    Attributes
    ----------
    frequency : ndarray of float64, shape (k, j, i)
        Share of the lesions, 0 to 1, that cover a cell. The cells divide the organ's bounding box evenly along each axis.
    lesions : int
        Number of lesions it was made of.
    """

    frequency: NDArray[np.float64]
    lesions: int

    @classmethod
    def of(cls, lesions_in_organs: Iterable[tuple[NDArray[np.bool_], NDArray[np.bool_]]]) -> FrequencyMap:
        """Return the map of lesions, each with its organ on the same grid: pairs of masks (k, j, i)."""
        covered, count = np.zeros(CELLS), 0
        for lesion, organ in lesions_in_organs:
            touched = np.zeros(CELLS, bool)
            touched[_cells(lesion, organ, CELLS)] = True
            covered += touched
            count += 1
        if count == 0:
            raise ValueError("A frequency map needs one lesion or more.")
        return cls(covered / count, count)

    def orthodoxy(self, lesion: NDArray[np.bool_], organ: NDArray[np.bool_]) -> float:
        """Return the mean over the lesion's voxels of their cells' frequency, over the largest frequency of all cells: 0 to 1.

        1: where lesions are found most often; 0: where none was. Voxels beyond the organ's box count with the nearest cell.

        Parameters
        ----------
        lesion, organ : ndarray of bool, shape (k, j, i)
            On one grid, neither empty.
        """
        return float(self.frequency[_cells(lesion, organ, self.frequency.shape)].mean() / self.frequency.max())

    def save(self, path: Path) -> None:
        """Write the map as plain arrays (npz)."""
        with path.open("wb") as file:
            np.savez_compressed(file, frequency=self.frequency, lesions=np.array(self.lesions))

    @classmethod
    def load(cls, path: Path) -> FrequencyMap:
        """Return the map that `save` wrote; raise BadDataError if the file is not one."""
        remedy = "Give a file that FrequencyMap.save wrote."
        try:
            with np.load(path, allow_pickle=False) as arrays:
                frequency, lesions = arrays["frequency"], int(arrays["lesions"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
            raise BadDataError(path, f"is not a frequency map ({error}).", remedy) from error
        usable = frequency.ndim == 3 and frequency.dtype == np.float64 and frequency.size and np.isfinite(frequency).all()
        if not usable or frequency.min() < 0 or not 0 < frequency.max() <= 1 or lesions < 1:
            raise BadDataError(path, f"holds {frequency.dtype} of shape {frequency.shape}, not shares from 0 to 1.", remedy)
        return cls(frequency, lesions)


def _cells(lesion: NDArray[np.bool_], organ: NDArray[np.bool_], cells: tuple[int, ...]) -> tuple[NDArray[np.intp], ...]:
    """Return the cell of each voxel of a lesion, as index along each axis."""
    if lesion.shape != organ.shape:
        raise ValueError(f"The lesion's grid is {lesion.shape}, the organ's {organ.shape}; one grid is needed.")
    found = []
    for places, side, number in zip(np.nonzero(lesion), bounding_box(organ), cells, strict=True):
        share = (places + 0.5 - side.start) / (side.stop - side.start)
        found.append(np.clip((share * number).astype(np.intp), 0, number - 1))
    return tuple(found)
