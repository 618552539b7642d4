"""The command line: segqc."""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from SegQCLib import (
    __version__,
    cli_agreement,
    cli_archive,
    cli_checklist,
    cli_cohort,
    cli_deidentify,
    cli_difficulty,
    cli_evaluate_dicom,
    cli_export,
    cli_models,
    cli_protocol,
    cli_quality,
    cli_quality_study,
    cli_records,
    cli_study,
    cli_training,
)
from SegQCLib.errors import BadDataError
from SegQCLib.progress import part
from SegQCLib.terminal import LABELS_HELP, say, terminal_progress, without_passwords

# 2 is argparse's own for wrong usage; 130 is what shells expect after Ctrl-C, 141 where nobody reads on.
EXIT_DONE, EXIT_BAD_DATA, EXIT_VERDICT, EXIT_STOPPED, EXIT_UNREAD = 0, 1, 3, 130, 141

EPILOG = """\
exit codes: 0 done, whatever the verdict; 1 the data cannot be used (the message says why); 2 wrong usage;
3 only with --fail-on: the verdict is that bad or worse.

SegQC is not a medical device. Its verdicts support research, training and quality assurance."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    for name in ("stdout", "stderr"):
        # Python has none where it was closed (>&-), as some schedulers do.
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the process ends
    options = command_line_parser().parse_args(cli_cohort.with_action(sys.argv[1:] if arguments is None else arguments))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path need not be Unicode on Linux, and not every terminal on Windows has all letters.
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            # Findings and errors say in plain words what is wrong with a header; pydicom quotes its bytes.
            warnings.filterwarnings("ignore", module=r"pydicom\b")
            code = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read the output has enough of it, as `head` has; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNREAD
    except BadDataError as error:
        message, code = str(error), EXIT_BAD_DATA
    except OSError as error:
        # A name that no file can have, a folder that may not be looked into, a full disk: wherever it is met.
        where = "" if error.filename is None else f"{error.filename!s:.200}: "
        message, code = f"{where}{error.strerror or error}. Check the path, who may use it, and the free space.", EXIT_BAD_DATA
    except KeyboardInterrupt:
        message, code = "stopped. Nothing was half written.", EXIT_STOPPED
    terminal_progress()("", 1.0)  # where it was stopped, its line is still there
    print(f"segqc: {without_passwords(message)}", file=sys.stderr)
    return code


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(without_passwords(message))


def command_line_parser() -> argparse.ArgumentParser:
    """Return what understands every command."""
    parser = _Parser(
        prog="segqc",
        description="Check and measure segmentations under a written protocol.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"segqc {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="evaluate the sample cases (downloads 44 MB at the first run)")
    demo.add_argument("--out", type=Path, default=Path("segqc-demo"), metavar="DIR", help="output folder (default: segqc-demo)")
    demo.set_defaults(run=_demo)

    evaluate = commands.add_parser(
        "evaluate",
        help="evaluate one case: record.json, report.html, measurements.csv",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    evaluate.add_argument("--image", type=Path, required=True, metavar="I", help="DICOM folder or file, NIfTI, NRRD, MetaImage")
    evaluate.add_argument(
        "--candidate",
        type=Path,
        required=True,
        metavar="S",
        help="segmentation under test: label map, .seg.nrrd, DICOM SEG or RTSTRUCT",
    )
    evaluate.add_argument(
        "--reference", type=Path, action="append", default=[], metavar="S", help="segmentation to compare with; once per reader"
    )
    evaluate.add_argument("--draft", type=Path, metavar="S", help="AI result that the candidate started from: what was changed")
    evaluate.add_argument(
        "--uncertainty",
        type=Path,
        metavar="U",
        help="a segmentation model's uncertainty map, for difficulty models that use it: an image, or nnU-Net's .npz with --draft",
    )
    evaluate.add_argument(
        "--second-image",
        type=Path,
        metavar="I",
        help="an image registered to the first, on its grid, for what compares two: a second acquisition (SNR), another"
        " reconstruction or a denoised image (SSIM)",
    )
    evaluate.add_argument(
        "--drawn-background",
        type=Path,
        metavar="S",
        help="background regions that a person drew or changed, for image quality: background.seg.nrrd of an earlier evaluation,"
        " for example",
    )
    evaluate.add_argument("--protocol", required=True, metavar="P", help="id of a shipped protocol, or a protocol's JSON file")
    evaluate.add_argument(
        "--labels",
        metavar="L",
        help=LABELS_HELP,
    )
    evaluate.add_argument("--ratings", type=Path, metavar="F", help="readers' ratings of the image: a JSON file as SegQC saves it")
    evaluate.add_argument(
        "--certificates",
        type=Path,
        metavar="DIR",
        help="folder of training certificates: whether the training that the protocol asks for holds for --reader",
    )
    cli_quality_study.add_option(evaluate)
    evaluate.add_argument("--out", type=Path, required=True, metavar="DIR", help="output folder")
    evaluate.add_argument(
        "--scene",
        type=_scene_path,
        metavar="OUT.mrb",
        help="evaluate in a 3D Slicer scene and save it with the record (needs slicer-core)",
    )
    evaluate.add_argument("--json", choices=["-"], help="print the record to standard output as JSON")
    evaluate.add_argument("--fail-on", choices=["review", "reject"], help="exit with 3 if the verdict is this or worse")
    cli_deidentify.add_options(evaluate)
    cli_evaluate_dicom.add_options(evaluate)
    evaluate.set_defaults(run=_evaluate)

    compare = commands.add_parser("compare", help="compare two segmentations: all segments, all measures")
    compare.add_argument("reference", type=Path, metavar="REFERENCE", help="segmentation to compare with")
    compare.add_argument(
        "candidate", type=Path, metavar="CANDIDATE", help="segmentation under test, brought onto the reference's grid"
    )
    compare.add_argument("--labels", metavar="L", help=LABELS_HELP)
    compare.add_argument(
        "--image", type=Path, metavar="I", help="whose grid an RTSTRUCT is filled on; without it that of the other segmentation"
    )
    compare.add_argument(
        "--definition",
        choices=["surfel", "voxel"],
        default="surfel",
        help="what distances and surface Dice are measured between: area-weighted surface elements (default), or border voxels",
    )
    compare.add_argument("--json", metavar="F", help="write everything as JSON; - for standard output")
    compare.add_argument("--csv", type=Path, metavar="F", help="write one line per segment as CSV")
    cli_deidentify.add_options(compare)
    compare.set_defaults(run=_compare)

    cli_protocol.add_commands(commands)
    cli_difficulty.add_commands(commands)
    cli_export.add_commands(commands)
    cli_archive.add_commands(commands)
    cli_agreement.add_commands(commands)
    cli_models.add_commands(commands)
    cli_quality.add_commands(commands)
    cli_records.add_commands(commands)
    cli_checklist.add_commands(commands)
    cli_study.add_commands(commands)
    cli_training.add_commands(commands)
    cli_cohort.add_commands(commands)
    return parser


def _scene_path(text: str) -> Path:
    if not text.lower().endswith(".mrb"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name for a Slicer scene; it ends in .mrb")
    return Path(text)


def _demo(options: argparse.Namespace) -> int:
    from SegQCLib.demo import demo_cases
    from SegQCLib.evaluate import evaluate_with_background
    from SegQCLib.output import require_writable
    from SegQCLib.prepare import prepare
    from SegQCLib.renderers import write_outputs

    require_writable(options.out)
    for demo in demo_cases(say):
        folder = options.out / demo.folder
        require_writable(folder)
        progress = terminal_progress()
        prepared = prepare(demo.case, demo.protocol.protocol)
        evaluated = evaluate_with_background(prepared, demo.protocol, part(progress, 0.0, 0.9))
        record = evaluated.record
        write_outputs(record, prepared.case, demo.protocol.protocol, folder, part(progress, 0.9, 1.0), evaluated.background)
        progress("Done", 1.0)
        print(f"\n{demo.title}\n  data: {demo.licence}")
        _print_verdict(record, folder)
    return EXIT_DONE


def _evaluate(options: argparse.Namespace) -> int:
    from SegQCLib.cohort.cohort_case import CohortCase
    from SegQCLib.cohort.read_case import read_case
    from SegQCLib.deidentify import deidentified_case, marked_deidentified
    from SegQCLib.dicom import burned_in
    from SegQCLib.difficulty.in_case import protocol_model
    from SegQCLib.evaluate import evaluate_with_background
    from SegQCLib.importers import read_segmentation
    from SegQCLib.output import require_writable
    from SegQCLib.prepare import prepare
    from SegQCLib.protocol import load_protocol
    from SegQCLib.readers.ratings import read_ratings_file
    from SegQCLib.renderers import write_outputs

    started = time.monotonic()
    pseudonyms = cli_deidentify.pseudonyms_for(options)
    cli_evaluate_dicom.require_possible(options)
    protocol = load_protocol(options.protocol)
    ratings = read_ratings_file(options.ratings) if options.ratings else ()
    training = _reader_training(options, protocol)
    require_writable(options.out)
    if options.scene:
        _require_slicer_core()
        require_writable(options.scene.parent)

    progress = terminal_progress()
    progress("Reading image and segmentations", 0.0)
    files = CohortCase(
        case=options.candidate.name,
        image=options.image,
        candidate=options.candidate,
        references=tuple(options.reference),
        draft=options.draft,
        uncertainty=options.uncertainty,
        second_image=options.second_image,
        labels=options.labels,
    )
    read = read_case(files, partial(cli_evaluate_dicom.require_dicom_image, options))
    case = replace(
        read,
        ratings=ratings,
        drawn_background=read_segmentation(options.drawn_background, image=read.image) if options.drawn_background else None,
        reader_training=training,
        quality_norms=cli_quality_study.norms(options),
    )
    if pseudonyms is not None:
        if protocol.protocol.expected_agreement.model is not None:
            # A model that cannot be used would be told in the record, with its place on this computer.
            protocol_model(protocol)
        case = deidentified_case(case, protocol.protocol, pseudonyms)
    prepared = prepare(case, protocol.protocol, part(progress, 0.1, 0.2))
    if options.scene:
        from SegQCLib.mrml.evaluate_scene import evaluate_in_new_scene

        evaluated = evaluate_in_new_scene(case, protocol, options.scene, part(progress, 0.2, 0.9))
    else:
        evaluated = evaluate_with_background(prepared, protocol, part(progress, 0.2, 0.9))
    record = evaluated.record
    if pseudonyms is not None:
        record = marked_deidentified(record, pseudonyms)
    write_outputs(record, prepared.case, protocol.protocol, options.out, part(progress, 0.9, 1.0), evaluated.background)
    progress("Done", 1.0)
    if options.json:
        print(record.to_json(), end="")
    else:
        # The folder's name may be the patient's.
        _print_verdict(record, options.out if pseudonyms is None else Path())
        for finding in record.findings if pseudonyms is not None else ():
            if finding.check == burned_in.CHECK_ID:
                say(f"segqc: {finding.message}")
        if options.scene:
            print(f"  scene:  {options.scene}")
        if sys.stderr.isatty():
            say(f"Done in {time.monotonic() - started:.1f} s.")
    if options.dicom:
        cli_evaluate_dicom.write_dicom(options, case, record)
        if not options.json:
            print(f"  DICOM:   {options.out / cli_evaluate_dicom.SEG_NAME}, {options.out / cli_evaluate_dicom.SR_NAME}")
    severity = ("ACCEPT", "REVIEW", "REJECT")
    if options.fail_on and severity.index(record.verdict) >= severity.index(options.fail_on.upper()):
        return EXIT_VERDICT
    return EXIT_DONE


def _reader_training(options: argparse.Namespace, protocol):
    """Return where --reader stands with the training that the protocol asks for; None where nobody asked."""
    if options.certificates is None:
        return None
    if options.reader is None:
        options.usage_error("--certificates needs --reader: whose certificates are looked for.")
    if not options.certificates.is_dir():
        raise BadDataError(options.certificates, "is no folder.", "Give the folder of training certificates.")
    from SegQCLib.readers.training.standing import training_standing

    return training_standing(protocol, options.reader, options.certificates)


def _compare(options: argparse.Namespace) -> int:
    from SegQCLib.case import Case, Volume
    from SegQCLib.checks import segmentation_reference
    from SegQCLib.comparison_report import compare_segmentations, comparison_csv, comparison_table
    from SegQCLib.deidentify import deidentification, deidentified_segmentation
    from SegQCLib.findings import Status
    from SegQCLib.images import read_image
    from SegQCLib.importers.segmentation_pair import read_segmentation_pair
    from SegQCLib.output import require_writable, write_files

    shown = (Status.WARN, Status.FAIL)
    pseudonyms = cli_deidentify.pseudonyms_for(options)
    outputs = [Path(path) for path in (options.json, options.csv) if path not in (None, "-")]
    for path in outputs:
        require_writable(path.parent)
    progress = terminal_progress()
    progress("Reading segmentations", 0.0)
    image = None if options.image is None else read_image(options.image)
    pair = read_segmentation_pair(options.reference, options.candidate, labels=options.labels, image=image)
    of_one_image = Case(Volume(None, pair[0].geometry) if image is None else image, pair[1], (pair[0],))
    doubts = [finding.message for finding in segmentation_reference.of_case(of_one_image) if finding.status in shown]
    if pseudonyms is not None:
        pair = [deidentified_segmentation(segmentation, None, pseudonyms) for segmentation in pair]
    report = compare_segmentations(*pair, options.definition, progress)
    if pseudonyms is not None:
        report = replace(report, deidentification=deidentification(pseudonyms))
    progress("Done", 1.0)
    if options.json == "-":
        print(report.to_json(), end="")
    else:
        print(comparison_table(report))
        print(f"Distances and surface Dice by the definition {report.definition!r}; a dash: undefined, absent on one side or both.")
        if report.resampled:
            print("The candidate was resampled to the reference's grid (nearest neighbour).")
    for message in doubts:
        say(message)
    for segmentation in pair:
        for finding in segmentation.findings:
            if finding.status in shown:
                say(f"{segmentation.name}: {finding.message}")
    if options.json and options.json != "-":
        write_files(Path(options.json).parent, {Path(options.json).name: report.to_json()})
    if options.csv:
        write_files(options.csv.parent, {options.csv.name: comparison_csv(report)})
    return EXIT_DONE


def _require_slicer_core() -> None:
    if importlib.util.find_spec("slicer") is None:
        raise BadDataError(
            "--scene", "needs slicer-core, which is not installed here.", "Install it with: pip install 'segqc[scene]'."
        )


def _print_verdict(record, folder: Path) -> None:
    print(f"  verdict: {record.verdict}")
    for reason in record.reasons:
        print(f"   - {reason}")
    print(f"  report:  {folder / 'report.html'}")


if __name__ == "__main__":
    sys.exit(main())
