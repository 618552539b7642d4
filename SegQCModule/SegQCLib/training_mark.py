"""Drafts that were made for a training set say so in every segment, and are taken for nothing but training.

They can hold errors that were put into them on purpose. The mark says which training set, never what was changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from SegQCLib.errors import BadDataError

if TYPE_CHECKING:  # a case asks here whether its segmentations may be used
    from SegQCLib.case import Segmentation, Volume

# In a .seg.nrrd: of each segment (3D Slicer keeps the tags it does not know), and of the file as a whole.
TRAINING_TAG = "SegQC.TrainingSet"
TRAINING_KEY = "SegQC_TrainingSet"


def training_sets_of(segmentation: Segmentation) -> tuple[str, ...]:
    """Return the ids of the training sets that segments of a segmentation were made for."""
    return tuple(sorted({segment.training_set for segment in segmentation.segments if segment.training_set is not None}))


def refuse_outside_training(segmentation: Segmentation, image: Volume | None) -> None:
    """Raise BadDataError if a segmentation was made for a training set and the image is of no case of that set.

    Parameters
    ----------
    segmentation : Segmentation
    image : Volume or None
        The image it is to be used with; None: none is known, and no training segmentation may be used.
    """
    foreign = set(training_sets_of(segmentation)) - {None if image is None else image.training_set}
    if foreign:
        raise BadDataError(
            segmentation.source.path if segmentation.source else segmentation.name,
            "was made for a training set and must not be used for a patient.",
            "Open it through the worklist (cases.csv) of its training set, score it with 'segqc training score',"
            " or give the segmentation that was made for this patient.",
        )


def refuse_in_dicom(segmentation: Segmentation) -> None:
    """Raise BadDataError if a segmentation was made for a training set: none ever becomes a DICOM object."""
    if training_sets_of(segmentation):
        raise BadDataError(
            segmentation.source.path if segmentation.source else segmentation.name,
            "was made for a training set: no DICOM object is written from it, because an archive would keep it with the patient.",
            "Export the segmentation that was made for this patient.",
        )
