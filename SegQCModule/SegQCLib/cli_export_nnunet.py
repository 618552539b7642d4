"""segqc export nnunet."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.errors import BadDataError
from SegQCLib.terminal import LABELS_HELP, say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.nnunet_dataset import CaseToTrainOn
    from SegQCLib.protocol import LoadedProtocol
    from SegQCLib.worklist import Worklist

DESCRIPTION = """\
Writes DIR/DatasetNNN_NAME with dataset.json, imagesTr and labelsTr as nnU-Net v2 wants them, and provenance.json, which
says of every label whose work it is: reader, AUTOMATIC, SEMIAUTOMATIC or MANUAL, the draft's model, verdict and hashes.
Nothing is overwritten, and nothing is left behind where it fails.

A structure has its number in every case. One that was assessed and is absent (an empty segment, completed) is
background; one that was not assessed (no segment, or one that is not started, in progress or flagged) never is: its
case is left out, or with --ignore-unassessed every voxel without a label gets nnU-Net's ignore label. Structures that
share voxels, images with irregular slices and cases that cannot be read are left out with the reason.

Files are called after the worklist's cases: call cases so that they do not tell who the patient is, or --number-cases.
The pixels are the patient's own; provenance.json names the readers."""

_EPILOG = """\
exit codes: 0 written, with every case that could be taken; 1 it cannot be written (the message says why, nothing was
written); 2 wrong usage."""


def add_action(actions: Any) -> None:
    """Add `nnunet` to the actions of segqc export."""
    action = actions.add_parser(
        "nnunet",
        help="corrected cases as an nnU-Net raw data set",
        description=DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = action.add_mutually_exclusive_group(required=True)
    source.add_argument("--worklist", type=Path, metavar="W", help="a worklist (CSV file or folder) with what readers saved of it")
    source.add_argument(
        "--case",
        type=Path,
        nargs=2,
        action="append",
        metavar=("IMAGE", "SEGMENTATION"),
        help="one case; once per case, called case_0001, case_0002, ...",
    )
    action.add_argument(
        "--records", type=Path, metavar="DIR", help="where readers' work is kept (default: segqc-records beside the worklist)"
    )
    action.add_argument("--listed", action="store_true", help="take the worklist's own candidates in place of what readers saved")
    action.add_argument(
        "--reader",
        action="append",
        default=[],
        metavar="NAME",
        help="whose work is taken; several times: in the order of preference. Without it each case must have one reader only",
    )
    action.add_argument(
        "--verdict",
        choices=["accept", "not-rejected", "any"],
        default="not-rejected",
        help="what the record saved with a segmentation may say (default: not-rejected, also where there is no record)",
    )
    action.add_argument("--done-only", action="store_true", help="only cases that their reader has marked as done")
    action.add_argument("--protocol", metavar="P", help="id or JSON file; default: the one that all cases of the worklist name")
    action.add_argument(
        "--structures",
        nargs="+",
        metavar="S",
        help="the protocol's structures, numbered from 1 in this order (default: those that it requires, else all)",
    )
    action.add_argument("--labels", metavar="L", help=f"with --case: {LABELS_HELP}")
    action.add_argument(
        "--channel", metavar="NAME", help="nnU-Net's channel name (default: the modality); it sets the normalisation"
    )
    action.add_argument(
        "--ignore-unassessed", action="store_true", help="keep cases with structures that were not assessed, by the ignore label"
    )
    action.add_argument(
        "--without-automatic",
        action="store_true",
        help="take what an algorithm made and nobody changed as not assessed, so that no model is trained on its own output",
    )
    action.add_argument("--number-cases", action="store_true", help="call the worklist's cases case_0001, case_0002, ...")
    action.add_argument("--dataset", type=int, required=True, metavar="NNN", help="number of the data set, 1 to 999")
    action.add_argument("--name", required=True, help="name of the data set: letters, digits, hyphens, underscores")
    action.add_argument("--out", type=Path, required=True, metavar="DIR", help="where data sets are kept (nnUNet_raw)")
    action.set_defaults(run=_export, usage_error=action.error)


def _export(options: argparse.Namespace) -> int:
    from SegQCLib.nnunet_dataset import DatasetRules, fault_of, reason_left_out, write_dataset
    from SegQCLib.protocol import load_protocol
    from SegQCLib.worklist import read_worklist

    worklist = None if options.worklist is None else read_worklist(options.worklist)
    named = options.protocol or _common_protocol(options, worklist)
    protocol = load_protocol(named)
    known = [structure.name for structure in protocol.protocol.structures]
    required = [structure.name for structure in protocol.protocol.structures if structure.required]
    rules = DatasetRules(
        number=options.dataset,
        name=options.name,
        structures=tuple(options.structures or required or known),
        channel=options.channel,
        ignore_unassessed=options.ignore_unassessed,
        without_untouched=options.without_automatic,
    )
    fault = fault_of(rules, protocol)
    if fault is not None:
        options.usage_error(fault)
    cases = _from_files(options) if worklist is None else _from_worklist(options, worklist, protocol)
    names = (
        {} if worklist is None else dict(zip((name for name, _ in cases), (entry.case for entry in worklist.cases), strict=True))
    )
    left_out: list[str] = []

    def tell(identifier: str, why: BadDataError) -> None:
        called = names.get(identifier, identifier)
        shown = identifier if called == identifier else f"{identifier} ({called})"
        left_out.append(f"  left out: {shown}: {reason_left_out(why, identifier)}")

    provenance = write_dataset(cases, protocol, rules, options.out, terminal_progress(), tell)
    print(f"{len(provenance.cases)} of {len(cases)} cases: {options.out / rules.folder_name}")
    print("  labels: " + ", ".join(f"{number} {name}" for name, number in provenance.labels.items()))
    print(*left_out, sep="\n", end="\n" if left_out else "")
    for warning in provenance.warnings:
        say(f"segqc: {warning}")
    return 0


def _common_protocol(options: argparse.Namespace, worklist: Worklist | None) -> str:
    if worklist is None:
        options.usage_error("--case needs --protocol: it names the structures and numbers them.")
    named = {entry.protocol for entry in worklist.cases}
    if len(named) != 1 or None in named:
        shown = ", ".join(sorted(name or "none" for name in named))
        raise BadDataError(
            worklist.path, f"names several protocols or none ({shown}).", "Say which numbers the labels: --protocol."
        )
    return named.pop()


def _from_files(options: argparse.Namespace) -> list[tuple[str, Callable[[], CaseToTrainOn]]]:
    from SegQCLib.training_cases import file_case, identifiers

    if len(options.reader) > 1 or options.records or options.listed or options.done_only:
        options.usage_error("--case takes one --reader, and none of --records, --listed and --done-only.")
    reader = options.reader[0] if options.reader else None
    names = identifiers(["case"] * len(options.case), numbered=True)
    return [
        (name, lambda pair=pair, name=name: file_case(*pair, name, reader, options.labels, numbered=True))
        for name, pair in zip(names, options.case, strict=True)
    ]


def _from_worklist(
    options: argparse.Namespace, worklist: Worklist, protocol: LoadedProtocol
) -> list[tuple[str, Callable[[], CaseToTrainOn]]]:
    from SegQCLib.training_cases import SavedWork, identifiers, listed_case, saved_case
    from SegQCLib.worklist import RECORDS_FOLDER_NAME

    if options.labels:
        options.usage_error("--labels goes with --case; a worklist has its own column labels.")
    names = identifiers([entry.case for entry in worklist.cases], options.number_cases)
    pairs = list(zip(names, worklist.cases, strict=True))
    if options.listed:
        if len(options.reader) > 1 or options.records or options.done_only:
            options.usage_error("--listed takes one --reader, and none of --records and --done-only.")
        reader = options.reader[0] if options.reader else None
        return [
            (name, lambda entry=entry, name=name: listed_case(entry, name, reader, numbered=options.number_cases))
            for name, entry in pairs
        ]
    records = options.records or worklist.folder / RECORDS_FOLDER_NAME
    if not records.is_dir():
        raise BadDataError(
            records,
            "is not a folder.",
            "Give the folder that readers' work is kept in (--records), or take the worklist's own candidates (--listed).",
        )
    wanted = SavedWork(tuple(options.reader), options.verdict, options.done_only)
    return [
        (
            name,
            lambda entry=entry, name=name: saved_case(
                entry, name, worklist, records, protocol, wanted, numbered=options.number_cases
            ),
        )
        for name, entry in pairs
    ]
