"""The command line of expected expert agreement: segqc difficulty, its actions and their options."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from SegQCLib.cli_difficulty_actions import (
    run_card,
    run_evaluate,
    run_features,
    run_fit,
    run_predict,
    run_recalibrate,
    run_simulate,
)
from SegQCLib.cli_difficulty_study import TARGET_KINDS
from SegQCLib.terminal import LABELS_HELP

_STUDY_HELP = (
    "lidc: the lung nodules of LIDC-IDRI that three or four radiologists outlined (downloads 6 MB at the first use);"
    " or a CSV file of your own study with the columns patient, lesion, reader, segmentation and, if there are any, label, image,"
    " healthy, uncertainty"
)
_EPILOG = """\
About one patient in five (by a hash of the patient id, so the same ones everywhere) is a test patient: fit never uses
them, and evaluate only with --test or --all-patients. Predictions are for research, training and quality assurance, not
for diagnosis."""


def add_commands(commands: Any) -> None:
    """Add `difficulty` and its actions to the subparsers of segqc."""
    difficulty = commands.add_parser(
        "difficulty",
        help="expected expert agreement: describe, predict, fit, evaluate, recalibrate, simulate",
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
    _add_card(actions)
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
    features.add_argument("--out", type=_output_file, metavar="TABLE.csv", help="where the study's table goes; needed with --study")
    _add_workers(features)
    _add_json(features)
    features.set_defaults(run=run_features)


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
    fit.add_argument("--seed", type=_whole(0), default=0, help="of folds and trees (default: 0)")
    fit.add_argument("--out", type=_output_file, required=True, metavar="MODEL.json", help="where the model goes")
    _add_json(fit)
    fit.set_defaults(run=run_fit)


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
    evaluate.set_defaults(run=run_evaluate)


def _add_recalibrate(actions: Any) -> None:
    recalibrate = actions.add_parser(
        "recalibrate",
        help="fit a model's level, interval and threshold to your own readers",
        description="Refit offset, scale, interval and threshold of a model on 20 or more lesions that several of your readers"
        " outlined without AI. All of its patients are taken, test patients too: what it then reaches needs other patients.",
    )
    recalibrate.add_argument("--model", required=True, metavar="M", help="id of a shipped model, or a model's JSON file")
    _add_table(recalibrate)
    recalibrate.add_argument("--centre", required=True, metavar="NAME", help="whose readers, stored with the model")
    recalibrate.add_argument(
        "--readers-without-ai", action="store_true", required=True, help="confirm that no reader started from an AI result"
    )
    recalibrate.add_argument(
        "--out", type=_output_file, required=True, metavar="MODEL.json", help="where the recalibrated model goes"
    )
    _add_json(recalibrate)
    recalibrate.set_defaults(run=run_recalibrate)


def _add_card(actions: Any) -> None:
    card = actions.add_parser(
        "card",
        help="a model's card as a page: data, errors, coverage, where it refuses",
        description="Write the model's card as one HTML page.",
    )
    card.add_argument("--model", required=True, metavar="M", help="id of a shipped model, or a model's JSON file")
    card.add_argument("--out", type=_output_file, required=True, metavar="CARD.html", help="where the page goes")
    card.set_defaults(run=run_card)


def _add_simulate(actions: Any) -> None:
    simulate = actions.add_parser(
        "simulate",
        help="the paper's tables on simulated readers",
        description="Simulate a study (lesions implanted in sample CT, simulated readers) and print the tables of Fournel et al."
        " for it, beside theirs. Simulated results show that methods work, not what radiologists do.",
    )
    simulate.add_argument("--patients", type=int, default=30, metavar="N", help="simulated patients (default: 30)")
    simulate.add_argument("--slices", type=int, default=30, metavar="N", help="slices per patient, at least (default: 30)")
    simulate.add_argument("--seed", type=_whole(0), default=0, help="the same seed gives the same study (default: 0)")
    _add_json(simulate)
    simulate.set_defaults(run=run_simulate)


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
    predict.set_defaults(run=run_predict)


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
        choices=list(TARGET_KINDS),
        help="agreement: the mean Dice of all pairs of readers (default); of one operator with each other reading, as in"
        " Fournel et al.; or of the pairs that leave out the reader whose outline is described",
    )
    parser.add_argument("--operator", type=_whole(1), metavar="N", help="with --target operator: which reader, from 1")
    parser.add_argument(
        "--repeat", type=_whole(1), metavar="N", help="with --target operator: that reader's own second reading, from 1"
    )
    parser.add_argument(
        "--least-readers",
        type=int,
        metavar="N",
        help="a lesion or slice counts if so many readers outlined something there (default: 3)",
    )


def _add_workers(parser: Any) -> None:
    parser.add_argument("--workers", type=_whole(1), default=1, metavar="N", help="processes that describe lesions (default: 1)")


def _add_json(parser: Any) -> None:
    parser.add_argument("--json", type=_json_output, metavar="F", help="write the result as JSON; - for standard output")


def _whole(least: int) -> Callable[[str], int]:
    """Return what reads a whole number of at least so many."""

    def whole(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{text} is below {least}")
        return value

    return whole


def _output_file(text: str) -> Path:
    # Said before an hour's work, not after it.
    if Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder; name a file in it")
    return Path(text)


def _json_output(text: str) -> str:
    return text if text == "-" else str(_output_file(text))


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value
