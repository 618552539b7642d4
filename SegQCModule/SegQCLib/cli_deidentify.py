"""The option --deidentify, for every command that writes reports of a case."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from SegQCLib.pseudonyms import KEY_VARIABLE, Pseudonyms, read_key


def add_options(command: argparse.ArgumentParser) -> None:
    """Add --deidentify and --deidentify-key to a command."""
    command.add_argument(
        "--deidentify",
        action="store_true",
        help="leave names, UIDs, dates, serial numbers and paths out of what is written; readers are numbered. Pixels stay as they"
        " are. Error messages still name the file they are about",
    )
    command.add_argument(
        "--deidentify-key",
        type=Path,
        metavar="FILE",
        help=f"with --deidentify: a file that holds a secret of at least 16 bytes (or the environment variable {KEY_VARIABLE});"
        " readers, devices and UIDs then have pseudonyms by HMAC-SHA256, the same in every report under that key",
    )
    command.set_defaults(usage_error=command.error)


def pseudonyms_for(options: argparse.Namespace) -> Pseudonyms | None:
    """Return what stands for names under the options of a command; None without --deidentify.

    Options that contradict it end the program as wrong usage.

    Raises
    ------
    BadDataError
        If there is a key and it cannot be used.
    """
    if not options.deidentify:
        if options.deidentify_key is not None:
            options.usage_error("--deidentify-key does nothing without --deidentify.")
        return None
    if getattr(options, "dicom", False):
        options.usage_error(
            "--dicom and --deidentify contradict each other: DICOM SEG and SR are objects of the patient's study and carry its"
            " names and UIDs. De-identify the study first, with a tool for DICOM, and evaluate that."
        )
    if getattr(options, "scene", None):
        options.usage_error(
            "--scene and --deidentify contradict each other: a scene holds the image and the segmentations with their names and"
            " places. Write the scene and the de-identified report in two runs."
        )
    _silence_libraries()
    return Pseudonyms(read_key(options.deidentify_key))


def _silence_libraries() -> None:
    # pydicom's warnings quote values of the header, ITK's name files.
    import SimpleITK as sitk

    warnings.simplefilter("ignore")
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
