"""What the actions of `segqc difficulty` do, each from the options it was given to an exit code."""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from SegQCLib.case import Segment, Terminology
from SegQCLib.cli_difficulty_study import (
    refuse_options,
    study_table,
    table_facts,
    table_for,
    table_of,
    table_words,
    target_definition,
)
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.errors import BadDataError
from SegQCLib.progress import part
from SegQCLib.terminal import say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.difficulty.described_segments import DescribedSegments

# A descriptor that is undefined for more outlines would cost more outlines than it is worth.
_DEFINED = 0.99


def run_features(options: argparse.Namespace) -> int:
    """Print the descriptors of one segmentation, or write those of a study as a table."""
    if options.study is None:
        refuse_options(options, "--segmentation", ("out", "test", "target", "operator", "repeat", "least_readers"))
        return _features_of_one(options)
    refuse_options(options, "--study", ("segment", "slice", "image", "healthy", "uncertainty"))
    from SegQCLib.difficulty.table_file import render_table
    from SegQCLib.output import require_writable, write_files

    if options.out is None:
        raise BadDataError("--out", "is missing.", "Name the CSV file that the study's table goes to.")
    definition = target_definition(options)
    require_writable(options.out.parent)
    progress = terminal_progress()
    table = study_table(options, definition, "test" if options.test else "develop", None, progress)
    write_files(options.out.parent, {options.out.name: render_table(table, definition)})
    progress("Done", 1.0)
    if not _give_json(options, {**table_facts(table), "target": definition.in_words(), "table": str(options.out)}):
        print(f"{options.out}: {table_words(table)}.\n{definition.in_words()}")
    return 0


def _features_of_one(options: argparse.Namespace) -> int:
    from SegQCLib.difficulty.descriptors.describe import describe_lesion, describe_slice, descriptor_meaning

    described = _described(options)
    spacing = described.geometry.spacing_mm
    plain = []
    for segment in described.segments:
        mask = described.mask(segment)
        for k in _slices(described, segment, options.unit or "lesion", options.slice):
            if k is None:
                values = describe_lesion(mask, spacing, **described.arrays)
            else:
                values = describe_slice(mask, k, spacing, **described.arrays)
            rows = [{"name": name, "value": _finite(value), **_meaning(descriptor_meaning(name))} for name, value in values.items()]
            plain.append({"segment": segment.name, "slice": k, "descriptors": rows})
    if not _give_json(options, plain):
        for of_one in plain:
            print(_heading(of_one["segment"], of_one["slice"]))
            for row in of_one["descriptors"]:
                value = "undefined" if row["value"] is None else f"{row['value']:.6g}"
                unit = "" if row["unit"] == "1" else f" {row['unit']}"
                print(f"  {row['name']:<58} {value + unit:<22} {row['meaning']}")
    return 0


def _meaning(meaning: Any) -> dict[str, str]:
    return {"unit": meaning.unit, "meaning": meaning.text}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def run_predict(options: argparse.Namespace) -> int:
    """Print what a model expects of experts on each segment of a file."""
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.difficulty import load_model
    from SegQCLib.difficulty.in_case import structure_words

    model = load_model(options.model)
    described = _described(options)
    if None not in (options.modality, described.modality) and options.modality != described.modality:
        raise BadDataError("--modality", f"is {options.modality}, but the image says {described.modality}.", "Leave it out.")
    modality = described.modality or options.modality
    plain = []
    for segment in described.segments:
        mask = described.mask(segment)
        for k in _slices(described, segment, model.unit, options.slice):
            try:
                said = model.predict(
                    mask, described.geometry.spacing_mm, **described.arrays, k=k, structure=segment.terminology,
                    modality=modality, rule=options.rule, coverage=options.coverage,
                )  # fmt: skip
            except ValueError as error:
                raise BadDataError(segment.name, "cannot be predicted.", str(error)) from error
            plain.append({"segment": segment.name, "slice": k, **to_plain(said)})
    assumed = [
        f"{segment.name}: the file does not say in codes what was outlined; taken for {structure_words(model)}."
        for segment in described.segments
        if segment.terminology is None
    ] + ([f"The modality is not known; taken for {model.modality}."] if modality is None else [])
    whole = {
        "model": f"{model.id} {model.version}", "simulated": model.simulated, "unit": model.unit, "rule": options.rule,
        "target": model.target.in_words(), "assumed": assumed, "predictions": plain,
    }  # fmt: skip
    if not _give_json(options, whole):
        simulated = " Fitted on SIMULATED readers." if model.simulated else ""
        print(f"{whole['model']}: {whole['target']}{simulated}")
        for sentence in assumed:
            print(sentence)
        for prediction in plain:
            print(_heading(prediction["segment"], prediction["slice"]))
            print(_prediction_words(prediction, options.rule))
    return 0


def _prediction_words(prediction: dict[str, Any], rule: str) -> str:
    from SegQCLib.difficulty.in_words import NOT_PREDICTED, percent

    share = percent(prediction["coverage"])
    if not prediction["in_domain"]:
        lines = [NOT_PREDICTED]
    else:
        pairs = "" if rule == "mean" else f": {share} of single pairs of experts are expected to reach it"
        rows = {
            "expected mean Dice of experts": f"{prediction['dice']:.2f}",
            f"interval of that mean ({share})": f"{prediction['lower']:.2f} to {prediction['upper']:.2f}",
            "threshold for one outline": f"{prediction['threshold']:.2f}  (rule {rule}{pairs})",
        }
        lines = [f"{name:<32}{value}" for name, value in rows.items()]
    return "\n".join(f"  {line}" for line in (*lines, *(f"- {reason}" for reason in prediction["reasons"])))


def _described(options: argparse.Namespace) -> DescribedSegments:
    from SegQCLib.difficulty.described_segments import read_described

    return read_described(
        options.segmentation, segment=options.segment, image=options.image, healthy=options.healthy,
        uncertainty=options.uncertainty, labels=options.labels,
    )  # fmt: skip


def _slices(described: DescribedSegments, segment: Segment, unit: str, asked: int | None) -> list[int | None]:
    """Return the slices to describe: those with voxels, or the one asked for; None once for a whole lesion."""
    if unit == "lesion":
        return [None]
    there = described.slices(segment)
    mask = described.mask(segment)
    drawn = [k for k in there if mask[k].any()]
    if asked is None:
        return drawn
    if asked not in drawn:
        raise BadDataError(segment.name, f"has no voxel in slice {asked}.", f"It lies in the slices {there[0]} to {there[-1]}.")
    return [asked]


def _heading(segment: str, k: int | None) -> str:
    return segment if k is None else f"{segment}, slice {k}"


def run_fit(options: argparse.Namespace) -> int:
    """Fit a model on a study, write it, and print what it reaches."""
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.difficulty.fit import fit_model
    from SegQCLib.difficulty.model_file import model_text
    from SegQCLib.difficulty.reached_words import reached_words
    from SegQCLib.output import require_writable, write_files

    if options.table is not None:
        refuse_options(options, "--table", ("unit", "target", "operator", "repeat", "least_readers"))
    facts = _study_facts(options)
    require_writable(options.out.parent)
    progress = terminal_progress()
    chosen = {} if options.model is None else {"regressor": _regressor(options.model)}
    names = _names_of_model(options)
    table, definition = table_of(options, target_definition(options), "develop", names, part(progress, 0.0, 0.4))
    names = names or _names(options, table)
    try:
        model = fit_model(
            table, id=options.id or options.out.stem, version=options.version, date=datetime.date.today().isoformat(),
            target=definition, names=names, folds=options.folds, outer_folds=options.outer_folds, seed=options.seed,
            progress=part(progress, 0.4, 1.0), **chosen, **facts,
        )  # fmt: skip
    except ValueError as error:
        raise BadDataError("--descriptors", "cannot be fitted with.", str(error)) from error
    progress("Done", 1.0)
    write_files(options.out.parent, {options.out.name: model_text(model)})
    whole = {"model": str(options.out), **table_facts(table), "cross_validation": to_plain(model.cross_validation)}
    if not _give_json(options, whole):
        print(f"{options.out}: {model.regressor}, fitted on {table_words(table.columns(names))}.")
        print(definition.in_words())
        print(f"On patients that it had not seen ({model.cross_validation.folds} folds of whole patients):")
        print(reached_words(model.cross_validation))
    return 0


def _regressor(name: str) -> str:
    from SegQCLib.difficulty.model_file import Regressor

    if name not in get_args(Regressor):
        raise BadDataError("--model", f"{name!r} is no kind of model.", f"There are {', '.join(get_args(Regressor))}.")
    if "boosting" in name and importlib.util.find_spec("sklearn") is None:
        raise BadDataError(
            "--model", f"{name} is fitted with scikit-learn, which is not installed here.",
            "Install it with: pip install 'segqc[difficulty]'.",
        )  # fmt: skip
    return name


def _names_of_model(options: argparse.Namespace) -> tuple[str, ...] | None:
    """Return the descriptors of the model named by @, or of the shipped one for its own study; None: they follow from the table."""
    from SegQCLib.difficulty import load_model

    asked = options.descriptors
    if asked is None and options.study == "lidc":
        asked = "@lung-nodule-ct-slice" if options.unit == "slice" else "@lung-nodule-ct"
    return load_model(asked[1:]).names if asked is not None and asked.startswith("@") else None


def _names(options: argparse.Namespace, table: StudyTable) -> tuple[str, ...]:
    """Return the descriptors to fit with: those asked for, or those that are nearly always defined."""
    asked = options.descriptors
    if asked is None:
        defined = np.isfinite(table.values).mean(axis=0)
        return tuple(name for name, share in zip(table.names, defined, strict=True) if share >= _DEFINED)
    beginnings = tuple(part.strip() for part in asked.split(","))
    for beginning in beginnings:
        if not any(_begins(name, beginning) for name in table.names):
            raise BadDataError(
                "--descriptors", f"{beginning!r} is the beginning of no descriptor here.",
                "`segqc difficulty features --segmentation S` prints the names.",
            )  # fmt: skip
    return tuple(name for name in table.names if any(_begins(name, beginning) for beginning in beginnings))


def _begins(name: str, beginning: str) -> bool:
    return name == beginning or name.startswith(f"{beginning}.")


def _study_facts(options: argparse.Namespace) -> dict[str, Any]:
    """Return what a model stores of the study it was fitted on."""
    from SegQCLib.difficulty.lidc_study import LIDC_CITATION, LIDC_DATA, LIDC_LICENCE
    from SegQCLib.importers.lidc import LUNG_NODULE

    if options.study == "lidc":
        return {
            "structure": LUNG_NODULE, "modality": "CT", "data": options.data or LIDC_DATA,
            "licence": options.licence or LIDC_LICENCE, "citation": options.citation or LIDC_CITATION,
        }  # fmt: skip
    absent = [f"--{name}" for name in ("structure", "modality", "data", "licence", "version") if not getattr(options, name)]
    if absent:
        raise BadDataError(
            ", ".join(absent), "is missing.", "A model says what it is for, what it was fitted on and who may use it."
        )
    if not options.readers_without_ai:
        raise BadDataError(
            "--readers-without-ai", "is missing.",
            "Fit only on annotations made without AI (drafts inflate agreement), and confirm it with this option.",
        )  # fmt: skip
    return {
        "structure": _structure(options.structure), "modality": options.modality, "data": options.data,
        "licence": options.licence, "citation": options.citation or "none",
    }  # fmt: skip


def _structure(text: str) -> Terminology:
    from SegQCLib.protocol import load_protocol

    protocol, _, name = text.rpartition(":")
    if not protocol:
        raise BadDataError("--structure", f"{text!r} names no protocol.", "Write it as ct-lung-nodule:lung_nodule.")
    structures = {structure.name: structure for structure in load_protocol(protocol).protocol.structures}
    if name not in structures:
        raise BadDataError("--structure", f"{protocol} has no structure {name!r}.", f"It has {', '.join(structures)}.")
    return structures[name].terminology


def run_evaluate(options: argparse.Namespace) -> int:
    """Print what a model reaches on patients that it has not seen."""
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.difficulty import load_model
    from SegQCLib.difficulty.evaluate_model import evaluate_model
    from SegQCLib.difficulty.reached_words import reached_words

    model = load_model(options.model)
    identity = {"model": f"{model.id} {model.version}", "simulated": model.simulated, "target": model.target.in_words()}
    with_study = options.study is not None or options.table is not None
    if with_study != (options.test or options.all_patients):
        raise BadDataError(
            "--study" if not with_study else "--test",
            "is missing.",
            "Without a study, what the model reached in cross-validation is printed. With one, say whom to measure on: --test, or"
            " --all-patients of a study that has nothing to do with the one the model was fitted on.",
        )
    if not with_study:
        if not _give_json(options, {**identity, "measured_on": "cross-validation", "reached": to_plain(model.cross_validation)}):
            print(f"{identity['model']}: {model.regressor}, {model.data}\n{identity['target']}")
            print(f"On patients that it had not seen ({model.patients} patients in {model.cross_validation.folds} folds):")
            print(reached_words(model.cross_validation))
        return 0
    progress = terminal_progress()
    table = table_for(model, options, "test" if options.test else "all", progress)
    if options.test:
        say("The test patients are being spent: a choice made after seeing this needs new patients to be tested on.")
        if model.recalibration is not None:
            say(f"{model.recalibration.centre} recalibrated the model on all of its patients: for them this is no test.")
    reached = evaluate_model(model, table)
    progress("Done", 1.0)
    who = "test patients" if options.test else "all patients"
    plain = {**identity, "measured_on": who, **table_facts(table), "reached": to_plain(reached)}
    if not _give_json(options, plain):
        print(f"{identity['model']} on {who}: {table_words(table)}\n{identity['target']}")
        print(reached_words(reached))
    return 0


def run_recalibrate(options: argparse.Namespace) -> int:
    """Write a model with the level of a centre's own readers."""
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.difficulty import load_model
    from SegQCLib.difficulty.model_file import model_text
    from SegQCLib.difficulty.recalibrate import recalibrate
    from SegQCLib.output import require_writable, write_files

    model = load_model(options.model)
    require_writable(options.out.parent)
    progress = terminal_progress()
    table = table_for(model, options, "all", progress)
    own = recalibrate(model, table, centre=options.centre, date=datetime.date.today().isoformat())
    progress("Done", 1.0)
    write_files(options.out.parent, {options.out.name: model_text(own)})
    facts = own.recalibration
    if not _give_json(options, {"model": str(options.out), "version": own.version, "recalibration": to_plain(facts)}):
        print(f"{options.out}: {own.id} {own.version}, {facts.cases} {own.unit}s of {facts.patients} patients of {facts.centre}.")
        print(f"  Prediction = {facts.offset:+.3f} + {facts.scale:.3f} x {model.id}'s")
        print(f"  mean absolute error (Dice), each predicted without its patient   {facts.mae:.4f}")
    return 0


def run_card(options: argparse.Namespace) -> int:
    """Write a model's card."""
    from SegQCLib.difficulty import load_model
    from SegQCLib.difficulty.model_card import render_model_card
    from SegQCLib.output import require_writable, write_files

    page = render_model_card(load_model(options.model))
    require_writable(options.out.parent)
    write_files(options.out.parent, {options.out.name: page})
    print(options.out)
    return 0


def run_simulate(options: argparse.Namespace) -> int:
    """Print the paper's tables for a simulated study."""
    from SegQCLib.difficulty.simulation_report import run_simulation
    from SegQCLib.samples import TOTALSEGMENTATOR, sample_folder

    sample_folder(TOTALSEGMENTATOR, say)  # a download is told before it starts
    progress = terminal_progress()
    try:
        report = run_simulation(patients=options.patients, slices_per_patient=options.slices, seed=options.seed, progress=progress)
    except ValueError as error:
        raise BadDataError("simulate", "cannot be done.", str(error)) from error
    progress("Done", 1.0)
    if not _give_json(options, json.loads(report.to_json())):
        print(report.markdown())
    return 0


def _give_json(options: argparse.Namespace, plain: Any) -> bool:
    """Write what a command found as JSON where that is asked for, and return whether it went to standard output."""
    from SegQCLib.output import require_writable, write_files

    if options.json is None:
        return False
    text = json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if options.json == "-":
        print(text, end="")
        return True
    path = Path(options.json)
    require_writable(path.parent)
    write_files(path.parent, {path.name: text})
    return False
