"""A log's hash chain: whatever is changed in the file is reported."""

import hashlib
import os
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from SegQCLib.errors import BadDataError
from SegQCLib.readers.log_lines import LONGEST_LINE_BYTES, LogEvent, PreviousSession, event_line, header_line
from SegQCLib.readers.log_stream import LogStream
from SegQCLib.readers.previous_sessions import previous_sessions, session_so_far
from SegQCLib.readers.session_log import SessionLog, new_header, read_log, write_log
from session_logs import a_session, events_from, header_at

# Besides every flipped bit: the bytes that mean something in JSON lines, and those that disks leave.
TELLING_BYTES = b'\n\r\0 "{}\xff'


def is_refused_or_torn(path) -> bool:
    try:
        return read_log(path).torn is not None
    except BadDataError:
        return True


def is_reported(path, content: bytes) -> bool:
    """Return whether a log with this content is refused, or said to be torn at its end."""
    path.write_bytes(content)
    return is_refused_or_torn(path)


def require_changed_bytes_are_reported(path, others):
    """Change one byte after the other in the file, to each of what `others` gives for it, and back."""
    whole = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for place, byte in enumerate(whole):
            for other in set(others(byte)) - {byte}:
                os.pwrite(file.fileno(), bytes([other]), place)
                assert is_refused_or_torn(path), f"byte {place}: {byte} -> {other}"
            os.pwrite(file.fileno(), bytes([byte]), place)
    assert read_log(path).torn is None


def test_anybody_can_check_the_chain_with_a_hash_of_the_bytes(tmp_path):
    lines = a_session(tmp_path, 0).read_bytes().splitlines()
    before = b"segqc-session-log 1.0"
    for line in lines:
        body, digits = line[: -len(', "sha256": ""}') - 64], line[-66:-2]
        assert line == body + b', "sha256": "' + digits + b'"}'
        assert hashlib.sha256(before + body).hexdigest().encode() == digits
        before = digits
    assert read_log(next(tmp_path.iterdir())).sha256 == before.decode()


def flipped(byte: int) -> list[int]:
    return [byte ^ 1 << bit for bit in range(8)]


def test_every_changed_byte_of_a_log_is_reported(tmp_path):
    path = write_log(tmp_path, header_at(0, "R", "c"), events_from(0, 2))
    require_changed_bytes_are_reported(path, lambda byte: [*flipped(byte), *TELLING_BYTES])


@pytest.mark.nightly
def test_every_changed_byte_of_a_longer_log_is_reported(tmp_path):
    for minute in range(3):
        path = a_session(tmp_path, minute, events=30)
    assert path.stat().st_size > 7000
    require_changed_bytes_are_reported(path, flipped)


def test_every_dropped_and_every_inserted_byte_is_reported(tmp_path):
    path = write_log(tmp_path, header_at(0, "R", "c"), events_from(0, 2))
    whole = path.read_bytes()
    for place in range(len(whole)):
        assert is_reported(path, whole[:place] + whole[place + 1 :]), place
        # A letter doubled, which can be at any of several places.
        assert is_reported(path, whole[:place] + whole[place : place + 1] + whole[place:]), place


LINES = st.lists(st.integers(0, 5), min_size=1, max_size=8)


@settings(deadline=None)
@given(LINES)
def test_lines_in_any_other_order_or_number_are_reported(tmp_path_factory, order):
    path = write_log(tmp_path_factory.mktemp("log"), header_at(0, "R", "c"), events_from(0, 5))
    lines = path.read_bytes().splitlines(keepends=True)
    # Lines missing at the end are as in a session that ended earlier: what knows the session finds them (test_verify_logs.py).
    expected = order != list(range(len(order)))
    assert is_reported(path, b"".join(lines[number] for number in order)) is expected


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(1, 5))
def test_a_line_of_another_log_in_its_place_is_reported(tmp_path_factory, place, other_place):
    folder = tmp_path_factory.mktemp("logs")
    paths = [write_log(folder, header_at(minute, "R", "c"), events_from(0, 5)) for minute in (0, 1)]
    lines, others = (path.read_bytes().splitlines(keepends=True) for path in paths)
    lines[place] = others[other_place]
    assert is_reported(paths[0], b"".join(lines))


def test_the_end_of_a_log_that_was_cut_in_a_letter_is_told_and_leaves_the_rest(tmp_path):
    path = a_session(tmp_path, 0)
    whole = path.read_bytes()
    end = whole.rindex("ä".encode()) + 1
    path.write_bytes(whole[:end])
    stored = read_log(path)
    assert len(stored.events) == 2
    assert stored.torn.endswith("Leber \\xc3")


@pytest.mark.parametrize("zeros", [1, 512, LONGEST_LINE_BYTES - 1, LONGEST_LINE_BYTES, 3 * LONGEST_LINE_BYTES])
def test_zeros_that_a_power_failure_left_are_told_however_many(tmp_path, zeros):
    path = a_session(tmp_path, 0)
    whole = path.read_bytes()
    for kept in (whole, whole[:-1], whole[:-40]):
        path.write_bytes(kept + bytes(zeros))
        stored = read_log(path)
        assert len(stored.events) == (3 if kept == whole else 2)
        assert 0 < len(stored.torn) <= 4096


def test_zeros_with_something_behind_them_are_damage(tmp_path):
    path = a_session(tmp_path, 0)
    path.write_bytes(path.read_bytes() + bytes(2 * LONGEST_LINE_BYTES) + b"x")
    with pytest.raises(BadDataError, match="line 5: is longer than 1048576 bytes"):
        read_log(path)


def test_a_last_line_whose_newline_was_changed_is_damage_and_not_torn(tmp_path):
    path = a_session(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:-1] + b"\r")
    with pytest.raises(BadDataError, match="line 4: was changed: it does not end in a newline"):
        read_log(path)


@pytest.mark.parametrize("kind", ["", "Edit", "edit log", 'e"', "é", "1st"])
def test_a_kind_of_event_has_small_letters_only(kind):
    with pytest.raises(ValueError, match="no kind of event"):
        event_line(LogEvent(1, "2026-11-22T08:00:00.000+01:00", 1.0, kind, {}), "0" * 64)


@pytest.mark.parametrize(
    "change",
    [{"sequence": 0}, {"time": "2026-11-22T08:00:00.000"}, {"time": "2026-11-22T08:00:00+01:00"}, {"monotonic_s": float("inf")}],
)
def test_an_event_that_could_not_be_read_again_is_not_written(change):
    event = LogEvent(1, "2026-11-22T08:00:00.000+01:00", 1.0, "edit", {})
    with pytest.raises(ValueError, match="it needs a number from 1, a time"):
        event_line(replace(event, **change), "0" * 64)


def test_facts_that_no_line_can_hold_are_refused():
    with pytest.raises(ValueError, match="1048576 are possible"):
        event_line(LogEvent(1, "2026-11-22T08:00:00.000+01:00", 1.0, "edit", {"x": "x" * LONGEST_LINE_BYTES}), "0" * 64)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(TEXT, PLAIN, max_size=4), st.floats(0, 1e9))
def test_any_facts_are_read_as_they_were_written(tmp_path_factory, facts, monotonic_s):
    event = LogEvent(1, "2026-11-22T08:00:00.000+01:00", monotonic_s, "edit", facts)
    path = write_log(tmp_path_factory.mktemp("log"), header_at(0), [event])
    assert read_log(path).events == (event,)


def test_a_log_is_streamed_with_one_event_in_memory_at_a_time(tmp_path):
    event = LogEvent(1, "2026-11-22T08:00:00.000+01:00", 1.0, "edit", {"comment": "x" * 1000})
    path = write_log(tmp_path, header_at(0), (replace(event, sequence=number) for number in range(1, 10_001)))
    assert path.stat().st_size > 10_000_000
    tracemalloc.start()
    try:
        with LogStream(path) as stream:
            count = sum(1 for _ in stream)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 10_000
    assert most < 2_000_000


def test_a_session_knows_the_sixteen_that_began_last_in_its_folder(tmp_path):
    # Case names in the other order than starts: the start counts.
    paths = [a_session(tmp_path, minute, events=1 + minute % 3, case=f"case {99 - minute}") for minute in range(20)]
    log = SessionLog(tmp_path, new_header("case", "reader", None, {}), pytest.fail)
    log.close()
    last = [read_log(path) for path in reversed(paths[-16:])]
    assert log.header.previous == tuple(
        PreviousSession(stored.header.session, 1 + len(stored.events), stored.sha256) for stored in last
    )
    assert read_log(log.path).header == log.header


def test_what_is_known_of_a_session_is_its_last_whole_line(tmp_path):
    path = a_session(tmp_path, 0, events=3)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert (session_so_far(path).lines, session_so_far(path).sha256) == (4, read_log(path).sha256)
    for torn in (whole + b"{", whole + bytes(5000), whole[:-1]):
        path.write_bytes(torn)
        so_far = session_so_far(path)
        stored = read_log(path)
        assert (so_far.lines, so_far.sha256) == (1 + len(stored.events), stored.sha256)
    path.write_bytes(lines[0])
    assert session_so_far(path).lines == 1


def test_a_long_last_line_is_still_found(tmp_path):
    facts = {"comment": "x" * 500_000}
    events = [LogEvent(number, "2026-11-22T08:00:00.000+01:00", 1.0, "edit", facts) for number in (1, 2)]
    assert session_so_far(write_log(tmp_path, header_at(0), events)).lines == 3


@pytest.mark.parametrize("content", [b"", b"\n", bytes(9000), b"{}\n", b"x" * 3_000_000, "ä\n".encode("latin-1")])
def test_damaged_and_foreign_files_in_the_folder_stop_no_new_session(tmp_path, content):
    first = a_session(tmp_path, 0)
    a_session(tmp_path, 1).write_bytes(content)
    (tmp_path / "a_b_20261122T120000Z_12345678.session-log.jsonl").mkdir()
    os.mkfifo(tmp_path / "a_b_20261122T120000Z_12345679.session-log.jsonl")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "a.session-log.jsonl").write_bytes(content)
    (known,) = previous_sessions(tmp_path)
    assert known.session == read_log(first).header.session
    SessionLog(tmp_path, new_header("case", "reader", None, {}), pytest.fail).close()


def test_a_header_that_no_segqc_wrote_is_no_header(tmp_path):
    header = header_at(0)
    for change in ({"session": "1234"}, {"started": "2026-11-22T08:00:00"}, {"previous": (PreviousSession("x", 0, "y"),)}):
        path = tmp_path / "a.session-log.jsonl"
        path.write_bytes(header_line(replace(header, **change))[0])
        with pytest.raises(BadDataError, match="line 1: is not a session log's header"):
            read_log(path)
