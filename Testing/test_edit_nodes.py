"""Provenance tags and the empty candidate, on real MRML (slicer-core)."""

import pytest

from phantoms import a_segmentation, a_volume
from SegQCLib.case import Code, Segment, Terminology
from SegQCLib.dataclass_json import to_plain
from SegQCLib.pairing import pair_segments
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.readers.provenance import Provenance

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")
vtk = pytest.importorskip("vtk")

from SegQCLib.mrml.new_candidate import add_empty_candidate  # noqa: E402
from SegQCLib.mrml.provenance_tags import read_provenance, write_provenance  # noqa: E402
from SegQCLib.mrml.scene import new_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation, segmentation_from_node  # noqa: E402
from SegQCLib.mrml.volume import add_volume  # noqa: E402

MODEL = "TotalSegmentator 2.18.0: total"


@pytest.fixture
def scene():
    return new_scene()


def tags(node, segment_id="s0"):
    found = {}
    for key in ("Type", "Name"):
        value = vtk.reference("")
        if node.GetSegmentation().GetSegment(segment_id).GetTag(f"DICOM.SegmentAlgorithm{key}", value):
            found[key] = str(value)
    return found


def test_tags_follow_a_draft_from_automatic_to_manual(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    node = add_segmentation(scene, a_segmentation(liver=((1, 4), (2, 9), (3, 8))), volume_node, "reader")
    segment = node.GetSegmentation().GetSegment("s0")
    assert read_provenance(node, "s0") == Provenance()
    write_provenance(node, "s0", Provenance(MODEL))
    segment.SetTag("DICOM.AlgorithmVersion", "2.18.0")
    assert tags(node) == {"Type": "AUTOMATIC", "Name": MODEL}
    write_provenance(node, "s0", Provenance(MODEL, edited=True))
    assert tags(node) == {"Type": "SEMIAUTOMATIC", "Name": MODEL}
    assert read_provenance(node, "s0") == Provenance(MODEL, edited=True)
    assert segment.HasTag("DICOM.AlgorithmVersion")
    write_provenance(node, "s0", Provenance(MODEL, draft_is_gone=True, edited=True))
    assert tags(node) == {"Type": "MANUAL"}
    assert not segment.HasTag("DICOM.AlgorithmVersion")


def test_writing_the_same_again_announces_nothing(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    node = add_segmentation(scene, a_segmentation(liver=None), volume_node, "reader")
    write_provenance(node, "s0", Provenance("model | fast", edited=True))
    announced = []
    node.AddObserver(slicer.vtkSegmentation.SegmentModified, lambda _caller, _event: announced.append(1))
    write_provenance(node, "s0", Provenance("model | fast", edited=True))
    assert announced == []
    write_provenance(node, "a segment that was removed", Provenance(edited=True))


def test_a_tag_that_dicom_does_not_know_says_nothing(scene):
    volume_node = add_volume(scene, a_volume(), "CT")
    node = add_segmentation(scene, a_segmentation(liver=None), volume_node, "reader")
    node.GetSegmentation().GetSegment("s0").SetTag("DICOM.SegmentAlgorithmType", "by hand")
    assert read_provenance(node, "s0") == Provenance()


@pytest.mark.parametrize("protocol_id", list(shipped_protocols()))
def test_the_empty_candidate_has_the_protocol_s_structures_coded_and_on_the_volume_s_grid(scene, protocol_id):
    protocol = load_protocol(protocol_id).protocol
    volume_node = add_volume(scene, a_volume(), "CT")
    node = add_empty_candidate(scene, volume_node, protocol, "reader")
    segmentation = segmentation_from_node(node, volume_node)
    assert [segment.name for segment in segmentation.segments] == [structure.name for structure in protocol.structures]
    assert [to_plain(segment.terminology) for segment in segmentation.segments] == [
        to_plain(structure.terminology) for structure in protocol.structures
    ]
    assert all(segmentation.voxel_count(segment) == 0 for segment in segmentation.segments)
    assert node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()) is volume_node


def test_without_a_protocol_the_empty_candidate_has_no_segments(scene):
    node = add_empty_candidate(scene, add_volume(scene, a_volume(), "CT"), None, "reader")
    assert node.GetSegmentation().GetNumberOfSegments() == 0


def test_the_empty_candidate_pairs_with_a_draft_of_the_same_structures(scene):
    protocol = load_protocol(next(iter(shipped_protocols()))).protocol
    volume_node = add_volume(scene, a_volume(), "CT")
    candidate = segmentation_from_node(add_empty_candidate(scene, volume_node, protocol, "reader"), volume_node)
    structure = protocol.structures[0]
    assert isinstance(structure.terminology, Terminology)
    assert isinstance(structure.terminology.type, Code)
    draft = a_segmentation(**{structure.name: ((1, 4), (2, 9), (3, 8))})
    (pair,) = [pair for pair in pair_segments(draft, candidate) if pair.reference is not None]
    assert isinstance(pair.candidate, Segment)
    assert pair.candidate.name == structure.name
