import json
import shutil

import nibabel as nib
import numpy as np
import pytest

from phantoms import a_segmentation, a_volume, box_array
from SegQCLib.case import Case, Code
from SegQCLib.checks import ai_tool
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Status
from SegQCLib.importers.draft import DraftKind, read_draft
from SegQCLib.importers.draft_algorithm import DraftAlgorithm, common_algorithm, made_by
from SegQCLib.protocol import load_protocol

SIZE = (4, 6, 8)
LIVER = Code("10200004", "SCT", "Liver")


def write_nifti(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    # A gantry of its own: RAS, 1 mm.
    nib.save(nib.Nifti1Image(array.T, np.diag([-1.0, -1.0, 1.0, 1.0])), path)
    return path


def masks(draft) -> dict[str, list]:
    segmentation = draft.segmentation
    return {segment.name: np.argwhere(segmentation.mask(segment)).tolist() for segment in segmentation.segments}


def test_totalsegmentators_own_file_brings_names_codes_and_the_algorithms_name(totalsegmentator):
    draft = read_draft(totalsegmentator / "example_seg_dicom.nii.gz")
    assert draft.kind is DraftKind.TOTALSEGMENTATOR
    assert draft.algorithm == DraftAlgorithm(name="TotalSegmentator")
    assert len(draft.segmentation.segments) == 117
    by_name = {segment.name: segment for segment in draft.segmentation.segments}
    assert (by_name["liver"].label_value, by_name["liver"].terminology.type) == (5, LIVER)
    assert by_name["kidney_left"].terminology.modifier == Code("7771000", "SCT", "Left")


def test_a_subset_of_totalsegmentator_has_only_the_structures_that_were_asked_for(totalsegmentator):
    draft = read_draft(totalsegmentator / "example_seg_roi_subset.nii.gz")
    assert [(segment.name, segment.label_value) for segment in draft.segmentation.segments] == [("liver", 5), ("brain", 90)]


def test_names_in_the_file_by_nibabel_are_read_in_both_byte_orders(tmp_path):
    xml = '<CaretExtension><LabelTable><Label Key="0">none</Label><Label Key="7" Red="1" Green="0.5" Blue="0">n&amp;m</Label>'
    for order in "<>":
        header = nib.Nifti1Header(endianness=order)
        image = nib.Nifti1Image(np.full(SIZE, 7, np.uint8), np.eye(4), header)
        image.header.extensions.append(nib.nifti1.Nifti1Extension(0, (xml + "</LabelTable></CaretExtension>").encode()))
        nib.save(image, tmp_path / "a.nii")
        (segment,) = read_draft(tmp_path / "a.nii").segmentation.segments
        assert (segment.name, segment.label_value, segment.color) == ("n&m", 7, pytest.approx((1, 128 / 255, 0)))


def test_a_folder_of_totalsegmentator_holds_the_voxels_of_its_files(totalsegmentator, tmp_path):
    folder = totalsegmentator / "example_seg_fast"
    if not folder.is_dir():
        pytest.skip("the folder of single structures is not on this machine")
    for name in ("liver", "spleen", "aorta"):
        shutil.copy(folder / f"{name}.nii.gz", tmp_path)
    draft = read_draft(tmp_path)
    assert draft.kind is DraftKind.TOTALSEGMENTATOR_FOLDER
    assert [segment.name for segment in draft.segmentation.segments] == ["aorta", "liver", "spleen"]
    for segment in draft.segmentation.segments:
        expected = np.asarray(nib.load(tmp_path / f"{segment.name}.nii.gz").dataobj).T
        assert draft.segmentation.voxel_count(segment) == np.count_nonzero(expected)


def test_masks_that_overlap_keep_all_their_voxels_and_an_empty_mask_stays(tmp_path):
    organ, lesion = box_array(SIZE, (0, 4), (0, 6), (0, 4)), box_array(SIZE, (1, 2), (2, 3), (3, 6))
    for name, array in (("organ", organ), ("lesion", lesion), ("nothing", np.zeros_like(organ))):
        write_nifti(tmp_path / f"{name}.nii.gz", array)
    draft = read_draft(tmp_path)
    assert draft.kind is DraftKind.MASK_FOLDER
    assert draft.algorithm == DraftAlgorithm()
    assert masks(draft) == {
        "lesion": np.argwhere(lesion).tolist(),
        "nothing": [],
        "organ": np.argwhere(organ).tolist(),
    }


def test_masks_on_several_grids_are_refused(tmp_path):
    write_nifti(tmp_path / "a.nii.gz", np.ones(SIZE, np.uint8))
    write_nifti(tmp_path / "b.nii.gz", np.ones((4, 6, 9), np.uint8))
    with pytest.raises(BadDataError, match=r"b\.nii\.gz: lies on another grid than a\.nii\.gz"):
        read_draft(tmp_path)


def nnunet_prediction(folder, labels, **files):
    write_nifti(folder / "case_001.nii.gz", box_array(SIZE, (0, 2), (0, 2), (0, 2)) + box_array(SIZE, (2, 4), (0, 2), (0, 2), 2))
    contents = {"dataset": {"labels": labels, "channel_names": {"0": "CT"}, "file_ending": ".nii.gz"}, **files}
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder / "case_001.nii.gz"


def test_an_nnunet_prediction_brings_names_and_what_is_known_of_its_model(tmp_path):
    path = nnunet_prediction(
        tmp_path,
        {"background": 0, "liver": 1, "tumour": 2},
        plans={"dataset_name": "Dataset003_Liver", "plans_name": "nnUNetResEncUNetLPlans"},
        predict_from_raw_data_args={
            "model_training_output_dir": "/models/Dataset003_Liver/nnUNetTrainer__nnUNetResEncUNetLPlans__3d_fullres",
            "use_folds": [0, 1],
            "checkpoint_name": "checkpoint_final.pth",
        },
    )
    draft = read_draft(path)
    assert draft.kind is DraftKind.NNUNET
    assert {segment.name: segment.label_value for segment in draft.segmentation.segments} == {"liver": 1, "tumour": 2}
    assert draft.algorithm == DraftAlgorithm(
        "nnU-Net Dataset003_Liver",
        None,
        "trainer=nnUNetTrainer; plans=nnUNetResEncUNetLPlans; configuration=3d_fullres; folds=0,1; checkpoint=checkpoint_final.pth",
    )
    # The folder means the one prediction in it.
    assert read_draft(tmp_path).kind is DraftKind.NNUNET


def test_names_of_nnunet_may_stand_in_the_folder_above(tmp_path):
    nnunet_prediction(tmp_path, {"background": 0, "liver": 1, "tumour": 2})
    (tmp_path / "fold").mkdir()
    shutil.move(tmp_path / "case_001.nii.gz", tmp_path / "fold")
    draft = read_draft(tmp_path / "fold" / "case_001.nii.gz")
    assert [segment.name for segment in draft.segmentation.segments] == ["liver", "tumour"]


def test_regions_of_nnunet_leave_the_labels_unnamed_and_say_why(tmp_path):
    draft = read_draft(nnunet_prediction(tmp_path, {"background": 0, "whole": [1, 2], "core": [2]}))
    assert [segment.name for segment in draft.segmentation.segments] == ["label_1", "label_2"]
    assert ["region" in finding.message for finding in draft.segmentation.findings] == [True]


def test_several_predictions_in_a_folder_ask_for_one(tmp_path):
    path = nnunet_prediction(tmp_path, {"background": 0, "liver": 1, "tumour": 2})
    shutil.copy(path, tmp_path / "case_002.nii.gz")
    with pytest.raises(BadDataError, match="holds 2 nnU-Net predictions"):
        read_draft(tmp_path)


def test_maps_beside_a_draft_are_found_by_their_names(tmp_path):
    path = nnunet_prediction(tmp_path, {"background": 0, "liver": 1, "tumour": 2})
    for name in ("case_001.npz", "case_001_uncertainty.nii.gz", "case_001.pkl", "case_002.npz", "case_001_ct.nii.gz"):
        (tmp_path / name).touch()
    assert [map_path.name for map_path in read_draft(path).maps] == ["case_001.npz", "case_001_uncertainty.nii.gz"]


def test_a_folder_without_a_segmentation_says_what_to_pick(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(BadDataError, match=r"holds no segmentation.*Pick the file"):
        read_draft(tmp_path)


def test_a_draft_is_automatic_whatever_its_file_says_and_the_reader_names_what_is_missing(tmp_path):
    segmentation = read_draft(write_nifti(tmp_path / "a.nii.gz", box_array(SIZE, (0, 2), (0, 2), (0, 2)))).segmentation
    made = made_by(segmentation, DraftAlgorithm("LiverNet", "2.1"))
    assert [(s.algorithm_type, s.algorithm_name, s.algorithm_version) for s in made.segments] == [("AUTOMATIC", "LiverNet", "2.1")]
    assert common_algorithm(made_by(made, DraftAlgorithm(parameters="folds=0"))) == DraftAlgorithm("LiverNet", "2.1", "folds=0")


@pytest.mark.parametrize(
    ("version", "status"), [("2.11.0", Status.PASS), ("1.5.7", Status.FAIL), (None, Status.NOT_EVALUATED), ("12.0", Status.FAIL)]
)
def test_the_protocols_versions_of_a_tool_are_compared(version, status):
    protocol = load_protocol("ct-abdomen-portal-venous").protocol
    assert [tool.versions for tool in protocol.ai_tools if tool.name == "TotalSegmentator"] == [("2.*",)]
    candidate = made_by(a_segmentation(liver=((1, 4), (2, 9), (3, 8))), DraftAlgorithm("TotalSegmentator", version))
    (finding,) = ai_tool.run(Case(a_volume(), candidate), protocol)
    assert (finding.status, finding.allowed) == (status, "TotalSegmentator 2.*")
