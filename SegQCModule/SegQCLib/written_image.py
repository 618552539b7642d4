"""Write an array as an image file, so that an old one is never half overwritten."""

from __future__ import annotations

import secrets
from pathlib import Path

import SimpleITK as sitk
from numpy.typing import NDArray

from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry, sitk_image

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


def image_ending(path: Path) -> str | None:
    """Return by which of the endings a file's name says how it is to be written; None: by none."""
    return next((ending for ending in ENDINGS if path.name.lower().endswith(ending)), None)


def write_image(path: Path, array: NDArray, geometry: Geometry) -> None:
    """Write an array (k, j, i), compressed, in the format of the file's ending.

    Raises
    ------
    BadDataError
        If the ending is none of .nii.gz, .nii, .nrrd and .mha, or the file cannot be written. An older one is unchanged then.
    """
    ending = image_ending(path)
    if ending is None:
        raise BadDataError(path, "has no ending that says which format it is to have.", f"Use {', '.join(ENDINGS)}.")
    # ITK takes the format from the ending.
    temporary = path.with_name(f".{secrets.token_hex(8)}{ending}")
    try:
        sitk.WriteImage(sitk_image(array, geometry), str(temporary), useCompression=True)
        temporary.replace(path)
    except (RuntimeError, OSError) as error:
        raise BadDataError(
            path, f"could not be written ({str(error).strip().splitlines()[-1]}).", "Free space or choose another folder."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
