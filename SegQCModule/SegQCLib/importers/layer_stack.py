"""Put segments that may overlap into as few label layers as they fit in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

# Slice k, first row, and the voxels of that row and the next ones, shape (rows, i).
Plane = tuple[int, int, NDArray[np.bool_]]

# Each layer is as large as the image, and each segment tries one after the other.
_MOST_LAYERS = 256


class LayerStack:
    """Label layers that are filled segment by segment.

    Parameters
    ----------
    size : tuple of int
        Voxels along (k, j, i).
    highest_label : int
        The highest label value that will be added, at least 1.
    """

    def __init__(self, size: tuple[int, int, int], highest_label: int) -> None:
        self._size = size
        self._dtype = np.min_scalar_type(highest_label)
        self._layers: list[NDArray[np.unsignedinteger]] = []

    @property
    def layers(self) -> tuple[NDArray[np.unsignedinteger], ...]:
        """Return the layers, shape (k, j, i) each; one empty layer where nothing was added."""
        return tuple(self._layers) or (np.zeros(self._size, self._dtype),)

    def add(self, planes: Mapping[int, NDArray[np.bool_]], label_value: int) -> int:
        """Write the voxels of a segment to the first layer where all of them are free, and return that layer's number.

        Parameters
        ----------
        planes : mapping from slice index k to ndarray of bool, shape (j, i)
            The slices in which the segment has voxels. Without any it belongs to layer 0.
        label_value : int
            Above 0, and not yet used in the stack.
        """
        return self.add_planes(lambda: ((k, 0, plane) for k, plane in planes.items()), label_value)

    def add_planes(self, planes: Callable[[], Iterable[Plane]], label_value: int) -> int:
        """Do as `add` does with planes that need not be in memory together.

        Parameters
        ----------
        planes : callable that returns an iterable of (k, first row, voxels)
            Called again for every layer that is tried; most segments fit into the first one. One slice may have
            several planes, which are joined.
        label_value : int
            Above 0, and not yet used in the stack.

        Raises
        ------
        ValueError
            If more segments overlap than there can be layers.
        """
        for number in range(_MOST_LAYERS):
            if self._fits(number, planes(), label_value):
                return number
        raise ValueError(f"more than {_MOST_LAYERS} segments overlap one another")

    def _fits(self, number: int, planes: Iterable[Plane], label_value: int) -> bool:
        """Write a segment to a layer, or leave the layer as it was if one of the voxels is taken."""
        written: list[int] = []
        for k, first_row, plane in planes:
            if number == len(self._layers):
                self._layers.append(np.zeros(self._size, self._dtype))
            rows = self._layers[number][k, first_row : first_row + len(plane)]
            taken = (rows != 0) & plane
            if taken.any() and np.any(rows[taken] != label_value):
                for other in set(written):
                    layer = self._layers[number][other]
                    layer[layer == label_value] = 0
                return False
            np.copyto(rows, label_value, where=plane)
            written.append(k)
        return True
