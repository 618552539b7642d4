"""The files of a case, read into memory: one place for one case and for many."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.importers.draft import read_draft
from SegQCLib.importers.draft_algorithm import DraftAlgorithm, made_by
from SegQCLib.importers.uncertainty_map import read_map
from SegQCLib.readers.ratings import read_ratings_file


def read_case(files: CohortCase, check_image: Callable[[Volume], None] = lambda _image: None) -> Case:
    """Return a case as its files have it, each segmentation on its own grid.

    Parameters
    ----------
    files : CohortCase
        Its `labels` hold for all label maps; `protocol` plays no part.
    check_image : callable
        Looks at the image, or raises, before the segmentations are read.

    Raises
    ------
    BadDataError
        If a file is missing, damaged, or not what it has to be.
    ValueError
        If there is no image or no candidate.
    """
    if files.image is None or files.candidate is None:
        raise ValueError(f"The case {files.case} has no image or no candidate; such a case has a fault and is not read.")
    ratings = () if files.ratings is None else read_ratings_file(files.ratings)
    image = read_image(files.image)
    check_image(image)

    def segmentation(path: Path) -> Segmentation:
        return read_segmentation(path, labels=files.labels, image=image)

    draft = None if files.draft is None else segmentation(files.draft)
    candidate = _draft(files.candidate, files.labels, image) if files.candidate_is_draft else segmentation(files.candidate)
    # nnU-Net's .npz has no grid of its own: it is that of the label map written with it.
    label_map = candidate if files.candidate_is_draft else draft
    return Case(
        image=image,
        candidate=candidate,
        references=tuple(segmentation(path) for path in files.references),
        draft=draft,
        ratings=ratings,
        uncertainty=None if files.uncertainty is None else read_map(files.uncertainty, label_map and label_map.geometry).volume,
        second_image=None if files.second_image is None else read_image(files.second_image),
    )


def _draft(path: Path, labels: str | None, image: Volume) -> Segmentation:
    """Return an AI result with the algorithm that its files name."""
    if labels is not None:
        return made_by(read_segmentation(path, labels=labels, image=image), DraftAlgorithm())
    draft = read_draft(path, image=image)
    return made_by(draft.segmentation, draft.algorithm)
