"""The command line of protocols: segqc protocol."""

from __future__ import annotations

import argparse
import json
from typing import Any

_EXIT_DONE = 0


def add_commands(commands: Any) -> None:
    """Add `protocol` and its actions to the subparsers of segqc."""
    protocol = commands.add_parser("protocol", help="list, show or validate protocols")
    actions = protocol.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="the shipped protocols").set_defaults(run=_list)
    show = actions.add_parser("show", help="print a protocol's JSON")
    show.add_argument("protocol", metavar="P", help="id or JSON file")
    show.set_defaults(run=_show)
    validate = actions.add_parser("validate", help="report every fault of a protocol file")
    validate.add_argument("protocol", metavar="FILE", help="protocol JSON file")
    validate.set_defaults(run=_validate)


def _list(options: argparse.Namespace) -> int:  # noqa: ARG001
    from SegQCLib.protocol import load_protocol, shipped_protocols

    for identifier in shipped_protocols():
        protocol = load_protocol(identifier).protocol
        print(f"{identifier}  {protocol.version}  {protocol.title}")
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
