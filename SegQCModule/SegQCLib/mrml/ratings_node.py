"""Readers' ratings in the scene: JSON in a visible text node that the volume refers to."""

from __future__ import annotations

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLTextNode

from SegQCLib.mrml.json_node import write_json
from SegQCLib.readers.ratings import RatingGiven, ratings_from_text, ratings_text, with_answer

RATINGS_ROLE = "SegQC.Ratings"


def write_ratings(scene: vtkMRMLScene, ratings: tuple[RatingGiven, ...], volume_node: vtkMRMLScalarVolumeNode) -> vtkMRMLTextNode:
    """Write all readers' ratings to the volume's text node, in place of what it held."""
    return write_json(scene, volume_node, RATINGS_ROLE, f"{volume_node.GetName()} SegQC ratings", ratings_text(ratings))


def read_ratings(volume_node: vtkMRMLScalarVolumeNode) -> tuple[RatingGiven, ...]:
    """Return all readers' ratings of a volume, in the order in which they were given.

    Raises
    ------
    BadDataError
        If the text node was changed to something that is not a list of ratings.
    """
    node = volume_node.GetNodeReference(RATINGS_ROLE)
    return () if node is None else ratings_from_text(node.GetText() or "", node.GetName())


def write_answer(scene: vtkMRMLScene, answer: RatingGiven, volume_node: vtkMRMLScalarVolumeNode) -> vtkMRMLTextNode:
    """Add one answer to the volume's ratings, in place of what the same reader answered to the same rating before.

    Raises
    ------
    BadDataError
        If the text node was changed to something that is not a list of ratings: it is left as it is.
    """
    return write_ratings(scene, with_answer(read_ratings(volume_node), answer), volume_node)
