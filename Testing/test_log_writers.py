"""Programs that write logs: killed at any moment, many at once, on a disk that is full, gone, read-only or hangs."""

import os
import random
import select
import shutil
import signal
import subprocess
import time

import pytest

from SegQCLib.errors import BadDataError
from SegQCLib.readers.appended_file import AppendedFile
from SegQCLib.readers.session_log import SessionLog, new_header, read_log
from SegQCLib.readers.verify_logs import verify_logs
from session_logs import start_child

# Tells after each event how many there are, as soon as `append` has returned.
WRITER = """
    import os, sys
    from pathlib import Path
    from SegQCLib.readers.session_log import SessionLog, new_header
    header = new_header("case", "reader", None, {})
    os.write(1, b"0\\n")
    log = SessionLog(Path(sys.argv[1]), header, print)
    for number in range(1, int(sys.argv[2]) + 1):
        log.append("edit", {"segment": "Leber ä", "stroke": number})
        if sys.argv[3] == "tell":
            os.write(1, b"%d\\n" % number)
    log.append("logging_stopped")
    log.close()
"""


def kill_at_a_random_moment(folder, moments):
    """Return how many events a writing session had appended when it was killed, and how many its log has."""
    logs = set(folder.glob("*.jsonl"))
    child = start_child(WRITER, folder, 1_000_000, "tell")
    assert child.stdout.readline() == b"0\n"
    # Counted in events, not in seconds: on a busy computer a child may have done nothing yet.
    heard = moments.randrange(300)
    for _ in range(heard):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    told, _ = child.communicate()
    appended = int(told.rpartition(b"\n")[0].rpartition(b"\n")[2] or heard)
    written = [read_log(path) for path in set(folder.glob("*.jsonl")) - logs]
    strokes = [event.facts["stroke"] for stored in written for event in stored.events]
    assert strokes == list(range(1, len(strokes) + 1))
    return appended, len(strokes)


def kill_often(folder, times):
    moments = random.Random(20261122)  # noqa: S311 - moments, not secrets
    kills = [kill_at_a_random_moment(folder, moments) for _ in range(times)]
    # Nothing is lost, not even of the last second: of the event that is just being appended nobody has been told.
    assert all(appended <= written <= appended + 1 for appended, written in kills), kills
    assert max(written for _, written in kills) > 100
    verified = verify_logs(folder)
    assert not verified.is_damaged
    assert {str(finding.trouble) for finding in verified.findings} <= {"torn", "not_ended"}


def test_a_session_that_is_killed_loses_nothing_that_was_appended(tmp_path):
    kill_often(tmp_path, 5)


@pytest.mark.nightly
def test_a_session_that_is_killed_at_200_moments_loses_nothing_that_was_appended(tmp_path):
    kill_often(tmp_path, 200)


def write_from(processes, folder, events):
    """Have processes write logs of so many events into one folder at once."""
    children = [start_child(WRITER, folder, events, "silent") for _ in range(processes)]
    assert [child.wait(timeout=300) for child in children] == [0] * processes
    for child in children:
        child.stdout.close()
    logs = [read_log(path) for path in folder.iterdir()]
    assert len(logs) == processes
    for stored in logs:
        kinds = [event.kind for event in stored.events]
        assert kinds == ["edit"] * events + ["logging_stopped"]
        assert [event.facts["stroke"] for event in stored.events[:-1]] == list(range(1, events + 1))
    verified = verify_logs(folder)
    assert (verified.findings, verified.lines) == ((), processes * (events + 2))


def test_four_workstations_write_into_one_folder_and_nothing_is_lost(tmp_path):
    write_from(4, tmp_path, 500)


@pytest.mark.nightly
def test_eight_workstations_write_10000_events_each_into_one_folder_and_nothing_is_lost(tmp_path):
    write_from(8, tmp_path, 10_000)


def as_root(program, *arguments):
    """Return whether a program of the system did what it was asked to; not every container lets root do everything."""
    path = shutil.which(program)
    if path is None or os.geteuid():
        return False
    return subprocess.run([path, *map(str, arguments)], capture_output=True).returncode == 0


@pytest.fixture
def tiny_disk(tmp_path):
    """Folder on a file system of its own that has 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not as_root("mount", "-t", "tmpfs", "-o", "size=64k", "none", folder):
        pytest.skip("a tiny disk needs root that may mount")
    yield folder
    assert as_root("umount", "--lazy", folder)


def write_until_full(log):
    for number in range(2000):
        log.append("edit", {"stroke": number + 1})
    log.close()
    stored = read_log(log.path)
    assert stored.torn is None
    assert [event.facts["stroke"] for event in stored.events] == list(range(1, len(stored.events) + 1))
    return len(stored.events)


def test_a_disk_that_becomes_full_stops_logging_says_so_once_and_keeps_whole_lines(tiny_disk):
    said = []
    log = SessionLog(tiny_disk, new_header("case", "reader", None, {}), said.append)
    events = write_until_full(log)
    assert 100 < events < 2000
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert "The segmentation is not affected" in said[0]
    (left,) = tiny_disk.iterdir()
    assert left == log.path
    assert not verify_logs(tiny_disk).is_damaged


def test_a_log_beside_one_that_filled_the_disk_cannot_begin_and_says_why(tiny_disk):
    (tiny_disk / "other file").write_bytes(bytes(64 * 1024))
    with pytest.raises(BadDataError, match=r"No space left on device.*Choose another folder"):
        SessionLog(tiny_disk, new_header("case", "reader", None, {}), pytest.fail)
    assert [path.name for path in tiny_disk.iterdir()] == ["other file"]


def test_a_disk_that_can_only_be_read_is_refused_with_the_reason(tiny_disk):
    assert as_root("mount", "-o", "remount,ro", tiny_disk)
    with pytest.raises(BadDataError, match="Read-only file system"):
        SessionLog(tiny_disk, new_header("case", "reader", None, {}), pytest.fail)


def test_a_folder_that_is_lost_stops_logging_and_says_so_once(tmp_path):
    said = []
    log = SessionLog(tmp_path / "logs", new_header("case", "reader", None, {}), said.append)
    log.append("edit")
    shutil.rmtree(tmp_path / "logs")
    log.append("edit")
    log.close()
    assert [sentence.startswith("Logging has stopped: ") for sentence in said] == [True]


def test_a_file_that_hangs_holds_up_nobody(tmp_path):
    """A pipe that nobody reads takes nothing more once it is full, and whoever writes to it waits for ever."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    filling = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    while select.select([], [filling], [], 0)[1]:
        os.write(filling, bytes(4096))
    file = AppendedFile(pipe)
    began = time.perf_counter()
    for number in range(1000):
        file.append(b"%04d" % number)
    # Only the first is waited for, 0.05 s; each of them would be 50 s.
    assert time.perf_counter() - began < 20
    assert file.close(patience_s=0.1) == 1000
    for descriptor in (reading, filling):
        os.close(descriptor)


@pytest.fixture
def freezing_disk(tmp_path):
    """Folder on a disk of its own, and how to make it hang and answer again."""
    image, folder = tmp_path / "disk.img", tmp_path / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(8 * 2**20)
    if not as_root("mkfs.ext4", "-q", image) or not as_root("mount", "-o", "loop", image, folder):
        pytest.skip("a disk that hangs needs fsfreeze, mkfs.ext4, and root that may mount")

    def freeze(frozen):
        assert as_root("fsfreeze", "--freeze" if frozen else "--unfreeze", folder)

    try:
        yield folder, freeze
    finally:
        as_root("fsfreeze", "--unfreeze", folder)
        assert as_root("umount", "--lazy", folder)


@pytest.mark.nightly
def test_a_disk_that_hangs_for_seconds_holds_up_no_reader_and_no_event_is_lost(freezing_disk):
    folder, freeze = freezing_disk
    log = SessionLog(folder, new_header("case", "reader", None, {}), pytest.fail)
    log.append("edit", {"stroke": 1})
    freeze(True)
    longest_s = 0.0
    for stroke in range(2, 302):
        began = time.perf_counter()
        log.append("edit", {"stroke": stroke})
        longest_s = max(longest_s, time.perf_counter() - began)
        time.sleep(0.01)
    freeze(False)
    log.close()
    assert longest_s < 1.0
    assert [event.facts["stroke"] for event in read_log(log.path).events] == list(range(1, 302))


@pytest.mark.nightly
def test_a_disk_that_hangs_when_the_session_ends_is_waited_for_two_seconds_and_what_may_be_lost_is_said(freezing_disk):
    folder, freeze = freezing_disk
    said = []
    log = SessionLog(folder, new_header("case", "reader", None, {}), said.append)
    freeze(True)
    for stroke in range(1, 4):
        log.append("edit", {"stroke": stroke})
    began = time.perf_counter()
    log.close()
    assert time.perf_counter() - began < 5
    assert len(said) == 1
    assert "it does not answer, 3 events may be lost" in said[0]
    freeze(False)
    deadline = time.monotonic() + 10
    while len(read_log(log.path).events) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(read_log(log.path).events) == 3


@pytest.mark.nightly
def test_a_folder_that_hangs_when_a_case_is_opened_is_given_up_after_five_seconds(freezing_disk):
    folder, freeze = freezing_disk
    freeze(True)
    began = time.perf_counter()
    with pytest.raises(BadDataError, match="no answer within 5 s"):
        SessionLog(folder / "logs", new_header("case", "reader", None, {}), pytest.fail)
    assert 5 <= time.perf_counter() - began < 10
    freeze(False)


@pytest.mark.nightly
def test_a_log_of_more_than_100_megabytes_is_read_in_little_memory(tmp_path):
    log = SessionLog(tmp_path, new_header("case", "reader", None, {}), pytest.fail)
    for _ in range(130):
        log.append("edit", {"comment": "x" * 800_000})
    log.close()
    assert log.path.stat().st_size > 100_000_000
    code = """
        import resource, sys
        from pathlib import Path
        from SegQCLib.readers.log_stream import LogStream
        with LogStream(Path(sys.argv[1])) as stream:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            count = sum(1 for _ in stream)
        print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    told, _ = start_child(code, log.path).communicate()
    count, more_kb = map(int, told.split())
    assert count == 130
    assert more_kb < 20_000
