"""A reader's files of a case: opened, saved, saved again, killed in the middle, and found again."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry, a_segmentation, a_volume, box_array
from SegQCLib.case_files import AUTOSAVE, CANDIDATE, CandidateOrigin, autosave_candidate, open_case, reader_folder, save_candidate
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import same_grid, sitk_image
from SegQCLib.importers import read_segmentation
from SegQCLib.protocol import load_protocol
from SegQCLib.seg_nrrd import LabelPiece, NrrdSegment, NrrdSegmentation, write_seg_nrrd
from SegQCLib.worklist import WorklistCase

COS, SIN = np.cos(np.radians(20)), np.sin(np.radians(20))
OBLIQUE = ((0.0, -SIN, COS), (0.0, COS, SIN), (1.0, 0.0, 0.0))


def a_drawing(voxels=10, geometry=None, name="liver") -> NrrdSegmentation:
    """One segment of `voxels` voxels in a row."""
    array = np.ones((1, 1, voxels), np.uint8)
    return NrrdSegmentation(
        geometry or a_geometry(), (LabelPiece((2, 3, 4), array),), (NrrdSegment(0, 1, {"ID": "s1", "Name": name}),)
    )


def voxels_of(path) -> int:
    segmentation = read_segmentation(path)
    return segmentation.voxel_count(segmentation.segments[0])


@pytest.fixture
def entry(tmp_path):
    geometry = a_geometry()
    sitk.WriteImage(sitk_image(np.full(geometry.size, 40, np.int16), geometry), tmp_path / "image.nii.gz")
    return WorklistCase("p1", tmp_path / "image.nii.gz")


def with_label_map(entry, role, array):
    path = entry.image.parent / f"{role}.nii.gz"
    sitk.WriteImage(sitk_image(array, a_geometry()), path)
    return dataclasses.replace(entry, **{role: path})


def opened(entry, tmp_path, reader="Anna", protocol=None):
    return open_case(entry, tmp_path / "records", reader, protocol)


def test_overlapping_segments_get_layers_and_others_share_one(tmp_path):
    geometry = a_geometry(axes_lps=OBLIQUE, origin_lps_mm=(1.5, -20.25, 1 / 3))
    pieces = (
        LabelPiece((1, 2, 3), np.full((4, 5, 6), 2, np.uint8)),
        LabelPiece((2, 3, 4), np.full((1, 2, 2), 1, np.uint8)),
        LabelPiece((6, 12, 20), np.full((2, 2, 2), 2, np.uint8)),
    )
    segments = tuple(NrrdSegment(n, pieces[n].array.max(), {"ID": f"s{n}", "Name": name}) for n, name in enumerate("abc"))
    segments += (NrrdSegment(None, 1, {"ID": "s3", "Name": "absent | é", "Tags": "Segmentation.Status:completed|"}),)
    write_seg_nrrd(tmp_path / "x.seg.nrrd", NrrdSegmentation(geometry, pieces, segments))
    written = read_segmentation(tmp_path / "x.seg.nrrd")
    assert same_grid(written.geometry, geometry, 1e-9)
    assert len(written.layers) == 2
    for segment, piece in zip(written.segments, pieces, strict=False):
        expected = np.zeros(geometry.size, bool)
        expected[piece.box] = True
        assert np.array_equal(written.mask(segment), expected)
    assert [segment.name for segment in written.segments] == ["a", "b", "c", "absent | é"]
    assert (written.voxel_count(written.segments[3]), written.segments[3].status) == (0, "completed")
    assert written.findings == ()


def test_label_values_above_255_are_kept(tmp_path):
    piece = LabelPiece((0, 0, 0), np.array([[[300, 7]]], np.int32))
    segments = (NrrdSegment(0, 300, {"ID": "a", "Name": "a"}), NrrdSegment(0, 7, {"ID": "b", "Name": "b"}))
    write_seg_nrrd(tmp_path / "x.seg.nrrd", NrrdSegmentation(a_geometry(), (piece,), segments))
    assert [segment.label_value for segment in read_segmentation(tmp_path / "x.seg.nrrd").segments] == [300, 7]


def test_the_written_file_is_one_that_itk_and_nrrd_s_rules_accept(tmp_path):
    write_seg_nrrd(tmp_path / "x.seg.nrrd", a_drawing(geometry=a_geometry(axes_lps=OBLIQUE)))
    image = sitk.ReadImage(tmp_path / "x.seg.nrrd")
    assert int(sitk.GetArrayFromImage(image).sum()) == 10
    # The first column is the i axis; ITK keeps directions by columns.
    assert np.allclose(np.array(image.GetDirection()).reshape(3, 3).T, np.array(OBLIQUE)[::-1])


def test_a_saved_candidate_is_found_again_and_the_worklist_s_own_file_stays(entry, tmp_path):
    entry = with_label_map(entry, "candidate", box_array(a_geometry().size, (0, 1), (0, 1), (0, 5)))
    before = entry.candidate.read_bytes()
    first = opened(entry, tmp_path)
    assert first.origin is CandidateOrigin.WORKLIST
    save_candidate(first.folder, a_drawing(7), first.image.source.sha256)
    again = opened(entry, tmp_path)
    assert again.origin is CandidateOrigin.SAVED
    assert again.candidate.voxel_count(again.candidate.segments[0]) == 7
    assert opened(entry, tmp_path, "Ben").origin is CandidateOrigin.WORKLIST
    assert entry.candidate.read_bytes() == before


def test_without_a_candidate_the_reader_starts_from_a_copy_of_the_draft(entry, tmp_path):
    case = opened(with_label_map(entry, "draft", box_array(a_geometry().size, (0, 1), (0, 1), (0, 5))), tmp_path)
    assert case.origin is CandidateOrigin.DRAFT
    assert case.candidate.voxel_count(case.candidate.segments[0]) == 5
    assert case.draft is not None


def test_without_any_segmentation_the_reader_gets_empty_segments_for_required_structures(entry, tmp_path):
    protocol = load_protocol("ct-abdomen-portal-venous")
    case = opened(entry, tmp_path, protocol=protocol)
    required = [structure for structure in protocol.protocol.structures if structure.required]
    assert required
    assert [segment.name for segment in case.candidate.segments] == [structure.name for structure in required]
    assert all(segment.terminology is not None and segment.status == "notstarted" for segment in case.candidate.segments)
    assert not case.candidate.layers[0].any()


def test_the_worklist_s_protocol_goes_before_the_one_that_is_chosen(entry, tmp_path):
    case = opened(
        dataclasses.replace(entry, protocol="ct-lung-nodule"), tmp_path, protocol=load_protocol("ct-abdomen-portal-venous")
    )
    assert case.protocol.protocol.id == "ct-lung-nodule"


def test_work_kept_automatically_is_taken_up_only_until_it_is_saved(entry, tmp_path):
    folder = reader_folder(tmp_path / "records", "p1", "Anna")
    save_candidate(folder, a_drawing(3), None)
    autosave_candidate(folder, a_drawing(4), None)
    os.utime(folder / CANDIDATE, (1, 1))
    case = opened(entry, tmp_path)
    assert (case.origin, case.candidate.voxel_count(case.candidate.segments[0])) == (CandidateOrigin.AUTOSAVED, 4)
    save_candidate(folder, a_drawing(5), None)
    assert not (folder / AUTOSAVE).exists()
    assert opened(entry, tmp_path).origin is CandidateOrigin.SAVED


def test_work_kept_while_an_older_state_is_being_saved_stays(tmp_path, monkeypatch):
    from SegQCLib import case_files

    def keep_meanwhile(path):
        autosave_candidate(tmp_path, a_drawing(4), None)

    monkeypatch.setattr(case_files, "_keep_version", keep_meanwhile)
    save_candidate(tmp_path, a_drawing(3), None)
    assert voxels_of(tmp_path / AUTOSAVE) == 4


def test_damaged_work_is_passed_over_and_named(entry, tmp_path):
    folder = reader_folder(tmp_path / "records", "p1", "Anna")
    save_candidate(folder, a_drawing(3), None)
    os.utime(folder / CANDIDATE, (1, 1))
    (folder / AUTOSAVE).write_bytes((folder / CANDIDATE).read_bytes()[:-20])
    case = opened(entry, tmp_path)
    assert case.origin is CandidateOrigin.SAVED
    assert len(case.unread) == 1
    assert AUTOSAVE in case.unread[0]


def test_work_on_another_image_under_the_same_name_is_not_brought_up(entry, tmp_path):
    save_candidate(reader_folder(tmp_path / "records", "p1", "Anna"), a_drawing(), "0" * 64)
    with pytest.raises(BadDataError, match="drawn on another image"):
        opened(entry, tmp_path)


def test_the_last_ten_versions_are_kept(tmp_path):
    for voxels in range(1, 14):
        save_candidate(tmp_path, a_drawing(voxels), None)
    assert voxels_of(tmp_path / CANDIDATE) == 13
    versions = sorted((tmp_path / "versions").iterdir())
    assert [path.name for path in versions] == [f"candidate.{n:04d}.seg.nrrd" for n in range(3, 13)]
    assert [voxels_of(path) for path in versions] == list(range(3, 13))


def test_saving_where_nothing_can_be_written_says_so(tmp_path):
    (tmp_path / "p1").write_text("a file, not a folder")
    with pytest.raises(BadDataError, match="choose another records folder"):
        save_candidate(tmp_path / "p1" / "Anna", a_drawing(), None)


@pytest.mark.parametrize("moment", ["seg_nrrd._write_voxels", "seg_nrrd._header", "case_files._keep_version", "case_files._prune"])
def test_a_killed_save_leaves_the_earlier_file_whole(tmp_path, moment):
    save_candidate(tmp_path, a_drawing(3), None)
    module, name = moment.split(".")
    code = f"""
import os, signal, sys
from pathlib import Path
from SegQCLib import case_files, seg_nrrd
from test_case_files import a_drawing
setattr({module}, {name!r}, lambda *arguments: os.kill(os.getpid(), signal.SIGKILL))
case_files.save_candidate(Path({str(tmp_path)!r}), a_drawing(9), None)
"""
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent / "SegQCModule")])}
    killed = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, timeout=120)
    assert killed.returncode == -9, killed.stderr
    assert voxels_of(tmp_path / CANDIDATE) == 3
    save_candidate(tmp_path, a_drawing(9), None)
    assert voxels_of(tmp_path / CANDIDATE) == 9


@pytest.fixture
def scene():
    pytest.importorskip("slicer", reason="the scene needs slicer-core")
    from SegQCLib.mrml.scene import new_scene

    return new_scene()


def test_a_case_in_the_scene_shows_its_image_and_leaves_nothing_behind(entry, tmp_path, scene):
    from SegQCLib.mrml.case_nodes import add_case, remove_case

    entry = with_label_map(entry, "reference", box_array(a_geometry().size, (0, 2), (0, 2), (0, 2)))
    entry = with_label_map(entry, "draft", box_array(a_geometry().size, (5, 8), (6, 9), (7, 10)))
    composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode")
    before = scene.GetNumberOfNodes()
    nodes = add_case(scene, opened(entry, tmp_path, protocol=load_protocol("ct-abdomen-portal-venous")))
    assert composite.GetBackgroundVolumeID() == nodes.volume.GetID()
    window = load_protocol("ct-abdomen-portal-venous").protocol.windows[0]
    assert nodes.volume.GetScalarVolumeDisplayNode().GetWindow() == window.apply_window
    assert [bool(node.GetDisplayVisibility()) for node in (nodes.candidate, nodes.reference, nodes.draft)] == [True, False, False]
    remove_case(scene, nodes)
    assert scene.GetNumberOfNodes() == before


def test_names_and_all_tags_come_back_from_a_saved_candidate(entry, tmp_path, scene):
    import vtk

    from SegQCLib.mrml.case_nodes import add_case, copy_for_saving

    entry = with_label_map(entry, "candidate", box_array(a_geometry().size, (0, 2), (0, 2), (0, 2)))
    first = opened(entry, tmp_path)
    nodes = add_case(scene, first)
    segment = nodes.candidate.GetSegmentation().GetNthSegment(0)
    segment.SetTag("Centre.Remark", "checked twice")
    segment.SetName("foie")
    save_candidate(first.folder, copy_for_saving(nodes.candidate, nodes.volume), first.image.source.sha256)
    segment = add_case(scene, opened(entry, tmp_path)).candidate.GetSegmentation().GetNthSegment(0)
    remark = vtk.reference("")
    assert segment.GetTag("Centre.Remark", remark)
    assert (str(remark), segment.GetName()) == ("checked twice", "foie")


def test_slicer_reads_a_saved_candidate_with_overlap_and_flipped_axes(entry, tmp_path, scene):
    import slicer

    from SegQCLib.geometry import AxisOrder, reorder_axes
    from SegQCLib.mrml.case_nodes import copy_for_saving
    from SegQCLib.mrml.segmentation import add_segmentation, segmentation_from_node
    from SegQCLib.mrml.volume import add_volume

    geometry = a_geometry(axes_lps=OBLIQUE)
    flipped = reorder_axes(geometry, AxisOrder((0, 1, 2), (False, True, False)))
    drawn = a_segmentation(flipped, liver=((1, 6), (2, 9), (3, 8)), tumour=((2, 4), (3, 5), (4, 6)), absent=None)
    volume_node = add_volume(scene, a_volume(geometry), "CT")
    node = add_segmentation(scene, drawn, volume_node, "Anna")
    save_candidate(tmp_path, copy_for_saving(node, volume_node), None)
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(scene)
    loaded = segmentation_from_node(logic.LoadSegmentationFromFile(str(tmp_path / CANDIDATE), True, "again"), volume_node)
    expected = segmentation_from_node(node, volume_node)
    assert [segment.name for segment in loaded.segments] == ["liver", "tumour", "absent"]
    assert [loaded.voxel_count(segment) for segment in loaded.segments] == [5 * 7 * 5, 2 * 2 * 2, 0]
    for one, other in zip(loaded.segments, expected.segments, strict=True):
        assert np.array_equal(loaded.mask(one), expected.mask(other))


def test_the_stamp_of_the_work_follows_what_is_saved_and_not_what_is_shown(entry, tmp_path, scene):
    from SegQCLib.mrml.case_nodes import add_case, work_stamp

    entry = with_label_map(entry, "candidate", box_array(a_geometry().size, (2, 6), (2, 8), (2, 8)))
    node = add_case(scene, opened(entry, tmp_path)).candidate
    stamp = work_stamp(node)
    node.CreateClosedSurfaceRepresentation()
    node.GetDisplayNode().SetVisibility2DFill(False)
    assert work_stamp(node) == stamp
    node.GetSegmentation().GetNthSegment(0).SetName("liver")
    renamed = work_stamp(node)
    assert renamed != stamp
    node.GetSegmentation().GetNthSegment(0).GetRepresentation("Binary labelmap").Modified()
    assert work_stamp(node) != renamed


def test_a_real_segmentation_of_117_structures_is_saved_without_losing_a_voxel(totalsegmentator, tmp_path, scene):
    from SegQCLib.images import read_image
    from SegQCLib.mrml.case_nodes import copy_for_saving
    from SegQCLib.mrml.segmentation import add_segmentation
    from SegQCLib.mrml.volume import add_volume

    volume_node = add_volume(scene, read_image(totalsegmentator / "example_ct_dicom"), "CT")
    original = read_segmentation(totalsegmentator / "example_seg_dicom.nii.gz", labels="totalsegmentator")
    node = add_segmentation(scene, original, volume_node, "TotalSegmentator")
    saved = read_segmentation(save_candidate(tmp_path, copy_for_saving(node, volume_node), None))
    assert len(saved.layers) == 1
    assert len(saved.segments) == 117
    for one, other in zip(saved.segments, original.segments, strict=True):
        assert (one.name, one.terminology.same_structure(other.terminology)) == (other.name, True)
        assert saved.voxel_count(one) == original.voxel_count(other)


def test_ratings_and_record_come_back_and_an_outdated_record_does_not(entry, tmp_path, scene):
    from SegQCLib.case_files import save_work
    from SegQCLib.mrml.json_node import write_json
    from SegQCLib.mrml.open_case import OpenCase
    from SegQCLib.mrml.ratings_node import RATINGS_ROLE
    from SegQCLib.mrml.record_node import RECORD_ROLE, mark_outdated

    entry = with_label_map(entry, "candidate", box_array(a_geometry().size, (0, 2), (0, 2), (0, 2)))
    first = OpenCase(scene, opened(entry, tmp_path))
    assert not first.is_unsaved
    write_json(scene, first.nodes.volume, RATINGS_ROLE, "ratings", '{"motion": 1}')
    write_json(scene, first.nodes.candidate, RECORD_ROLE, "record", '{"verdict": "ACCEPT"}')
    assert first.is_unsaved
    copy = first.copy()
    save_work(copy.work)
    first.mark_saved(copy)
    assert not first.is_unsaved
    again = OpenCase(scene, opened(entry, tmp_path))
    assert again.nodes.volume.GetNodeReference(RATINGS_ROLE).GetText() == '{"motion": 1}'
    assert again.nodes.candidate.GetNodeReference(RECORD_ROLE).GetText() == '{"verdict": "ACCEPT"}'
    mark_outdated(again.nodes.candidate)
    save_work(again.copy().work)
    assert OpenCase(scene, opened(entry, tmp_path)).nodes.candidate.GetNodeReference(RECORD_ROLE) is None
    assert (again.folder / "outdated.record.json").read_text() == '{"verdict": "ACCEPT"}'


def test_a_draft_that_the_reader_brought_is_saved_with_the_case(entry, tmp_path, scene):
    from SegQCLib.case_files import save_work
    from SegQCLib.mrml.open_case import OpenCase
    from SegQCLib.mrml.segmentation import add_segmentation

    case = OpenCase(scene, opened(entry, tmp_path))
    model = a_segmentation(a_geometry(), liver=((1, 3), (2, 4), (3, 5)))
    draft = add_segmentation(scene, model, case.nodes.volume, "model 1.2")
    draft.GetSegmentation().GetNthSegment(0).SetTag("DICOM.SegmentAlgorithmType", "AUTOMATIC")
    candidate = add_segmentation(scene, model, case.nodes.volume, "copy of the draft")
    case.choose(candidate, draft)
    assert case.is_unsaved
    save_work(case.copy().work)
    again = opened(entry, tmp_path)
    assert again.draft.segments[0].algorithm_type == "AUTOMATIC"
    assert [again.draft.voxel_count(again.draft.segments[0]), again.candidate.voxel_count(again.candidate.segments[0])] == [8, 8]
