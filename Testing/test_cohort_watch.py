"""A source that is being filled: when a case is finished, and what happens to those that change, go away or get other names."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from cohort_cases import make_tiny
from cohort_runs import HEARS_CTRL_C
from SegQCLib.cohort.case_outcome import CaseCost, CaseOutcome, Outcome
from SegQCLib.cohort.cohort_case import CaseFault, CohortCase
from SegQCLib.cohort.cohort_folder import STORE_NAME
from SegQCLib.cohort.folder_look import FolderLook, being_copied
from SegQCLib.cohort.sources.find_cases import find_cases
from SegQCLib.cohort.sources.found_cases import FoundCases
from SegQCLib.cohort.watch import WatchPace, watch
from SegQCLib.errors import BadDataError

SETTLED_S = 60.0
COST = CaseCost("2026-11-22T12:00:00+00:00", 1.0, 0.5, None, "here")


class Source:
    """A folder with a sub-folder for each case, and a watch of it under a clock that the test moves."""

    def __init__(self, folder):
        self.folder = folder
        self.now_s = 1000.0
        self.batches, self.told, self.becomes = [], [], {}

    def put(self, case, *files, size=8, mtime_s=None):
        for file in files or ("image.nii.gz", "candidate.nii.gz"):
            path = self.folder / case / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * size)
            if mtime_s is not None:
                os.utime(path, (mtime_s, mtime_s))

    def find(self):
        if not self.folder.is_dir() or not any(self.folder.iterdir()):
            raise BadDataError(self.folder, "holds no case.", "Give a folder of cases.")
        return FoundCases("worklist-folder", tuple(map(self.case, sorted(path for path in self.folder.iterdir() if path.is_dir()))))

    def case(self, folder):
        image, candidate = (folder / f"{role}.nii.gz" for role in ("image", "candidate"))
        fault = None if candidate.is_file() else CaseFault(folder.name, "has no segmentation.", "Add one.")
        return CohortCase(folder.name, image, candidate if candidate.is_file() else None, fault=fault)

    def evaluate(self, batch):
        self.batches.append(batch)
        return tuple(
            batch.standing.get(case.case)
            or CaseOutcome(case.case, "0" * 64, self.becomes.get(case.case, Outcome.EVALUATED), cost=COST)
            for case in batch.cases
        )

    def watch(self, *steps):
        """Look, and before each further look do a step: a number of seconds to wait, or a function to call."""
        left = list(steps)

        def sleep(_seconds):
            if not left:
                raise KeyboardInterrupt
            step = left.pop(0)
            if callable(step):
                step()
            else:
                self.now_s += step

        with pytest.raises(KeyboardInterrupt):
            watch(
                self.folder,
                self.find,
                self.evaluate,
                self.told.append,
                WatchPace(30.0, SETTLED_S),
                clock=lambda: self.now_s,
                sleep=sleep,
            )
        return self

    def evaluated(self):
        """Return for each batch the cases whose files were looked at."""
        return [[case.case for case in batch.cases if case.case not in batch.standing] for batch in self.batches]

    def tables(self):
        return [case.case for case in self.batches[-1].cases]

    def news(self, event):
        return [one.message for one in self.told if one.event == event]


@pytest.fixture
def source(tmp_path):
    (tmp_path / "in").mkdir()
    return Source(tmp_path / "in")


def test_a_case_is_evaluated_once_when_nothing_of_it_has_changed_for_long_enough(source):
    source.put("a")
    source.watch(59, 1, 30, 600)
    assert source.evaluated() == [["a"]]
    assert source.news("found") == [f"{source.folder}: 1 case found. Each is evaluated when nothing of it has changed for 60 s."]
    assert source.news("finished") == ["a is finished."]
    assert source.news("tables") == [f"The tables hold 1 case. Watching {source.folder}."]


@pytest.mark.parametrize("mtime_s", [0, 4_000_000_000], ids=["times of the original", "a clock that is ahead"])
def test_the_time_counts_from_when_the_state_was_seen_not_from_the_files_own_times(source, mtime_s):
    source.put("a", mtime_s=mtime_s)
    source.watch(59)
    assert source.batches == []
    source.watch(59, 1)
    assert source.evaluated() == [["a"]]


def test_a_file_that_grows_or_one_more_begins_the_wait_anew(source):
    source.put("a")
    source.watch(40, lambda: source.put("a", "image.nii.gz", size=16), 40, lambda: source.put("a", "reference.nii.gz"), 59)
    # The reference is no file of this case as the source finds it, and the image stood still for 99 s.
    assert source.evaluated() == [["a"]]
    source.batches.clear()
    source.watch(40, lambda: source.put("a", "image.nii.gz", size=24), 59)
    assert source.batches == []


def test_a_case_without_segmentation_waits_and_is_told_once(source):
    source.put("a", "image.nii.gz")
    source.watch(60, 60, 60, lambda: source.put("a"), 59, 1)
    assert source.news("waiting") == ["a waits. a: a: has no segmentation. Add one."]
    assert source.evaluated() == [["a"]]


def test_a_copy_that_stood_still_is_evaluated_again_when_the_rest_arrives(source):
    source.put("a", size=8)
    source.put("b")
    source.watch(60, lambda: source.put("a", "candidate.nii.gz", size=16), 30, 30, 600)
    assert source.evaluated() == [["a", "b"], ["a", "b"]]
    assert source.batches[1].changed == {"a"}
    assert source.news("again") == ["a is evaluated again: files changed or arrived later."]


def test_a_case_that_is_copied_anew_keeps_its_result_while_others_are_evaluated(source):
    source.put("a")
    source.watch(60, lambda: source.put("b"), 50, lambda: source.put("a", size=9), 10, 60)
    assert source.evaluated() == [["a"], ["b"], ["a", "b"]]
    assert source.batches[1].standing["a"].outcome is Outcome.EVALUATED
    assert source.batches[1].standing["a"].kept


def test_a_name_that_copy_programs_give_to_what_is_not_done_keeps_a_case_waiting(source):
    source.put("a")
    source.put("a", ".image.nii.gz.part")
    source.watch(60, 60, (source.folder / "a" / ".image.nii.gz.part").unlink, 60)
    assert source.news("waiting") == ["a waits. a: .image.nii.gz.part is still being copied, going by its name."]
    assert source.evaluated() == [["a"]]


def test_a_drive_that_goes_away_is_waited_for_and_nothing_is_computed_anew(source, tmp_path):
    source.put("a")
    source.put("b")
    source.watch(
        60, lambda: shutil.move(source.folder, tmp_path / "away"), 3600, source.folder.mkdir, 3600,
        lambda: (source.folder.rmdir(), shutil.move(tmp_path / "away", source.folder)), 60, 60,
    )  # fmt: skip
    assert source.evaluated() == [["a", "b"]]
    assert len(source.news("away")) == 2
    assert source.news("away")[0] == f"{source.folder}: is not there. What was evaluated stays in the tables. Waiting for it."
    assert source.news("back") == [f"{source.folder}: is there again."]


def test_what_failed_while_the_drive_was_going_away_is_tried_again_when_it_is_back(source, tmp_path):
    source.put("a")
    source.becomes["a"] = Outcome.FAILED
    source.watch(
        60, 60, lambda: shutil.move(source.folder, tmp_path / "away"), lambda: shutil.move(tmp_path / "away", source.folder), 60
    )
    assert source.evaluated() == [["a"], ["a"]]


def test_what_failed_is_tried_again_after_ten_minutes_and_then_twice_as_long_each_time(source):
    source.put("a")
    source.becomes["a"] = Outcome.FAILED
    source.watch(60, 599, 1, 600, 599, 1)
    assert len(source.batches) == 3
    source.becomes.clear()
    source.watch(60, 100_000)
    assert len(source.batches) == 4


def test_label_names_that_are_corrected_make_their_cases_be_evaluated_again(source, tmp_path):
    names = tmp_path / "names.json"
    names.write_text("{}")
    without = source.case
    source.case = lambda folder: replace(without(folder), labels=str(names))
    source.put("a")
    source.watch(60, lambda: names.write_text('{"liver": 5}'), 60, 60)
    assert source.evaluated() == [["a"], ["a"]]


def test_the_old_name_of_a_renamed_case_leaves_the_tables(source):
    for case in ("a", "b", "c"):
        source.put(case, size=ord(case))
    source.watch(60, lambda: (source.folder / "b").rename(source.folder / "d"), 59, 1)
    assert source.evaluated() == [["a", "b", "c"], ["a", "c", "d"]]
    assert source.tables() == ["a", "c", "d"]
    assert source.news("gone") == ["b is now called d: it leaves the tables; its result is kept."]


def test_a_case_that_is_removed_leaves_the_tables(source):
    for case in ("a", "b", "c"):
        source.put(case, size=ord(case))
    source.watch(60, lambda: shutil.rmtree(source.folder / "b"), 59, 1, 60)
    assert source.tables() == ["a", "c"]
    assert source.news("gone") == ["b is no longer in the source: it leaves the tables; its result is kept."]


def test_most_cases_gone_at_once_are_a_drive_that_is_away_and_stay_in_the_tables(source):
    for case in ("a", "b", "c"):
        source.put(case, size=ord(case))
    source.watch(60, lambda: [shutil.rmtree(source.folder / case) for case in "bc"], 60, lambda: source.put("d"), 60)
    assert source.evaluated() == [["a", "b", "c"], ["a", "d"]]
    assert sorted(source.tables()) == ["a", "b", "c", "d"]
    assert source.news("stands") == [
        "b, c are no longer found, more than half of 3 cases. Is a drive away? Their results stay in the tables."
    ]


def test_the_files_that_a_csv_file_names_are_waited_for_wherever_they_lie(source, tmp_path):
    table = tmp_path / "cases.csv"
    source.put("a", "image.nii.gz")
    table.write_text("case,image,candidate\n")
    watched = Source(table)
    watched.find = partial(find_cases, table)
    watched.watch(
        60,
        lambda: table.write_text("case,image,candidate\na,in/a/image.nii.gz,in/a/candidate.nii.gz\n"), 60,
        lambda: source.put("a", "candidate.nii.gz"), 60, 60,
        (source.folder / "a" / "image.nii.gz").unlink, 60, 60,
        lambda: source.put("a", "image.nii.gz", mtime_s=1), 60,
    )  # fmt: skip
    assert "names no case" in watched.news("away")[0]
    assert len(watched.news("waiting")) == 1
    assert "candidate.nii.gz does not exist" in watched.news("waiting")[0]
    assert "its last result stands" in watched.news("stands")[0]
    # An image that comes back as another file is evaluated anew.
    assert watched.evaluated() == [["a"], ["a"]]


def test_a_large_source_is_searched_for_at_most_a_tenth_of_the_time(source):
    source.put("a")
    searched = []
    find = source.find

    def slow_find():
        searched.append(source.now_s)
        source.now_s += 20
        return find()

    source.find = slow_find
    source.watch(*[step for n in range(10) for step in (30, lambda n=n: source.put(f"c{n}"))])
    assert all(later - earlier >= 200 for earlier, later in pairwise(searched))


def test_links_in_a_circle_and_a_cohort_s_own_output_end_a_look(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.dcm").write_bytes(b"x")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "out" / STORE_NAME).mkdir(parents=True)
    (tmp_path / "out" / "cohort.json").write_text("{}")
    assert [os.path.relpath(file, tmp_path) for file in FolderLook().stamps(tmp_path)] == ["a/1.dcm"]


def test_voxels_beside_a_header_belong_to_it(tmp_path):
    for name in ("ct.mhd", "ct.raw", "ct2.raw"):
        (tmp_path / name).write_bytes(b"x")
    assert sorted(Path(file).name for file in FolderLook().stamps(tmp_path / "ct.mhd")) == ["ct.mhd", "ct.raw"]
    assert being_copied(FolderLook().stamps(tmp_path)) is None
    (tmp_path / "ct.raw.filepart").write_bytes(b"")
    assert being_copied(FolderLook().stamps(tmp_path)) == "ct.raw.filepart"


@pytest.mark.parametrize("wrong", [{"every_s": 0}, {"every_s": -1}, {"settled_s": -1}, {"settled_s": float("nan")}])
def test_a_pace_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="s"):
        WatchPace(**wrong)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that stands for Ctrl-C in another process")
def test_the_command_watches_until_ctrl_c_and_leaves_whole_tables(tmp_path):
    pytest.importorskip("distributed")
    table = make_tiny(tmp_path / "in", 1)
    out = tmp_path / "out"
    options = ["--protocol", "ct-abdomen-portal-venous", "--workers", "1", "--watch", "--every", "0.2", "--settled", "0.4"]
    process = subprocess.Popen(
        [sys.executable, "-c", HEARS_CTRL_C, "cohort", str(table), "--out", str(out), *options],
        cwd=Path(__file__).parents[1] / "SegQCModule", stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    try:
        events = []
        for line in process.stderr:
            events.append(json.loads(line)["event"])
            if events[-1] == "watch-tables":
                break
        process.send_signal(signal.SIGINT)
        process.stderr.read()
        assert process.wait() == 130
    finally:
        watchdog.cancel()
        process.kill()
        process.stderr.close()
    assert list(dict.fromkeys(events)) == ["watch-found", "watch-finished", "progress", "watch-tables"]
    (case,) = (out / "cases").iterdir()
    assert json.loads((case / "record.json").read_text())["schema"] == "segqc-record"
    assert (out / "cohort.json").is_file()
