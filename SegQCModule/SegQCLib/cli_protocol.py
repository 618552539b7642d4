"""The command line of protocols: segqc protocol."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.terminal import LABELS_HELP

if TYPE_CHECKING:
    from SegQCLib.protocols.difference import ProtocolComparison

_EXIT_DONE, _EXIT_NOT_SIGNED = 0, 1

_NO_PROOF = "A sign-off shows whether a protocol was changed since; it does not prove who signed."


def add_commands(commands: Any) -> None:
    """Add `protocol` and its actions to the subparsers of segqc."""
    protocol = commands.add_parser(
        "protocol", help="protocols: list, show, validate, compare versions, sign, print, make from cases"
    )
    actions = protocol.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="the shipped protocols").set_defaults(run=_list)
    show = actions.add_parser("show", help="print a protocol's JSON")
    show.add_argument("protocol", metavar="P", help="id or JSON file")
    show.set_defaults(run=_show)
    validate = actions.add_parser("validate", help="report every fault of a protocol file")
    validate.add_argument("protocol", metavar="FILE", help="protocol JSON file")
    validate.set_defaults(run=_validate)
    diff = actions.add_parser("diff", help="what differs between two versions, in words, and which earlier results it touches")
    diff.add_argument("old", metavar="OLD", help="id or JSON file of the earlier version")
    diff.add_argument("new", metavar="NEW", help="id or JSON file of the later version")
    diff.add_argument("--json", metavar="F", help="write everything as JSON; - for standard output")
    diff.set_defaults(run=_diff)
    sign = actions.add_parser("sign", help="sign a protocol in one of two roles; both together lock its content")
    sign.add_argument("protocol", type=Path, metavar="FILE", help="protocol JSON file of your own")
    sign.add_argument(
        "--role", required=True, metavar="R", help="'author' or 'responsible radiologist', unless --roles says otherwise"
    )
    sign.add_argument("--name", required=True, metavar="N", help="who signs")
    sign.add_argument("--roles", nargs="+", metavar="R", help="with the first signature: the roles that must all sign")
    sign.add_argument("--statement", metavar="TEXT", help="what is agreed to, where it is not the usual sentence")
    sign.set_defaults(run=_sign)
    verify = actions.add_parser("verify", help="exit with 0 if all roles signed exactly this content, else with 1")
    verify.add_argument("protocol", metavar="FILE", help="id or JSON file")
    verify.set_defaults(run=_verify)
    sop = actions.add_parser("sop", help="write the protocol as a page for the reading room, to print on A4")
    sop.add_argument("protocol", metavar="P", help="id or JSON file")
    sop.add_argument("--course", type=Path, metavar="DIR", help="training course whose atlas has the rules for each structure")
    sop.add_argument("--out", type=Path, required=True, metavar="F.html", help="page to write")
    sop.set_defaults(run=_sop)
    from_cases = actions.add_parser("from-cases", help="propose a protocol from finished cases: limits are what was observed")
    from_cases.add_argument(
        "cases", type=Path, metavar="CASES", help="worklist (CSV or folder), folder of record.json files, or folder of DICOM series"
    )
    from_cases.add_argument("--id", required=True, help="id of the new protocol: lower case, digits, hyphens")
    from_cases.add_argument("--title", required=True, metavar="T", help="its title")
    from_cases.add_argument("--out", type=Path, required=True, metavar="F", help="file to write")
    from_cases.add_argument("--labels", metavar="L", help=LABELS_HELP)
    from_cases.add_argument("--modality", metavar="M", help="for example CT, where no header says it")
    from_cases.add_argument(
        "--compare",
        metavar="P",
        help="tell the differences from this protocol; segments without codes take those of its structures, and where there are no"
        " segments its structures are taken over",
    )
    from_cases.set_defaults(run=_from_cases)


def _list(options: argparse.Namespace) -> int:  # noqa: ARG001
    from SegQCLib.protocol import load_protocol, shipped_protocols
    from SegQCLib.terminal import say

    for identifier in shipped_protocols():
        protocol = load_protocol(identifier).protocol
        print(f"{identifier}  {protocol.version}  {protocol.title}")
    say("They are examples, not signed off for any study.")
    return _EXIT_DONE


def _show(options: argparse.Namespace) -> int:
    from SegQCLib.dataclass_json import to_plain
    from SegQCLib.protocol import load_protocol

    print(json.dumps(to_plain(load_protocol(options.protocol).protocol), indent=2, ensure_ascii=False))
    return _EXIT_DONE


def _validate(options: argparse.Namespace) -> int:
    from SegQCLib.difficulty.in_case import protocol_model
    from SegQCLib.protocol import load_protocol

    loaded = load_protocol(options.protocol)
    if loaded.protocol.expected_agreement.model is not None:
        protocol_model(loaded)
    print(f"{loaded.path}: a usable protocol, {loaded.protocol.id} {loaded.protocol.version}, SHA-256 {loaded.sha256}")
    return _EXIT_DONE


def _diff(options: argparse.Namespace) -> int:
    from SegQCLib.protocol import load_protocol
    from SegQCLib.protocols.differences import compare_protocols

    comparison = compare_protocols(load_protocol(options.old), load_protocol(options.new))
    if options.json == "-":
        print(comparison.to_json(), end="")
        return _EXIT_DONE
    if options.json:
        _write(Path(options.json), comparison.to_json())
    print_comparison(comparison)
    return _EXIT_DONE


def print_comparison(comparison: ProtocolComparison) -> None:
    """Print all differences, together where they touch the same earlier results."""
    from SegQCLib.protocols.difference import LOOK_AGAIN

    old, new = comparison.old, comparison.new
    if not comparison.differences:
        same = "; the files are the same." if old.sha256 == new.sha256 else "; only the files' formatting does."
        print(f"{old.id} {old.version} and {new.id} {new.version} do not differ{same}")
        return
    print(f"From {old.id} {old.version} to {new.id} {new.version}")
    for affects, (title, advice) in LOOK_AGAIN.items():
        own = [difference for difference in comparison.differences if difference.affects == affects]
        if own:
            print(f"\n{title}. {advice}")
        for difference in own:
            print(f"  {difference.kind:<8} {difference.words}")
    if comparison.version_remark:
        print(f"\n{comparison.version_remark}")


def _write(path: Path, text: str) -> None:
    from SegQCLib.output import require_writable, write_files

    require_writable(path.parent)
    write_files(path.parent, {path.name: text})


def _sign(options: argparse.Namespace) -> int:
    from SegQCLib.protocols.sign_off import STATEMENT, sign_off_path, sign_protocol
    from SegQCLib.terminal import say

    sign_off = sign_protocol(
        options.protocol, options.role, options.name, roles=options.roles, statement=options.statement or STATEMENT
    )
    print(f"{options.protocol}: {sign_off.words}")
    print(f"  kept in {sign_off_path(options.protocol)}")
    say(_NO_PROOF)
    return _EXIT_DONE


def _verify(options: argparse.Namespace) -> int:
    from SegQCLib.protocol import load_protocol
    from SegQCLib.protocols.sign_off import signoff_state
    from SegQCLib.terminal import say

    loaded = load_protocol(options.protocol)
    sign_off = signoff_state(loaded)
    print(f"{loaded.path}: {loaded.protocol.id} {loaded.protocol.version}, SHA-256 {loaded.sha256}")
    print(f"  {sign_off.words}")
    for difference in sign_off.differences or ():
        print(f"   - {difference.words}")
    say(_NO_PROOF)
    return _EXIT_DONE if sign_off.state == "locked" else _EXIT_NOT_SIGNED


def _sop(options: argparse.Namespace) -> int:
    from SegQCLib.protocol import load_protocol
    from SegQCLib.protocols.sign_off import signoff_state
    from SegQCLib.protocols.sop import course_of, render_sop

    loaded = load_protocol(options.protocol)
    course = course_of(loaded, options.course)
    _write(options.out, render_sop(loaded, signoff_state(loaded), course, options.out.parent))
    print(
        f"{options.out}: {loaded.protocol.id} {loaded.protocol.version}"
        + (f", with the atlas of {course.file.id}" if course else "")
    )
    return _EXIT_DONE


def _from_cases(options: argparse.Namespace) -> int:
    from SegQCLib.errors import BadDataError
    from SegQCLib.protocol import load_protocol
    from SegQCLib.protocols.differences import compare_protocols
    from SegQCLib.protocols.finished_case import read_finished_cases
    from SegQCLib.protocols.from_cases import protocol_from_cases
    from SegQCLib.protocols.protocol_file import document_of, save_document
    from SegQCLib.terminal import terminal_progress

    other = load_protocol(options.compare) if options.compare else None
    progress = terminal_progress()
    found = read_finished_cases(
        options.cases, labels=options.labels, codes_from=other.protocol if other else None, progress=progress
    )
    progress("Done", 1.0)
    if options.out.exists():
        raise BadDataError(options.out, "exists already.", "Choose another name: a proposal does not replace a protocol.")
    try:
        proposed = protocol_from_cases(
            found.cases, options.id, options.title, modality=options.modality, structures_of=other.protocol if other else None
        )
    except ValueError as error:
        raise BadDataError(options.cases, "is not enough for a protocol.", str(error)) from error
    saved = save_document(document_of(proposed.protocol), options.out)
    number = f"{len(found.cases)} {'case' if len(found.cases) == 1 else 'cases'}"
    print(f"{options.out}: proposed from {number} ({found.origin}). Read every limit before you use it.")
    _print_list("Differs between the cases", proposed.differing)
    _print_list("Left out", proposed.left_out)
    _print_list("Remarks", (*found.notes, *proposed.remarks))
    if other is not None:
        print()
        print_comparison(compare_protocols(other, saved))
    return _EXIT_DONE


def _print_list(title: str, lines: Sequence[str]) -> None:
    if lines:
        print(f"\n{title}:")
    for line in lines:
        print(f" - {line}")
