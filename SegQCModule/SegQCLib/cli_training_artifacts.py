"""The command line of the artifact atlas: segqc training artifacts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_EXIT_DONE = 0


def add_actions(actions: Any) -> None:
    """Add `artifacts` to the actions of `segqc training`."""
    artifacts = actions.add_parser(
        "artifacts", help="draw the artifact atlas: each artifact at each grade, SIMULATED on the sample CT and MR"
    )
    artifacts.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for <modality>/<rating>/<grade>.png; the atlas that SegQC ships is in Resources/Atlas/ratings",
    )
    artifacts.set_defaults(run=_artifacts)


def _artifacts(options: argparse.Namespace) -> int:
    from SegQCLib.artifact_atlas.atlas_pictures import write_atlas
    from SegQCLib.samples import TOTALSEGMENTATOR, sample_folder
    from SegQCLib.terminal import say, terminal_progress

    progress = terminal_progress()
    written = write_atlas(sample_folder(TOTALSEGMENTATOR, say), options.out, progress)
    progress("", 1.0)
    print(f"{len(written)} pictures in {options.out}. All but grade 5 are SIMULATED; see Documentation/artifact-atlas.md.")
    return _EXIT_DONE
