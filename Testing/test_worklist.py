"""Worklists: CSV files as people write them, folders of cases, and how far a reader is."""

import json
import platform

import pytest

from SegQCLib.errors import BadDataError
from SegQCLib.file_name import file_name
from SegQCLib.worklist import read_worklist
from SegQCLib.worklist_progress import CaseState, case_to_resume, read_progress, write_state


@pytest.fixture
def folder(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz", "a.seg.nrrd"):
        (tmp_path / name).write_bytes(b"only its name matters here")
    return tmp_path


def write_csv(folder, text, encoding="utf-8"):
    path = folder / "cases.csv"
    path.write_bytes(text.encode(encoding))
    return path


def write_cases(folder, *names):
    lines = ["case,image", *(f"{name},a.nii.gz" for name in names)]
    return read_worklist(write_csv(folder, "\n".join(lines)))


def test_columns_come_in_any_order_and_unknown_ones_are_kept(folder):
    text = (
        "Image,site,CASE,candidate,protocol,labels\n"
        "a.nii.gz,Jena,p1,a.seg.nrrd,ct-lung-nodule,totalsegmentator\n"
        "b.nii.gz,Ulm,p2,,,\n"
    )
    first, second = read_worklist(write_csv(folder, text)).cases
    assert (first.case, first.image, first.candidate) == ("p1", folder / "a.nii.gz", folder / "a.seg.nrrd")
    assert (first.protocol, first.labels, first.other) == ("ct-lung-nodule", "totalsegmentator", (("site", "Jena"),))
    assert (second.case, second.candidate, second.protocol, second.labels) == ("p2", None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffcase,image\r\nMüller 1,a.nii.gz\r\n",
        "case;image\nMüller 1;a.nii.gz\n",
        "sep=;\ncase;image\nMüller 1;a.nii.gz\n",
        "case\timage\nMüller 1\ta.nii.gz\n",
        'case,image\n\n"Müller 1", a.nii.gz \n,\n',
    ],
    ids=["byte order mark", "semicolons", "sep line", "tabs", "empty lines and spaces"],
)
def test_csv_files_are_read_as_excel_writes_them(folder, text):
    (entry,) = read_worklist(write_csv(folder, text)).cases
    assert (entry.case, entry.image) == ("Müller 1", folder / "a.nii.gz")


def test_absolute_paths_stay_as_they_are(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("lists")
    (entry,) = read_worklist(write_csv(elsewhere, f"case,image\n1,{folder / 'a.nii.gz'}\n")).cases
    assert entry.image == folder / "a.nii.gz"


def test_all_faults_are_named_at_once_with_their_lines(folder):
    text = (
        "case,image,candidate,protocol,labels\n"
        "one,a.nii.gz,none.seg.nrrd,,\n"
        "ONE,a.nii.gz,,,\n"
        ",,,no-such-protocol,no-such-table\n"
        "four,a.nii.gz,a.seg.nrrd,,,extra\n"
    )
    with pytest.raises(BadDataError) as raised:
        read_worklist(write_csv(folder, text))
    faults = [line.split(": ")[0].strip() for line in str(raised.value).splitlines() if line.startswith("  line")]
    assert faults == ["line 2", "line 3", "line 4", "line 4", "line 4", "line 4", "line 5"]
    assert "candidate" in str(raised.value)
    assert "already in line 2" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("patient,image\n1,a.nii.gz\n", "line 1: the column case is missing"),
        ("case,image,image\n1,a.nii.gz,a.nii.gz\n", "line 1: the column image is given 2 times"),
        ("case,image\n", "names no case"),
        ("", "the column case is missing"),
        ('case,image\n1,"a.nii.gz\n', "cannot be read after line"),
    ],
)
def test_a_file_that_is_no_worklist_says_what_is_wrong(folder, text, fault):
    with pytest.raises(BadDataError, match=fault):
        read_worklist(write_csv(folder, text))


def test_other_encodings_are_refused_with_the_way_out(folder):
    with pytest.raises(BadDataError, match="CSV UTF-8"):
        read_worklist(write_csv(folder, "case,image\nMüller,a.nii.gz\n", "latin-1"))


def test_a_protocol_s_own_faults_are_told_with_the_line(folder):
    (folder / "mine.json").write_text('{"schema": "segqc-protocol"}')
    with pytest.raises(BadDataError, match=r"line 2: protocol: mine.json: is not a usable protocol"):
        read_worklist(write_csv(folder, "case,image,protocol\n1,a.nii.gz,mine.json\n"))


def a_case_folder(root, name, *files):
    for file in files:
        path = root / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\0" * 128 + b"DICM" if file.endswith(".dcm") else b"x")


def test_each_sub_folder_is_a_case_in_the_order_of_its_number(tmp_path):
    a_case_folder(tmp_path, "case 10", "image.nii.gz", "candidate.seg.nrrd")
    a_case_folder(tmp_path, "case 2", "image/1.dcm", "reference.nii.gz", "draft.nrrd", "notes/x.txt")
    a_case_folder(tmp_path, "case 3", "series/1.dcm")
    a_case_folder(tmp_path, "case 4", "1.dcm", "2.dcm", "candidate.nii")
    a_case_folder(tmp_path, ".hidden", "image.nii.gz")
    a_case_folder(tmp_path, "segqc-records", "image.nii.gz")
    cases = read_worklist(tmp_path).cases
    assert [entry.case for entry in cases] == ["case 2", "case 3", "case 4", "case 10"]
    expected = ["case 2/image", "case 3/series", "case 4", "case 10/image.nii.gz"]
    assert [entry.image.relative_to(tmp_path).as_posix() for entry in cases] == expected
    assert (cases[0].reference.name, cases[0].draft.name, cases[0].candidate) == ("reference.nii.gz", "draft.nrrd", None)
    assert (cases[2].candidate.name, cases[3].candidate.name) == ("candidate.nii", "candidate.seg.nrrd")


def test_a_folder_s_faults_are_named_at_once_with_the_rule(tmp_path):
    a_case_folder(tmp_path, "1", "image.nii.gz", "image.nrrd")
    a_case_folder(tmp_path, "2", "candidate.nii.gz")
    a_case_folder(tmp_path, "3", "image.nii.gz", "draft.nrrd", "draft.seg.nrrd")
    with pytest.raises(BadDataError, match="each sub-folder is a case") as raised:
        read_worklist(tmp_path)
    assert [line.strip()[:2] for line in str(raised.value).splitlines()[1:]] == ["1:", "2:", "3:"]


def test_resume_takes_the_case_that_was_open_last_else_the_first_that_is_not_done(folder, tmp_path):
    worklist, records = write_cases(folder, "a", "b", "c"), tmp_path / "records"

    def resumed():
        entry = case_to_resume(worklist, read_progress(worklist, "Anna", records))
        return entry and entry.case

    assert resumed() == "a"
    write_state(worklist, "Anna", records, "c", CaseState.IN_PROGRESS)
    assert resumed() == "c"
    write_state(worklist, "Anna", records, "c", CaseState.DONE)
    assert resumed() == "a"
    for case in ("a", "b"):
        progress = write_state(worklist, "Anna", records, case, CaseState.DONE)
    assert resumed() is None
    assert progress.done(worklist) == 3


def test_stepping_ends_at_both_ends(folder):
    worklist = write_cases(folder, "a", "b")
    assert worklist.step("a", 1).case == "b"
    assert worklist.step("b", -1).case == "a"
    assert worklist.step("b", 1) is None
    assert worklist.step("a", -1) is None


def test_two_readers_do_not_see_each_other_s_progress(folder, tmp_path):
    worklist = write_cases(folder, "a")
    write_state(worklist, "Anna", tmp_path, "a", CaseState.DONE)
    assert read_progress(worklist, "Ann", tmp_path).state("a") is CaseState.NOT_STARTED
    assert read_progress(worklist, "Anna", tmp_path).state("a") is CaseState.DONE


def test_two_computers_of_a_reader_add_up_and_the_newer_statement_holds(folder, tmp_path, monkeypatch):
    worklist = write_cases(folder, "a", "b")
    monkeypatch.setattr(platform, "node", lambda: "ward")
    write_state(worklist, "Anna", tmp_path, "a", CaseState.DONE)
    (written,) = folder.glob("*.segqc-progress.*")
    elsewhere = json.loads(written.read_text())
    elsewhere["cases"] = {
        "a": {"state": "in progress", "changed": "2001-01-01T00:00:00.000+00:00"},
        "b": {"state": "done", "changed": "2001-01-01T00:00:00.000+00:00"},
    }
    written.with_name(written.name.replace("ward", "office")).write_text(json.dumps(elsewhere))
    progress = read_progress(worklist, "Anna", tmp_path)
    assert (progress.state("a"), progress.state("b")) == (CaseState.DONE, CaseState.DONE)


def test_progress_goes_to_the_records_folder_where_the_worklist_s_is_read_only(folder, tmp_path, monkeypatch):
    worklist, records = write_cases(folder, "a"), tmp_path / "records"
    # Root may write everywhere: a file stands where the worklist's folder should be.
    read_only = type(worklist)(folder / "cases.csv" / "list.csv", worklist.cases)
    write_state(read_only, "Anna", records, "a", CaseState.DONE)
    assert read_progress(read_only, "Anna", records).state("a") is CaseState.DONE
    assert len(list(records.iterdir())) == 1


def test_a_damaged_progress_file_is_named(folder, tmp_path):
    worklist = write_cases(folder, "a")
    write_state(worklist, "Anna", tmp_path, "a", CaseState.DONE)
    (written,) = folder.glob("*.segqc-progress.*")
    written.write_text("{")
    with pytest.raises(BadDataError, match="Delete or rename it"):
        read_progress(worklist, "Anna", tmp_path)


def test_names_of_people_and_cases_become_different_names_of_files():
    names = ["Anna", "Dr. Ä/B", "Dr. Ä B", "con", "a:b", "..", "x" * 300]
    made = [file_name(name) for name in names]
    assert made[0] == "Anna"
    assert len(set(made)) == len(names)
    assert all(not set(name) & set('/\\:*?"<>| @') and name.strip(".") and len(name) < 100 for name in made)
    assert file_name("é") == file_name("e\u0301")
