"""Voxels against the draft, on real MRML (slicer-core)."""

import numpy as np
import pytest

from phantoms import a_geometry, a_segmentation, a_volume, box_array
from SegQCLib.case import Code, Segment, Segmentation, Terminology
from SegQCLib.errors import BadDataError
from SegQCLib.importers import read_segmentation
from SegQCLib.readers.voxel_change import VoxelChange

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")
vtk = pytest.importorskip("vtk")

from SegQCLib.mrml.scene import new_scene  # noqa: E402
from SegQCLib.mrml.segmentation import add_segmentation  # noqa: E402
from SegQCLib.mrml.volume import add_volume  # noqa: E402
from SegQCLib.mrml.voxel_changes import layer_neighbours, painted_voxels, paired_draft_segments, voxel_change  # noqa: E402

LIVER_BOX = ((1, 4), (2, 9), (3, 8))
LIVER_VOXELS = 3 * 7 * 5


def nodes(candidate, draft, scene=None):
    scene = scene or new_scene()
    volume_node = add_volume(scene, a_volume(), "CT")
    return [add_segmentation(scene, part, volume_node, part.name) for part in (candidate, draft)]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        (LIVER_BOX, VoxelChange(LIVER_VOXELS, LIVER_VOXELS, 0, 0)),
        # One column wider on the right, one slice less below.
        (((2, 4), (2, 9), (3, 9)), VoxelChange(2 * 7 * 6, LIVER_VOXELS, 2 * 7, 7 * 5)),
        (((6, 8), (2, 9), (3, 8)), VoxelChange(2 * 7 * 5, LIVER_VOXELS, 2 * 7 * 5, LIVER_VOXELS)),
        (None, VoxelChange(0, LIVER_VOXELS, 0, LIVER_VOXELS)),
    ],
)
def test_added_and_removed_voxels_are_the_two_differences(box, expected):
    candidate_node, draft_node = nodes(a_segmentation(liver=box), a_segmentation(liver=LIVER_BOX))
    change = voxel_change(candidate_node, "s0", draft_node, "s0")
    assert change == expected
    assert change.kept + change.added == change.voxels


def test_a_segment_that_the_draft_has_not_is_all_added():
    candidate_node, draft_node = nodes(a_segmentation(liver=LIVER_BOX), a_segmentation(spleen=LIVER_BOX))
    assert paired_draft_segments(candidate_node, draft_node) == {}
    assert voxel_change(candidate_node, "s0", draft_node, None) == VoxelChange(LIVER_VOXELS, 0, LIVER_VOXELS, 0)


def test_neighbours_in_one_layer_are_told_apart():
    size = a_geometry().size
    layer = box_array(size, *LIVER_BOX, value=3) + box_array(size, (5, 8), (2, 9), (3, 8), value=7)
    segments = (Segment("a", "liver", 3), Segment("b", "spleen", 7))
    candidate = Segmentation("reader", a_geometry(), (layer,), segments)
    candidate_node, draft_node = nodes(candidate, a_segmentation(liver=LIVER_BOX, spleen=LIVER_BOX))
    assert voxel_change(candidate_node, "a", draft_node, "s0") == VoxelChange(LIVER_VOXELS, LIVER_VOXELS, 0, 0)
    assert voxel_change(candidate_node, "b", draft_node, "s1") == VoxelChange(
        LIVER_VOXELS, LIVER_VOXELS, LIVER_VOXELS, LIVER_VOXELS
    )


def test_neighbours_are_the_other_segments_of_the_same_layer():
    layer = box_array(a_geometry().size, *LIVER_BOX, value=3) + box_array(a_geometry().size, (5, 8), (2, 9), (3, 8), value=7)
    segments = (Segment("a", "liver", 3), Segment("b", "spleen", 7), Segment("c", "tumour", 1, 1))
    candidate = Segmentation("reader", a_geometry(), (layer, box_array(a_geometry().size, *LIVER_BOX)), segments)
    candidate_node, _draft_node = nodes(candidate, a_segmentation(liver=None))
    assert painted_voxels(candidate_node) == 3 * LIVER_VOXELS
    assert layer_neighbours(candidate_node, ["a"]) == ("b",)
    assert layer_neighbours(candidate_node, ["a", "c"]) == ("b",)
    assert layer_neighbours(candidate_node, ["c", "removed"]) == ()


def test_segments_are_paired_by_name_and_then_by_code():
    category = Code("91723000", "SCT", "Anatomical Structure")
    kidney = Terminology(category, Code("64033007", "SCT", "Kidney"), modifier=Code("7771000", "SCT", "Left"))
    layers = a_segmentation(liver=LIVER_BOX, kidney=LIVER_BOX).layers
    drawn = (Segment("a", "linke Niere", 1, 1, kidney), Segment("b", "Liver", 1, 0), Segment("c", "cyst", 1, 0))
    model = (Segment("x", "liver", 1, 0), Segment("y", "kidney_left", 1, 1, kidney))
    candidate_node, draft_node = nodes(
        Segmentation("reader", a_geometry(), layers, drawn), Segmentation("model", a_geometry(), layers, model)
    )
    assert paired_draft_segments(candidate_node, draft_node) == {"a": "y", "b": "x"}


def test_a_draft_with_its_rows_stored_the_other_way_round_is_compared_where_it_lies():
    flipped = a_geometry(origin_lps_mm=(0.0, 19.0, 0.0), axes_lps=((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)))
    # Row j of the file is row 19 - j of the image: rows 11 to 17 are rows 2 to 8.
    draft = a_segmentation(flipped, liver=((1, 4), (11, 18), (3, 8)))
    candidate_node, draft_node = nodes(a_segmentation(liver=((1, 4), (2, 10), (3, 8))), draft)
    assert voxel_change(candidate_node, "s0", draft_node, "s0") == VoxelChange(3 * 8 * 5, LIVER_VOXELS, 3 * 5, 0)


def test_a_draft_on_coarser_slices_is_counted_on_the_candidate_s_grid():
    coarse = a_geometry((5, 20, 30), (4.0, 1.0, 1.0), (0.0, 0.0, 1.0))
    # Coarse slice 1, centred at 5 mm, fills the slices at 4 and 6 mm: 2 and 3.
    draft = a_segmentation(coarse, liver=((1, 2), (2, 9), (3, 8)))
    candidate_node, draft_node = nodes(a_segmentation(liver=LIVER_BOX), draft)
    assert voxel_change(candidate_node, "s0", draft_node, "s0") == VoxelChange(LIVER_VOXELS, 2 * 7 * 5, 7 * 5, 0)


def test_a_surface_is_refused_and_an_unknown_segment_is_named():
    scene = new_scene()
    candidate_node, draft_node = nodes(a_segmentation(liver=LIVER_BOX), a_segmentation(liver=LIVER_BOX), scene)
    with pytest.raises(ValueError, match="no segment 'x'; it has s0"):
        voxel_change(candidate_node, "x", draft_node, "s0")
    surface_name = slicer.vtkSegmentationConverter.GetClosedSurfaceRepresentationName()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "planning")
    node.GetSegmentation().SetSourceRepresentationName(surface_name)
    sphere = vtk.vtkSphereSource()
    sphere.Update()
    segment = slicer.vtkSegment()
    segment.AddRepresentation(surface_name, sphere.GetOutput())
    node.GetSegmentation().AddSegment(segment, "target")
    with pytest.raises(BadDataError, match=r"planning.*as Closed surface, not as voxels"):
        voxel_change(candidate_node, "s0", node, "target")


def test_a_real_draft_is_compared_as_numpy_compares_the_files(totalsegmentator):
    draft = read_segmentation(totalsegmentator / "example_seg_fast.nii.gz", labels="totalsegmentator", name="fast")
    candidate = read_segmentation(totalsegmentator / "example_seg.nii.gz", labels="totalsegmentator", name="full")
    scene = new_scene()
    volume_node = add_volume(scene, a_volume(candidate.geometry), "CT")
    candidate_node, draft_node = (add_segmentation(scene, part, volume_node, part.name) for part in (candidate, draft))
    pairs = paired_draft_segments(candidate_node, draft_node)
    ids = {segment.name: segment.id for segment in candidate.segments}
    by_name = {part.name: {segment.name: segment for segment in part.segments} for part in (candidate, draft)}
    for name in ("liver", "spleen", "kidney_left"):
        now, then = candidate.mask(by_name["full"][name]), draft.mask(by_name["fast"][name])
        change = voxel_change(candidate_node, ids[name], draft_node, pairs[ids[name]])
        assert change == VoxelChange(now.sum(), then.sum(), (now & ~then).sum(), (then & ~now).sum())
        assert np.count_nonzero(now) > 0


def test_a_draft_with_its_axes_in_another_order_is_compared_where_it_lies_and_not_resampled(monkeypatch):
    from SegQCLib.mrml import voxel_changes

    def refuse(*_arguments):
        raise AssertionError("resampled")

    geometry = a_geometry()
    k, j, i = geometry.size
    # The same voxels, stored from left to right, then from front to back, then upwards: (i, j, k) reversed along j.
    axes, spacing = geometry.axes_lps, geometry.spacing_mm
    turned_axes = (axes[2], tuple(-value for value in axes[1]), axes[0])
    origin = tuple(np.array(geometry.origin_lps_mm) + (j - 1) * spacing[1] * np.array(axes[1]))
    turned = a_geometry((i, j, k), spacing[::-1], origin, turned_axes)
    layer = box_array(geometry.size, *LIVER_BOX).transpose(2, 1, 0)[:, ::-1]
    draft = Segmentation("draft", turned, (np.ascontiguousarray(layer),), (Segment("s0", "liver", 1),))
    candidate_node, draft_node = nodes(a_segmentation(liver=((2, 4), (2, 9), (3, 9))), draft)

    class Refusing:
        ResampleOrientedImageToReferenceOrientedImage = staticmethod(refuse)

    monkeypatch.setattr(voxel_changes, "vtkOrientedImageDataResample", Refusing)
    assert voxel_change(candidate_node, "s0", draft_node, "s0") == VoxelChange(2 * 7 * 6, LIVER_VOXELS, 2 * 7, 7 * 5)
