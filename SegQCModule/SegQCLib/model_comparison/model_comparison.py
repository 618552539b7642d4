"""The record of a comparison of two models, as JSON and CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.evaluate import software_versions
from SegQCLib.measurements_csv import inert
from SegQCLib.model_comparison.cohort import Cohort, LeftOut
from SegQCLib.model_comparison.measured_cohort import MeasuredCohort, MeasuredStructure
from SegQCLib.model_comparison.paired_statistics import BOOTSTRAP, StructureComparison, compare_structures
from SegQCLib.progress import Progress, unwatched

MODELS_SCHEMA_ID = "https://segqc.invalid/schemas/models.schema.json"
RULES = (
    "Difference: model A minus model B, in the same cases.",
    (
        "Absent in reference and model: not counted. Absent on one side only: Dice and surface Dice 0, distance undefined;"
        " missed and falsely found structures are counted apart."
    ),
    (
        "Surface Dice at 2 mm and the 95 % Hausdorff distance are measured between surface elements weighted by area"
        " (Nikolov et al., J Med Internet Res 2021;23:e26151)."
    ),
    (
        f"Intervals: 95 %, {BOOTSTRAP}; none with fewer than 6 patients. They are approximations and too narrow for few: in"
        " simulation that of the difference held the true value in 85 of 100 studies with 6 patients, in 92 with 10, in 94 to 95"
        " from 20 on; that of a mean in 84, 89 and 92 to 94. They are of one number each and not corrected for the number of"
        " structures, so one can leave out 0 where p after Holm's correction is above 0.05: then the conclusion goes by p."
    ),
    (
        "Difference as Hodges-Lehmann estimate: the median of all pairwise averages of the patients' mean differences"
        " (Hodges and Lehmann, Ann Math Stat 1963;34:598-611)."
    ),
    (
        "p: Wilcoxon signed-rank test, two-sided, of each patient's mean difference; corrected by Holm over all structures that"
        " were tested by this metric (Holm, Scand J Stat 1979;6:65-70). Dice is the main metric; the other two are read beside"
        " it. With fewer than 6 patients in whom the models differ p cannot fall below 0.05, whatever the difference."
    ),
    (
        "'No difference shown' is no proof of equality: a p of 0.05 or more says only that these cases do not tell the models"
        " apart."
        " Non-inferiority needs a margin set beforehand and an interval that lies within it."
    ),
)


@dataclass(frozen=True)
class ModelComparison:
    """What `segqc models` found."""

    schema: Literal["segqc-models"] = field(metadata={"doc": "Always segqc-models."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    created: str = field(metadata={"doc": "When it was made, ISO 8601."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what computed it."})
    model_a: str = field(metadata={"doc": "Name of model A."})
    model_b: str = field(metadata={"doc": "Name of model B."})
    cases: int = field(metadata={"doc": "Cases that were compared."})
    patients: int = field(metadata={"doc": "Patients of these cases."})
    patients_given: bool = field(metadata={"doc": "false: each case was taken for a patient of its own."})
    left_out: tuple[LeftOut, ...] = field(metadata={"doc": "Cases that were not compared."})
    same_files: tuple[str, ...] = field(metadata={"doc": "Cases in which both models' files are the same, byte for byte."})
    resampled: tuple[str, ...] = field(metadata={"doc": "Cases in which an output was resampled to the reference's grid."})
    not_in_a: tuple[str, ...] = field(metadata={"doc": "Structures of the reference that model A has in no case."})
    not_in_b: tuple[str, ...] = field(metadata={"doc": "Structures of the reference that model B has in no case."})
    not_in_reference: tuple[str, ...] = field(metadata={"doc": "Structures that only models have; not compared."})
    rules: tuple[str, ...] = field(metadata={"doc": "How the numbers came about."})
    structures: tuple[StructureComparison, ...] = field(metadata={"doc": "The comparison of each structure."})
    values: tuple[MeasuredStructure, ...] = field(metadata={"doc": "The values of each case that it rests on."})

    def to_json(self) -> str:
        return to_json(self)


def models_schema() -> dict[str, Any]:
    """Return the JSON Schema of a comparison of two models."""
    return json_schema(ModelComparison, title="SegQC comparison of two models", identifier=MODELS_SCHEMA_ID)


def compare_models(
    cohort: Cohort, measured: MeasuredCohort, names: tuple[str, str], *, patients_given: bool, progress: Progress = unwatched
) -> ModelComparison:
    """Return the record of two models on a cohort.

    Raises
    ------
    BadDataError
        If statsmodels is not installed.
    """
    read = {case.case: case for case in cohort.cases}
    for one in measured.left_out:
        del read[one.case]
    return ModelComparison(
        schema="segqc-models",
        schema_version="1.0",
        created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        software=software_versions("statsmodels", "matplotlib"),
        model_a=names[0],
        model_b=names[1],
        cases=len(read),
        patients=len({case.patient for case in read.values()}),
        patients_given=patients_given,
        left_out=(*cohort.left_out, *measured.left_out),
        same_files=tuple(case.case for case in read.values() if case.same_file),
        resampled=measured.resampled,
        not_in_a=measured.not_in_a,
        not_in_b=measured.not_in_b,
        not_in_reference=measured.not_in_reference,
        rules=RULES,
        structures=compare_structures(measured.rows, measured.structures, progress),
        values=measured.rows,
    )


def models_csv(comparison: ModelComparison) -> str:
    """Return one line for each structure and metric; empty where a value is undefined."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    estimates = ("mean_a", "mean_b", "median_a", "median_b", "mean_difference", "difference")
    ends = [f"{name}{end}" for name in estimates for end in ("", "_lower", "_upper")]
    counts = ("cases", "missed_a", "missed_b", "false_a", "false_b")
    writer.writerow(("structure", "metric", "model_a", "model_b", *counts, "pairs", "patients", *ends, "p", "p_holm", "conclusion"))
    for structure in comparison.structures:
        for one in structure.metrics:
            values = [end for name in estimates for end in getattr(one, name).numbers]
            writer.writerow(
                (
                    inert(structure.structure),
                    one.metric,
                    inert(comparison.model_a),
                    inert(comparison.model_b),
                    *(getattr(structure, name) for name in counts),
                    one.pairs,
                    one.patients,
                    *("" if value is None else value for value in values),
                    "" if one.test.p is None else one.test.p,
                    "" if one.test.p_holm is None else one.test.p_holm,
                    one.conclusion,
                )
            )
    return text.getvalue()
