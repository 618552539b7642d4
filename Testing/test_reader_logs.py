"""One reader's logs, copied or deleted on the reader's request."""

import json
import signal
import time
import unicodedata

import pytest

from SegQCLib.errors import BadDataError
from SegQCLib.hashing import sha256_of
from SegQCLib.readers.reader_logs import EXPORT_LIST, delete_reader_logs, export_reader_logs, same_reader
from SegQCLib.readers.session_log import SessionLog, new_header, read_log
from SegQCLib.readers.tombstones import read_tombstone
from SegQCLib.readers.verify_logs import verify_logs
from session_logs import a_session, start_child

READER = "Dr. Éva Szabó"
NAMES = [b"Szab", b"Kov\xc3\xa1cs", b"Dr-\xc3\x89va"]


def a_department(folder):
    """Write logs of three readers; return the paths of one reader's."""
    for minute in range(9):
        a_session(folder / f"centre {minute % 2}", minute, reader=[READER, "Dr. A", "Dr a"][minute % 3], case=f"Kovács {minute}")
    return [path for path in folder.rglob("*.jsonl") if read_log(path).header.reader == READER]


def names_left(folder):
    """Return files that have the reader's name in their name or content, or a case's name that only they had."""
    return [path for path in folder.rglob("*") if path.is_file() and (b"Szab" in path.read_bytes() + path.name.encode())]


@pytest.mark.parametrize(
    ("name", "same"),
    [
        (READER, True),
        (unicodedata.normalize("NFD", READER), True),
        (f" {READER}\n", True),
        (READER.lower(), False),
        ("Dr. Eva Szabo", False),
    ],
)
def test_a_reader_s_name_is_the_same_letters_however_they_are_composed(name, same):
    assert same_reader(name, READER) is same


def test_deleted_logs_leave_no_name_and_all_others_as_they_were(tmp_path):
    logs = a_department(tmp_path)
    others = {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl") if path not in logs}
    sessions = {read_log(path).header.session for path in logs}
    deleted = delete_reader_logs(tmp_path, unicodedata.normalize("NFD", READER))
    assert (set(deleted.sessions), deleted.unreadable) == (sessions, ())
    assert names_left(tmp_path) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")} == others
    assert not verify_logs(tmp_path).is_damaged
    assert delete_reader_logs(tmp_path, READER).sessions == ()


def test_what_stays_of_a_deleted_session_is_its_id_day_lines_and_hash(tmp_path):
    path = a_session(tmp_path, 90, reader=READER, case="Kovács")
    stored = read_log(path)
    delete_reader_logs(tmp_path, READER)
    (left,) = tmp_path.iterdir()
    assert left.name == f"deleted_20261122_{stored.header.session[:8]}.session-deleted.json"
    assert not any(name in left.read_bytes() for name in NAMES)
    assert set(json.loads(left.read_bytes())) == {
        "schema", "schema_version", "session", "day", "lines", "last_sha256", "previous", "deleted", "reason", "sha256"
    }  # fmt: skip
    tombstone = read_tombstone(left)
    assert (tombstone.session, tombstone.lines, tombstone.last_sha256) == (stored.header.session, 4, stored.sha256)
    assert (tombstone.day, tombstone.reason) == ("2026-11-22", "on the reader's request")


def test_a_torn_and_a_damaged_log_are_deleted_as_well(tmp_path):
    torn, damaged = a_session(tmp_path, 0, reader=READER), a_session(tmp_path, 1, reader=READER)
    torn.write_bytes(torn.read_bytes()[:-9])
    damaged.write_bytes(damaged.read_bytes().replace(b'"stroke": 2', b'"stroke": 7'))
    assert len(delete_reader_logs(tmp_path, READER).sessions) == 2
    assert names_left(tmp_path) == []


def test_a_log_whose_reader_cannot_be_read_stays_and_is_named(tmp_path):
    path = a_session(tmp_path, 0, reader=READER)
    path.write_bytes(b"x" + path.read_bytes())
    assert delete_reader_logs(tmp_path, READER).unreadable == (path,)
    assert path.exists()


def test_what_a_crash_left_of_a_log_that_was_being_made_is_removed_too(tmp_path):
    path = a_session(tmp_path, 0, reader=READER)
    path.rename(tmp_path / f".{path.name}.new")
    assert delete_reader_logs(tmp_path, READER) == delete_reader_logs(tmp_path, READER)
    assert list(tmp_path.iterdir()) == []


def test_the_session_whose_log_is_deleted_says_that_logging_has_stopped(tmp_path):
    said = []
    log = SessionLog(tmp_path, new_header("case", READER, None, {}), said.append)
    log.append("edit")
    delete_reader_logs(tmp_path, READER)
    log.append("edit")
    log.close()
    assert len(said) == 1
    assert names_left(tmp_path) == []


def test_a_deletion_that_was_killed_goes_on_where_it_was(tmp_path):
    for minute in range(60):
        a_session(tmp_path, minute, events=1, reader=READER if minute % 2 else "Dr. A")
    code = """
        import sys
        from pathlib import Path
        from SegQCLib.readers.reader_logs import delete_reader_logs
        delete_reader_logs(Path(sys.argv[1]), sys.argv[2])
    """
    for deleted in (1, 11, 22):
        child = start_child(code, tmp_path, READER)
        while child.poll() is None and len(list(tmp_path.glob("deleted_*"))) < deleted:
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        verified = verify_logs(tmp_path)
        assert not verified.is_damaged
        assert len(verified.sessions) == 60
    delete_reader_logs(tmp_path, READER)
    assert names_left(tmp_path) == []
    assert len(verify_logs(tmp_path).sessions) == 60
    assert len(list(tmp_path.glob("*.jsonl"))) == len(list(tmp_path.glob("*.json"))) == 30


def test_an_export_has_the_reader_s_logs_and_says_what_they_are(tmp_path):
    logs = a_department(tmp_path / "logs")
    copies = export_reader_logs(tmp_path / "logs", READER, tmp_path / "out")
    assert sorted(path.read_bytes() for path in copies) == sorted(path.read_bytes() for path in logs)
    listed = json.loads((tmp_path / "out" / EXPORT_LIST).read_text(encoding="utf-8"))
    assert (listed["reader"], len(listed["logs"])) == (READER, 3)
    assert {entry["file"]: entry["sha256"] for entry in listed["logs"]} == {path.name: sha256_of(path) for path in copies}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in copies} | {EXPORT_LIST}
    # Copies below the folder are no further logs.
    again = export_reader_logs(tmp_path, READER, tmp_path / "out")
    assert len(again) == 3


def test_a_reader_without_logs_gets_an_empty_list(tmp_path):
    assert export_reader_logs(tmp_path, "nobody", tmp_path / "out") == ()
    assert json.loads((tmp_path / "out" / EXPORT_LIST).read_text(encoding="utf-8"))["logs"] == []


@pytest.mark.parametrize("work", [delete_reader_logs, lambda folder, reader: export_reader_logs(folder, reader, folder)])
def test_a_folder_that_is_not_there_is_refused(tmp_path, work):
    with pytest.raises(BadDataError, match="is no folder"):
        work(tmp_path / "nowhere", READER)
