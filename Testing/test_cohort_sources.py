"""What every source of a cohort has in common: how it is recognised, what is in the way, and what cases are called."""

import os
import tempfile
from pathlib import Path

import pytest

from dicom_series import write_series
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.sources.case_names import shown, with_unique_names
from SegQCLib.cohort.sources.find_cases import find_cases
from SegQCLib.cohort.sources.source_options import KINDS, SourceOptions
from SegQCLib.cohort.sources.walk import walk
from SegQCLib.errors import BadDataError


def names(*given):
    return [case.case for case in with_unique_names([CohortCase(name, None, None) for name in given], Path("source"))]


def folders(root):
    notes = []
    return [folder.relative_to(root).as_posix() for folder, _ in walk(root, notes)], notes


def test_a_file_or_folder_that_is_none_of_the_forms_is_an_error_that_lists_all_four(tmp_path):
    (tmp_path / "scan.nii.gz").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "scan.nii.gz", tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(BadDataError) as raised:
            find_cases(path)
        message = str(raised.value)
        assert all(form in message for form in ("CSV file", "DICOM studies", "BIDS tree", "nnU-Net data set"))


def test_a_kind_that_was_said_is_taken_and_one_that_does_not_fit_is_an_error(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1/image.nii.gz").write_bytes(b"x")
    (tmp_path / "list.cases").write_text("case,image,candidate\n1,1/image.nii.gz,1/image.nii.gz\n")
    assert find_cases(tmp_path / "list.cases", SourceOptions(kind="csv")).cases[0].case == "1"
    assert find_cases(tmp_path).kind == "worklist-folder"
    with pytest.raises(BadDataError, match="no DICOM file"):
        find_cases(tmp_path, SourceOptions(kind="dicom"))
    with pytest.raises(BadDataError, match="is a folder, not a CSV file"):
        find_cases(tmp_path, SourceOptions(kind="csv"))
    with pytest.raises(BadDataError, match="is a file; bids is a folder"):
        find_cases(tmp_path / "list.cases", SourceOptions(kind="bids"))
    with pytest.raises(ValueError, match=", ".join(KINDS)):
        SourceOptions(kind="xnat")


def test_each_option_says_what_it_is():
    assert all(field.metadata["doc"].endswith(".") for field in SourceOptions.__dataclass_fields__.values())


def test_names_that_differ_only_in_case_or_in_the_form_of_their_letters_are_made_different():
    assert names("a", "b") == ["a", "b"]
    made = names("Case", "case", "Mu\u0308ller", "M\u00fcller", "other")
    assert len({name.casefold() for name in made}) == 5
    assert made[4] == "other"
    # Whatever the order of reading, the same case has the same name.
    assert set(names("case", "Case")) == set(names("Case", "case"))


def test_a_name_that_is_no_unicode_is_shown_as_text_that_can_be_written():
    assert shown(os.fsdecode(b"M\xfcller 1")) == "M\\xfcller 1"
    assert shown("Müller 1") == "Müller 1"


def test_folders_are_walked_in_the_order_of_their_numbers_without_hidden_ones_and_results(tmp_path):
    for name in ("case 10", "case 2/ct", ".hidden/ct", "results/.segqc-cohort"):
        (tmp_path / name).mkdir(parents=True)
    assert folders(tmp_path) == ([".", "case 2", "case 2/ct", "case 10"], [])


def test_links_in_a_circle_come_to_an_end(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "c").mkdir()
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "a/to c").symlink_to(tmp_path / "c")
    (tmp_path / "c/to a").symlink_to(tmp_path / "a")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "above").symlink_to(tmp_path.parent)
    assert folders(tmp_path)[0] == [".", "a", "a/b", "c"]


def test_a_link_to_a_folder_elsewhere_is_followed(tmp_path):
    (tmp_path / "elsewhere/ct").mkdir(parents=True)
    (tmp_path / "source").mkdir()
    (tmp_path / "source/p1").symlink_to(tmp_path / "elsewhere")
    assert folders(tmp_path / "source")[0] == [".", "p1", "p1/ct"]


def test_a_folder_that_nobody_may_read_is_a_note_and_its_case_a_row():
    # Not below pytest's own folder, which only its owner may enter.
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        for case in ("locked", "open"):
            (root / case).mkdir()
            for file in ("image.nii.gz", "candidate.nrrd"):
                (root / case / file).write_bytes(b"x")
        (root / "locked").chmod(0)
        account = os.geteuid()
        try:
            if account == 0:
                # The superuser may read everything.
                os.seteuid(65534)
            (found, notes), cases = folders(root), find_cases(root).cases
        finally:
            os.seteuid(account)
            (root / "locked").chmod(0o700)
    assert found == [".", "locked", "open"]
    assert "locked: passed over, because it cannot be read (Permission denied)." in notes[0]
    assert [(case.case, case.fault is None) for case in cases] == [("locked", False), ("open", True)]


def test_names_with_spaces_other_letters_and_bytes_that_are_no_unicode_are_cases(tmp_path):
    odd = os.fsdecode(b"M\xfcller 1")
    try:
        for name in ("Łódź 2", odd):
            write_series(tmp_path / name, (0, 2))
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    cases = find_cases(tmp_path).cases
    assert [case.case for case in cases] == ["M\\xfcller 1", "Łódź 2"]
    assert all(case.image.is_dir() for case in cases)
    for case in cases:
        f"{case.case} {case.fault}".encode()


def test_results_inside_the_source_are_no_cases_of_it(tmp_path):
    write_series(tmp_path / "p1", (0, 2))
    write_series(tmp_path / "out/cases/p1", (0, 2))
    (tmp_path / "out/.segqc-cohort").mkdir()
    assert [case.case for case in find_cases(tmp_path).cases] == ["p1"]
