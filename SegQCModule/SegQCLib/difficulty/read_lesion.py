"""A lesion with the outlines of several readers: what a difficulty model is fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ReadLesion:
    """A lesion that several readers outlined, each without seeing an AI result or each other's outline.

    Attributes
    ----------
    id : str
        Unique in its study.
    patient : str
        Patient id. Folds and the test set are made of whole patients.
    readers : ndarray of bool, shape (reader, k, j, i)
        One outline per reader on one grid. A reader's number is an identity only where the study says so.
    spacing_mm : tuple of float
        (k, j, i); k from the true positions of the slices.
    image : ndarray, shape (k, j, i), or None
        Grey values on the same grid; None where the study has none.
    healthy : ndarray of bool, shape (k, j, i), or None
        Normal tissue of the same organ, for the `imaging` descriptors.
    uncertainty : ndarray of float, shape (k, j, i), or None
        A model's uncertainty, 0 or more, for the `uncertainty` descriptors.
    simulated : bool
        Whether readers or image are simulated; everything made of it says so.
    """

    id: str
    patient: str
    readers: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    image: NDArray | None = None
    healthy: NDArray[np.bool_] | None = None
    uncertainty: NDArray | None = None
    simulated: bool = False

    def __post_init__(self) -> None:
        if self.readers.ndim != 4 or self.readers.dtype != np.bool_ or len(self.readers) < 2:
            raise ValueError(
                f"Lesion {self.id}: readers are {self.readers.dtype} of shape {self.readers.shape}; bool (reader, k, j, i)"
                " with two or more readers is needed."
            )
        for name in ("image", "healthy", "uncertainty"):
            array = getattr(self, name)
            if array is not None and array.shape != self.readers.shape[1:]:
                raise ValueError(f"Lesion {self.id}: {name} is {array.shape}, the readers' grid is {self.readers.shape[1:]}.")
