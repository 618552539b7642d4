"""segqc records simulate: logs of a department that does not exist, and whose truth is known."""

from itertools import pairwise

import numpy as np
import pytest

from SegQCLib.cli import main
from SegQCLib.dataclass_json import from_json
from SegQCLib.errors import BadDataError
from SegQCLib.readers.effort import case_reads
from SegQCLib.readers.log_times import times_of
from SegQCLib.readers.session_log import read_log
from SegQCLib.readers.simulated_case_read import simulated_case_read
from SegQCLib.readers.simulated_department import KINDS, MODELS, YEAR_D, DepartmentTruth, simulated_readers, simulated_reads
from SegQCLib.readers.simulated_logs import LOGS, TRUTH, simulate_department
from SegQCLib.readers.simulated_reader import at, simulated_segment, simulated_target

SIZES = {"readers": 3, "models": 3, "cases": 40}


@pytest.fixture(scope="module")
def department(tmp_path_factory):
    folder = tmp_path_factory.mktemp("department")
    simulate_department(folder, **SIZES, seed=7)
    return folder


@pytest.fixture(scope="module")
def logs(department):
    return [read_log(path) for path in sorted((department / LOGS).iterdir())]


@pytest.fixture(scope="module")
def planned():
    return simulated_reads(np.random.default_rng(7), simulated_readers(3), MODELS, 40)


def test_the_same_seed_makes_the_same_bytes_and_another_one_does_not(department, tmp_path):
    simulate_department(tmp_path / "again", **SIZES, seed=7)
    simulate_department(tmp_path / "other", **SIZES, seed=8)
    written, again = ({p.name: p.read_bytes() for p in (folder / LOGS).iterdir()} for folder in (department, tmp_path / "again"))
    assert again == written
    assert written.keys().isdisjoint(p.name for p in (tmp_path / "other" / LOGS).iterdir())


def test_every_log_says_that_nobody_read_anything(logs):
    for log in logs:
        assert log.header.simulated
        assert log.header.reader.startswith("Simulated ")
        assert log.header.case.startswith("Simulated ")
        assert "simulated" in log.path.name.lower()


def test_the_truth_beside_the_logs_counts_them_and_says_what_each_reader_does(department, logs):
    truth = from_json(DepartmentTruth, (department / TRUTH).read_text(encoding="utf-8"))
    assert truth.simulated
    assert truth.sessions == len(logs)
    # A crash cuts off the last line.
    assert truth.events == sum(len(log.events) + (log.torn is not None) for log in logs)
    assert {reader.name for reader in truth.readers} == {log.header.reader for log in logs}
    assert truth.models == MODELS


def test_each_log_names_the_sessions_before_it_as_they_stood(logs):
    whole = {log.header.session: log for log in logs}
    for log in logs:
        assert len(log.header.previous) <= 16
        for previous in log.header.previous:
            before = whole[previous.session]
            assert before.header.started <= log.header.started
            written = 1 + sum(event.time <= log.header.started for event in before.events)
            assert previous.lines == written
            if previous.lines == 1 + len(before.events):
                assert previous.sha256 == before.sha256


def test_reads_from_the_logs_are_the_reads_that_were_planned(logs, planned):
    found = {(read.reader, read.case, read.repeat): read for read in case_reads(logs)}
    repeats = {}
    for plan in planned:
        key = plan.reader.name, plan.case.name
        repeats[key] = repeats.get(key, 0) + 1
        read, expected = found.pop((*key, repeats[key])), simulated_case_read(plan, repeats[key])
        assert read.finished
        assert read.simulated
        assert (read.purpose, read.protocol, read.slices, read.scrolled) == (
            expected.purpose,
            expected.protocol,
            expected.slices,
            expected.scrolled,
        )
        assert [(p.error, p.segment, p.detected, p.seconds) for p in read.planted] == [
            (p.error, p.segment, p.detected, p.seconds) for p in expected.planted
        ]
        segments = {segment.name: segment for segment in read.segments}
        for wanted in expected.segments:
            segment = segments[wanted.name]
            assert (segment.model, segment.model_version) == (wanted.model, wanted.model_version)
            assert (segment.voxels, segment.draft_voxels) == (wanted.voxels, wanted.draft_voxels)
            assert (segment.added_voxels, segment.removed_voxels) == (wanted.added_voxels, wanted.removed_voxels)
            assert segment.slices_of_structure == wanted.slices_of_structure
            assert segment.slices_of_structure_seen >= wanted.slices_of_structure_seen
            assert segment.accuracy == (None if wanted.accuracy is None else pytest.approx(wanted.accuracy, abs=1e-4))
            assert segment.seconds.active == pytest.approx(wanted.seconds.active, abs=5)
    assert not found


def test_reads_are_broken_off_resumed_paused_and_crashed(tmp_path):
    simulate_department(tmp_path, readers=3, models=3, cases=40, seed=1)
    logs = [read_log(path) for path in (tmp_path / LOGS).iterdir()]
    assert any(log.torn is not None for log in logs)
    assert any(len(read.sessions) == 2 for read in case_reads(logs))
    assert any(times_of(log).total().paused > 0 for log in logs)
    assert any(times_of(log).total().idle > 0 for log in logs)
    assert {log.header.purpose for log in logs} == {"clinical", "training"}


def test_nobody_reads_two_cases_at_once(logs):
    by_reader = {}
    for log in sorted(logs, key=lambda log: log.header.started):
        by_reader.setdefault(log.header.reader, []).append(log)
    for own in by_reader.values():
        for before, after in pairwise(own):
            assert before.events[-1].time <= after.header.started


def test_a_case_is_the_same_for_all_who_read_it(planned):
    drafts = {}
    for read in planned:
        for segment in read.segments if read.version is not None else ():
            key = read.case.name, read.version.version, segment.structure.name
            assert drafts.setdefault(key, segment.draft_voxels) == segment.draft_voxels


def test_versions_change_on_their_day(planned):
    for read in planned:
        if read.version is not None:
            day = (read.started - planned[0].started.replace(hour=0, minute=0, second=0)).days
            newer = [version.from_day for version in read.case.model.versions if version.from_day > read.version.from_day]
            assert read.version.from_day <= day + 7
            assert not newer or day <= newer[0]
            assert 0 <= day <= YEAR_D + 7


def test_dice_of_draft_and_final_segment_follows_from_the_counts():
    rng = np.random.default_rng(3)
    structure = MODELS[0].structures[0]
    for _ in range(50):
        target = simulated_target(rng, structure, 0.0, {"1": 0.1})
        segment = simulated_segment(rng, KINDS[0], 0.5, target, "1")
        overlap = segment.draft_voxels - segment.removed_voxels
        dice = 2 * overlap / (segment.draft_voxels + segment.voxels)
        assert 0 <= dice <= 1
        assert segment.voxels == segment.draft_voxels + segment.added_voxels - segment.removed_voxels


def test_a_course_is_a_straight_line():
    assert [at((0.9, 0.2), share) for share in (0.0, 0.5, 1.0)] == pytest.approx([0.9, 0.55, 0.2])


def test_a_folder_with_logs_gets_no_simulated_ones(department):
    with pytest.raises(BadDataError, match="never mixed"):
        simulate_department(department, **SIZES, seed=7)


@pytest.mark.parametrize("wrong", [{"readers": 0}, {"cases": 0}, {"models": 4}, {"models": 0}, {"seed": -1}])
def test_a_department_has_somebody_and_something(tmp_path, wrong):
    with pytest.raises(ValueError, match="A department needs"):
        simulate_department(tmp_path, **(SIZES | {"seed": 0} | wrong))


def test_the_command_says_simulated_and_where(tmp_path, capsys):
    arguments = ["records", "simulate", "--out", str(tmp_path / "d"), "--readers", "2", "--models", "1", "--cases", "3"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("SIMULATED: ")
    assert str(tmp_path / "d" / LOGS) in printed
    assert main(arguments) == 1


@pytest.mark.parametrize("wrong", ["0", "-3", "many"])
def test_a_wrong_number_is_wrong_usage(tmp_path, wrong):
    with pytest.raises(SystemExit, match="2"):
        main(["records", "simulate", "--out", str(tmp_path), "--cases", wrong])
