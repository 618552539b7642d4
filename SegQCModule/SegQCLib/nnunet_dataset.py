"""Corrected cases as an nnU-Net v2 raw data set, with a file beside it that says which label is whose work.

<folder>/Dataset501_Liver/dataset.json                 channel, labels and their numbers
                          imagesTr/<case>_0000.nii.gz
                          labelsTr/<case>.nii.gz
                          provenance.json              SegQC's own: reader, draft, verdict and hashes of each case
                          splits_final.json            folds by patient, where a patient has several cases

Format: nnU-Net, documentation/reference/dataset-format.md and experiment_planning/verify_dataset_integrity.py (2.8.1).
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SegQCLib.alignment import align, was_resampled
from SegQCLib.case import Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import software_versions
from SegQCLib.geometry import sitk_image
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.record import ProtocolIdentity
from SegQCLib.regular_grid import is_regular
from SegQCLib.training_folds import patient_splits
from SegQCLib.training_labels import TrainingLabels, training_labels
from SegQCLib.training_mark import training_sets_of
from SegQCLib.training_provenance import LeftOutCase, TrainingCase, TrainingProvenance, what_to_know

FILE_ENDING = ".nii.gz"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, eq=False)
class CaseToTrainOn:
    """One case as it was read.

    Attributes
    ----------
    identifier : str
        What the case is called in the data set.
    image : Volume
    candidate : Segmentation
    draft : Segmentation or None
        What the candidate started from.
    reader : str or None
        Whose segmentation it is; None: not stated.
    verdict : str or None
        ACCEPT, REVIEW or REJECT of the record saved with the candidate; None: there is none.
    evaluated_under : ProtocolIdentity or None
        The protocol of that record.
    patient : str or None
        Who the patient is, to keep a patient's cases together; None: not known. It is not written.
    identifying : tuple of str
        The patient's names and numbers, which an identifier must not show. They are not written.

    Raises
    ------
    BadDataError
        If it is a practice case of a training set: a model would learn errors that were put into its drafts on purpose.
    """

    identifier: str
    image: Volume
    candidate: Segmentation
    draft: Segmentation | None = None
    reader: str | None = None
    verdict: str | None = None
    evaluated_under: ProtocolIdentity | None = None
    patient: str | None = None
    identifying: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        drawn = (self.candidate,) if self.draft is None else (self.candidate, self.draft)
        if self.image.training_set is not None or any(map(training_sets_of, drawn)):
            raise BadDataError(
                self.identifier,
                "is a practice case of a training set: its draft may hold errors that were put into it on purpose.",
                "Export cases of a worklist that is no training set.",
            )


@dataclass(frozen=True)
class DatasetRules:
    """What goes into a data set and how it is called.

    Attributes
    ----------
    number : int
        1 to 999.
    name : str
        Letters, digits, hyphens and underscores.
    structures : tuple of str
        Names of the protocol's structures, in the order of their numbers from 1.
    channel : str or None
        nnU-Net's name of the image channel; None: the modality. "CT" (in any case) lets nnU-Net normalise by the
        intensities of the whole data set, "noNorm" not at all, other names each image by itself.
    ignore_unassessed, without_untouched : bool
        See `training_labels`.
    """

    number: int
    name: str
    structures: tuple[str, ...]
    channel: str | None = None
    ignore_unassessed: bool = False
    without_untouched: bool = False

    @property
    def folder_name(self) -> str:
        return f"Dataset{self.number:03d}_{self.name}"


def write_dataset(
    cases: Sequence[tuple[str, Callable[[], CaseToTrainOn]]],
    protocol: LoadedProtocol,
    rules: DatasetRules,
    folder: Path,
    progress: Progress = unwatched,
    tell_left_out: Callable[[str, BadDataError], None] = lambda _identifier, _why: None,
) -> TrainingProvenance:
    """Write a data set to a new folder in `folder` (nnU-Net's nnUNet_raw), all or nothing.

    Parameters
    ----------
    cases : sequence of (identifier, function)
        Each function reads its case when it is its turn; one that raises BadDataError is left out with that reason.
    protocol : LoadedProtocol
    rules : DatasetRules
    folder : Path
        Made where it does not exist.
    tell_left_out : callable
        Told of each case that is left out, with what is wrong, file names and all.

    Raises
    ------
    BadDataError
        If the number or folder is taken, nothing can be written, no case is left, images of several modalities or
        units would be one channel, or an identifier shows a patient's name or number. Nothing is written then.
    ValueError
        If the rules make no data set: number, name, structures or identifiers.
    """
    _require_usable(rules, protocol, [identifier for identifier, _ in cases])
    _require_free(folder, rules)
    target = folder / rules.folder_name
    building = folder / f".{rules.folder_name}.{uuid.uuid4().hex[:8]}.part"
    try:
        for part in ("imagesTr", "labelsTr"):
            (building / part).mkdir(parents=True)
        provenance = _written(building, cases, protocol, rules, progress, tell_left_out)
        _require_free(folder, rules)
        building.rename(target)
    except OSError as error:
        raise BadDataError(
            folder, f"could not be written to ({error.strerror}).", "Free space or choose another folder; nothing was written."
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return provenance


def fault_of(rules: DatasetRules, protocol: LoadedProtocol) -> str | None:
    """Return why rules make no data set under a protocol, in a sentence; None where they do."""
    known = [structure.name for structure in protocol.protocol.structures]
    unknown = [name for name in rules.structures if name not in known]
    if not 1 <= rules.number <= 999:
        return f"nnU-Net numbers data sets from 1 to 999, not {rules.number}."
    if not _NAME.fullmatch(rules.name):
        return f"{rules.name!r} is no name for a data set: ASCII letters, digits, hyphens and underscores only."
    if unknown:
        return f"{', '.join(unknown)}: not among the protocol's structures, {', '.join(known)}."
    if {"background", "ignore"} & set(rules.structures):
        return "nnU-Net's own labels are called background and ignore: a structure cannot be."
    if not rules.structures or len(set(rules.structures)) != len(rules.structures):
        return "Give at least one structure, and each one once."
    return None


def _require_usable(rules: DatasetRules, protocol: LoadedProtocol, identifiers: Sequence[str]) -> None:
    fault = fault_of(rules, protocol)
    if fault is not None:
        raise ValueError(fault)
    for identifier in identifiers:
        if not _IDENTIFIER.fullmatch(identifier):
            raise ValueError(f"{identifier!r} is no case identifier: ASCII letters, digits, dot, hyphen and underscore only.")
    if len({identifier.casefold() for identifier in identifiers}) != len(identifiers):
        raise ValueError(f"Case identifiers are not unique: {list(identifiers)}.")


def _require_free(folder: Path, rules: DatasetRules) -> None:
    # nnU-Net finds a data set by its number alone and refuses two.
    taken = sorted(path.name for path in folder.glob(f"Dataset{rules.number:03d}_*")) if folder.is_dir() else []
    if taken:
        raise BadDataError(
            folder, f"has {taken[0]} already.", "Give another number or folder, or delete that data set: nothing is overwritten."
        )


def _written(
    building: Path,
    cases: Sequence[tuple[str, Callable[[], CaseToTrainOn]]],
    protocol: LoadedProtocol,
    rules: DatasetRules,
    progress: Progress,
    tell_left_out: Callable[[str, BadDataError], None],
) -> TrainingProvenance:
    taken: list[TrainingCase] = []
    refused: list[LeftOutCase] = []
    reasons: list[str] = []
    modalities: dict[str | None, str] = {}
    units: dict[str | None, str] = {}
    patients: dict[str, int] = {}
    simulated = ignores = False
    for number, (identifier, read) in enumerate(cases):
        progress(f"Case {number + 1} of {len(cases)}: {identifier}", number / len(cases))
        try:
            case = read()
            labels, candidate = _labels(case, protocol, rules)
        except BadDataError as error:
            tell_left_out(identifier, error)
            refused.append(LeftOutCase(identifier, _without_places(error, identifier)))
            reasons.append(f"  {identifier}: {reason_left_out(error, identifier)}")
            continue
        _require_anonymous(case)
        modalities.setdefault(case.image.acquisition.modality, identifier)
        units.setdefault(case.image.acquisition.value_unit, identifier)
        _require_one_channel(modalities, units, rules)
        _write(building / "imagesTr" / f"{identifier}_0000{FILE_ENDING}", sitk_image(case.image.array, case.image.geometry))
        _write(building / "labelsTr" / f"{identifier}{FILE_ENDING}", sitk_image(labels.array, case.image.geometry))
        patient = None if case.patient is None else patients.setdefault(case.patient, len(patients) + 1)
        taken.append(_training_case(case, candidate, labels, patient))
        ignores = ignores or labels.ignores
        simulated = simulated or _says_simulated(case)
    if not taken:
        raise BadDataError(rules.folder_name, "has no case that could be taken.", "\n".join(["Correct:", *reasons]))
    numbers = {"background": 0, **{name: n for n, name in enumerate(rules.structures, start=1)}}
    if ignores:
        numbers["ignore"] = len(rules.structures) + 1
    identity = ProtocolIdentity(protocol.protocol.id, protocol.protocol.version, protocol.protocol.title, protocol.sha256)
    splits = patient_splits(taken)
    provenance = TrainingProvenance(
        schema="segqc-training-provenance",
        schema_version="1.0",
        created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        software=software_versions(),
        dataset=rules.folder_name,
        protocol=identity,
        labels=numbers,
        simulated=simulated,
        cases=tuple(taken),
        left_out=tuple(refused),
        warnings=tuple(
            what_to_know(taken, rules.structures, rules.folder_name, has_splits=splits is not None, simulated=simulated)
        ),
    )
    content = {
        "channel_names": {"0": rules.channel or _channel(modalities, protocol)},
        "labels": numbers,
        "numTraining": len(taken),
        "file_ending": FILE_ENDING,
        "name": rules.name,
        "description": f"{'Simulated data. ' if simulated else ''}Written by SegQC; provenance.json: whose work each label is.",
    }
    texts = {"dataset.json": json.dumps(content, indent=2) + "\n", "provenance.json": provenance.to_json()}
    if splits is not None:
        texts["splits_final.json"] = json.dumps(splits, indent=2) + "\n"
    for name, text in texts.items():
        (building / name).write_text(text, encoding="utf-8", newline="\n")
    progress("Done", 1.0)
    return provenance


def reason_left_out(error: BadDataError, identifier: str) -> str:
    """Return why a case is left out, without saying again which case it is."""
    return f"{error.found} {error.remedy}" if error.where == identifier else str(error)


def _without_places(error: BadDataError, identifier: str) -> str:
    # What is said of a case is said here, and names nobody but readers; what is said of a file names it.
    own = error.where == identifier
    return reason_left_out(error, identifier) if own else "A file of it cannot be used; the command's output said why."


def _labels(case: CaseToTrainOn, protocol: LoadedProtocol, rules: DatasetRules) -> tuple[TrainingLabels, Segmentation]:
    image = case.image
    if image.array is None:
        raise BadDataError(case.identifier, "has no pixels.", "Give the image itself.")
    if not is_regular(image):
        raise BadDataError(
            case.identifier,
            f"has slices up to {image.acquisition.slice_displacement_mm:.2f} mm off a regular grid.",
            "NIfTI cannot say where such slices are: use a regular reconstruction.",
        )
    if image.array.dtype.kind == "f" and not np.isfinite(image.array).all():
        count = int(np.count_nonzero(~np.isfinite(image.array)))
        raise BadDataError(case.identifier, f"has {count:,} voxels that are no numbers.", "nnU-Net refuses them: export it again.")
    candidate = align(case.candidate, image.geometry)
    labels = training_labels(
        replace(candidate, name=case.identifier),
        None if case.draft is None else align(case.draft, image.geometry),
        protocol.protocol,
        rules.structures,
        ignore_unassessed=rules.ignore_unassessed,
        untouched_is_unassessed=rules.without_untouched,
    )
    return labels, candidate


def _require_anonymous(case: CaseToTrainOn) -> None:
    shown = case.identifier.casefold()
    for text in case.identifying:
        for word in (text.casefold(), *re.findall(r"[^\W_]{3,}", text.casefold())):
            if len(word) >= 3 and word in shown:
                raise BadDataError(
                    case.identifier,
                    "has the patient's name or number in its identifier, which names the files of the data set.",
                    "Call the case otherwise in the worklist, or let the cases be numbered (--number-cases).",
                )


def _require_one_channel(modalities: dict[str | None, str], units: dict[str | None, str], rules: DatasetRules) -> None:
    if len(modalities) > 1 and rules.channel is None:
        shown = ", ".join(f"{modality or 'not stated'} ({example})" for modality, example in modalities.items())
        raise BadDataError(
            rules.folder_name, f"would mix images of several modalities: {shown}.", "Train on one, or name the channel (--channel)."
        )
    if len(units) > 1:
        shown = ", ".join(f"{unit or 'no known unit'} ({example})" for unit, example in units.items())
        raise BadDataError(
            rules.folder_name, f"would mix values of several units: {shown}.", "Train on images whose values mean the same."
        )


def _channel(modalities: dict[str | None, str], protocol: LoadedProtocol) -> str:
    """Return the modality of the images, else the only one that the protocol allows."""
    (modality,) = modalities
    allowed = protocol.protocol.modality.values
    if modality is None and len(allowed) == 1 and "*" not in allowed[0]:
        return allowed[0]
    if modality is None:
        raise BadDataError(
            protocol.path,
            f"allows {protocol.protocol.modality}, and the images do not say what they are.",
            "Name the channel (--channel): CT is normalised by the intensities of all cases, other channels case by case.",
        )
    # DICOM calls PET PT; nnU-Net knows neither and normalises both case by case.
    return {"PT": "PET"}.get(modality, modality)


def _write(path: Path, image: sitk.Image) -> None:
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
    except RuntimeError as error:
        raise OSError(0, f"{path.name}: {str(error).strip().splitlines()[-1]}") from error


def _training_case(case: CaseToTrainOn, candidate: Segmentation, labels: TrainingLabels, patient: int | None) -> TrainingCase:
    def sha256(part: Volume | Segmentation | None) -> str | None:
        return None if part is None or part.source is None else part.source.sha256

    return TrainingCase(
        case=case.identifier,
        patient=None if patient is None else f"patient {patient}",
        reader=case.reader,
        verdict=case.verdict,
        evaluated_under=case.evaluated_under,
        image_sha256=sha256(case.image),
        segmentation_sha256=sha256(case.candidate),
        draft_sha256=sha256(case.draft),
        resampled=was_resampled(candidate),
        value_unit=case.image.acquisition.value_unit,
        labels=labels.origins,
    )


def _says_simulated(case: CaseToTrainOn) -> bool:
    texts = [case.candidate.name, case.reader, case.image.acquisition.series_description, case.identifier]
    texts += [finding.message for part in (case.image, case.candidate) for finding in part.findings]
    return any("simulated" in text.casefold() for text in texts if text)
