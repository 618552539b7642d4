"""segqc export sr."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from SegQCLib.terminal import LABELS_HELP, say, terminal_progress

DESCRIPTION = """\
Write a record as a DICOM structured report (TID 1500 Imaging Measurement Report), which archives keep beside the images
and other programs read: measures with unit and definition, verdicts, findings, ratings, expected agreement of experts.

Nothing is measured again: the record says it all, and is refused if it is of another image or another candidate.
With --segmentation the report refers to the segments of that DICOM SEG; segqc export seg writes one."""

_EPILOG = "exit codes: 0 written; 1 it cannot be written (the message says why, nothing was written); 2 wrong usage."


def add_action(actions: Any) -> None:
    """Add `sr` to the actions of segqc export."""
    export = actions.add_parser(
        "sr",
        help="a record as DICOM SR (TID 1500)",
        description=DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    export.add_argument("--record", type=Path, required=True, metavar="F", help="record.json of segqc evaluate")
    export.add_argument("--image", type=Path, required=True, metavar="I", help="the DICOM series that was evaluated")
    export.add_argument("--candidate", type=Path, required=True, metavar="S", help="the segmentation that was evaluated")
    export.add_argument("--labels", metavar="L", help=LABELS_HELP)
    export.add_argument(
        "--segmentation",
        type=Path,
        metavar="SEG",
        help="the candidate as DICOM SEG, to which the report refers (default: the candidate itself, where it is one)",
    )
    export.add_argument("--reader", metavar="NAME", help="who answers for the segmentation: the report's person observer")
    export.add_argument("--out", type=Path, required=True, metavar="F.dcm", help="the file to write")
    export.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> int:
    from datetime import datetime

    from SegQCLib.alignment import align
    from SegQCLib.dicom.source_images import source_images
    from SegQCLib.dicom.sr_inputs import is_dicom_seg, read_record, read_same_segmentation, require_evaluated
    from SegQCLib.dicom.write_file import write_dicom_file
    from SegQCLib.dicom.write_sr import report_object, require_highdicom, require_report_can_be_written
    from SegQCLib.images import read_image
    from SegQCLib.importers import read_segmentation
    from SegQCLib.output import require_writable

    require_highdicom()
    record = read_record(options.record)
    require_report_can_be_written(record, options.reader)
    require_writable(options.out.parent)
    progress = terminal_progress()
    progress("Reading image and segmentation", 0.0)
    image = read_image(options.image)
    images = source_images(image)
    candidate = read_segmentation(options.candidate, labels=options.labels, image=image)
    require_evaluated(record, options.record, image, candidate)
    candidate = align(candidate, image.geometry)
    path = options.segmentation
    if path is None and is_dicom_seg(options.candidate):
        path = options.candidate
    segmentation = None if path is None else read_same_segmentation(path, candidate, image)
    progress("Writing the report", 0.5)
    # The record's own time: written again, the report is the same file.
    created = datetime.fromisoformat(record.created)
    report = report_object(record, candidate, images, segmentation, reader=options.reader, created=created)
    write_dicom_file(report, options.out)
    progress("Done", 1.0)
    print(f"  report:  {options.out}")
    if segmentation is None:
        say("The report refers to the images only, because no DICOM SEG was given (--segmentation).")
    return 0
