"""A difficulty model as a JSON file: everything that predicts, and everything a person has to know of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Terminology
from SegQCLib.dataclass_json import FaultyJSONError, from_json, json_schema, to_json
from SegQCLib.difficulty.agreement_target import TargetDefinition
from SegQCLib.difficulty.conformal import Calibration, limits
from SegQCLib.difficulty.descriptors.describe import describe_lesion, describe_slice, descriptor_names
from SegQCLib.difficulty.descriptors.grey_levels import bounding_box
from SegQCLib.difficulty.domain import Domain, FittedDescriptor, outside, with_unit
from SegQCLib.difficulty.expected_agreement import ExpectedAgreement
from SegQCLib.difficulty.models.boosting import Boosting
from SegQCLib.difficulty.models.constant import Constant
from SegQCLib.difficulty.models.ridge import Ridge
from SegQCLib.difficulty.reasons import reasons
from SegQCLib.difficulty.study_table import StudyTable, Unit
from SegQCLib.errors import BadDataError

MODEL_SCHEMA_ID = "https://segqc.invalid/schemas/difficulty_model.schema.json"

# Trees have thousands of numbers; a line for each would be most of the file. No text of a model has brackets after line ends.
_NUMBERS = re.compile(r"\[\n[-+.\deE,\s]*\]")

# 200 MB of float64, of which descriptors need several copies.
_LARGE_BOX = 25_000_000

Rule = Literal["lower", "mean"]
Regressor = Literal["constant", "ridge", "median_ridge", "boosting", "median_ridge_and_boosting"]


@dataclass(frozen=True)
class Member:
    """One fold's regressors, fitted without the patients of that fold; where there are several, their mean is the prediction."""

    constant: Constant | None = field(default=None, metadata={"doc": "The same Dice for every image."})
    ridge: Ridge | None = field(default=None, metadata={"doc": "Linear in the descriptors, of the mean or of the median."})
    boosting: Boosting | None = field(default=None, metadata={"doc": "Gradient-boosted trees."})

    @property
    def parts(self) -> tuple[Constant | Ridge | Boosting, ...]:
        """The regressors that there are."""
        return tuple(part for part in (self.constant, self.ridge, self.boosting) if part is not None)

    @property
    def base(self) -> float:
        """The prediction before contributions."""
        return float(np.mean([part.base for part in self.parts]))

    def predict(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the prediction for each row of descriptors, shape (n,)."""
        return np.mean([part.predict(values) for part in self.parts], axis=0)

    def contributions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each descriptor adds to `base`, shape (n, m); base plus their sum is the prediction."""
        return np.mean([part.contributions(values) for part in self.parts], axis=0)

    def faults(self) -> Iterator[tuple[str, str]]:
        if not self.parts:
            yield "", "has neither constant nor ridge nor boosting, so it cannot predict"


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % confidence interval by bootstrap over patients."""

    value: float = field(metadata={"doc": "Estimate."})
    lower: float = field(metadata={"doc": "2.5th percentile over resampled patients."})
    upper: float = field(metadata={"doc": "97.5th percentile over resampled patients."})


@dataclass(frozen=True)
class CrossValidation:
    """What the whole procedure reached on patients of folds that neither fitting nor calibration had seen."""

    folds: int = field(metadata={"doc": "Number of outer folds of whole patients; each is fitted and calibrated anew."})
    mae: Measured = field(
        metadata={"doc": "Mean absolute error of the predicted mean Dice, refused outlines included; each unit counts once."}
    )
    mae_per_patient: Measured = field(metadata={"doc": "The same of the means over each patient's units."})
    mae_constant: Measured = field(metadata={"doc": "Mean absolute error of the study's mean Dice as prediction for every unit."})
    mae_without_describing_reader: Measured | None = field(
        metadata={"doc": "Error against the mean Dice of the pairs without the reader whose outline was described; null: unknown."}
    )
    stated_coverage: float = field(metadata={"doc": "Level at which coverage and pair rates below were measured."})
    coverage: float = field(metadata={"doc": "Share of units whose mean Dice lies in the interval."})
    coverage_by_size: tuple[float, ...] = field(metadata={"doc": "The same in thirds by size, smallest first."})
    interval_width: float = field(metadata={"doc": "Mean width of the interval, in Dice."})
    pairs_reaching_lower: float = field(
        metadata={"doc": "Share of single expert pairs at or above the threshold of the rule `lower`."}
    )
    pairs_reaching_lower_by_size: tuple[float, ...] = field(metadata={"doc": "The same in thirds by size, smallest first."})
    pairs_reaching_mean: float = field(
        metadata={"doc": "Share of single expert pairs at or above the predicted mean (rule `mean`)."}
    )
    in_domain: float = field(
        metadata={"doc": "Share of outlines that are in the domain; coverage, pair rates and width are of these."}
    )


@dataclass(frozen=True)
class Recalibration:
    """Offset and scale for a centre: prediction becomes offset + scale * the model's."""

    centre: str = field(metadata={"doc": "Whose readers."})
    date: str = field(metadata={"doc": "When, YYYY-MM-DD."})
    cases: int = field(metadata={"doc": "Number of own cases."})
    patients: int = field(metadata={"doc": "Number of patients they are of."})
    offset: float = field(metadata={"doc": "In Dice."})
    scale: float = field(metadata={"doc": "Pure number; 1 keeps the model's differences between lesions."})
    mae: float = field(metadata={"doc": "Mean absolute error on own cases, each predicted without its patient."})
    of_mean: Calibration = field(metadata={"doc": "For the interval of the mean."})
    of_pairs: Calibration = field(metadata={"doc": "For the threshold."})


@dataclass(frozen=True)
class DifficultyModel:
    """A model that predicts how well experts agree on a lesion or slice, from one expert's outline of it."""

    schema: Literal["segqc-difficulty-model"] = field(metadata={"doc": "Always segqc-difficulty-model."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this file format."})
    id: str = field(metadata={"doc": "Unique name, which protocols give."})
    version: str = field(metadata={"doc": "Version of the model."})
    date: str = field(metadata={"doc": "When it was fitted, YYYY-MM-DD."})
    structure: Terminology = field(metadata={"doc": "What was outlined, in codes."})
    modality: str = field(metadata={"doc": "DICOM Modality (0008,0060), for example CT."})
    unit: Unit = field(metadata={"doc": "What one prediction is for: a lesion, or one slice of it."})
    regressor: Regressor = field(metadata={"doc": "What predicts; of two the mean."})
    target: TargetDefinition = field(metadata={"doc": "Which agreement is predicted."})
    readers_without_ai: bool = field(
        metadata={"doc": "Always true: drafts of an AI would raise the readers' agreement, so nothing else may be fitted."}
    )
    simulated: bool = field(metadata={"doc": "Whether readers or images of the study are simulated."})
    data: str = field(metadata={"doc": "The study: what it is, how many patients and readers."})
    patients: int = field(metadata={"doc": "Number of patients."})
    units: int = field(metadata={"doc": "Number of lesions or slices."})
    outlines: int = field(metadata={"doc": "Number of described outlines: one per unit and reader."})
    left_out: int = field(metadata={"doc": "Outlines left out because a descriptor is undefined there."})
    licence: str = field(metadata={"doc": "Of the study and of this file."})
    citation: str = field(metadata={"doc": "What to cite."})
    seed: int = field(metadata={"doc": "Of the folds and of the trees."})
    software: dict[str, str] = field(metadata={"doc": "Packages that fitted it, with version."})
    size_descriptor: str = field(metadata={"doc": "The descriptor by which spread and thirds go: a logarithm of the size."})
    descriptors: tuple[FittedDescriptor, ...] = field(
        metadata={"doc": "What the model looks at, in the order of its coefficients."}
    )
    domain: Domain = field(metadata={"doc": "Where it predicts."})
    members: tuple[Member, ...] = field(metadata={"doc": "One per fold; their mean is the prediction."})
    of_mean: Calibration = field(metadata={"doc": "For the interval of the mean over all pairs of experts."})
    of_pairs: Calibration = field(metadata={"doc": "For the threshold that single pairs of experts reach."})
    cross_validation: CrossValidation = field(metadata={"doc": "What it reaches on unseen patients of the study."})
    recalibration: Recalibration | None = field(default=None, metadata={"doc": "A centre's own level; null: none."})

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the descriptors, in the model's order."""
        return tuple(descriptor.name for descriptor in self.descriptors)

    def faults(self) -> Iterator[tuple[str, str]]:
        found = list(self._contradictions())
        yield from found
        parts = [part for member in self.members for part in (member, member.boosting) if part is not None]
        parts += [fold for calibration in (self.of_mean, self.of_pairs) for fold in calibration.folds]
        # A faulty tree may lead back to where it began: predicting with it would never end.
        if not found and not any(fault for part in parts for fault in part.faults()):
            yield from self._unusable_numbers()

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        for name in ("id", "version", "modality"):
            if not getattr(self, name):
                yield name, "is empty"
        if not self.readers_without_ai:
            yield "readers_without_ai", "must be true: readers who corrected one AI's drafts agree because of the drafts"
        if self.size_descriptor not in self.names:
            yield "size_descriptor", f"{self.size_descriptor!r} is not among the descriptors"
        if self.target.unit != self.unit:
            yield "target.unit", f"is {self.target.unit}, but the model's unit is {self.unit}"
        there = descriptor_names(self.unit)
        for number, name in enumerate(self.names):
            if name not in there:
                yield f"descriptors[{number}].name", f"there is no descriptor {name!r} of a {self.unit}"
            if name in self.names[:number]:
                yield f"descriptors[{number}].name", f"{name} is given twice"
        if not self.members:
            yield "members", "is empty, so nothing predicts"
        size = len(self.names)
        for number, member in enumerate(self.members):
            if member.ridge is not None:
                for part in ("coefficients", "means", "deviations", "minima", "maxima"):
                    if len(getattr(member.ridge, part)) != size:
                        yield f"members[{number}].ridge.{part}", f"has {len(getattr(member.ridge, part))} of {size} entries"
                if not all(deviation > 0 for deviation in member.ridge.deviations):
                    yield f"members[{number}].ridge.deviations", "must be above 0"
            if member.boosting is not None and any(asked >= size for asked in member.boosting.descriptor):
                yield f"members[{number}].boosting.descriptor", f"names a descriptor beyond the {size} there are"
        for name in ("of_mean", "of_pairs"):
            if len(getattr(self, name).folds) != len(self.members):
                yield f"{name}.folds", f"has {len(getattr(self, name).folds)} entries for {len(self.members)} members"
            if self.recalibration is not None and len(getattr(self.recalibration, name).folds) != 1:
                yield f"recalibration.{name}.folds", "must be one"
        shapes = {len(self.domain.centres), len(self.domain.scales), len(self.domain.inverse_covariance)}
        if shapes != {size} or any(len(row) != size for row in self.domain.inverse_covariance):
            yield "domain", f"is not of {size} descriptors"
        elif not all(scale > 0 for scale in self.domain.scales):
            yield "domain.scales", "must be above 0"

    def _unusable_numbers(self) -> Iterator[tuple[str, str]]:
        """Yield what a spreadsheet or an editor made of numbers: each may be a number, and still nothing comes out."""
        for number, one in enumerate(self.descriptors):
            if not one.minimum <= one.lower_third <= one.median <= one.upper_third <= one.maximum:
                yield f"descriptors[{number}]", "minimum, lower_third, median, upper_third and maximum must ascend"
        medians = np.array([one.median for one in self.descriptors])
        try:
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                for one in self.descriptors:
                    with_unit(one.minimum, one), with_unit(one.maximum, one)
                said = self.predict_described(medians)
        except (ArithmeticError, ValueError) as error:
            yield "", f"nothing can be predicted for the study's own median outline ({error})"
        else:
            if not said.in_domain:
                yield "domain", f"the study's own median outline is refused: {said.reasons[0]}"

    def centres(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each member predicts for each row of descriptors, without recalibration; shape (n, members)."""
        return np.stack([member.predict(values) for member in self.members], axis=1)

    def predict(
        self,
        mask: NDArray[np.bool_],
        spacing_mm: tuple[float, float, float],
        image: NDArray | None = None,
        uncertainty: NDArray | None = None,
        *,
        k: int | None = None,
        healthy: NDArray[np.bool_] | None = None,
        structure: Terminology | None = None,
        modality: str | None = None,
        rule: Rule = "lower",
        coverage: float = 0.9,
    ) -> ExpectedAgreement:
        """Return the agreement to expect of experts on the lesion (or slice) that an expert has outlined.

        Parameters
        ----------
        mask : ndarray of bool, shape (k, j, i)
            One expert's outline, for a slice model too.
        spacing_mm : tuple of float
            (k, j, i).
        image, uncertainty, healthy : ndarray, shape (k, j, i), or None
            As `describe_lesion`; used where the model has descriptors of them.
        k : int or None
            The slice, for a slice model only.
        structure : Terminology or None
            What was outlined; None: the model's structure, as the caller knows.
        modality : str or None
            DICOM Modality of the image; None: the model's.
        rule : {"lower", "mean"}
            What `threshold` is: the value that a share `coverage` of single expert pairs reaches, or the predicted mean.
        coverage : float
            Of the interval and of the threshold, in (0, 1).

        Raises
        ------
        ValueError
            If the mask is empty, shapes differ, an array that the model needs is missing, k is given to a lesion model or not
            given to a slice model, or the study has too few units for the coverage asked for.
        """
        if not 0 < coverage < 1 or rule not in ("lower", "mean"):
            raise ValueError(f"Rule {rule!r} at coverage {coverage:g}: lower or mean, and a coverage in (0, 1), are possible.")
        if (k is None) != (self.unit == "lesion"):
            raise ValueError(f"{self.id} predicts for a {self.unit}; a slice number is given for slices, and for them only.")
        other = self._of_other_images(structure, modality)
        if other:
            return ExpectedAgreement(None, None, None, coverage, None, False, other)
        arrays = {"image": image, "healthy": healthy, "uncertainty": uncertainty}
        given = {name: array for name, array in arrays.items() if array is not None}
        if k is None:
            refused = self._refused_by_form(mask, spacing_mm)
            if refused:
                return ExpectedAgreement(None, None, None, coverage, None, False, refused)
            described = describe_lesion(mask, spacing_mm, names=self.names, **given)
        else:
            described = describe_slice(mask, k, spacing_mm, names=self.names, **given)
        return self.predict_described(np.array(list(described.values()), np.float64), rule=rule, coverage=coverage)

    def predict_described(self, values: NDArray[np.float64], *, rule: Rule = "lower", coverage: float = 0.9) -> ExpectedAgreement:
        """Return the agreement to expect for an outline of these descriptors, shape (m,) in the order of `names`."""
        refused = outside(values, self.descriptors, self.domain)
        if refused:
            return ExpectedAgreement(None, None, None, coverage, None, False, refused)
        dice, lower, upper, reached = (float(part[0]) for part in self.limits(values[None], coverage))
        return ExpectedAgreement(
            dice, lower, upper, coverage, reached if rule == "lower" else dice, True,
            reasons(self, values, dice, reached, coverage),
        )  # fmt: skip

    def limits(self, values: NDArray[np.float64], coverage: float) -> tuple[NDArray[np.float64], ...]:
        """Return predicted mean, both ends of its interval, and the Dice that a share `coverage` of single pairs reaches.

        For each row of descriptors, shape (n, m), whether or not it lies in the domain; each of shape (n,), 0 to 1.
        """
        centres, of_mean, of_pairs = self.centres(values), self.of_mean, self.of_pairs
        if self.recalibration is not None:
            centres = self.recalibration.offset + self.recalibration.scale * centres.mean(axis=1, keepdims=True)
            of_mean, of_pairs = self.recalibration.of_mean, self.recalibration.of_pairs
        return limits(centres, values[:, self.names.index(self.size_descriptor)], of_mean, of_pairs, coverage)

    def columns_of(self, table: StudyTable, whose: str) -> StudyTable:
        """Return a study's table reduced to the model's descriptors, in their order.

        Raises
        ------
        BadDataError
            Naming whose table it is, if it is of another unit or lacks a descriptor of the model.
        """
        if table.unit != self.unit:
            raise BadDataError(whose, f"gives {table.unit}s, but {self.id} predicts for a {self.unit}.", "Describe the same unit.")
        absent = [name for name in self.names if name not in table.names]
        if absent:
            raise BadDataError(whose, f"lacks the descriptors {', '.join(absent)}.", "Describe it anew, from its segmentations.")
        return table.columns(self.names)

    @property
    def base(self) -> float:
        """The prediction for a mean outline, before what descriptors add."""
        base = float(np.mean([member.base for member in self.members]))
        return base if self.recalibration is None else self.recalibration.offset + self.recalibration.scale * base

    def contributions(self, values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the prediction for a mean outline and what each descriptor, shape (m,), adds; their sum is the prediction.

        For the linear part exactly its terms, for trees the changes along their paths (`Boosting.contributions`); with a
        recalibration both are scaled. The sum is the prediction before it is limited to 0 to 1.
        """
        added = np.mean([member.contributions(values[None])[0] for member in self.members], axis=0)
        return self.base, added if self.recalibration is None else self.recalibration.scale * added

    def _refused_by_form(self, mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> tuple[str, ...]:
        """Return why the form of an outline that extends over much of a volume is refused, if it is.

        A stray voxel at the other end of the image makes the box around a nodule so large that all its descriptors would
        take gigabytes and a minute; its diameter says enough.
        """
        if mask.size < _LARGE_BOX or not mask.any() or math.prod(mask[bounding_box(mask)].shape) < _LARGE_BOX:
            return ()
        form = describe_lesion(mask, spacing_mm, names=[name for name in self.names if name.startswith("geometry.shape.")])
        # At the study's median nothing else can be out of its range, and only ranges are looked at.
        values = np.array([form.get(one.name, one.median) for one in self.descriptors])
        return outside(values, self.descriptors, replace(self.domain, limit=math.inf))

    def _of_other_images(self, structure: Terminology | None, modality: str | None) -> tuple[str, ...]:
        found = []
        if structure is not None and not structure.same_structure(self.structure):
            found.append(
                f"The model {self.id} was fitted on {_structure_words(self.structure)}; this is {_structure_words(structure)}."
            )
        if modality is not None and modality != self.modality:
            found.append(f"The model {self.id} was fitted on {self.modality}; this image is {modality}.")
        return tuple(found)


def _structure_words(structure: Terminology) -> str:
    region = "" if structure.region is None else f", {structure.region.meaning} ({structure.region.value})"
    return f"{structure.type.meaning} ({structure.type.value}){region}"


def read_model(path: Path) -> DifficultyModel:
    """Return the model of a JSON file.

    Raises
    ------
    BadDataError
        If the file cannot be read, or with every fault of it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataError(path, f"cannot be read ({error}).", "Give a model file that `segqc difficulty fit` wrote.") from error
    try:
        return from_json(DifficultyModel, text)
    except FaultyJSONError as error:
        raise BadDataError(
            path, f"is not a usable difficulty model:\n{error}\n", "Correct these, or fit the model again."
        ) from error


def model_text(model: DifficultyModel) -> str:
    """Return a model as JSON, lists of numbers on one line; the same model gives the same text."""
    return _NUMBERS.sub(lambda found: re.sub(r"\s+", " ", found[0]), to_json(model))


def model_schema() -> dict[str, Any]:
    """Return the JSON Schema of model files."""
    return json_schema(DifficultyModel, title="SegQC difficulty model", identifier=MODEL_SCHEMA_ID)
