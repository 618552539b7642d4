"""Cohorts from worklists: one broken line is one case's fault, a broken table is everybody's."""

import pytest

from SegQCLib.cohort.sources.find_cases import find_cases
from SegQCLib.errors import BadDataError


@pytest.fixture
def folder(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz", "a.seg.nrrd", "r1.seg.nrrd", "r2.seg.nrrd", "u.nii.gz", "ratings.json"):
        (tmp_path / name).write_bytes(b"only its name matters here")
    return tmp_path


def found(folder, text):
    path = folder / "cohort.csv"
    path.write_text(text, encoding="utf-8")
    return find_cases(path)


def test_all_columns_reach_the_case(folder):
    header = "case,image,candidate,reference,Reference_10,reference_2,draft,uncertainty,second_image,ratings,Patient,site,reader,x"
    row = "p1,a.nii.gz,a.seg.nrrd,r1.seg.nrrd,b.nii.gz,r2.seg.nrrd,u.nii.gz,u.nii.gz,b.nii.gz,ratings.json,7,Jena,Anna,y"
    result = found(folder, f"{header}\n{row}\n")
    (case,) = result.cases
    assert result.kind == "csv"
    assert (case.case, case.image, case.candidate) == ("p1", folder / "a.nii.gz", folder / "a.seg.nrrd")
    assert [path.name for path in case.references] == ["r1.seg.nrrd", "r2.seg.nrrd", "b.nii.gz"]
    assert (case.uncertainty.name, case.second_image.name, case.ratings.name) == ("u.nii.gz", "b.nii.gz", "ratings.json")
    assert (case.patient, case.site, case.reader) == ("7", "Jena", "Anna")
    assert (case.draft.name, case.candidate_is_draft, case.fault) == ("u.nii.gz", False, None)
    assert result.notes == ("Columns that say nothing to SegQC: x.",)


def test_a_draft_without_candidate_is_what_is_evaluated(folder):
    (case,) = found(folder, "case,image,draft\np1,a.nii.gz,a.seg.nrrd\n").cases
    assert (case.candidate, case.draft, case.candidate_is_draft) == (folder / "a.seg.nrrd", None, True)


def test_what_is_wrong_with_one_line_is_its_fault_alone(folder):
    text = (
        "case,image,candidate,reference_2,protocol,labels\n"
        "good,a.nii.gz,a.seg.nrrd,,ct-lung-nodule,totalsegmentator\n"
        "no image,none.nii.gz,a.seg.nrrd,,,\n"
        "no path,,a.seg.nrrd,,,\n"
        "nothing drawn,a.nii.gz,,,,\n"
        "no reference,a.nii.gz,a.seg.nrrd,none.nrrd,,\n"
        "no table,a.nii.gz,a.seg.nrrd,,,none.json\n"
        "no protocol,a.nii.gz,a.seg.nrrd,,none.json,\n"
        "two,none.nii.gz,none.nrrd,,,\n"
    )
    faults = {case.case: case.fault for case in found(folder, text).cases}
    assert faults.pop("good") is None
    words = {
        "no image": "image: ",
        "no path": "the image is missing",
        "nothing drawn": "no candidate and no draft",
        "no reference": "reference_2: ",
        "no table": "labels: ",
        "no protocol": "protocol: ",
        "two": "candidate: ",
    }
    assert {case: words[case] in fault.found for case, fault in faults.items()} == dict.fromkeys(words, True)
    assert faults["two"].found.count("does not exist") == 2
    assert faults["no image"].where == "cohort.csv, line 3"


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("case,picture\n1,a.nii.gz\n", ["the column image is missing"]),
        ("case,image,site,Site\n1,a.nii.gz,x,y\n", ["the column site is given 2 times"]),
        (
            "case,image,candidate\nP1,none.nii.gz,none.nrrd\np1,a.nii.gz,a.seg.nrrd\n3,a.nii.gz,a.seg.nrrd,more\n",
            ["line 3: the case 'p1' is already in line 2", "line 4: has 4 values for 3 columns"],
        ),
    ],
)
def test_a_table_that_is_faulty_as_a_table_stops_everything_with_all_its_faults(folder, text, faults):
    with pytest.raises(BadDataError) as raised:
        found(folder, text)
    assert all(fault in str(raised.value) for fault in faults)
    assert "none.nii.gz" not in str(raised.value)


def test_other_encodings_stop_everything(folder):
    (folder / "cohort.csv").write_bytes("case,image\nMüller,a.nii.gz\n".encode("latin-1"))
    with pytest.raises(BadDataError, match="UTF-8"):
        find_cases(folder / "cohort.csv")


def a_case(root, name, *files):
    for file in files:
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / file).write_bytes(b"x")


def test_the_worklist_s_folder_form_is_recognised_and_its_broken_cases_are_rows(tmp_path):
    a_case(tmp_path, "case 10", "image.nii.gz", "candidate.seg.nrrd", "reference.nii.gz")
    a_case(tmp_path, "case 2", "image.nii.gz", "draft.nrrd")
    a_case(tmp_path, "case 3", "image.nii.gz", "image.nrrd", "candidate.nrrd")
    a_case(tmp_path, "case 4", "image.nii.gz")
    a_case(tmp_path, "segqc-records", "image.nii.gz")
    a_case(tmp_path, "old results", "image.nii.gz", "candidate.nrrd")
    (tmp_path / "old results/.segqc-cohort").mkdir()
    result = find_cases(tmp_path)
    assert result.kind == "worklist-folder"
    assert [case.case for case in result.cases] == ["case 2", "case 3", "case 4", "case 10"]
    assert [case.fault is None for case in result.cases] == [True, False, False, True]
    assert (result.cases[0].candidate_is_draft, [path.name for path in result.cases[3].references]) == (True, ["reference.nii.gz"])


def test_folders_that_differ_in_upper_and_lower_case_alone_have_names_that_differ_in_more(tmp_path):
    for name in ("Case", "case"):
        a_case(tmp_path, name, "image.nii.gz", "candidate.nrrd")
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system takes both for one folder")
    cases = find_cases(tmp_path).cases
    assert len({case.case.casefold() for case in cases}) == 2
    assert sorted(case.fault is None for case in cases) == [False, True]
