"""Read the segmentations of several readers of one case, and say what speaks against their being of one examination."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.checks import segmentation_reference
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import read_file_header
from SegQCLib.findings import Status
from SegQCLib.importers import read_segmentation, rtstruct


def read_readers(paths: Sequence[Path], *, labels: str | None = None, image: Volume | None = None) -> tuple[Segmentation, ...]:
    """Return the segmentation in each file, as `read_segmentation` does.

    Parameters
    ----------
    paths : sequence of Path
        One for each reader.
    labels : str, optional
        See `read_segmentation`.
    image : Volume, optional
        Whose grid RT Structure Sets are filled on; default: the grid of the first reader who has one.

    Raises
    ------
    BadDataError
        If a file cannot be used, or all are RT Structure Sets and there is no image.
    """
    if image is not None:
        return tuple(read_segmentation(path, labels=labels, image=image) for path in paths)
    contours = [path for path in paths if rtstruct.recognises(read_file_header(path))]
    read = {path: read_segmentation(path, labels=labels) for path in dict.fromkeys(paths) if path not in contours}
    if not read:
        raise BadDataError(
            " and ".join(map(str, paths)),
            "are all RT Structure Sets: they have contours and no grid to fill them on.",
            "Give the image that they were drawn on: --image.",
        )
    grid = Volume(None, next(iter(read.values())).geometry)
    read |= {path: read_segmentation(path, labels=labels, image=grid) for path in dict.fromkeys(contours)}
    return tuple(read[path] for path in paths)


def doubts(segmentations: Sequence[Segmentation], image: Volume | None = None) -> tuple[str, ...]:
    """Return, in sentences, what speaks against the segmentations being of one examination and by different readers.

    Parameters
    ----------
    segmentations : sequence of Segmentation
        As they were read, each with the reader's name.
    image : Volume, optional
    """
    return (*_of_the_image(segmentations, image), *_same_files(segmentations))


def _of_the_image(segmentations: Sequence[Segmentation], image: Volume | None) -> list[str]:
    if image is None:
        frames: dict[str, list[str]] = {}
        for segmentation in segmentations:
            if segmentation.frame_of_reference_uid:
                frames.setdefault(segmentation.frame_of_reference_uid, []).append(segmentation.name)
        if len(frames) < 2:
            return []
        sides = " / ".join(" and ".join(names) for names in frames.values())
        message = (
            f"The segmentations were drawn in different frames of reference (Frame of Reference UID (0020,0052)): {sides}. They are"
            " of different examinations or patients, and measures between them mean nothing."
        )
        return [message]
    found = []
    for segmentation in segmentations:
        for finding in segmentation_reference.of_case(Case(image, segmentation)):
            if finding.status in (Status.WARN, Status.FAIL):
                found.append(f"{segmentation.name}{finding.message.removeprefix('Candidate')}")
    return found


def _same_files(segmentations: Sequence[Segmentation]) -> list[str]:
    named = [(s.source.sha256, s.name) for s in segmentations if s.source is not None]
    return [
        f"{' and '.join(name for other, name in named if other == sha256)} are one file, which agrees with itself."
        for sha256, times in Counter(sha256 for sha256, _ in named).items()
        if times > 1
    ]


def with_names(segmentations: Sequence[Segmentation], names: Sequence[str]) -> tuple[Segmentation, ...]:
    """Return the segmentations under the names of their readers."""
    return tuple(replace(segmentation, name=name) for segmentation, name in zip(segmentations, names, strict=True))
