"""Two models' values of one structure over many cases: averages, the paired difference, a test, and its multiplicity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from SegQCLib.agreement.case_bootstrap import TOO_FEW_PATIENTS
from SegQCLib.agreement.estimate import Estimate, estimate, undefined
from SegQCLib.model_comparison.measured_cohort import MeasuredStructure
from SegQCLib.model_comparison.patient_interval import Statistic, patient_interval
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.statistics.missing_package import missing_package
from SegQCLib.statistics.percentile_bootstrap import RESAMPLES

Metric = Literal["dice", "surface_dice_2mm", "hausdorff_95_mm"]
METRICS: tuple[Metric, ...] = ("dice", "surface_dice_2mm", "hausdorff_95_mm")
LOWER_IS_BETTER = frozenset({"hausdorff_95_mm"})
ALPHA = 0.05
BOOTSTRAP = f"percentile bootstrap, {RESAMPLES:,} resamples of patients with all their cases"


@dataclass(frozen=True)
class PairedTest:
    """Wilcoxon's signed-rank test of model A against model B."""

    patients: int = field(metadata={"doc": "Number of patients; of one with several cases the mean difference is tested."})
    p: float | None = field(metadata={"doc": "Two-sided p; null: not tested, see reason."})
    p_holm: float | None = field(metadata={"doc": "The same after Holm's correction over all structures of this metric."})
    reason: str | None = field(metadata={"doc": "Why it was not tested; null: it was."})


@dataclass(frozen=True)
class MetricComparison:
    """One metric of one structure: model A, model B and their paired difference A - B."""

    metric: Metric = field(metadata={"doc": "dice, surface_dice_2mm or hausdorff_95_mm."})
    pairs: int = field(metadata={"doc": "Cases in which it is defined for both models."})
    patients: int = field(metadata={"doc": "Patients of these cases."})
    mean_a: Estimate = field(metadata={"doc": "Mean of model A over the pairs."})
    mean_b: Estimate = field(metadata={"doc": "Mean of model B over the pairs."})
    median_a: Estimate = field(metadata={"doc": "Median of model A over the pairs."})
    median_b: Estimate = field(metadata={"doc": "Median of model B over the pairs."})
    mean_difference: Estimate = field(metadata={"doc": "Mean of A - B."})
    difference: Estimate = field(
        metadata={"doc": "Hodges-Lehmann estimate of A - B: the median of all pairwise averages of patients' mean differences."}
    )
    test: PairedTest = field(metadata={"doc": "Paired test."})
    conclusion: Literal["A better", "B better", "no difference shown", "identical", "not tested"] = field(
        metadata={"doc": "By p after Holm's correction below 0.05; 'no difference shown' says nothing about equality."}
    )


@dataclass(frozen=True)
class StructureComparison:
    """One structure in the whole cohort."""

    structure: str = field(metadata={"doc": "Name, as the reference has it."})
    cases: int = field(metadata={"doc": "Cases in which reference or a model has it."})
    missed_a: int = field(metadata={"doc": "Cases in which the reference has it and model A does not: Dice 0."})
    missed_b: int = field(metadata={"doc": "The same of model B."})
    false_a: int = field(metadata={"doc": "Cases in which model A has it and the reference does not: Dice 0."})
    false_b: int = field(metadata={"doc": "The same of model B."})
    metrics: tuple[MetricComparison, ...] = field(metadata={"doc": "Dice, surface Dice at 2 mm, 95 % Hausdorff distance."})

    def of(self, metric: Metric) -> MetricComparison:
        return next(one for one in self.metrics if one.metric == metric)


def hodges_lehmann(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median of all Walsh averages (d_i + d_j) / 2, i <= j, of each row.

    Parameters
    ----------
    differences : ndarray, shape (..., n)
        n of at least 1.

    References
    ----------
    Hodges, Lehmann, Ann Math Stat 1963;34:598-611 (doi:10.1214/aoms/1177704172).
    """
    first, second = np.triu_indices(differences.shape[-1])
    return np.median((differences[..., first] + differences[..., second]) / 2, axis=-1)


def compare_structures(
    rows: Sequence[MeasuredStructure], structures: Sequence[str], progress: Progress = unwatched
) -> tuple[StructureComparison, ...]:
    """Return the comparison of every structure, with Holm's correction over all structures of a metric.

    Means and medians of a metric are of those cases in which it is defined for both models, so that both averages are of the
    same cases: Dice and surface Dice where reference or both models have the structure, distances where all three have it.

    Raises
    ------
    BadDataError
        If statsmodels is not installed.
    """
    by_structure: dict[str, list[MeasuredStructure]] = {name: [] for name in structures}
    for row in rows:
        by_structure[row.structure].append(row)
    found = [_structure(name, by_structure[name]) for name in counted(progress, "Statistics", list(structures))]
    for metric in METRICS:
        found = _corrected(found, metric)
    return tuple(found)


def _structure(structure: str, rows: Sequence[MeasuredStructure]) -> StructureComparison:
    def presence(model: Literal["a", "b"], what: str) -> int:
        return sum(getattr(row, model).presence == what for row in rows)

    return StructureComparison(
        structure=structure,
        cases=len(rows),
        missed_a=presence("a", "reference only"),
        missed_b=presence("b", "reference only"),
        false_a=presence("a", "model only"),
        false_b=presence("b", "model only"),
        metrics=tuple(_metric(metric, rows) for metric in METRICS),
    )


def _metric(metric: Metric, rows: Sequence[MeasuredStructure]) -> MetricComparison:
    paired = [
        (row.patient, getattr(row.a, metric), getattr(row.b, metric))
        for row in rows
        if getattr(row.a, metric) is not None and getattr(row.b, metric) is not None
    ]
    patients = [patient for patient, _, _ in paired]
    a, b = (np.array([pair[n] for pair in paired], float) for n in (1, 2))
    differences = a - b

    def over(name: str, values: NDArray[np.float64], statistic: Statistic) -> Estimate:
        if not len(values):
            return undefined(name, 0, BOOTSTRAP, "No case has it on both sides.")
        return of_cases(name, values, patients, statistic)

    def of_cases(name: str, values: NDArray[np.float64], owners: Sequence[str], statistic: Statistic) -> Estimate:
        interval = patient_interval(values, owners, statistic)
        return estimate(name, float(statistic(values)), interval, len(paired), BOOTSTRAP, TOO_FEW_PATIENTS)

    # The difference is of what the test tests, so that both point the same way: each patient's mean.
    owners, means = _patient_means(patients, differences)
    shift = "Hodges-Lehmann estimate of A - B"
    return MetricComparison(
        metric=metric,
        pairs=len(paired),
        patients=len(set(patients)),
        mean_a=over("mean of A", a, _mean),
        mean_b=over("mean of B", b, _mean),
        median_a=over("median of A", a, _median),
        median_b=over("median of B", b, _median),
        mean_difference=over("mean of A - B", differences, _mean),
        difference=of_cases(shift, means, owners, hodges_lehmann) if paired else over(shift, means, hodges_lehmann),
        test=_test(means),
        conclusion="identical" if len(differences) and not differences.any() else "not tested",
    )


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.mean(axis=-1)


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.median(values, axis=-1)


def _patient_means(patients: Sequence[str], differences: NDArray[np.float64]) -> tuple[list[str], NDArray[np.float64]]:
    """Return the patients and the mean difference of each: cases of one patient are not independent."""
    owners, patient = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if not len(owners):
        return [], np.empty(0)
    # Differences that are the same, as 0.9 - 0.8 and 0.8 - 0.7, stay the same: ranks would tell them apart by rounding.
    return owners.tolist(), np.round(np.bincount(patient, differences) / np.bincount(patient), 12)


def _test(means: NDArray[np.float64]) -> PairedTest:
    """Return the test of each patient's mean difference."""
    if len(means) < 2:
        return PairedTest(len(means), None, None, "One patient is no sample." if len(means) else "No case has it on both sides.")
    if not means.any():
        return PairedTest(len(means), None, None, "Both models have the same value in every patient.")
    from scipy import stats

    # Zeros are dropped, as Wilcoxon did, and here: scipy chooses the exact test by the number of values with the zeros.
    found = stats.wilcoxon(means[means != 0], alternative="two-sided")
    return PairedTest(len(means), float(found.pvalue), None, None)


def _corrected(found: list[StructureComparison], metric: Metric) -> list[StructureComparison]:
    try:
        from statsmodels.stats.multitest import multipletests
    except ImportError as error:
        raise missing_package("The comparison of models", error) from error
    tested = [n for n, one in enumerate(found) if one.of(metric).test.p is not None]
    if not tested:
        return found
    adjusted = multipletests([found[n].of(metric).test.p for n in tested], alpha=ALPHA, method="holm")[1]
    for n, p_holm in zip(tested, adjusted, strict=True):
        own = found[n].of(metric)
        own = replace(own, test=replace(own.test, p_holm=float(p_holm)), conclusion=_conclusion(own, float(p_holm)))
        found[n] = replace(found[n], metrics=tuple(own if one.metric == metric else one for one in found[n].metrics))
    return found


def _conclusion(own: MetricComparison, p_holm: float) -> Literal["A better", "B better", "no difference shown"]:
    if p_holm >= ALPHA or not own.difference.value:
        return "no difference shown"
    return "A better" if (own.difference.value > 0) != (own.metric in LOWER_IS_BETTER) else "B better"
