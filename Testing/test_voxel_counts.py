"""Counts of segments' voxels, on real MRML (slicer-core)."""

import numpy as np
import pytest

from phantoms import a_geometry, a_volume, box_array
from SegQCLib.case import Segment, Segmentation

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from SegQCLib.mrml.scene import new_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation  # noqa: E402
from SegQCLib.mrml.volume import add_volume  # noqa: E402
from SegQCLib.mrml.voxel_counts import voxel_counter  # noqa: E402


@pytest.fixture
def node():
    """Liver (400 voxels) and spleen (100) in one layer, a lesion (27) in another, and a kidney without voxels."""
    labels = box_array((10, 20, 30), (2, 6), (5, 15), (5, 15))
    labels[2:6, 5:10, 18:23] = 2
    lesion = box_array((10, 20, 30), (3, 6), (6, 9), (6, 9))
    segments = (
        Segment("a", "liver", 1),
        Segment("b", "spleen", 2),
        Segment("c", "lesion", 300, 1),
        Segment("d", "kidney", 7),
    )
    scene = new_scene()
    volume = add_volume(scene, a_volume(), "CT")
    segmentation = Segmentation("reader", a_geometry(), (labels, lesion.astype(np.int32) * 300), segments)
    node = add_segmentation(scene, segmentation, volume, "reader")
    # The scene has to live as long as its node.
    yield node
    scene.Clear()


def test_every_segment_is_counted(node):
    assert voxel_counter(node)() == {"a": 400, "b": 100, "c": 27, "d": 0}


def test_with_a_segment_go_those_of_its_layer(node):
    assert voxel_counter(node, ["b"])() == {"a": 400, "b": 100, "d": 0}
    assert voxel_counter(node, ["c", "of another node"])() == {"c": 27}


def test_the_voxels_are_those_of_the_moment_of_the_copy(node):
    count = voxel_counter(node)
    node.GetSegmentation().RemoveSegment("b")
    assert count()["b"] == 100
    assert voxel_counter(node)() == {"a": 400, "c": 27, "d": 0}


def test_a_segmentation_without_segments_has_no_counts():
    assert voxel_counter(slicer.vtkMRMLSegmentationNode())() == {}
