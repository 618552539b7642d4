"""The command line of training sets: segqc training; the actions of courses are in `cli_training_course`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SegQCLib import cli_training_artifacts, cli_training_build, cli_training_course
from SegQCLib.terminal import LABELS_HELP

_KINDS = ("island", "missing_slices", "left_right", "shrunken", "cut_end")
_NO_ERROR = "none"
_EXIT_DONE = 0
_DESCRIPTION = """\
Courses: an atlas to read, cases to practise on, an exam, a certificate (Documentation/training.md).

  segqc training new         COURSE --protocol ct-abdomen-portal-venous
  segqc training validate    COURSE
  segqc training mark        COURSE --case practice-1 --candidate ATTEMPT
  segqc training standing    --reader "Dr. A" --protocol P --certificates RECORDS/certificates

Put known errors into AI drafts of practice cases, and see how many of them readers find and how fast.

  segqc training new-set --set COURSE
  segqc training plant   --set COURSE --case "abdomen 1" --image CT --draft DRAFT --kind island --structure liver --seed 1
  segqc training score   --set COURSE --records RECORDS

Readers open COURSE/cases.csv in 3D Slicer (step Training). What is planted never leaves the set: such a draft is refused for
any other case, and no DICOM object is written from it. See Documentation/automation-bias.md."""


def add_commands(commands: Any) -> None:
    """Add `training` and its actions to the subparsers of segqc."""
    training = commands.add_parser(
        "training",
        help="courses with exam and certificate; practice cases with known errors in their drafts",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = training.add_subparsers(metavar="ACTION", required=True)
    cli_training_course.add_actions(actions)
    cli_training_build.add_actions(actions)
    cli_training_artifacts.add_actions(actions)

    new_set = actions.add_parser("new-set", help="make a new or empty folder a training set")
    _add_set(new_set)
    new_set.set_defaults(run=_new_set)

    plant = actions.add_parser("plant", help="put a known error into the draft of a practice case, never of a patient in care")
    _add_set(plant)
    plant.add_argument("--case", required=True, metavar="NAME", help="how the case is called in the set's worklist")
    plant.add_argument("--image", type=Path, metavar="I", help="its image, where the worklist does not name the case yet")
    plant.add_argument(
        "--draft",
        type=Path,
        metavar="S",
        help="segmentation to plant into; it is not changed. Without it one more error goes into the case's planted draft",
    )
    plant.add_argument(
        "--kind",
        required=True,
        choices=(*_KINDS, _NO_ERROR),
        help=f"what is to be wrong; {_NO_ERROR}: a correct draft as a control, to count needless changes",
    )
    plant.add_argument("--structure", metavar="NAME", help="segment to plant it into")
    plant.add_argument("--seed", type=int, metavar="N", help="the same number gives the same error")
    plant.add_argument(
        "--shrunken-to", type=float, metavar="PART", help="part of its volume that a shrunken structure keeps (default: 0.6)"
    )
    plant.add_argument("--protocol", metavar="P", help="protocol of a case that the worklist does not name yet")
    plant.add_argument("--labels", metavar="L", help=LABELS_HELP)
    plant.set_defaults(run=_plant, usage_error=plant.error)

    score = actions.add_parser("score", help="which planted errors were detected, and how often each reader does")
    _add_set(score)
    what = score.add_mutually_exclusive_group(required=True)
    what.add_argument("--final", type=Path, metavar="S", help="a reader's final segmentation of --case")
    what.add_argument("--records", type=Path, metavar="DIR", help="records folder: all readers who finished cases in 3D Slicer")
    score.add_argument("--case", metavar="NAME", help="the case of --final")
    score.add_argument(
        "--log", type=Path, action="append", default=[], metavar="F", help="session log of --final; once per session"
    )
    score.add_argument("--json", metavar="F", help="write everything as JSON; - for standard output")
    score.set_defaults(run=_score)


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--set", type=Path, required=True, metavar="DIR", dest="folder", help="folder of the training set")


def _new_set(options: argparse.Namespace) -> int:
    from SegQCLib.training_set import MARK, new_training_set

    new_training_set(options.folder)
    print(f"{options.folder} is a training set now ({MARK}). Plant errors into its cases with 'segqc training plant'.")
    return _EXIT_DONE


def _plant(options: argparse.Namespace) -> int:
    from SegQCLib.errors import BadDataError
    from SegQCLib.readers.planted_cases import plant_in_case
    from SegQCLib.readers.planted_errors import SHRUNKEN_TO, PlantedErrorKind
    from SegQCLib.terminal import say

    if options.kind == _NO_ERROR:
        return _add_control(options)
    if options.structure is None or options.seed is None:
        options.usage_error(f"--kind {options.kind} needs --structure and --seed.")
    part = SHRUNKEN_TO if options.shrunken_to is None else options.shrunken_to
    if not 0 < part < 1:
        raise BadDataError("--shrunken-to", f"is {part:g}.", "Give a part of the volume between 0 and 1, such as 0.6.")
    if options.seed < 0:
        raise BadDataError("--seed", f"is {options.seed}.", "Give a whole number, 0 or larger.")
    error = plant_in_case(
        options.folder,
        options.case,
        PlantedErrorKind(options.kind),
        options.structure,
        options.seed,
        draft=options.draft,
        image=options.image,
        labels=options.labels,
        protocol=options.protocol,
        shrunken_to=part,
    )
    where = error.structure if error.partner is None else f"{error.structure} and {error.partner}"
    place = ", ".join(f"{value:.0f}" for value in error.centre_lps_mm)
    print(f"Planted: {error.kind.words}, {where}, {error.volume_ml:.2f} mL around ({place}) mm (left, posterior, superior).")
    say("Readers open the set's cases.csv; keep its folder 'truth' from them.")
    return _EXIT_DONE


def _add_control(options: argparse.Namespace) -> int:
    from SegQCLib.readers.planted_cases import add_control
    from SegQCLib.terminal import say

    if options.draft is None:
        options.usage_error("--kind none needs --draft: the correct draft.")
    names = add_control(
        options.folder, options.case, options.draft, image=options.image, labels=options.labels, protocol=options.protocol
    )
    print(f"Control: {options.case}, {len(names)} {'structures' if len(names) > 1 else 'structure'} without a planted error.")
    say("Readers open the set's cases.csv; nothing tells them that the case is a control.")
    return _EXIT_DONE


def _score(options: argparse.Namespace) -> int:
    from SegQCLib.errors import BadDataError

    if options.final is not None and options.case is None:
        raise BadDataError("--final", "does not say of which case it is.", "Name the case of the training set with --case.")
    return _score_one(options) if options.final is not None else _score_all(options)


def _score_one(options: argparse.Namespace) -> int:
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.readers.planted_cases import score_case
    from SegQCLib.readers.planted_controls import is_control
    from SegQCLib.readers.planted_outcome import DETECTION_RULES
    from SegQCLib.readers.session_log import read_log

    if is_control(options.folder, options.case):
        return _score_control(options)
    logs = sorted(map(read_log, options.log), key=lambda log: log.header.started)
    outcomes = score_case(options.folder, options.case, options.final, logs)
    _write_json(options, {"case": options.case, "outcomes": [to_plain(one) for one in outcomes]})
    if options.json == "-":
        return _EXIT_DONE
    for one in outcomes:
        found = "detected" if one.detected else "not detected"
        time = "" if one.seconds is None else f" after {one.seconds:.0f} s of active time"
        print(f"{one.kind.words}, {one.structure}: {found}{time}; {one.corrected:.0%} of {one.volume_ml:.2f} mL corrected")
        print(f"  detected means: {DETECTION_RULES[one.kind]}")
    return _EXIT_DONE


def _score_control(options: argparse.Namespace) -> int:
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.readers.planted_controls import RULE, score_control

    changes = score_control(options.folder, options.case, options.final)
    _write_json(options, {"case": options.case, "control": [to_plain(one) for one in changes]})
    if options.json == "-":
        return _EXIT_DONE
    for one in changes:
        what = "changed" if one.changed else "left as it was"
        print(f"control, {one.structure}: {what}; {one.changed_ml:.2f} mL of {one.volume_ml:.2f} mL ({one.share:.1%})")
    print(f"  {RULE}")
    return _EXIT_DONE


def _score_all(options: argparse.Namespace) -> int:
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.errors import BadDataError
    from SegQCLib.readers.planted_controls import RULE, false_alarm_rates, finished_controls
    from SegQCLib.readers.planted_result import NAME, read_result
    from SegQCLib.readers.planted_statistics import detection_rates
    from SegQCLib.training_set import require_training_set

    training_set = require_training_set(options.folder)
    results = [read_result(path) for path in sorted(options.records.glob(f"*/*/{NAME}"))]
    results = [one for one in results if one.training_set == training_set.id]
    controls = finished_controls(options.folder, options.records) if (options.folder / "cases.csv").is_file() else ()
    if not results and not controls:
        raise BadDataError(
            options.records,
            "holds no finished case of this training set.",
            "A case counts when its reader has finished it in 3D Slicer (Finish in the Case step).",
        )
    rates = detection_rates((one.reader, read) for one in results for read in one.reads())
    alarms = false_alarm_rates((reader, change) for reader, _, changes in controls for change in changes)
    _write_json(
        options,
        {
            "results": [to_plain(one) for one in results],
            "rates": [to_plain(one) for one in rates],
            "false_alarms": [to_plain(one) for one in alarms],
        },
    )
    if options.json == "-":
        return _EXIT_DONE
    if rates:
        _print_rates(rates)
    for one in alarms:
        rate = f"{one.rate:.0%} ({one.rate_lower:.0%} to {one.rate_upper:.0%})"
        print(f"False alarms, {one.reader}: {one.changed} of {one.shown} correct structures changed, {rate}")
    if alarms:
        print(f"  {RULE}")
    return _EXIT_DONE


def _print_rates(rates: Any) -> None:
    rows = [("reader", "kind of error", "detected", "rate (95 % interval)", "median time (95 % interval)")]
    for one in rates:
        time = "-" if one.median_s is None else f"{one.median_s:.0f} s ({_interval(one.median_lower_s, one.median_upper_s)})"
        rate = f"{one.rate:.0%} ({one.rate_lower:.0%} to {one.rate_upper:.0%})"
        rows.append((one.reader, one.error, f"{one.detected} of {one.planted}", rate, time))
    widths = [max(len(row[n]) for row in rows) for n in range(5)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print("Rates with Wilson's interval. Times: active time until the correction, of detected errors only.")
    print("n. e.: not estimable, too few times for an interval.")
    if len({one.reader for one in rates}) > 2:
        print("all: these readers on these errors. Readers differ, so the rate of other readers can lie outside of the interval.")
    few = [one for one in rates if one.remark]
    if few:
        print(f"{len(few)} of {len(rates)} lines rest on fewer than 10 errors: their rates can lie anywhere in their intervals.")


def _interval(lower: float | None, upper: float | None) -> str:
    return "n. e." if lower is None or upper is None else f"{lower:.0f} to {upper:.0f} s"


def _write_json(options: argparse.Namespace, content: dict) -> None:
    import json

    from SegQCLib.output import require_writable, write_files

    text = json.dumps({"schema": "segqc-planted-score", "schema_version": "1.0", **content}, indent=2, ensure_ascii=False) + "\n"
    if options.json == "-":
        print(text, end="")
    elif options.json:
        path = Path(options.json)
        require_writable(path.parent)
        write_files(path.parent, {path.name: text})
