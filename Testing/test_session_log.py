"""The session log: what it holds, and what a crash, a full disk and a lost folder leave of it."""

import json
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from SegQCLib.errors import BadDataError
from SegQCLib.readers.log_lines import sealed
from SegQCLib.readers.session_log import SessionLog, log_name, new_header, read_log
from SegQCLib.record import ProtocolIdentity

MODULE = Path(__file__).parents[1] / "SegQCModule"
PROTOCOL = ProtocolIdentity("liver_ct", "1.0.0", "Liver in CT", "ab" * 32)


def a_header(case="case 1", reader="Dr. Éva Szabó"):
    return new_header(case, reader, PROTOCOL, {"SegQC": "0.1.0"})


def a_log(folder, events=3):
    """Return the path of a closed log with events 'edit' of stroke 1, 2, 3 ..."""
    log = SessionLog(folder, a_header(), pytest.fail)
    for stroke in range(1, events + 1):
        log.append("edit", {"segment": "Leber ä", "stroke": stroke})
    log.close()
    return log.path


def run_child(code, *arguments, **options):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        cwd=MODULE, capture_output=True, text=True, timeout=60, **options,
    )  # fmt: skip


def test_what_was_logged_is_read_with_its_header_in_order(tmp_path):
    header = a_header()
    log = SessionLog(tmp_path / "logs", header, pytest.fail)
    log.append("logging_started")
    log.append("edit", {"segments": ["liver"], "added": 12, "flagged": True, "effect": None})
    log.close()
    stored = read_log(log.path)
    assert (stored.header, stored.torn) == (header, None)
    assert [(event.sequence, event.kind, event.facts) for event in stored.events] == [
        (1, "logging_started", {}),
        (2, "edit", {"segments": ["liver"], "added": 12, "flagged": True, "effect": None}),
    ]
    assert header.monotonic_s <= stored.events[0].monotonic_s <= stored.events[1].monotonic_s
    assert stored.events[0].time >= header.started


def test_every_line_is_json_and_the_first_is_the_header(tmp_path):
    lines = a_log(tmp_path).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line).get("schema") for line in lines] == ["segqc-session-log", None, None, None]
    assert json.loads(lines[0])["protocol"]["sha256"] == "ab" * 32


def test_an_event_is_in_the_file_as_soon_as_it_was_appended(tmp_path):
    log = SessionLog(tmp_path, a_header(), pytest.fail)
    log.append("edit")
    assert len(read_log(log.path).events) == 1
    log.close()


def test_a_killed_program_loses_nothing_that_was_appended(tmp_path):
    code = """
        import os, signal, sys
        from pathlib import Path
        from SegQCLib.readers.session_log import SessionLog, new_header
        log = SessionLog(Path(sys.argv[1]), new_header("case", "reader", None, {}), print)
        for stroke in range(500):
            log.append("edit", {"stroke": stroke})
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = run_child(code, tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    (path,) = tmp_path.iterdir()
    stored = read_log(path)
    assert [event.facts["stroke"] for event in stored.events] == list(range(500))
    assert stored.torn is None


def test_a_log_cut_anywhere_in_its_last_line_keeps_all_lines_before(tmp_path):
    path = a_log(tmp_path)
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for end in range(last + 1, len(whole)):
        path.write_bytes(whole[:end])
        stored = read_log(path)
        assert [event.sequence for event in stored.events] == [1, 2]
        assert stored.torn == whole[last:end].decode("utf-8", "backslashreplace")
    path.write_bytes(whole[:last])
    assert (len(read_log(path).events), read_log(path).torn) == (2, None)


def test_zeros_that_a_power_failure_left_at_the_end_are_a_torn_line(tmp_path):
    path = a_log(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(4096))
    stored = read_log(path)
    assert len(stored.events) == 3
    assert stored.torn is not None


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: lines.__setitem__(2, lines[2][:20]), 3),
        (lambda lines: lines.__setitem__(2, b"{}"), 3),
        (lambda lines: lines.__setitem__(2, lines[2].replace(b'"stroke": 2', b'"stroke": 3')), 3),
        (lambda lines: lines.__setitem__(2, lines[2].replace(b'"stroke": 2', b'"stroke":  2')), 3),
        (lambda lines: lines.pop(2), 3),
        (lambda lines: lines.insert(2, lines[2]), 4),
        (lambda lines: lines.insert(1, lines.pop(2)), 2),
        (lambda lines: lines.pop(0), 1),
    ],
)  # fmt: skip
def test_a_line_that_was_changed_dropped_doubled_or_moved_is_refused_with_its_number(tmp_path, change, line):
    path = a_log(tmp_path)
    lines = path.read_bytes().split(b"\n")
    change(lines)
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(BadDataError, match=rf"line {line}: .*SHA-256 does not fit"):
        read_log(path)


def an_event(facts=b"{}", sequence=b"1", time=b"2026-11-22T08:00:00.000+01:00", monotonic_s=b"1.0", kind=b'"edit"'):
    """Return an event's line up to its SHA-256, of bytes that need not be right."""
    body = b'{"sequence": %b, "time": "%b", "monotonic_s": %b, "kind": %b, "facts": %b'
    return body % (sequence, time, monotonic_s, kind, facts)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (an_event(b'{"x": NaN}'), "NaN"),
        (an_event(b'{"x": 1e999}'), "not JSON"),
        (an_event(b'{"x": 1, "x": 2}'), "twice"),
        (an_event(b'{"x": {"y": 1, "y": 1}}'), "twice"),
        (an_event(b'{}, "facts": {}'), "not JSON"),
        (an_event(b'{"x": }'), "not JSON"),
        (an_event(b'{"x": ' * 5000 + b"1" + b"}" * 5000), "not JSON"),
        (an_event(b'{"x": "\xff"}'), "not JSON"),
        (an_event(b"[]"), "not an event"),
        (an_event(sequence=b"2"), "event 2 where event 1 belongs"),
        (an_event(time=b"2026-11-22T08:00:00.000"), "not an event"),
        (an_event(monotonic_s=b'"1.0"'), "not an event"),
        (an_event(monotonic_s=b"1e999"), "not finite"),
        (an_event(kind=b"7"), "not an event"),
        (b"{", "not an event"),
    ],
)
def test_a_line_whose_hash_fits_is_still_no_event_if_segqc_cannot_have_written_it(tmp_path, body, why):
    path = a_log(tmp_path, events=0)
    line, _ = sealed(body, read_log(path).sha256)
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(BadDataError, match=f"line 2: .*{why}"):
        read_log(path)


def test_a_full_disk_stops_logging_says_so_once_and_leaves_whole_lines(tmp_path):
    """The child may write 4,096 bytes to a file: the line that crosses them is taken in part, as on a full disk."""
    code = """
        import sys
        from pathlib import Path
        from SegQCLib.readers.session_log import SessionLog, new_header
        log = SessionLog(Path(sys.argv[1]), new_header("case", "reader", None, {}), print)
        for stroke in range(100):
            log.append("edit", {"stroke": stroke})
        log.close()
    """
    # Python ignores SIGXFSZ, so that writing fails with "File too large".
    done = run_child(code, tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    assert done.returncode == 0, done.stderr
    (said,) = done.stdout.splitlines()
    assert said.startswith("Logging has stopped: ")
    assert "File too large" in said
    (path,) = tmp_path.iterdir()
    stored = read_log(path)
    assert stored.torn is None
    assert [event.facts["stroke"] for event in stored.events] == list(range(len(stored.events)))
    assert 4096 - path.stat().st_size < len(path.read_bytes().splitlines()[-1]) + 1


def test_a_lost_folder_stops_logging_and_says_so_once(tmp_path):
    said = []
    log = SessionLog(tmp_path, a_header(), said.append)
    log.append("edit")
    log.path.unlink()
    log.append("edit")
    log.close()
    assert len(said) == 1
    assert "cannot be written to (No such file or directory)" in said[0]
    log.append("edit")
    assert len(said) == 1


def test_a_folder_that_cannot_be_made_is_refused_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(BadDataError, match=r"nothing is logged.*Choose another folder"):
        SessionLog(tmp_path / "file" / "logs", a_header(), pytest.fail)


def test_a_session_has_one_log_and_nothing_else_in_the_folder(tmp_path):
    header = a_header()
    SessionLog(tmp_path, header, pytest.fail).close()
    assert [path.name for path in tmp_path.iterdir()] == [log_name(header)]
    with pytest.raises(ValueError, match="a session writes one log"):
        SessionLog(tmp_path, header, pytest.fail)


def test_a_name_says_case_reader_and_start_and_suits_every_file_system():
    name = log_name(a_header('LIDC/0003: "left"', "Dr. Éva Szabó"))
    case, reader, start, session = name.removesuffix(".session-log.jsonl").split("_")
    assert (case, reader) == ("LIDC-0003-left", "Dr-Éva-Szabó")
    assert len(start) == len("20261121T214500Z")
    assert len(session) == 8
    assert len(log_name(a_header("肝" * 300, "?" * 300)).encode()) <= 255
    assert "_unnamed_" in log_name(a_header(reader="?"))


def test_facts_that_are_no_json_are_refused_and_leave_no_gap(tmp_path):
    log = SessionLog(tmp_path, a_header(), pytest.fail)
    with pytest.raises(ValueError, match="not JSON compliant"):
        log.append("edit", {"seconds": float("nan")})
    with pytest.raises(TypeError):
        log.append("edit", {"folder": tmp_path})
    log.append("edit")
    log.close()
    assert [event.sequence for event in read_log(log.path).events] == [1]
