"""The command line of exports: segqc export seg, sr, nnunet."""

from __future__ import annotations

from typing import Any

from SegQCLib import cli_export_nnunet, cli_export_seg, cli_export_sr


def add_commands(commands: Any) -> None:
    """Add `export` and its actions to the subparsers of segqc."""
    export = commands.add_parser("export", help="write DICOM SEG, DICOM SR, or cases for nnU-Net's training")
    actions = export.add_subparsers(metavar="ACTION", required=True)
    for action in (cli_export_seg, cli_export_sr, cli_export_nnunet):
        action.add_action(actions)
