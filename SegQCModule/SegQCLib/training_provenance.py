"""Whose work the labels of a training data set are, and what to know before training on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.record import ProtocolIdentity
from SegQCLib.training_folds import FOLDS
from SegQCLib.training_labels import Assessment, LabelOrigin

PROVENANCE_SCHEMA_ID = "https://segqc.invalid/schemas/training_provenance.schema.json"


@dataclass(frozen=True)
class TrainingCase:
    """One case of the data set and whose work it is."""

    case: str = field(metadata={"doc": "Case identifier: the name of its files."})
    patient: str | None = field(
        metadata={"doc": "Number of the patient in this data set, so that folds can be made by patient; null: not known."}
    )
    reader: str | None = field(metadata={"doc": "Whose segmentation it is; null: not stated."})
    verdict: str | None = field(metadata={"doc": "Verdict of the record saved with the segmentation; null: there is none."})
    evaluated_under: ProtocolIdentity | None = field(metadata={"doc": "Protocol of that record."})
    image_sha256: str | None = field(
        metadata={"doc": "SHA-256 of the image's file; of a folder: of its sorted lines 'file sha256'."}
    )
    segmentation_sha256: str | None = field(metadata={"doc": "SHA-256 of the segmentation's file."})
    draft_sha256: str | None = field(metadata={"doc": "SHA-256 of the draft's file; null: no draft is known."})
    resampled: bool = field(
        metadata={"doc": "Whether the segmentation was on another grid and was brought onto the image's (nearest voxel)."}
    )
    value_unit: str | None = field(metadata={"doc": "Unit of the image's values; null: no known scale."})
    labels: tuple[LabelOrigin, ...] = field(metadata={"doc": "Each label of the case."})


@dataclass(frozen=True)
class LeftOutCase:
    """A case that is not in the data set."""

    case: str = field(metadata={"doc": "Case identifier that it would have had."})
    reason: str = field(metadata={"doc": "Why, in sentences; not what is wrong with a file, because that names the file."})


@dataclass(frozen=True)
class TrainingProvenance:
    """Which label of an nnU-Net data set is whose work."""

    schema: Literal["segqc-training-provenance"] = field(metadata={"doc": "Always segqc-training-provenance."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    created: str = field(metadata={"doc": "When, ISO 8601 with time zone."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what made the data set."})
    dataset: str = field(metadata={"doc": "Folder name of the data set."})
    protocol: ProtocolIdentity = field(metadata={"doc": "The protocol that names the structures."})
    labels: dict[str, int] = field(metadata={"doc": "Numbers of the labels."})
    simulated: bool = field(metadata={"doc": "Whether a case says that its data are simulated."})
    cases: tuple[TrainingCase, ...] = field(metadata={"doc": "The cases, in order."})
    left_out: tuple[LeftOutCase, ...] = field(metadata={"doc": "Cases that were to be taken and were not."})
    warnings: tuple[str, ...] = field(metadata={"doc": "What to know before training on it."})

    def to_json(self) -> str:
        return to_json(self)


def provenance_schema() -> dict:
    """Return the JSON Schema of provenance.json."""
    return json_schema(TrainingProvenance, title="Provenance of a SegQC training data set", identifier=PROVENANCE_SCHEMA_ID)


def what_to_know(
    cases: Sequence[TrainingCase], structures: Sequence[str], dataset: str, *, has_splits: bool, simulated: bool
) -> Iterator[str]:
    """Yield what to know before training on a data set, in sentences.

    Parameters
    ----------
    cases : sequence of TrainingCase
    structures : sequence of str
        In the order of their labels from 1.
    dataset : str
        Folder name of the data set.
    has_splits : bool
        Whether folds by patient were made.
    simulated : bool
        Whether a case says that its data are simulated.
    """
    if simulated:
        yield "Simulated data: nothing trained on them says anything about patients."
    untouched = [case for case in cases if any(origin.untouched and origin.voxels for origin in case.labels)]
    if untouched:
        count = sum(origin.untouched and origin.voxels > 0 for case in untouched for origin in case.labels)
        yield (
            f"{count} label{'s' if count > 1 else ''} in {len(untouched)} of {len(cases)} cases are an algorithm's output that"
            f" nobody changed ({_listed([case.case for case in untouched])}): a model trained on them learns its own"
            " errors as truth. Have them read, or leave them out (--without-automatic)."
        )
    unknown = [case.case for case in cases if any(None in origin.algorithm_types for origin in case.labels)]
    if unknown:
        yield (
            f"Of {_cases(len(unknown))} the files do not say for every segment whether a person or an algorithm drew it"
            f" ({_listed(unknown)})."
        )
    for number, name in enumerate(structures):
        if not any(case.labels[number].voxels for case in cases):
            yield f"No case has {name}: the label {number + 1} has no voxel to learn from."
    unsaid = [case.case for case in cases if any(o.assessment is Assessment.ABSENT and None in o.statuses for o in case.labels)]
    if unsaid:
        yield (
            f"In {_cases(len(unsaid))} structures without a voxel count as looked for and absent, though their files do not say"
            f" that anybody looked, as no label map can ({_listed(unsaid)}). If nobody did, background is taught in their place."
        )
    ignored = [case.case for case in cases if any(o.assessment is Assessment.NOT_ASSESSED for o in case.labels)]
    if ignored:
        yield (
            f"In {_cases(len(ignored))} structures were not assessed ({_listed(ignored)}): all their voxels without a label have"
            " the ignore label, so they teach no background."
        )
    repeated = Counter(case.patient for case in cases if case.patient is not None)
    several = sum(count > 1 for count in repeated.values())
    if several and has_splits:
        yield (
            f"{_patients(several)} several cases. splits_final.json keeps each patient in one fold: copy it to"
            f" nnUNet_preprocessed/{dataset} after nnUNetv2_plan_and_preprocess; nnU-Net's own folds would mix them."
        )
    elif several:
        yield (
            f"{_patients(several)} several cases, and no folds by patient were made (fewer than {FOLDS} patients, or some are"
            " not known): nnU-Net's own folds would validate on patients it was trained on."
        )
    elif len(cases) > 1 and any(case.patient is None for case in cases):
        yield "The patients are not known, so nobody can tell whether nnU-Net's folds mix cases of one patient."


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"


def _patients(count: int) -> str:
    return "1 patient has" if count == 1 else f"{count} patients have"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
