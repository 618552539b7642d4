"""The command line of one image's quality: segqc quality measure."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.progress import part
from SegQCLib.terminal import LABELS_HELP, say, terminal_progress

if TYPE_CHECKING:
    from SegQCLib.case import Case
    from SegQCLib.protocol import QCProtocol

_MEASURE = """\
Measure an image's quality in and around its segments: noise, SNR, CNR, contrast and sharpness at the border, on PET the
tumour-to-background ratio, with a second image SSIM. Each number has its method, region, voxel count and unit; a dash has its
reason below the table. No number is good or bad by itself: a study sets its limits in its protocol, and segqc evaluate judges.

With --protocol the structures of the protocol are measured, and its lesions against normal tissue; without, every segment, and
segments coded as morphologically abnormal structures count as lesions.

Example:
  segqc quality measure --image ct/ --segmentation seg.nii.gz --labels totalsegmentator --protocol ct-abdomen-portal-venous"""


def add_action(actions: Any) -> None:
    """Add the action to the subparsers of segqc quality."""
    measure = actions.add_parser(
        "measure",
        help="one image: noise, SNR, CNR, contrast and sharpness in and around its segments",
        description=_MEASURE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    measure.add_argument("--image", type=Path, required=True, metavar="I", help="DICOM folder or file, NIfTI, NRRD, MetaImage")
    measure.add_argument(
        "--segmentation", type=Path, required=True, metavar="S", help="label map, .seg.nrrd, DICOM SEG or RTSTRUCT"
    )
    measure.add_argument("--labels", metavar="L", help=LABELS_HELP)
    measure.add_argument("--protocol", metavar="P", help="id of a shipped protocol, or a protocol's JSON file")
    measure.add_argument(
        "--second-image",
        type=Path,
        metavar="I",
        help="an image registered to the first, on its grid: a second acquisition (SNR), another reconstruction (SSIM)",
    )
    measure.add_argument("--json", metavar="F", help="write everything as JSON; - for standard output")
    measure.add_argument("--csv", type=Path, metavar="F", help="write one line per number")
    measure.add_argument(
        "--background", type=Path, metavar="F.seg.nrrd", help="write the background regions that were placed, as a segmentation"
    )
    measure.set_defaults(run=_measure, usage_error=measure.error)


def _prepared(case: Case, protocol: QCProtocol | None) -> Case:
    """Return the case on one regular grid; raise BadDataError where there is none."""
    from SegQCLib.alignment import align
    from SegQCLib.errors import BadDataError
    from SegQCLib.prepare import prepare
    from SegQCLib.regular_grid import is_regular

    where = "--image" if case.image.source is None else case.image.source.path
    if protocol is not None:
        prepared = prepare(case, protocol)
        if not prepared.measurable:
            raise BadDataError(where, "is not a regular series.", prepared.findings[0].message)
        return prepared.case
    if not is_regular(case.image):
        way_out = "Give a regular reconstruction, or a protocol that resamples (irregular_geometry)."
        raise BadDataError(where, "has slices off a regular grid (gantry tilt, missing or irregular slices).", way_out)
    return replace(case, candidate=align(case.candidate, case.image.geometry))


def _measure(options: argparse.Namespace) -> int:
    from SegQCLib.case import Case
    from SegQCLib.errors import BadDataError
    from SegQCLib.evaluate import software_versions
    from SegQCLib.images import read_image
    from SegQCLib.importers import read_segmentation
    from SegQCLib.output import require_writable, write_files
    from SegQCLib.protocol import load_protocol
    from SegQCLib.quality.measure_image_quality import measure_image_quality
    from SegQCLib.quality.quality_report import QualityReport, quality_csv, quality_table
    from SegQCLib.segmentation_file import write_segmentation

    json_file = None if options.json in (None, "-") else Path(options.json)
    outputs = [path for path in (json_file, options.csv, options.background) if path is not None]
    if len({path.resolve() for path in outputs}) < len(outputs):
        options.usage_error("--json, --csv and --background name one file.")
    if options.background is not None and not options.background.name.endswith(".seg.nrrd"):
        options.usage_error(f"--background {options.background} does not end in .seg.nrrd.")
    protocol = None if options.protocol is None else load_protocol(options.protocol).protocol
    for path in outputs:
        require_writable(path.parent)
    progress = terminal_progress()
    progress("Reading image and segmentation", 0.0)
    image = read_image(options.image)
    if image.array is None:
        raise BadDataError(options.image, "has no voxel values.", "Give the image itself.")
    second = None if options.second_image is None else read_image(options.second_image)
    candidate = read_segmentation(options.segmentation, labels=options.labels, image=image)
    case = _prepared(Case(image, candidate, second_image=second), protocol)
    measured = measure_image_quality(case, protocol, part(progress, 0.4, 1.0))
    progress("Done", 1.0)
    report = QualityReport(
        "segqc-quality",
        "1.0",
        software_versions(),
        str(options.image),
        str(options.segmentation),
        None if options.second_image is None else str(options.second_image),
        None if protocol is None else f"{protocol.id} {protocol.version}",
        measured.measurements,
    )
    if json_file is not None:
        write_files(json_file.parent, {json_file.name: report.to_json()})
    if options.csv is not None:
        # Excel takes UTF-8 for something else without the mark.
        write_files(options.csv.parent, {options.csv.name: f"\ufeff{quality_csv(report.measurements)}"})
    if options.background is not None:
        if measured.background is None:
            say("No background region was placed, so none was written.")
        else:
            write_segmentation(options.background, measured.background)
    if options.json == "-":
        print(report.to_json(), end="")
    elif report.measurements:
        print(quality_table(report.measurements))
    if not report.measurements:
        say("No segment with voxels is a structure of the protocol." if protocol else "No segment has voxels.")
    return 0
