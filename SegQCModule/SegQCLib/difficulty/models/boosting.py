"""Gradient-boosted trees: grown by scikit-learn, stored as plain numbers, predicted with numpy alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class GrowthSettings:
    """How scikit-learn's HistGradientBoostingRegressor grows the trees.

    The default was chosen among six settings on the develop patients of LIDC-IDRI by patient-grouped cross-validation; they
    differed by less than 0.001 in Dice. The absolute error is the loss because it is what a prediction is judged by, and
    because agreement has a long tail of hard lesions that would pull a mean. Below 200 outlines no tree can split: choose a
    linear model there.
    """

    loss: str = "absolute_error"
    learning_rate: float = 0.12
    trees: int = 60
    leaves: int = 12
    rows_per_leaf: int = 100
    l2: float = 5.0
    share_of_descriptors: float = 0.3


@dataclass(frozen=True)
class Boosting:
    """baseline + sum over trees of the value of the leaf that a row falls into.

    The nodes of all trees stand one after the other, each tree in pre-order: the left branch of node n is node n + 1. A row
    goes left where its descriptor is at or below the threshold.
    """

    baseline: float = field(metadata={"doc": "Prediction before any tree."})
    roots: tuple[int, ...] = field(metadata={"doc": "First node of each tree."})
    descriptor: tuple[int, ...] = field(metadata={"doc": "Per node the index of the descriptor that is asked; -1 in a leaf."})
    threshold: tuple[float, ...] = field(metadata={"doc": "Per node the largest value that goes left; 0 in a leaf."})
    right: tuple[int, ...] = field(metadata={"doc": "Per node the node for larger values; the node itself in a leaf."})
    value: tuple[float, ...] = field(
        metadata={"doc": "Per node its value: in a leaf what it adds to the Dice, elsewhere the mean of its leaves at fitting."}
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        nodes = len(self.descriptor)
        for name in ("threshold", "right", "value"):
            if len(getattr(self, name)) != nodes:
                yield name, f"has {len(getattr(self, name))} entries, but there are {nodes} nodes in `descriptor`"
                return
        if not self.roots:
            yield "roots", "is empty: there is no tree"
        if any(not 0 <= root < nodes for root in self.roots):
            yield "roots", f"names a node outside 0 to {nodes - 1}"
        for node, (descriptor, right) in enumerate(zip(self.descriptor, self.right, strict=True)):
            if descriptor >= 0 and not node + 1 < right < nodes:
                # A branch that leads back would never end.
                yield f"right[{node}]", f"is {right}, which is not behind node {node + 1}"

    @cached_property
    def _arrays(self) -> tuple[NDArray, ...]:
        return tuple(np.asarray(part) for part in (self.roots, self.descriptor, self.threshold, self.right, self.value))

    @property
    def base(self) -> float:
        """The prediction before contributions: that of the mean row at fitting."""
        roots, _, _, _, value = self._arrays
        return self.baseline + float(value[roots].sum())

    def predict(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prediction for each row of descriptors, shape (n,); not limited to 0 to 1."""
        total = np.full(len(values), self.base)
        for _, change in self._steps(values):
            total += change.sum(axis=1)
        return total

    def contributions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each descriptor adds to `base`, shape (n, m).

        Each step down a tree changes the mean of the leaves that are still possible; the change is put down to the
        descriptor that was asked, so base plus their sum is the prediction exactly.
        Source: Saabas, Interpreting random forests, 2014 (the method of the package treeinterpreter).
        """
        sums = np.zeros(values.shape)
        rows = np.arange(len(values))[:, None]
        for asked, change in self._steps(values):
            np.add.at(sums, (rows, np.maximum(asked, 0)), change)
        return sums

    def _steps(self, values: NDArray[np.float64]) -> Iterator[tuple[NDArray, NDArray]]:
        """Yield, step by step, for every row and tree the descriptor asked and the change of value; shape (n, trees)."""
        roots, descriptor, threshold, right, value = self._arrays
        rows = np.arange(len(values))[:, None]
        node = np.repeat(roots[None], len(values), axis=0)
        while True:
            asked = descriptor[node]
            inner = asked >= 0
            if not inner.any():
                return
            goes_left = values[rows, np.maximum(asked, 0)] <= threshold[node]
            following = np.where(inner, np.where(goes_left, node + 1, right[node]), node)
            yield asked, value[following] - value[node]
            node = following


def fit_boosting(
    values: NDArray[np.float64],
    target: NDArray[np.float64],
    weights: NDArray[np.float64],
    settings: GrowthSettings | None = None,
    seed: int = 0,
) -> Boosting:
    """Return gradient-boosted trees grown by scikit-learn's HistGradientBoostingRegressor, which needs scikit-learn.

    Parameters
    ----------
    values : ndarray, shape (n, m)
        Finite descriptors.
    target, weights : ndarray, shape (n,)

    Raises
    ------
    ValueError
        If a descriptor is not finite.
    """
    if not np.isfinite(values).all():
        raise ValueError("Boosting needs finite descriptors; leave out the rows where one is undefined.")
    return from_sklearn(grow(values, target, weights, settings or GrowthSettings(), seed))


def grow(values: NDArray, target: NDArray, weights: NDArray, settings: GrowthSettings, seed: int):
    """Return scikit-learn's fitted regressor."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    regressor = HistGradientBoostingRegressor(
        loss=settings.loss, learning_rate=settings.learning_rate, max_iter=settings.trees, max_leaf_nodes=settings.leaves,
        min_samples_leaf=settings.rows_per_leaf, l2_regularization=settings.l2, max_features=settings.share_of_descriptors,
        early_stopping=False, random_state=seed,
    )  # fmt: skip
    return regressor.fit(values, target, sample_weight=weights)


def from_sklearn(regressor) -> Boosting:
    """Return scikit-learn's fitted HistGradientBoostingRegressor as plain numbers."""
    descriptor: list[int] = []
    threshold: list[float] = []
    right: list[int] = []
    value: list[float] = []
    roots: list[int] = []

    def add(nodes: NDArray, index: int) -> tuple[float, float]:
        """Append a node and all below it; return the mean of its leaves over the rows at fitting, and their number."""
        node = nodes[index]
        here = len(descriptor)
        if node["is_leaf"]:
            descriptor.append(-1)
            threshold.append(0.0)
            right.append(here)
            value.append(float(node["value"]))
            return float(node["value"]), float(node["count"])
        descriptor.append(int(node["feature_idx"]))
        threshold.append(float(node["num_threshold"]))
        right.append(-1)
        value.append(0.0)
        left_mean, left_count = add(nodes, int(node["left"]))
        right[here] = len(descriptor)
        right_mean, right_count = add(nodes, int(node["right"]))
        count = left_count + right_count
        value[here] = (left_mean * left_count + right_mean * right_count) / count
        return value[here], count

    for (predictor,) in regressor._predictors:  # scikit-learn has no public access to the trees
        roots.append(len(descriptor))
        add(predictor.nodes, 0)
    baseline = float(np.ravel(regressor._baseline_prediction)[0])
    return Boosting(baseline, tuple(roots), tuple(descriptor), tuple(threshold), tuple(right), tuple(value))
