"""Put segments that may overlap into as few label layers as they fit in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


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
            Not yet used in the stack.
        """
        number = 0
        while planes and number < len(self._layers) and self._collides(self._layers[number], planes):
            number += 1
        if planes and number == len(self._layers):
            self._layers.append(np.zeros(self._size, self._dtype))
        for k, plane in planes.items():
            self._layers[number][k][plane] = label_value
        return number

    @staticmethod
    def _collides(layer: NDArray[np.unsignedinteger], planes: Mapping[int, NDArray[np.bool_]]) -> bool:
        return any(bool(layer[k][plane].any()) for k, plane in planes.items())
