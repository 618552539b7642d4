"""The command line of consistency over time and over a study: segqc study."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from SegQCLib import cli_deidentify
from SegQCLib.progress import part
from SegQCLib.terminal import LABELS_HELP, say, terminal_progress

_DESCRIPTION = """\
Which series of a study, or of a patient over time, were made alike? Slice thickness, kernel, contrast, scanner, software and
window, as the protocol or guidelines ask; which series break uniformity, which follow-ups were made on another platform, and
how lesions changed between series that may be compared. No class of response is given.

  segqc study worklist.csv --protocol ct-lung-nodule --html study.html
  segqc study DICOM_FOLDER --csv study.csv
  segqc study RECORDS_FOLDER --worklist worklist.csv --html study.html

A worklist has the columns case, image, candidate and, for this, patient, timepoint (a date or a number), kind, reader.
Documentation/study.md has the rest."""


def add_commands(commands: Any) -> None:
    """Add the command to the subparsers of segqc."""
    study = commands.add_parser(
        "study",
        help="uniformity of acquisition over a study and over time, other platforms, lesions over comparable series",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    study.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="a worklist (CSV or folder), a folder of evaluations, or a folder of DICOM files",
    )
    study.add_argument(
        "--protocol", metavar="P", help="id of a shipped protocol, or a protocol's JSON file (default: the worklist's)"
    )
    study.add_argument(
        "--worklist",
        type=Path,
        metavar="W",
        help="with a folder of evaluations: names patient and timepoint of each case (default: worklist.csv in it or beside it)",
    )
    study.add_argument("--labels", metavar="L", help=LABELS_HELP)
    study.add_argument("--json", metavar="F", help="write everything as JSON; - for standard output")
    study.add_argument("--csv", type=Path, metavar="F", help="write one line per series and one per lesion and time point")
    study.add_argument("--html", type=Path, metavar="F", help="write the page: one file for screen and paper")
    cli_deidentify.add_options(study)
    study.set_defaults(run=_study)


def _study(options: argparse.Namespace) -> int:
    from SegQCLib.deidentify import deidentification
    from SegQCLib.output import require_writable, write_files
    from SegQCLib.protocol import load_protocol
    from SegQCLib.study_consistency.consistency_csv import consistency_csv
    from SegQCLib.study_consistency.consistency_page import render_consistency
    from SegQCLib.study_consistency.consistency_words import consistency_text
    from SegQCLib.study_consistency.deidentified_study import deidentified_study
    from SegQCLib.study_consistency.read_study import read_study
    from SegQCLib.study_consistency.study_consistency import study_consistency
    from SegQCLib.words import LEFT_OUT

    pseudonyms = cli_deidentify.pseudonyms_for(options)
    outputs = [Path(path) for path in (options.json, options.csv, options.html) if path not in (None, "-")]
    for path in outputs:
        require_writable(path.parent)
    protocol = load_protocol(options.protocol) if options.protocol else None
    progress = terminal_progress()
    read, protocol = read_study(options.folder, protocol, options.worklist, options.labels, part(progress, 0.0, 0.9))
    if pseudonyms is not None:
        read = deidentified_study(read, protocol and protocol.protocol, pseudonyms)
    study = study_consistency(read, protocol, part(progress, 0.9, 0.95))
    if pseudonyms is not None:
        study = replace(study, created=LEFT_OUT, deidentification=deidentification(pseudonyms))
    page = render_consistency(study, part(progress, 0.95, 1.0)) if options.html else ""
    progress("Done", 1.0)
    if options.json == "-":
        print(study.to_json(), end="")
    else:
        print(consistency_text(study))
    for path, content in ((options.json, study.to_json()), (options.csv, consistency_csv(study)), (options.html, page)):
        if path is not None and path != "-":
            write_files(Path(path).parent, {Path(path).name: content})
    if options.html and pseudonyms is None and options.json != "-":
        say(f"  page: {options.html}")
    return 0
