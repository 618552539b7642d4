"""A removed segmentation takes its record and tables with it, on real MRML."""

import pytest

pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from SegQCLib.mrml.record_node import write_record
from SegQCLib.mrml.remove_results import remove_results
from SegQCLib.mrml.results_table import write_findings, write_measurements
from SegQCLib.mrml.scene import new_scene
from test_mrml import a_record


def test_only_the_results_of_this_segmentation_are_removed():
    scene = new_scene()
    gone, stays = (scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name) for name in ("gone", "stays"))
    for node in (gone, stays):
        for write in (write_record, write_findings, write_measurements):
            write(scene, a_record(), node)
    remove_results(scene, gone)
    names = {scene.GetNthNode(n).GetName() for n in range(scene.GetNumberOfNodes())}
    assert {name for name in names if "SegQC" in name} == {
        "stays SegQC record", "stays SegQC findings", "stays SegQC measurements",
    }  # fmt: skip


def test_a_segmentation_without_results_is_left_alone():
    scene = new_scene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    before = scene.GetNumberOfNodes()
    remove_results(scene, node)
    assert scene.GetNumberOfNodes() == before
