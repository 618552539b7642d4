"""Read two segmentations that are to be compared: contours are filled on the grid of the other."""

from __future__ import annotations

from pathlib import Path

from SegQCLib.case import Segmentation, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import read_file_header
from SegQCLib.importers import read_segmentation, rtstruct


def read_segmentation_pair(
    reference: Path, candidate: Path, *, labels: str | None = None, image: Volume | None = None
) -> tuple[Segmentation, Segmentation]:
    """Return reference and candidate, each as `read_segmentation` does.

    Parameters
    ----------
    reference, candidate : Path
    labels : str, optional
        See `read_segmentation`.
    image : Volume, optional
        Whose grid an RT Structure Set is filled on; default: the grid of the other segmentation.

    Raises
    ------
    BadDataError
        If a file cannot be used, or both are RT Structure Sets and there is no image.
    """

    def read(path: Path, grid: Volume | None) -> Segmentation:
        return read_segmentation(path, labels=labels, image=grid)

    if image is not None:
        return read(reference, image), read(candidate, image)
    are_contours = [rtstruct.recognises(read_file_header(path)) for path in (reference, candidate)]
    if all(are_contours):
        raise BadDataError(
            f"{reference} and {candidate}",
            "are both RT Structure Sets: they have contours and no grid to fill them on.",
            "Give the image that they were drawn on: --image.",
        )
    if are_contours[0]:
        other = read(candidate, None)
        return read(reference, Volume(None, other.geometry)), other
    first = read(reference, None)
    return first, read(candidate, Volume(None, first.geometry))
