"""segqc evaluate --dicom: the candidate as DICOM SEG and the record as DICOM SR, beside the record."""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.cli_export_seg import add_origin_options, require_meant, segmentation_to_write
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from SegQCLib.case import Case, Volume
    from SegQCLib.record import QCRecord

SEG_NAME, SR_NAME = "seg.dcm", "sr.dcm"


def add_options(command: argparse.ArgumentParser) -> None:
    """Add --dicom, and what a DICOM SEG has to say of its origin, to segqc evaluate."""
    command.add_argument(
        "--dicom",
        action="store_true",
        help=f"also write the candidate as DICOM SEG ({SEG_NAME}) and the record as DICOM SR ({SR_NAME}); where they cannot be"
        " written, the record is all the same, the reasons are listed, and the exit code is 1",
    )
    group = command.add_argument_group("with --dicom", "who drew the segments, as segqc export seg needs it")
    add_origin_options(group)


def require_possible(options: argparse.Namespace) -> None:
    """End the program as wrong usage, or raise BadDataError, where --dicom cannot succeed: before the work, not after it."""
    if not options.dicom:
        # The reader is also asked for with --certificates.
        given = [name for name in _ORIGIN if getattr(options, name) and not (name == "reader" and options.certificates)]
        if given:
            options.usage_error(f"--{given[0].replace('_', '-')} does nothing without --dicom.")
        return
    from SegQCLib.dicom.write_sr import require_highdicom

    require_meant(options)
    require_highdicom()
    written = {(options.out / name).resolve() for name in (SEG_NAME, SR_NAME)}
    for path in (options.image, options.candidate, options.draft, options.log, *options.reference):
        if path is not None and path.resolve() in written:
            raise BadDataError(path, "is one of the inputs and would be written over.", "Choose another output folder.")


def require_dicom_image(options: argparse.Namespace, image: Volume) -> None:
    """Raise BadDataError where --dicom was asked for and the image is not DICOM or lacks its UIDs."""
    if options.dicom:
        from SegQCLib.dicom.source_images import source_images
        from SegQCLib.dicom.sr_images import require_one_series

        require_one_series(source_images(image))


def write_dicom(options: argparse.Namespace, case: Case, record: QCRecord) -> None:
    """Write seg.dcm and sr.dcm; the candidate of `case` is as its file has it.

    Raises
    ------
    BadDataError
        With every reason why one of them cannot be written; then neither is.
    """
    from SegQCLib.dicom.source_images import source_images
    from SegQCLib.dicom.write_file import write_dicom_files
    from SegQCLib.dicom.write_sr import report_object

    folder: Path = options.out
    # The record's own time: written again, they are the same objects.
    created = datetime.fromisoformat(record.created)
    try:
        segmentation = segmentation_to_write(case.image, case.candidate, options, created)
        report = report_object(
            record,
            segmentation.candidate,
            source_images(case.image),
            segmentation.dataset,
            reader=segmentation.reader,
            created=created,
        )
    except BadDataError as error:
        older = [name for name in (SEG_NAME, SR_NAME) if (folder / name).exists()]
        of_before = f" {' and '.join(older)} in that folder are of an earlier evaluation." if older else ""
        remedy = f"The record and its report were written to {folder}; {SEG_NAME} and {SR_NAME} were not.{of_before}"
        raise BadDataError(error.where, error.found, remedy) from error
    write_dicom_files({folder / SEG_NAME: segmentation.dataset, folder / SR_NAME: report})


_ORIGIN = ("log", "drawn_by", "model", "model_version", "model_parameters", "disregard_tags", "reader", "labelmap")
