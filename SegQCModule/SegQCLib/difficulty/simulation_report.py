"""The simulated study from beginning to end: lesions, readers, descriptors, and the paper's tables made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from SegQCLib import dataclass_json
from SegQCLib.difficulty.comparison_table import ComparedRow, compare, comparison_markdown, paper_methods
from SegQCLib.difficulty.group_analysis import GroupRow, group_analysis, group_markdown
from SegQCLib.difficulty.host_scans import HostScan, host_scans
from SegQCLib.difficulty.patients import patient_folds
from SegQCLib.difficulty.simulated_study import LABEL, simulate_study
from SegQCLib.difficulty.simulated_table import PAPER_TARGET, simulated_table
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.samples import TOTALSEGMENTATOR, sample_folder

CAVEAT = (
    "Simulated: how far simulated readers scatter was written down by us (local contrast to noise, curvature, size of the lesion,"
    " gaps in its tissue), and all anatomy comes from a few scans. That descriptors find it back shows that they measure what"
    " they should and that the tables are computed as in the paper. Which group comes out strongest, and how small the errors"
    " get, follows from those assumptions and says nothing about radiologists."
)


@dataclass(frozen=True)
class SimulationReport:
    """What a simulated study gave."""

    label: str = field(metadata={"doc": "What the study is made of, in words."})
    simulated: bool = field(metadata={"doc": "Always true."})
    hosts: tuple[str, ...] = field(metadata={"doc": "Names of the scans that hold the lesions."})
    patients: int = field(metadata={"doc": "Number of simulated patients."})
    lesions: int = field(metadata={"doc": "Number of implanted lesions."})
    slices: int = field(metadata={"doc": "Number of slices that count."})
    seed: int = field(metadata={"doc": "The same seed gives the same study."})
    target: str = field(metadata={"doc": "What is predicted, in words."})
    target_mean: float = field(metadata={"doc": "Mean agreement over the slices, Dice; 0.68 in the paper."})
    target_sd: float = field(metadata={"doc": "Its standard deviation; 0.13 in the paper."})
    group_folds: int = field(metadata={"doc": "Folds of whole patients in the group analysis."})
    folds: int = field(metadata={"doc": "Folds of whole patients in the comparison."})
    groups: tuple[GroupRow, ...] = field(metadata={"doc": "As Table 2 of the paper."})
    methods: tuple[ComparedRow, ...] = field(metadata={"doc": "As Table 3 of the paper."})
    caveat: str = field(metadata={"doc": "What the numbers do and do not show."})

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return dataclass_json.to_json(self)

    def markdown(self) -> str:
        """Return the report as Markdown, with the paper's numbers beside its own."""
        return (
            f"# {self.label[0].upper()}{self.label[1:]}\n\n{self.caveat}\n\n"
            f"{self.patients} simulated patients, {self.lesions} lesions, {self.slices} slices (seed {self.seed}). Predicted is the"
            f" agreement per slice: {self.target} Its mean is {self.target_mean:.2f}, standard deviation {self.target_sd:.2f}"
            " (paper: 0.68 and 0.13). Described is the outline of the stand-in AI, as in the paper. Errors are differences of"
            " Dice in percentage points. Paper: Fournel et al., real readers, 7,740 slices of COVID-19 lesions.\n\n"
            f"## Groups of descriptors ({self.group_folds} folds of whole patients; ± is the standard deviation over folds and over"
            f" patients)\n\n{group_markdown(self.groups)}\n"
            f"## Methods ({self.folds} folds of whole patients; ± is the standard deviation over slices; counts are means over"
            f" {self.methods[0].gating.draws} draws of one synthetic Dice per slice)\n\n{comparison_markdown(self.methods)}\n"
            f"Scans: {', '.join(self.hosts)}; by default {TOTALSEGMENTATOR.licence}.\n"
        )


def run_simulation(
    *,
    patients: int = 30,
    slices_per_patient: int = 30,
    seed: int = 0,
    folds: int = 10,
    folder: Path | None = None,
    predictions: Mapping[str, Mapping[str, float]] | None = None,
    progress: Progress = unwatched,
) -> SimulationReport:
    """Simulate a study and return the paper's two tables for it.

    Parameters
    ----------
    patients, slices_per_patient, seed : int
        See `simulate_study`. 900 slices take some minutes, most of them the trees on 600 descriptors.
    folds : int
        Of the comparison, fewer where there are fewer patients; the group analysis has one fold per patient, up to 30.
    folder : Path or None
        With the sample scans; by default `samples.TOTALSEGMENTATOR`, downloaded at the first use.
    predictions : mapping of str to mapping
        Per method (a ResNet) the out-of-fold prediction by unit (`StudyTable.units`) of the same study.
    progress : callable

    Raises
    ------
    ValueError
        If there are fewer than three patients, or predictions lack a slice.
    """
    _require_folds(patients)
    return simulate_in(
        host_scans(folder or sample_folder(TOTALSEGMENTATOR) / "tests" / "reference_files"),
        patients=patients,
        slices_per_patient=slices_per_patient,
        seed=seed,
        folds=folds,
        predictions=predictions or {},
        progress=progress,
    )


def simulate_in(
    hosts: Sequence[HostScan],
    *,
    patients: int,
    slices_per_patient: int,
    seed: int,
    folds: int,
    predictions: Mapping[str, Mapping[str, float]],
    progress: Progress = unwatched,
) -> SimulationReport:
    """Return the report of `run_simulation` for lesions in these scans."""
    _require_folds(patients)
    lesions = tuple(
        simulate_study(
            hosts, patients=patients, slices_per_patient=slices_per_patient, seed=seed, progress=part(progress, 0.0, 0.2)
        )
    )
    table = simulated_table(lesions, progress=part(progress, 0.2, 0.6))
    groups = group_analysis(table, seed=seed, progress=part(progress, 0.6, 0.8))
    folds = min(folds, patients)
    methods = compare(
        table,
        paper_methods(table),
        patient_folds(table.patients, folds, seed),
        predictions={name: _in_order(name, by_unit, table) for name, by_unit in predictions.items()},
        seed=seed,
        progress=part(progress, 0.8, 1.0),
    )
    return SimulationReport(
        label=LABEL,
        simulated=True,
        hosts=tuple(host.name for host in hosts),
        patients=patients,
        lesions=len(lesions),
        slices=len(table),
        seed=seed,
        target=PAPER_TARGET.in_words(),
        target_mean=float(table.target.mean()),
        target_sd=float(table.target.std()),
        group_folds=min(30, patients),
        folds=folds,
        groups=groups,
        methods=methods,
        caveat=CAVEAT,
    )


def _require_folds(patients: int) -> None:
    if patients < 3:
        raise ValueError(f"Folds of whole patients within folds need three patients or more, not {patients}.")


def _in_order(name: str, by_unit: Mapping[str, float], table: StudyTable) -> NDArray[np.float64]:
    missing = [unit for unit in table.units if unit not in by_unit]
    if missing:
        raise ValueError(f"{name} has no prediction for {len(missing)} of {len(table)} slices, the first is {missing[0]}.")
    return np.array([by_unit[unit] for unit in table.units])
