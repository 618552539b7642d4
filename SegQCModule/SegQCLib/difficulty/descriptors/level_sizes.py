"""What GLRLM, GLSZM and GLDM have in common: features of a table that counts things by grey level and size.

A run, a zone or a dependence has a grey level i and a size j (voxels); P(i, j) is how many there are, Nz their number,
p = P / Nz. The three classes name the same sixteen sums differently.
Sources: Galloway, Comput Graph Image Process 4:172-179, 1975; Chu et al., Pattern Recognit Lett 11:415-419, 1990;
Dasarathy and Holder, Pattern Recognit Lett 12:497-502, 1991; Thibault et al., 2009; by pyradiomics' definitions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.definition import Definition

_NORMALISED = "above 0, up to 1"

# {thing} is a run, a zone or a dependence, {size} what j is called there.
_TEXTS = {
    "small": ("share of {short} {things}", "Σ P(i,j) / j² / Nz", "1", _NORMALISED),
    "large": ("weight of {long} {things}", "Σ P(i,j) j² / Nz", "voxel²", "1 or more"),
    "level_non_uniformity": ("concentration of {things} on few grey levels", "Σi (Σj P(i,j))² / Nz", "1", "above 0"),
    "level_non_uniformity_normalized": (
        "concentration of {things} on few grey levels, relative",
        "Σi (Σj P(i,j))² / Nz²",
        "1",
        _NORMALISED,
    ),
    "size_non_uniformity": ("concentration of {things} on few {sizes}", "Σj (Σi P(i,j))² / Nz", "1", "above 0"),
    "size_non_uniformity_normalized": (
        "concentration of {things} on few {sizes}, relative",
        "Σj (Σi P(i,j))² / Nz²",
        "1",
        _NORMALISED,
    ),
    "percentage": ("{things} per voxel", "Nz / Σ P(i,j) j", "1", _NORMALISED),
    "level_variance": ("variance of the grey levels of {things}", "Σ p(i,j) (i - Σ p i)²", "grey level²", "0 or more"),
    "size_variance": ("variance of {sizes}", "Σ p(i,j) (j - Σ p j)²", "voxel²", "0 or more"),
    "entropy": ("disorder of the {things}", "-Σ p(i,j) log2 p(i,j)", "bit", "0 or more"),
    "low_level": ("share of dark {things}", "Σ P(i,j) / i² / Nz", "1", _NORMALISED),
    "high_level": ("weight of bright {things}", "Σ P(i,j) i² / Nz", "grey level²", "1 or more"),
    "small_low_level": ("share of {short} dark {things}", "Σ P(i,j) / (i² j²) / Nz", "1", _NORMALISED),
    "small_high_level": ("weight of {short} bright {things}", "Σ P(i,j) i² / j² / Nz", "grey level²", "above 0"),
    "large_low_level": ("weight of {long} dark {things}", "Σ P(i,j) j² / i² / Nz", "voxel²", "above 0"),
    "large_high_level": ("weight of {long} bright {things}", "Σ P(i,j) i² j² / Nz", "grey level² voxel²", "1 or more"),
}


def define(kind: str, words: dict[str, str], ibsi: str) -> Definition:
    """Return the definition of one of the sixteen sums in the words of a class ("things", "sizes", "short", "long")."""
    meaning, formula, unit, values = _TEXTS[kind]
    return Definition(meaning.format_map(words), formula, unit, values, ibsi)


def level_size_features(counts: NDArray[np.integer], levels: NDArray[np.float64], sizes: NDArray[np.float64]) -> dict[str, float]:
    """Return the sixteen sums, averaged over A tables.

    Parameters
    ----------
    counts : ndarray of int, shape (A, n, m)
        P(i, j) of each table (one per direction for runs); none of them empty.
    levels : ndarray of float64, shape (n,)
        Grey levels i, 1 or more.
    sizes : ndarray of float64, shape (m,)
        Sizes j in voxels, 1 or more.

    Returns
    -------
    dict of float
        Keys as in `define`.
    """
    by_level = counts.sum(axis=2)
    by_size = counts.sum(axis=1)
    total = by_level.sum(axis=1).astype(float)
    share = counts / total[:, None, None]
    level_share = by_level / total[:, None]
    size_share = by_size / total[:, None]
    level_powers = _powers(levels)
    size_powers = _powers(sizes)
    small, large, mean_size = (size_share @ size_powers).T
    low, high, mean_level = (level_share @ level_powers).T
    crossed = level_powers[:, :2].T @ share @ size_powers[:, :2]
    level_sum = (level_share * level_share).sum(axis=1)
    size_sum = (size_share * size_share).sum(axis=1)
    sums = {
        "small": small,
        "large": large,
        "level_non_uniformity": level_sum * total,
        "level_non_uniformity_normalized": level_sum,
        "size_non_uniformity": size_sum * total,
        "size_non_uniformity_normalized": size_sum,
        "percentage": 1 / mean_size,
        # From the mean, not as E[i²] - E[i]²: that loses all digits where nearly all levels are equal.
        "level_variance": (level_share * (levels - mean_level[:, None]) ** 2).sum(axis=1),
        "size_variance": (size_share * (sizes - mean_size[:, None]) ** 2).sum(axis=1),
        "entropy": -(share * np.log2(np.where(counts, share, 1))).sum(axis=(1, 2)) + 0.0,
        "low_level": low,
        "high_level": high,
        "small_low_level": crossed[:, 0, 0],
        "large_low_level": crossed[:, 0, 1],
        "small_high_level": crossed[:, 1, 0],
        "large_high_level": crossed[:, 1, 1],
    }
    return dict(zip(sums, np.array(list(sums.values())).mean(axis=1).tolist(), strict=True))


def _powers(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return v^-2, v² and v as columns."""
    squared = values * values
    return np.stack([1 / squared, squared, values], axis=1)
