"""The command line of readers against each other: segqc agreement."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from SegQCLib import cli_agreement_study, cli_deidentify
from SegQCLib.errors import BadDataError
from SegQCLib.progress import part
from SegQCLib.terminal import LABELS_HELP, say, terminal_progress

_SEG_ENDING = ".seg.nrrd"

_DESCRIPTION = """\
Compare the readers of one case: every pair on every structure, outliers by name, the slices with the largest disagreement,
and if wanted a consensus and a map of where they differ.

  segqc agreement anna.nii.gz boris.nii.gz chloe.nii.gz --labels names.json --ai-anchored chloe

With --study, compare the readers of many cases: a table says who read what.

  segqc agreement --study reads.csv --out OUT

Readers who saw the same AI result agree because of it, so pairs with and without AI are never in one mean. Every measure
with its definition: Documentation/agreement.md."""


def add_commands(commands: Any) -> None:
    """Add the command to the subparsers of segqc."""
    command = commands.add_parser(
        "agreement",
        help="compare the readers of one case, or with --study of many: every pair, every structure, consensus",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "segmentations", type=Path, nargs="*", metavar="SEG", help="one segmentation for each reader, 2 to 16, on any grids"
    )
    command.add_argument("--labels", metavar="L", help=LABELS_HELP)
    case = command.add_argument_group("one case")
    case.add_argument(
        "--image", type=Path, metavar="I", help="what they were drawn on: its grid is used. Without it, the grid that most drew on"
    )
    case.add_argument("--names", metavar="A,B,..", help="names of the readers, in the order of the files; default: file names")
    case.add_argument(
        "--ai-anchored",
        nargs="*",
        metavar="NAME",
        help="readers who saw an AI result of the case, all others then saw none; with no name after it nobody did. Give it"
        " after the files. Without it the segments' algorithm types tell",
    )
    case.add_argument(
        "--protocol", metavar="P", help="id or JSON file: its structures' own tolerances are added to those of the surface Dice"
    )
    case.add_argument(
        "--definition",
        choices=["surfel", "voxel"],
        default="surfel",
        help="what distances and surface Dice are measured between: area-weighted surface elements (default), or border voxels",
    )
    case.add_argument(
        "--consensus",
        type=Path,
        metavar="F",
        help=f"write a consensus segmentation: {_SEG_ENDING}, or a label map (.nii.gz, .nii, .nrrd, .mha)",
    )
    case.add_argument("--method", choices=["staple", "majority"], default="staple", help="of the consensus (default: staple)")
    case.add_argument(
        "--consensus-of",
        choices=["ai-free", "ai-anchored", "all"],
        help="whose consensus it is; needed where some readers saw an AI result and others did not",
    )
    case.add_argument(
        "--map", type=Path, metavar="F", help="write a map of the share of pairs of readers who differ, 0 to 1, as an image"
    )
    case.add_argument("--map-structure", metavar="NAME", help="of this structure alone; default: of all")
    case.add_argument("--json", metavar="F", help="write everything as JSON; - for standard output")
    case.add_argument("--csv", type=Path, metavar="F", help="write one line per pair and structure as CSV")
    cli_agreement_study.add_options(command.add_argument_group("many cases"))
    cli_deidentify.add_options(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if getattr(options, "study", None) is not None:
        if options.segmentations:
            options.usage_error("--study has its segmentations in its table: give no SEG with it.")
        return cli_agreement_study.run(options)
    return _case(options)


def _case(options: argparse.Namespace) -> int:
    from SegQCLib.agreement.agreement_report import agreement_csv, agreement_text
    from SegQCLib.agreement.case_agreement import agreement_of
    from SegQCLib.agreement.consensus import consensus
    from SegQCLib.agreement.disagreement import disagreement_map
    from SegQCLib.agreement.outlier_readers import outliers_by_structure
    from SegQCLib.agreement.read_readers import doubts, read_readers, with_names
    from SegQCLib.agreement.readers_of_case import readers_of_case, unique_names
    from SegQCLib.deidentify import deidentification, deidentified_segmentation
    from SegQCLib.findings import Status
    from SegQCLib.images import read_image
    from SegQCLib.output import require_writable, write_files
    from SegQCLib.written_image import write_image

    _require_usable(options)
    pseudonyms = cli_deidentify.pseudonyms_for(options)
    for path in (options.consensus, options.map, options.csv, *(() if options.json in (None, "-") else (Path(options.json),))):
        if path is not None:
            require_writable(path.parent)
    progress = terminal_progress()
    progress("Reading segmentations", 0.0)
    image = None if options.image is None else read_image(options.image)
    segmentations = read_readers(options.segmentations, labels=options.labels, image=image)
    names = _names(options) or unique_names([segmentation.name for segmentation in segmentations])
    segmentations = with_names(segmentations, names)
    anchored = None if options.ai_anchored is None else list(options.ai_anchored)
    unknown = sorted(set(anchored or ()) - set(names))
    if unknown:
        options.usage_error(f"--ai-anchored: no reader is called {', '.join(unknown)}; there are {', '.join(names)}.")
    seen_before = segmentations
    if pseudonyms is not None:
        segmentations = tuple(deidentified_segmentation(segmentation, None, pseudonyms) for segmentation in segmentations)
        known = dict(zip(names, (segmentation.name for segmentation in segmentations), strict=True))
        anchored = None if anchored is None else [known[name] for name in anchored]
        seen_before = with_names(seen_before, list(known.values()))
    doubtful = doubts(seen_before, image)
    case = readers_of_case(segmentations, image, ai_anchored=anchored)
    _require_structure(options, case)
    agreement = agreement_of(
        case,
        tolerances_mm=_tolerances_mm(options, case),
        definition=options.definition,
        progress=part(progress, 0.1, 0.7),
    )
    if options.consensus is not None:
        made = consensus(
            case,
            "STAPLE" if options.method == "staple" else "majority",
            readers=_chosen(options, case),
            outliers=outliers_by_structure(agreement.outliers),
            progress=part(progress, 0.7, 0.9),
        )
        agreement = replace(agreement, consensus=made.summary)
        _write_consensus(options.consensus, made.segmentation)
    if options.map is not None:
        structures = None if options.map_structure is None else [options.map_structure]
        differing = disagreement_map(case, structures, part(progress, 0.9, 1.0))
        write_image(options.map, differing.array, case.geometry)
    if pseudonyms is not None:
        agreement = replace(agreement, deidentification=deidentification(pseudonyms))
    progress("Done", 1.0)
    if options.json == "-":
        print(agreement.to_json(), end="")
    else:
        print(agreement_text(agreement))
    for message in doubtful:
        say(message)
    for segmentation in segmentations:
        for finding in segmentation.findings:
            if finding.status in (Status.WARN, Status.FAIL):
                say(f"{segmentation.name}: {finding.message}")
    if options.json not in (None, "-"):
        write_files(Path(options.json).parent, {Path(options.json).name: agreement.to_json()})
    if options.csv is not None:
        write_files(options.csv.parent, {options.csv.name: agreement_csv(agreement)})
    return 0


def _require_usable(options: argparse.Namespace) -> None:
    from SegQCLib.agreement.readers_of_case import MOST_READERS
    from SegQCLib.written_image import ENDINGS, image_ending

    alone = [f"--{name}" for name in ("out", "tolerance") if getattr(options, name) is not None]
    alone += [f"--{name}" for name in ("exchangeable-readers", "simulated") if getattr(options, name.replace("-", "_"))]
    if alone:
        options.usage_error(
            f"{', '.join(alone)} does nothing without --study; for one case give --json, --csv, --consensus, --map."
        )
    count = len(options.segmentations)
    if not 2 <= count <= MOST_READERS:
        options.usage_error(f"agreement needs the segmentations of 2 to {MOST_READERS} readers; {count} were given.")
    names = _names(options)
    if names is not None and (len(names) != count or len(set(names)) != count or "" in names):
        options.usage_error(
            f"--names: {count} segmentations need {count} names, each once, with commas between; {options.names!r}."
        )
    if options.map is not None and image_ending(options.map) is None:
        options.usage_error(f"--map: a map is an image file ({', '.join(ENDINGS)}), not {options.map.name}.")
    if options.map_structure is not None and options.map is None:
        options.usage_error("--map-structure does nothing without --map.")
    if options.consensus is not None and image_ending(options.consensus) is None:
        options.usage_error(f"--consensus: a segmentation is {_SEG_ENDING} or {', '.join(ENDINGS)}, not {options.consensus.name}.")
    if options.consensus_of is not None and options.consensus is None:
        options.usage_error("--consensus-of does nothing without --consensus.")


def _names(options: argparse.Namespace) -> list[str] | None:
    return None if options.names is None else [name.strip() for name in options.names.split(",")]


def _require_structure(options: argparse.Namespace, case: Any) -> None:
    names = [structure.name for structure in case.structures]
    if options.map_structure is not None and options.map_structure not in names:
        options.usage_error(f"--map-structure: no reader has {options.map_structure!r}; there are {', '.join(names)}.")


def _tolerances_mm(options: argparse.Namespace, case: Any) -> Any:
    from SegQCLib.agreement.case_agreement import TOLERANCES_MM
    from SegQCLib.protocol import load_protocol

    if options.protocol is None:
        return TOLERANCES_MM
    protocol = load_protocol(options.protocol).protocol
    tolerances = {}
    for structure in case.structures:
        segment = next(segment for segment in structure.segments if segment is not None)
        found = protocol.structure_of(segment)
        own = None if found is None or found.surface_tolerance_mm is None else found.surface_tolerance_mm.maximum
        tolerances[structure.name] = TOLERANCES_MM if own is None else tuple(sorted({*TOLERANCES_MM, own}))
    return tolerances


def _chosen(options: argparse.Namespace, case: Any) -> list[str] | None:
    if options.consensus_of is None:
        return None
    if options.consensus_of == "all":
        return list(case.names)
    wanted = options.consensus_of == "ai-anchored"
    chosen = [reader.name for reader in case.readers if reader.ai_anchored is wanted]
    if len(chosen) < 2:
        raise BadDataError(
            "--consensus-of",
            f"{options.consensus_of}: {', '.join(chosen) or 'nobody'} of {', '.join(case.names)} is known to be so, and a consensus"
            " needs two.",
            "Say with --ai-anchored who saw an AI result (with no name after it: nobody did), or take all.",
        )
    return chosen


def _write_consensus(path: Path, segmentation: Any) -> None:
    from SegQCLib.segmentation_file import write_segmentation
    from SegQCLib.written_image import write_image

    if path.name.lower().endswith(_SEG_ENDING):
        write_segmentation(path, segmentation)
        return
    if len(segmentation.layers) > 1:
        raise BadDataError(
            path, "is a label map, and structures of the consensus overlap.", f"Write it as {_SEG_ENDING}, which can hold that."
        )
    write_image(path, segmentation.layers[0], segmentation.geometry)
    meanings = ", ".join(f"{segment.label_value} {segment.name}" for segment in segmentation.segments)
    say(f"Label values of {path.name}: {meanings}.")
