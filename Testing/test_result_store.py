"""Results are kept once under their key, and what is damaged counts as none."""

import os

import pytest

from cohort_results import a_record
from SegQCLib.cohort.case_outcome import CaseCost, CaseOutcome, Outcome
from SegQCLib.cohort.case_views import remove_other_cases, show_case
from SegQCLib.cohort.cohort_case import CaseFault
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.one_run import one_run
from SegQCLib.cohort.result_store import ResultStore
from SegQCLib.cohort.run_fault import RunFault, writing_to
from SegQCLib.errors import BadDataError

KEY = "ab" * 32
RECORD = a_record()
COST = CaseCost("2026-11-22T10:00:00+00:00", 1.5, 0.5, None, "here")
FAULT = CaseFault("image.nii.gz", "is empty (0 bytes).", "Copy it again.")


@pytest.fixture
def folder(tmp_path):
    return CohortFolder(tmp_path)


def test_a_record_is_read_as_it_was_kept(folder):
    store = ResultStore(folder)
    kept = store.keep("one", KEY, RECORD, COST)
    assert store.read(KEY) == kept
    assert store.record_path(KEY).read_text(encoding="utf-8") == RECORD.to_json()
    assert kept.as_outcome(kept=True) == CaseOutcome("one", KEY, Outcome.EVALUATED, True, "REVIEW", None, COST)


def test_a_refused_case_has_its_fault_and_no_record(folder):
    store = ResultStore(folder)
    store.keep("one", KEY, FAULT, COST)
    assert store.read(KEY).fault == FAULT
    assert not store.record_path(KEY).exists()


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: flip_a_bit(store.record_path(KEY)),
        lambda store: os.truncate(store.record_path(KEY), 5),
        lambda store: store.record_path(KEY).unlink(),
        lambda store: os.truncate(store.envelope_path(KEY), 20),
        lambda store: store.envelope_path(KEY).write_text(store.envelope_path(KEY).read_text().replace(KEY, "cd" * 32)),
    ],
    ids=["bit flip", "record cut short", "record gone", "envelope cut short", "another key"],
)
def test_a_damaged_result_counts_as_none(folder, damage):
    store = ResultStore(folder)
    store.keep("one", KEY, RECORD, COST)
    damage(store)
    assert store.read(KEY) is None


def test_a_key_is_no_path(folder):
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        ResultStore(folder).record_path("../../etc/passwd")


def test_what_a_killed_run_had_begun_is_swept_away(folder):
    (folder.store / "unfinished").mkdir(parents=True)
    (folder.store / "unfinished" / "123").write_text("half")
    ResultStore(folder).sweep()
    assert not list((folder.store / "unfinished").iterdir())


def test_a_full_disk_ends_the_run_with_a_message(tmp_path):
    with (
        pytest.raises(RunFault, match=r"could not be written to .No space left on device.*not computed twice"),
        writing_to(tmp_path),
    ):
        raise OSError(28, "No space left on device")


def test_the_folder_of_a_case_shows_its_present_record_or_its_error_never_both(folder):
    store = ResultStore(folder)
    kept = store.keep("Case 1", KEY, RECORD, COST)
    show_case(folder, kept.as_outcome(kept=False))
    assert folder.record("Case 1").samefile(store.record_path(KEY))
    show_case(folder, CaseOutcome("Case 1", None, Outcome.FAILED, fault=FAULT))
    assert not folder.record("Case 1").exists()
    assert "0 bytes" in folder.error("Case 1").read_text()
    show_case(folder, kept.as_outcome(kept=True))
    assert not folder.error("Case 1").exists()


def test_cases_that_left_the_cohort_are_no_longer_shown_and_what_others_put_there_stays(folder):
    kept = ResultStore(folder).keep("gone", KEY, RECORD, COST)
    for case in ("gone", "commented", "stays"):
        show_case(folder, CaseOutcome(case, KEY, Outcome.EVALUATED, verdict="REVIEW"))
    (folder.case("commented") / "comment.txt").write_text("mine")
    remove_other_cases(folder, ["stays"])
    assert sorted(path.name for path in folder.cases.iterdir()) == ["commented", "stays"]
    assert [path.name for path in folder.case("commented").iterdir()] == ["comment.txt"]
    assert ResultStore(folder).read(KEY) == kept


def test_two_runs_do_not_write_into_one_folder(folder):
    folder.store.mkdir()
    another = pytest.raises(BadDataError, match=rf"another run .process {os.getpid()} on .*Wait until it is done")
    with one_run(folder), another, one_run(folder):
        pass
    with one_run(folder):
        pass
