"""segqc records verify: what is found in a folder of logs, and what a chain without a secret cannot find."""

import json
import os
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from SegQCLib.cli import main
from SegQCLib.errors import BadDataError
from SegQCLib.readers.log_lines import PreviousSession
from SegQCLib.readers.log_receipt import new_receipt, read_receipt, write_receipt
from SegQCLib.readers.previous_sessions import previous_sessions, session_so_far
from SegQCLib.readers.reader_logs import delete_reader_logs
from SegQCLib.readers.session_log import SessionLog, new_header, read_log, write_log
from SegQCLib.readers.tombstones import read_tombstone, write_tombstone
from SegQCLib.readers.verify_logs import LogTrouble, verify_logs
from session_logs import a_session, events_from, header_at


def found(folder, receipt=None):
    """Return what is found: troubles with the session's or file's name."""
    return [(str(finding.trouble), finding.file) for finding in verify_logs(folder, receipt).findings]


def written_anew(path, events=9):
    """Write another log of the same session, as somebody does who knows the format."""
    header = read_log(path).header
    path.unlink()
    return write_log(path.parent, header, events_from(int(header.monotonic_s / 60), events))


def test_a_folder_of_whole_logs_is_whole(tmp_path):
    for minute in range(4):
        a_session(tmp_path / "centre A", minute)
    a_session(tmp_path / "centre B", 0)
    verified = verify_logs(tmp_path)
    assert (verified.logs, verified.lines, verified.findings, verified.is_damaged) == (5, 20, (), False)


def test_a_changed_line_is_told_with_its_file_and_number(tmp_path):
    path = a_session(tmp_path, 0)
    a_session(tmp_path, 1)
    path.write_bytes(path.read_bytes().replace(b'"stroke": 2', b'"stroke": 7'))
    (finding,) = verify_logs(tmp_path).findings
    assert (finding.trouble, finding.file) == ("damaged", path.name)
    assert finding.text.startswith("line 3 was changed")


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_removed_log_is_missing_as_long_as_a_later_one_stands(tmp_path, gone):
    paths = [a_session(tmp_path, minute) for minute in range(4)]
    session = read_log(paths[gone]).header.session
    paths[gone].unlink()
    (finding,) = verify_logs(tmp_path).findings
    assert (finding.trouble, finding.session) == ("missing", session)
    assert "its log had 4 lines" in finding.text


def test_a_log_of_which_later_sessions_are_gone_too_is_known_by_the_sixteenth(tmp_path):
    paths = [a_session(tmp_path, minute) for minute in range(17)]
    for path in paths[:16]:
        path.unlink()
    assert [trouble for trouble, _ in found(tmp_path)] == ["missing"] * 16


def test_a_log_that_lost_its_last_lines_is_shortened(tmp_path):
    path = a_session(tmp_path, 0)
    a_session(tmp_path, 1)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert ("shortened", path.name) in found(tmp_path)
    path.write_bytes(path.read_bytes()[:-5])
    assert {("shortened", path.name), ("torn", path.name)} <= set(found(tmp_path))


def test_a_log_that_was_written_anew_is_exchanged(tmp_path):
    path = a_session(tmp_path, 0)
    a_session(tmp_path, 1)
    written_anew(path)
    # The first three lines are the same; there, the old one ended.
    assert found(tmp_path) == [("exchanged", path.name)]


def test_a_log_that_was_only_a_header_when_another_began_is_known_by_it(tmp_path):
    path = write_log(tmp_path, header_at(0, "A"), [])
    a_session(tmp_path, 1)
    write_log(tmp_path, read_log(path).header, events_from(0, 2))
    assert found(tmp_path) == []
    write_log(tmp_path, replace(read_log(path).header, software={"SegQC": "another"}), events_from(0, 2))
    assert found(tmp_path) == [("exchanged", path.name)]


def test_lines_that_came_after_a_later_session_began_are_growth(tmp_path):
    log = SessionLog(tmp_path, new_header("case", "reader", None, {}), pytest.fail)
    log.append("edit")
    later = SessionLog(tmp_path, new_header("case", "another", None, {}), pytest.fail)
    assert later.header.previous[0].lines == 2
    log.append("logging_stopped")
    log.close()
    later.append("logging_stopped")
    later.close()
    assert found(tmp_path) == []


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 4), st.sampled_from(["remove", "shorten", "write anew", "exchange contents"]), st.integers(1, 3))
def test_what_is_done_to_any_log_but_the_last_is_found(tmp_path_factory, which, what, lines):
    folder = tmp_path_factory.mktemp("logs")
    paths = [a_session(folder, minute) for minute in range(6)]
    path = paths[which]
    content = path.read_bytes().splitlines(keepends=True)
    if what == "remove":
        path.unlink()
    elif what == "shorten":
        path.write_bytes(b"".join(content[:lines]))
    elif what == "write anew":
        written_anew(path)
    else:
        path.write_bytes(paths[which + 1].read_bytes())
        paths[which + 1].write_bytes(b"".join(content))
    assert verify_logs(folder).is_damaged


def test_a_copy_of_a_log_beside_it_is_there_twice(tmp_path):
    path = a_session(tmp_path, 0)
    copy = tmp_path / "copies" / path.name
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    assert found(tmp_path) == [("doubled", f"copies/{path.name}") if path.name < "copies" else ("doubled", path.name)]


def test_a_renamed_log_is_told_with_the_name_that_it_had(tmp_path):
    path = a_session(tmp_path, 0)
    path.rename(tmp_path / "mine.session-log.jsonl")
    (finding,) = verify_logs(tmp_path).findings
    assert (finding.trouble, finding.file) == ("renamed", "mine.session-log.jsonl")
    assert path.name in finding.text


def test_a_name_whose_letters_a_file_system_took_apart_is_the_same_name(tmp_path):
    path = a_session(tmp_path, 0, reader="Éva")
    path.rename(tmp_path / unicodedata.normalize("NFD", path.name))
    assert found(tmp_path) == []


def test_a_log_whose_first_line_is_damaged_is_damaged_and_not_missing_as_well(tmp_path):
    path = a_session(tmp_path, 0)
    a_session(tmp_path, 1)
    path.write_bytes(b"X" + path.read_bytes()[1:])
    assert found(tmp_path) == [("damaged", path.name)]


def test_a_monotonic_clock_that_goes_back_is_damage(tmp_path):
    events = events_from(0, 4)
    events[2] = replace(events[2], monotonic_s=0.5)
    path = write_log(tmp_path, header_at(0), events)
    (finding,) = verify_logs(tmp_path).findings
    assert (finding.trouble, finding.file, finding.trouble.is_damage) == ("clock_backwards", path.name, True)
    assert finding.text.startswith("line 4")


@pytest.mark.parametrize(
    ("time", "jumps"),
    [
        ("2026-11-22T08:01:01.000+01:00", 0),
        # The same moment in summer time's zone.
        ("2026-11-22T09:00:02.000+02:00", 0),
        ("2026-11-22T08:01:04.000+01:00", 1),
        ("2026-11-22T07:00:02.000+01:00", 1),
    ],
)
def test_a_wall_clock_that_is_set_by_more_than_a_minute_is_told_and_no_damage(tmp_path, time, jumps):
    """Line 3 is 1 s after line 2, which was written at 08:00:01."""
    events = events_from(0, 3)[:2]
    events[1] = replace(events[1], time=time, kind="logging_stopped")
    write_log(tmp_path, header_at(0), events)
    verified = verify_logs(tmp_path)
    assert [finding.trouble for finding in verified.findings] == ["wall_clock_jump"] * jumps
    assert not verified.is_damaged


def test_a_torn_end_and_a_session_without_an_end_are_told_and_no_damage(tmp_path):
    torn, crashed = a_session(tmp_path, 0), write_log(tmp_path, header_at(1), events_from(1, 3, ended=False))
    torn.write_bytes(torn.read_bytes()[:-9])
    verified = verify_logs(tmp_path)
    assert [(finding.trouble, finding.file) for finding in verified.findings] == [("torn", torn.name), ("not_ended", crashed.name)]
    assert not verified.is_damaged


def receipt_of(folder):
    return new_receipt(verify_logs(folder).sessions)


def test_only_a_receipt_finds_what_happened_to_the_last_log(tmp_path):
    paths = [a_session(tmp_path, minute) for minute in range(3)]
    receipt = receipt_of(tmp_path)
    written_anew(paths[-1])
    assert found(tmp_path) == []
    assert found(tmp_path, receipt) == [("exchanged", paths[-1].name)]
    paths[-1].unlink()
    assert found(tmp_path) == []
    assert found(tmp_path, receipt) == [("missing", None)]


def test_only_a_receipt_finds_that_a_log_and_all_later_ones_were_written_anew(tmp_path):
    paths = [a_session(tmp_path, minute) for minute in range(3)]
    receipt = receipt_of(tmp_path)
    for number, path in enumerate(paths):
        header = read_log(path).header
        path.unlink()
        known = tuple(session_so_far(earlier) for earlier in reversed(paths[:number]))
        paths[number] = write_log(tmp_path, replace(header, previous=known), events_from(number, 8))
    assert found(tmp_path) == []
    assert [trouble for trouble, _ in found(tmp_path, receipt)] == ["exchanged"] * 3


def test_logs_that_grew_and_came_since_a_receipt_are_as_they_should_be(tmp_path):
    log = SessionLog(tmp_path, new_header("case", "reader", None, {}), pytest.fail)
    log.append("edit")
    receipt = receipt_of(tmp_path)
    log.append("logging_stopped")
    log.close()
    SessionLog(tmp_path, new_header("case", "reader", None, {}), pytest.fail).close()
    assert [trouble for trouble, _ in found(tmp_path, receipt)] == ["not_ended"]


def test_a_receipt_holds_no_names_and_a_changed_one_is_refused(tmp_path):
    a_session(tmp_path / "logs", 0, reader="Dr. Éva Szabó", case="Kovács")
    file = tmp_path / "receipt.json"
    write_receipt(file, receipt_of(tmp_path / "logs"))
    text = file.read_text(encoding="utf-8")
    assert not any(name in text for name in ("Szabó", "Kovács", "Szab"))
    assert read_receipt(file).sessions == receipt_of(tmp_path / "logs").sessions
    for other in (text.replace('"lines": 4', '"lines": 3'), "{}", "x"):
        file.write_text(other, encoding="utf-8")
        with pytest.raises(BadDataError, match="is not a receipt"):
            read_receipt(file)


def test_the_hash_over_all_follows_from_its_written_definition():
    # printf '%s %s %s\n%s %s %s' a..a 1 0..0 b..b 2 1..1 | sha256sum
    sessions = [PreviousSession("b" * 32, 2, "1" * 64), PreviousSession("a" * 32, 1, "0" * 64)]
    assert new_receipt(sessions).sha256 == "e2df817f61b792bc64eb0081f18e8cb667184e7261c04cdf677d16dd6d2b04e6"


def test_a_deleted_session_is_known_as_deleted(tmp_path):
    for minute, reader in enumerate(["A", "B", "A", "B"]):
        a_session(tmp_path, minute, reader=reader)
    receipt = receipt_of(tmp_path)
    assert len(delete_reader_logs(tmp_path, "A").sessions) == 2
    verified = verify_logs(tmp_path, receipt)
    assert [finding.trouble for finding in verified.findings] == ["deleted", "deleted"]
    assert not verified.is_damaged
    assert new_receipt(verified.sessions).sha256 == receipt.sha256


def test_what_a_deleted_log_knew_of_others_stays_known(tmp_path):
    """The newest log is deleted; the one before it is known by nobody else."""
    path = a_session(tmp_path, 0, reader="B")
    a_session(tmp_path, 1, reader="A")
    delete_reader_logs(tmp_path, "A")
    path.unlink()
    assert [trouble for trouble, _ in found(tmp_path)] == ["missing", "deleted"]


def test_a_false_record_of_a_deletion_does_not_hide_that_a_log_was_longer(tmp_path):
    path = a_session(tmp_path, 0, reader="A")
    a_session(tmp_path, 1, reader="B")
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    delete_reader_logs(tmp_path, "A")
    assert [trouble for trouble, _ in found(tmp_path)] == ["exchanged", "deleted"]


def test_every_changed_byte_of_a_deleted_session_s_record_is_reported(tmp_path):
    a_session(tmp_path, 0)
    delete_reader_logs(tmp_path, "Dr. Éva Szabó")
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    with path.open("r+b", buffering=0) as file:
        for place, byte in enumerate(whole):
            for bit in range(8):
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), place)
                with pytest.raises(BadDataError, match="not a deleted session's record"):
                    read_tombstone(path)
            os.pwrite(file.fileno(), bytes([byte]), place)
    assert read_tombstone(path).lines == 4


def test_a_log_beside_the_record_of_its_deletion_is_told(tmp_path):
    path = a_session(tmp_path, 0)
    content = path.read_bytes()
    delete_reader_logs(tmp_path, "Dr. Éva Szabó")
    path.write_bytes(content)
    verified = verify_logs(tmp_path)
    assert [(finding.trouble, finding.file) for finding in verified.findings] == [("deletion_unfinished", path.name)]
    assert not verified.is_damaged


def test_a_renamed_record_of_a_deletion_is_told(tmp_path):
    a_session(tmp_path, 0)
    delete_reader_logs(tmp_path, "Dr. Éva Szabó")
    (path,) = tmp_path.iterdir()
    path.rename(tmp_path / "x.session-deleted.json")
    assert found(tmp_path) == [("renamed", "x.session-deleted.json"), ("deleted", "x.session-deleted.json")]
    write_tombstone(tmp_path, read_tombstone(tmp_path / "x.session-deleted.json"))
    assert ("deleted", path.name) in found(tmp_path)


def test_the_command_says_counts_first_and_exits_with_0_where_nothing_is_damaged(tmp_path, capsys):
    torn = a_session(tmp_path, 0)
    a_session(tmp_path, 1)
    torn.write_bytes(torn.read_bytes() + b'{"seq')
    assert main(["records", "verify", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "2 session logs with 8 whole lines."
    assert said[1] == "All are as they were written, and none is known to be missing."
    assert said[2] == "No damage, but worth knowing: 1 with a last line that a crash cut off."
    assert "torn" in said[3]


def test_the_command_exits_with_1_where_a_log_is_damaged_or_missing(tmp_path, capsys):
    paths = [a_session(tmp_path, minute) for minute in range(3)]
    paths[0].write_bytes(paths[0].read_bytes()[1:])
    paths[1].unlink()
    assert main(["records", "verify", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "Damage: 1 damaged; 1 missing." in said
    assert f"damaged: {paths[0].name} line 1 is not a session log's header" in said


def test_the_command_writes_a_receipt_and_compares_with_it(tmp_path, capsys):
    logs, receipt = tmp_path / "logs", tmp_path / "receipts" / "november.json"
    path = a_session(logs, 0)
    a_session(logs, 1, reader="R", case="c")
    assert main(["records", "verify", str(logs), "--receipt", str(receipt)]) == 0
    assert read_receipt(receipt).sha256 in capsys.readouterr().err
    assert main(["records", "verify", str(logs), "--against", str(receipt)]) == 0
    assert "2 sessions in it" in capsys.readouterr().out
    for log in logs.iterdir():
        log.unlink()
    assert main(["records", "verify", str(logs), "--against", str(receipt)]) == 1
    assert "Damage: 2 missing." in capsys.readouterr().out
    assert not path.exists()


def test_the_command_prints_everything_as_json(tmp_path, capsys):
    path = a_session(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["records", "verify", str(tmp_path), "--json", "-"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["logs"], printed["lines"]) == (1, 3)
    assert printed["findings"][0]["trouble"] == "torn"
    assert printed["sessions"][0]["lines"] == 3


@pytest.mark.parametrize("where", ["", "nowhere"])
def test_a_folder_without_logs_is_refused(tmp_path, where, capsys):
    assert main(["records", "verify", str(tmp_path / where)]) == 1
    assert "session logs" in capsys.readouterr().err


def test_every_trouble_is_explained():
    assert all(f"{trouble}" in LogTrouble.__doc__ for trouble in LogTrouble)


def test_workstations_whose_clocks_differ_are_told_and_are_no_damage(tmp_path):
    a_session(tmp_path, 100)
    behind = a_session(tmp_path, 0)
    a_session(tmp_path, 101)
    verified = verify_logs(tmp_path)
    assert not verified.is_damaged
    (finding,) = (finding for finding in verified.findings if finding.trouble is LogTrouble.WALL_CLOCKS_DIFFER)
    assert finding.file == behind.name
    assert "6000 s before a session that was there already" in finding.text


def test_the_end_of_summer_time_and_other_time_zones_are_no_clocks_that_differ(tmp_path):
    for started in ("2026-10-25T02:59:58.000+02:00", "2026-10-25T02:00:30.000+01:00", "2026-10-24T20:30:00.000-05:00"):
        header = replace(header_at(0), started=started, previous=previous_sessions(tmp_path))
        write_log(tmp_path, header, [])
    troubles = {finding.trouble for finding in verify_logs(tmp_path).findings}
    assert troubles == {LogTrouble.NOT_ENDED}
