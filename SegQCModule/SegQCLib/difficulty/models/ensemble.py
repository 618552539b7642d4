"""The paper's ensemble: the mean of what the best Ridge and the best ResNet predict.

It works on predictions, not on models: Ridge reads descriptors and the ResNet reads slices, and what they share is the
number that comes out.

References
----------
Fournel et al., Difficulty estimation for image-specific medical image segmentation quality control, Table 3 (e).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def best_of(predictions: Mapping[str, NDArray[np.float64]], target: NDArray[np.float64]) -> str:
    """Return the name of the predictions with the lowest mean absolute error; of equal ones, the first.

    Parameters
    ----------
    predictions : mapping of str to ndarray, shape (n,)
        Out-of-fold predictions of the same n slices or lesions by each model's name. The choice by the same errors that
        are reported afterwards flatters the chosen one a little; with two models to choose from, as in the paper, hardly.
    target : ndarray of float64, shape (n,)
        Agreement that was observed, 0 to 1.

    Raises
    ------
    ValueError
        If there is nothing to choose from, or predictions are not one finite number for each target.
    """
    if not predictions:
        raise ValueError("No predictions to choose from.")
    for name, predicted in predictions.items():
        _require(name, predicted, len(target))
    return min(predictions, key=lambda name: float(np.abs(predictions[name] - target).mean()))


def ensemble(predictions: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the mean over models of their predictions, shape (n,), 0 to 1.

    Parameters
    ----------
    predictions : mapping of str to ndarray, shape (n,)
        Predictions of the same n slices or lesions by each model's name, two models or more.

    Raises
    ------
    ValueError
        If there are fewer than two models, or predictions are not one finite number for each slice or lesion.
    """
    if len(predictions) < 2:
        raise ValueError(f"An ensemble of {', '.join(predictions) or 'no model'} has nothing to average; two models are needed.")
    number = len(next(iter(predictions.values())))
    for name, predicted in predictions.items():
        _require(name, predicted, number)
    return np.mean(list(predictions.values()), axis=0)


def _require(name: str, predicted: NDArray, number: int) -> None:
    if predicted.shape != (number,):
        raise ValueError(f"{name} predicts {predicted.shape}; ({number},) is needed, one number for each slice or lesion.")
    if not np.isfinite(predicted).all():
        raise ValueError(f"{name} predicts values that are not finite numbers: leave out what it refuses for every model.")
