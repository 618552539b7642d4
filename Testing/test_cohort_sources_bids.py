"""Cohorts from BIDS trees: which image a segmentation is of, what its numbers mean, and what is told where it is not clear."""

import json

import pytest

from SegQCLib.cohort.sources.find_cases import find_cases
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.errors import BadDataError
from SegQCLib.importers.label_names import read_label_names


def tree(root, *paths):
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"only its name matters here")
    (root / "dataset_description.json").write_text('{"Name": "phantom", "BIDSVersion": "1.10.0"}')
    return root


def named(found):
    return {case.case: case for case in found.cases}


def test_a_segmentation_belongs_to_the_image_whose_entities_it_has(tmp_path):
    root = tree(
        tmp_path,
        "sub-01/ses-1/anat/sub-01_ses-1_run-1_T1w.nii.gz",
        "sub-01/ses-1/anat/sub-01_ses-1_run-2_T1w.nii.gz",
        "sub-01/ses-2/anat/sub-01_ses-2_ce-gd_T1w.nii.gz",
        "sub-02/ct/sub-02_ct.nii.gz",
        "sub-02/pet/sub-02_pet.nii.gz",
        "derivatives/model/sub-01/ses-1/anat/sub-01_ses-1_run-2_dseg.nii.gz",
        "derivatives/model/sub-01/ses-2/anat/sub-01_ses-2_space-orig_dseg.nii.gz",
        "derivatives/model/sub-02/ct/sub-02_dseg.nii.gz",
    )
    found = find_cases(root)
    assert found.kind == "bids"
    assert {name: case.candidate.name for name, case in named(found).items()} == {
        "sub-01_ses-1_run-2_T1w": "sub-01_ses-1_run-2_dseg.nii.gz",
        "sub-01_ses-2_ce-gd_T1w": "sub-01_ses-2_space-orig_dseg.nii.gz",
        "sub-02_ct": "sub-02_dseg.nii.gz",
    }
    assert all(case.fault is None and case.image.name.startswith(case.case) for case in found.cases)
    assert [case.patient for case in found.cases] == ["sub-01", "sub-01", "sub-02"]


def test_which_of_several_images_is_said_by_the_sidecar_the_space_or_the_option_else_it_is_a_fault(tmp_path):
    root = tree(
        tmp_path,
        *(f"sub-0{n}/anat/sub-0{n}_{kind}.nii.gz" for n in (1, 2, 3) for kind in ("T1w", "FLAIR")),
        "derivatives/model/sub-01/anat/sub-01_dseg.nii.gz",
        "derivatives/model/sub-02/anat/sub-02_space-FLAIR_dseg.nii.gz",
        "derivatives/model/sub-03/anat/sub-03_dseg.nii.gz",
    )
    sidecar = root / "derivatives/model/sub-03/anat/sub-03_dseg.json"
    sidecar.write_text(json.dumps({"Sources": ["bids::sub-03/anat/sub-03_T1w.nii.gz"]}))
    first, second, third = find_cases(root).cases
    assert "may be of sub-01_FLAIR.nii.gz, sub-01_T1w.nii.gz" in first.fault.found
    assert "Sources" in first.fault.remedy
    assert [case.image.name for case in (second, third)] == ["sub-02_FLAIR.nii.gz", "sub-03_T1w.nii.gz"]
    first, *_ = find_cases(root, SourceOptions(image_suffix="FLAIR")).cases
    assert (first.case, first.fault) == ("sub-01_FLAIR", None)


def test_a_segmentation_in_another_space_needs_an_image_in_that_space(tmp_path):
    root = tree(
        tmp_path,
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-02/anat/sub-02_T1w.nii.gz",
        "derivatives/model/sub-01/anat/sub-01_space-MNI305_dseg.nii.gz",
        "derivatives/model/sub-01/anat/sub-01_space-MNI305_T1w.nii.gz",
        "derivatives/model/sub-02/anat/sub-02_space-MNI305_dseg.nii.gz",
    )
    first, second = find_cases(root).cases
    assert (first.case, first.image.name, first.fault) == ("sub-01_space-MNI305_T1w", "sub-01_space-MNI305_T1w.nii.gz", None)
    assert "in space MNI305, and no image in that space lies beside it" in second.fault.found


def test_reference_readers_and_draft_come_from_their_pipelines(tmp_path):
    root = tree(
        tmp_path,
        "sub-01/ct/sub-01_ct.nii.gz",
        "sub-02/ct/sub-02_ct.nii.gz",
        *(f"derivatives/{name}/sub-0{n}/ct/sub-0{n}_dseg.nii.gz" for name in ("model", "draft") for n in (1, 2)),
        "derivatives/readers/sub-01/ct/sub-01_desc-reader1_dseg.nii.gz",
        "derivatives/readers/sub-01/ct/sub-01_desc-reader2_dseg.nii.gz",
    )
    first, second = find_cases(root, SourceOptions(reference_pipeline="readers", draft_pipeline="draft")).cases
    assert first.candidate.parts[-4] == "model"
    assert [path.name for path in first.references] == ["sub-01_desc-reader1_dseg.nii.gz", "sub-01_desc-reader2_dseg.nii.gz"]
    assert first.draft.parts[-4] == "draft"
    assert (second.references, second.fault) == ((), None)


def test_several_pipelines_without_a_choice_and_an_unknown_one_are_errors_that_list_them(tmp_path):
    root = tree(
        tmp_path,
        "sub-01/ct/sub-01_ct.nii.gz",
        "derivatives/a/sub-01/ct/sub-01_dseg.nii.gz",
        "derivatives/b/sub-01/ct/sub-01_dseg.nii.gz",
    )
    with pytest.raises(BadDataError, match=r"2 pipelines that may be the candidate's \(a, b\)\. Say.* --candidate-pipeline"):
        find_cases(root)
    with pytest.raises(BadDataError, match=r"no pipeline c with subjects \(it has a, b\)"):
        find_cases(root, SourceOptions(candidate_pipeline="c"))


def test_several_masks_of_an_image_are_a_case_each_with_the_reference_of_the_same_label_and_a_note(tmp_path):
    labels = ("tumor", "edema")
    root = tree(
        tmp_path,
        "sub-01/anat/sub-01_T1w.nii.gz",
        *(f"derivatives/{name}/sub-01/anat/sub-01_label-{label}_mask.nii.gz" for name in ("model", "manual") for label in labels),
    )
    found = find_cases(root, SourceOptions(reference_pipeline="manual"))
    cases = named(found)
    assert set(cases) == {"sub-01_T1w label-tumor_mask", "sub-01_T1w label-edema_mask"}
    for label in labels:
        (reference,) = cases[f"sub-01_T1w label-{label}_mask"].references
        assert reference == root / f"derivatives/manual/sub-01/anat/sub-01_label-{label}_mask.nii.gz"
    assert any("each is a case of its own" in note for note in found.notes)
    assert any("--labels" in note for note in found.notes)


def test_the_nearest_look_up_table_that_applies_names_the_labels(tmp_path):
    root = tree(
        tmp_path,
        *(f"sub-0{n}/anat/sub-0{n}_T1w.nii.gz" for n in (1, 2)),
        *(f"derivatives/model/sub-0{n}/anat/sub-0{n}_dseg.nii.gz" for n in (1, 2)),
    )
    # The table of the specification, derivatives: imaging data types.
    table = root / "derivatives/model/dseg.tsv"
    table.write_text(
        "index\tname\tabbreviation\tcolor\tmapping\n"
        "100\tGray Matter\tGM\t#ff53bb\t1\n101\tWhite Matter\tWM\t#2f8bbe\t2\n102\tBrainstem\tBS\t#36de72\t11\n"
    )
    own = root / "derivatives/model/sub-02/anat/sub-02_dseg.tsv"
    own.write_text("index\tname\n0\tBackground\n1\tlesion\n")
    first, second = find_cases(root).cases
    assert (first.labels, second.labels) == (str(table), str(own))
    labels = read_label_names(first.labels).labels
    assert [(one.number, one.name) for one in labels] == [(100, "Gray Matter"), (101, "White Matter"), (102, "Brainstem")]
    assert labels[0].color_rgb == (0xFF, 0x53, 0xBB)
    assert [one.name for one in read_label_names(second.labels).labels] == ["lesion"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("number\tname\n1\tx\n", "has no column index"),
        ("index\tname\none\tx\n1\t\n2\ta\n2\tb\n", r"line 2: the index is 'one'.*is empty.*number 2 has 2 names"),
        ("index\tname\n0\tBackground\n", "names no label"),
    ],
)
def test_a_look_up_table_that_cannot_be_used_says_why(tmp_path, text, fault):
    (tmp_path / "x_dseg.tsv").write_text(text)
    with pytest.raises(BadDataError, match=fault):
        read_label_names(str(tmp_path / "x_dseg.tsv"))


def test_the_site_is_the_participants_table_s(tmp_path):
    root = tree(
        tmp_path,
        *(f"sub-0{n}/ct/sub-0{n}_ct.nii.gz" for n in (1, 2)),
        *(f"derivatives/model/sub-0{n}/ct/sub-0{n}_dseg.nii.gz" for n in (1, 2)),
    )
    (root / "participants.tsv").write_text("participant_id\tage\tsite\nsub-01\t50\tJena\nsub-02\t60\tn/a\n")
    assert [case.site for case in find_cases(root).cases] == ["Jena", None]


def test_a_session_without_segmentation_and_a_segmentation_without_image_are_rows(tmp_path):
    root = tree(
        tmp_path,
        "sub-01/ct/sub-01_ct.nii.gz",
        "sub-02/ct/sub-02_ct.nii.gz",
        "derivatives/model/sub-01/ct/sub-01_dseg.nii.gz",
        "derivatives/model/sub-03/ct/sub-03_dseg.nii.gz",
    )
    cases = named(find_cases(root))
    assert cases["sub-01_ct"].fault is None
    assert "has no segmentation in model" in cases["sub-02"].fault.found
    assert "no image has its entities" in cases["sub-03_dseg"].fault.found
