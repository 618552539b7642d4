"""The same agreement for every image: the global threshold that image-specific prediction is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Constant:
    """Predict one number.

    Source: the "global thresholding" of Fournel et al., Table 3.
    """

    value: float = field(metadata={"doc": "Predicted Dice, 0 to 1."})

    @property
    def base(self) -> float:
        """The prediction before contributions."""
        return self.value

    def contributions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return zeros, shape (n, m): no descriptor is used."""
        return np.zeros(values.shape)

    def predict(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prediction for each row of descriptors, shape (n,)."""
        return np.full(len(values), self.value)


def fit_constant(values: NDArray[np.float64], target: NDArray[np.float64], weights: NDArray[np.float64]) -> Constant:
    """Return the weighted mean of the target; the descriptors, shape (n, m), are not used."""
    if len(values) != len(target):
        raise ValueError(f"{len(values)} rows of descriptors and {len(target)} targets; one target per row is needed.")
    return Constant(float(np.average(target, weights=weights)))
