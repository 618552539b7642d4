"""Grey level co-occurrence matrix (GLCM): which grey levels lie beside each other, by pyradiomics' definitions.

One symmetric matrix per direction (13 in a volume, 4 in a slice), distance 1 voxel; p(i, j) is the share of voxel pairs
with grey levels i and j. Each feature is computed per direction and averaged over the directions that have a pair
(IBSI: "3D, averaged"). Ng is the highest grey level, d = |i - j|, s = i + j, p(d) and p(s) their distributions, px the
marginal distribution with mean μ, variance σ² and entropy HX; HXY is the joint entropy.
Everything is NaN, "undefined", where no two voxels of the region touch.
Sources: Haralick et al., IEEE Trans Syst Man Cybern 3:610-621, 1973; pyradiomics; IBSI.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.descriptors.definition import Definition

_LEVEL, _SQUARED = "grey level", "grey level²"
_SHARE = "above 0, up to 1"

DEFINITIONS = {
    "autocorrelation": Definition("coarseness of bright texture", "Σ p(i,j) i j", _SQUARED, "1 or more", "QWB0"),
    "joint_average": Definition("mean grey level of neighbours", "μ = Σ p(i,j) i", _LEVEL, "1 or more", "60VM"),
    "cluster_prominence": Definition(
        "peakedness of the sums of neighbours", "Σ p(s) (s - 2μ)⁴", "grey level⁴", "0 or more", "AE86"
    ),
    "cluster_shade": Definition("asymmetry of the sums of neighbours", "Σ p(s) (s - 2μ)³", "grey level³", "any", "7NFM"),
    "cluster_tendency": Definition(
        "grouping of voxels with similar grey levels", "Σ p(s) (s - 2μ)²", _SQUARED, "0 or more", "DG8W"
    ),
    "contrast": Definition("local contrast", "Σ p(d) d²", _SQUARED, "0 or more", "ACUI"),
    "correlation": Definition(
        "correlation of neighbours", "Σ p(i,j) (i - μ)(j - μ) / σ²", "1", "-1 to 1; 1 where all pairs have one level", "NI2N"
    ),
    "difference_average": Definition("mean difference of neighbours", "Σ p(d) d", _LEVEL, "0 or more", "TF7R"),
    "difference_entropy": Definition("disorder of the differences of neighbours", "-Σ p(d) log2 p(d)", "bit", "0 or more", "NTRS"),
    "difference_variance": Definition(
        "variance of the differences of neighbours", "Σ p(d) (d - Σ p(d) d)²", _SQUARED, "0 or more", "D3YU"
    ),
    "joint_energy": Definition("uniformity of pairs of neighbours", "Σ p(i,j)²", "1", _SHARE, "8ZQL"),
    "joint_entropy": Definition("disorder of pairs of neighbours", "HXY = -Σ p(i,j) log2 p(i,j)", "bit", "0 or more", "TU9B"),
    "imc1": Definition(
        "information that neighbours share, first measure",
        "(HXY - 2 HX) / HX",
        "1",
        "-1 to 0; 0 where all pairs have one level",
        "R8DG",
    ),
    "imc2": Definition(
        "information that neighbours share, second measure",
        "√(1 - exp(-2 (2 HX - HXY)))",
        "1",
        "0 to below 1",
        "JN9H",
    ),
    "idm": Definition("local homogeneity, inverse squared differences", "Σ p(d) / (1 + d²)", "1", _SHARE, "WF0Z"),
    "mcc": Definition(
        "largest correlation of neighbours over all relabellings of grey levels",
        "√(second largest eigenvalue of Q), Q(i,j) = Σk p(i,k) p(j,k) / (px(i) px(k))",
        "1",
        "0 to 1; 1 where the region has one grey level",
        None,
    ),
    "idmn": Definition("local homogeneity, squared, relative to the levels", "Σ p(d) / (1 + d² / Ng²)", "1", _SHARE, "1QCO"),
    "id": Definition("local homogeneity, inverse differences", "Σ p(d) / (1 + d)", "1", _SHARE, "IB1Z"),
    "idn": Definition("local homogeneity relative to the levels", "Σ p(d) / (1 + d / Ng)", "1", _SHARE, "NDRX"),
    "inverse_variance": Definition("share of small differences", "Σ p(d) / d² over d > 0", "1", "0 to 1", "E8JP"),
    "maximum_probability": Definition("share of the most frequent pair of levels", "max p(i,j)", "1", _SHARE, "GYBY"),
    "sum_average": Definition("mean sum of neighbours", "Σ p(s) s", _LEVEL, "2 or more", "ZGXS"),
    "sum_entropy": Definition("disorder of the sums of neighbours", "-Σ p(s) log2 p(s)", "bit", "0 or more", "P6QZ"),
    "sum_squares": Definition("variance of grey levels of neighbours", "σ² = Σ p(i,j) (i - μ)²", _SQUARED, "0 or more", "UR99"),
}


def glcm_features(counts: NDArray[np.integer], levels: NDArray[np.float64]) -> dict[str, float]:
    """Return the 24 features of co-occurrences, named and defined in `DEFINITIONS`.

    Parameters
    ----------
    counts : ndarray of int, shape (direction, n, n)
        Symmetric, as `count_along_lines` gives them; summed over directions for IBSI's merged matrix.
    levels : ndarray of float64, shape (n,)
        Grey levels that occur.
    """
    totals = counts.sum(axis=(1, 2))
    counts = counts[totals > 0]
    if not len(counts):
        return dict.fromkeys(DEFINITIONS, math.nan)
    joint = counts / totals[totals > 0][:, None, None]
    marginal = joint.sum(axis=2)
    of_sum = _distribution(joint, (levels[:, None] + levels).astype(np.intp))
    of_difference = _distribution(joint, np.abs(levels[:, None] - levels).astype(np.intp))
    sums = np.arange(of_sum.shape[1], dtype=float)
    differences = np.arange(of_difference.shape[1], dtype=float)
    highest = levels[-1]

    sum_average = of_sum @ sums
    # From the mean and not from raw moments, which lose digits where nearly all levels are equal.
    from_average = sums - sum_average[:, None]
    second = of_sum * from_average**2
    third = second * from_average
    tendency = second.sum(axis=1)
    squared = differences**2
    difference_average = of_difference @ differences
    contrast = of_difference @ squared
    # With a symmetric matrix var(i + j) = 2 var + 2 cov and E[(i - j)²] = 2 var - 2 cov.
    fourfold_variance = tendency + contrast
    varied = fourfold_variance > 0
    entropy, joint_entropy = _entropy(marginal), _entropy(joint.reshape(len(joint), -1))
    shared = 2 * entropy - joint_entropy
    features = {
        "autocorrelation": ((of_sum @ sums**2) - contrast) / 4,
        "joint_average": sum_average / 2,
        "cluster_prominence": (third * from_average).sum(axis=1),
        "cluster_shade": third.sum(axis=1),
        "cluster_tendency": tendency,
        "contrast": contrast,
        "correlation": np.where(varied, (tendency - contrast) / np.where(varied, fourfold_variance, 1), 1),
        "difference_average": difference_average,
        "difference_entropy": _entropy(of_difference),
        "difference_variance": (of_difference * (differences - difference_average[:, None]) ** 2).sum(axis=1),
        "joint_energy": (joint * joint).sum(axis=(1, 2)),
        "joint_entropy": joint_entropy,
        "imc1": -shared / np.where(entropy > 0, entropy, 1),
        "imc2": np.sqrt(np.maximum(1 - np.exp(-2 * shared), 0)),
        "idm": of_difference @ (1 / (1 + squared)),
        "mcc": _maximal_correlation(joint, marginal),
        "idmn": of_difference @ (1 / (1 + squared / highest**2)),
        "id": of_difference @ (1 / (1 + differences)),
        "idn": of_difference @ (1 / (1 + differences / highest)),
        "inverse_variance": of_difference[:, 1:] @ (1 / squared[1:]),
        "maximum_probability": joint.max(axis=(1, 2)),
        "sum_average": sum_average,
        "sum_entropy": _entropy(of_sum),
        "sum_squares": fourfold_variance / 4,
    }
    return dict(zip(features, np.array(list(features.values())).mean(axis=1).tolist(), strict=True))


def _distribution(joint: NDArray[np.float64], value: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the distribution of a value of each pair of levels, shape (direction, largest value + 1)."""
    length = int(value.max()) + 1
    keys = np.arange(len(joint))[:, None] * length + value.ravel()
    return np.bincount(keys.ravel(), weights=joint.ravel(), minlength=len(joint) * length).reshape(len(joint), length)


def _entropy(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Shannon entropy of each row in bits."""
    return -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=1) + 0.0


def _maximal_correlation(joint: NDArray[np.float64], marginal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the second largest singular value of p(i,j) / √(px(i) px(j)), whose square is Q's second largest eigenvalue."""
    if joint.shape[1] == 1:
        return np.ones(len(joint))
    scale = 1 / np.sqrt(np.where(marginal > 0, marginal, 1))
    eigenvalues = np.abs(np.linalg.eigvalsh(joint * scale[:, :, None] * scale[:, None, :]))
    eigenvalues.sort(axis=1)
    return eigenvalues[:, -2]
