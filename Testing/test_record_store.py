"""Session logs in a database, SQLite and PostgreSQL alike: once, whole, without names, and out again."""

import csv
import itertools
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import postgresql
from SegQCLib import cli
from SegQCLib.errors import BadDataError
from SegQCLib.readers.effort import case_reads
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.log_lines import LogEvent, LogHeader
from SegQCLib.readers.session_log import read_log, write_log
from SegQCLib.record import ProtocolIdentity

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed: pip install 'segqc[records]'")

from SegQCLib.record_store import delete_reader as delete_reader_module
from SegQCLib.record_store import ingest as ingest_module
from SegQCLib.record_store.connect import Database, connect
from SegQCLib.record_store.delete_reader import delete_reader
from SegQCLib.record_store.export_reader import export_reader
from SegQCLib.record_store.ingest import ingest
from SegQCLib.record_store.reader_keys import Keys, make_names, read_names
from SegQCLib.record_store.schema import all_tables, table
from SegQCLib.record_store.store import open_store
from SegQCLib.record_store.stored_facts import FACTS, stored_facts

MODULE = Path(__file__).parents[1] / "SegQCModule"
READER, CASE = "Dr. Éva O'Hara; DROP TABLE events;--", "Miller^Anna 1961"
CONTINUED = [(0, EventKind.CASE_OPENED, {"case": CASE, "candidate": "saved"})]
SECRETS = ["Hara", "Miller", "called the ward", "too noisy", "/home/eva", "CT_Miller", "Miller_seg", "Liver of Miller's protocol"]
START = datetime(2026, 3, 30, 9, 0, tzinfo=UTC)
SEGMENT = {"id": "Segment_1", "name": "liver"}
COUNTED = {**SEGMENT, "voxels": 900, "draft_voxels": 1000, "added": 50, "removed": 150}

_session = itertools.count(1)


def a_read(seconds=120, finished=True):
    """Return what a reader did, as (s, kind, facts): every kind of event with every sort of text in it."""
    measured = {
        **COUNTED,
        "added_path_length_mm": 31.5,
        "slices": [10, 19],
        "accuracy": 0.91,
        "expected_dice": 0.9,
        "threshold": 0.8,
    }
    events = [
        (0, EventKind.STARTED, {}),
        (0, EventKind.IDLE_LIMIT, {"seconds": 30.0}),
        (0, EventKind.CASE_OPENED, {"case": CASE, "candidate": "worklist"}),
        (1, EventKind.CANDIDATE, {"name": "Miller_seg"}),
        (
            1,
            EventKind.GATE_CONFIRMED,
            {"volume": "CT_Miller", "checks": ["slice_thickness"], "reason": "too noisy, called the ward"},
        ),
        (
            2,
            EventKind.DRAFT_IMPORTED,
            {
                "algorithm": "nnU-Net",
                "version": "2.5",
                "parameters": "/home/eva/x",
                "segments": 1,
                "known": 1,
                "source": "/home/eva/Miller.nii",
                "sha256": "ab" * 32,
                "source_kind": "label map",
            },
        ),
        (2, EventKind.DRAFT_SHOWN, {"algorithm": "nnU-Net", "version": "2.5", "segments": [SEGMENT]}),
        (3, EventKind.CONTEXT, {"segment": SEGMENT, "effect": "Paint"}),
        (3, EventKind.SEGMENTS, {"segments": [{**SEGMENT, "algorithm_type": "AUTOMATIC", "algorithm_name": "nnU-Net 2.5"}]}),
        (4, EventKind.PAUSED, {"reason": "called the ward"}),
        (9, EventKind.RESUMED, {}),
        *[(10 + s, EventKind.ACTIVITY, {"mouse": 3}) for s in range(0, seconds - 20, 5)],
        (seconds - 9, EventKind.EDIT, {"segments": [SEGMENT], "effect": "Paint", "looking_away": False}),
        (seconds - 8, EventKind.VOXELS, {"segments": [COUNTED]}),
        (seconds - 7, EventKind.SLICES_SEEN, {"volume": "CT_Miller", "slices": 40, "seen": [[5, 24]], "scrolled": True}),
        (seconds - 6, EventKind.WAITED, {"seconds": 0.5}),
        (
            seconds - 5,
            EventKind.RATING,
            {
                "rating": "artifacts",
                "grade": 3,
                "scale": "Likert 1-5",
                "not_assessable": False,
                "comment": "too noisy",
                "proposes_exclusion": False,
            },
        ),
        (
            seconds - 4,
            EventKind.EVALUATED,
            {
                "verdict": "REVIEW",
                "protocol": "Liver of Miller's protocol",
                "outdated": False,
                "findings": [{"check": "islands", "segment": "liver", "status": "FAIL"}],
            },
        ),
        (
            seconds - 3,
            EventKind.FINDING_KEPT,
            {"check": "islands", "segment": "liver", "message": "2 islands /home/eva", "reason": "too noisy"},
        ),
        (seconds - 2, EventKind.SEGMENTS_MEASURED, {"voxel_volume_mm3": 2.0, "segments": [measured]}),
        (seconds - 1, "dicom_exported", {"seg": "/home/eva/Miller.dcm"}),
    ]
    return [*events, (seconds, EventKind.CASE_FINISHED, {"case": CASE})] if finished else events


def a_log(folder, reader=READER, case=CASE, *, events=None, start=START, session=None, **fields):
    """Write a log and return its path."""
    header = LogHeader(
        "segqc-session-log",
        "1.0",
        case,
        reader,
        session or f"{next(_session):032x}",
        start.isoformat(timespec="milliseconds"),
        100.0,
        ProtocolIdentity("liver_ct", "1.0.0", "Liver of Miller's protocol", "cd" * 32),
        {"SegQC": "0.1.0"},
        "clinical",
        True,
        (),
    )
    folder.mkdir(parents=True, exist_ok=True)
    lines = (
        LogEvent(number, (start + timedelta(seconds=s)).isoformat(timespec="milliseconds"), 100.0 + s, str(kind), facts)
        for number, (s, kind, facts) in enumerate(a_read() if events is None else events, start=1)
    )
    return write_log(folder, replace(header, **fields), lines)


@pytest.fixture
def logs(tmp_path):
    return tmp_path / "logs"


@pytest.fixture
def names(tmp_path):
    return tmp_path / "records.names.json"


def rows(url, name, *columns):
    from sqlalchemy import select

    with connect(url).reading() as connection:
        found = connection.execute(select(*(table(name).c[column] for column in columns) if columns else [table(name)])).all()
    return sorted(map(tuple, found), key=str)


def everything(url):
    """Return all rows of all tables, without the numbers that only tie them together and the moment of making."""
    return {name: rows(url, name) for name in all_tables().tables if name not in ("store", "deleted_sessions")}


def with_keys(reads, names):
    keys = Keys(read_names(names).secret)
    return tuple(replace(read, reader=keys.reader(read.reader), case=keys.case(read.case)) for read in reads)


def test_reads_from_the_database_are_those_from_the_logs(logs, url, names):
    a_log(logs, events=a_read(finished=False))
    a_log(
        logs,
        start=START + timedelta(hours=1),
        events=[*CONTINUED, *a_read()[3:]],
    )
    a_log(logs, "Dr. Bo", start=START + timedelta(days=40))
    report = ingest(logs, connect(url), names)
    assert (report.logs, report.sessions, report.problems) == (3, 3, ())
    from_logs = case_reads(read_log(path) for path in sorted(logs.iterdir()))
    from_rows = open_store(url).case_reads()
    assert set(map(repr, from_rows)) == set(map(repr, with_keys(from_logs, names)))
    (first, _) = from_rows
    assert len(first.sessions) == 2
    (segment,) = first.segments
    assert (segment.name, segment.model, segment.dice_with_draft) == ("liver", "nnU-Net", 2 * 850 / 1900)
    assert [finding.kept for finding in first.findings] == [True]


def test_a_second_ingest_of_the_same_logs_changes_nothing(logs, url, names):
    a_log(logs)
    ingest(logs, connect(url), names)
    before = everything(url)
    again = ingest(logs, connect(url), names)
    assert (again.unchanged, again.sessions, again.grown, again.events, again.reads) == (1, 0, 0, 0, 0)
    assert everything(url) == before


def test_only_the_new_lines_of_a_log_that_has_grown_are_loaded(logs, url, names, tmp_path):
    path = a_log(logs)
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:10]))
    assert ingest(logs, connect(url), names).events == 9
    path.write_bytes(whole)
    report = ingest(logs, connect(url), names)
    assert (report.sessions, report.grown, report.events) == (0, 1, len(lines) - 10)
    assert [sequence for (sequence,) in sorted(rows(url, "events", "sequence"))] == list(range(1, len(lines)))
    other = ingest(logs, connect(f"sqlite:///{tmp_path / 'at_once.sqlite'}"), names)
    assert other.events == len(lines) - 1
    assert {k: v for k, v in everything(url).items() if k != "events"} == {
        k: v for k, v in everything(f"sqlite:///{tmp_path / 'at_once.sqlite'}").items() if k != "events"
    }


def test_a_session_from_another_folder_is_continued_from_the_database_alone(tmp_path, url, names):
    first = a_log(tmp_path / "a", events=a_read(finished=False))
    second = a_log(
        tmp_path / "b",
        start=START + timedelta(hours=1),
        events=[*CONTINUED, *a_read()[3:]],
    )
    ingest(tmp_path / "a", connect(url), names)
    ingest(tmp_path / "b", connect(url), names)
    (read,) = open_store(url).case_reads()
    assert len(read.sessions) == 2
    assert repr(read) == repr(with_keys(case_reads([read_log(first), read_log(second)]), names)[0])


def test_a_line_that_a_crash_cut_off_is_told_and_loaded_once_it_is_whole(logs, url, names):
    path = a_log(logs)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    report = ingest(logs, connect(url), names)
    assert (report.torn, report.problems, report.events) == ((path,), (), whole.count(b"\n") - 2)
    path.write_bytes(whole)
    assert ingest(logs, connect(url), names).events == 1
    assert ingest(logs, connect(url), names).torn == ()


def test_a_damaged_log_is_told_and_the_others_are_loaded(logs, url, names, capsys):
    damaged, whole = a_log(logs), a_log(logs, case="case 2")
    content = damaged.read_bytes()
    damaged.write_bytes(content.replace(b'"effect": "Paint"', b'"effect": "Draw"', 1))
    (logs / "stranger.session-log.jsonl").write_text("hello\n")
    assert cli.main(["records", "ingest", str(logs), "--db", url, "--names", str(names)]) == 1
    told = capsys.readouterr().err
    assert f"{damaged}, line 9: was changed" in told
    assert "stranger.session-log.jsonl, line 1: is not" in told
    assert "2 of 3 logs were not loaded, or not to their end; all others were." in told
    assert [read.sessions for read in open_store(url).case_reads()] == [(read_log(whole).header.session,)]
    damaged.write_bytes(content)
    (logs / "stranger.session-log.jsonl").unlink()
    assert ingest(logs, connect(url), names).problems == ()


@pytest.mark.parametrize("what", ["rewritten", "shortened", "of another reader"])
def test_history_that_was_rewritten_is_told_and_never_loaded_over_the_old_rows(logs, url, names, what):
    path = a_log(logs, session="5" * 32)
    ingest(logs, connect(url), names)
    before = everything(url)
    path.unlink()
    events = {"rewritten": [(0, EventKind.RESUMED, {}), *a_read()], "shortened": a_read()[:5], "of another reader": a_read()}[what]
    a_log(logs, "Dr. Bo" if what == "of another reader" else READER, session="5" * 32, events=events)
    (problem,) = ingest(logs, connect(url), names).problems
    words = {"rewritten": "is not the log of which", "shortened": "has 6 lines;", "of another reader": "names another reader"}
    assert words[what] in problem.text
    assert everything(url) == before


def test_what_was_loaded_of_a_log_that_is_damaged_later_still_counts(logs, url, names):
    path = a_log(logs, events=a_read(finished=False))
    ingest(logs, connect(url), names)
    path.write_bytes(path.read_bytes() + b"{}\n")
    a_log(
        logs,
        start=START + timedelta(hours=1),
        events=[*CONTINUED, *a_read()[3:]],
    )
    assert len(ingest(logs, connect(url), names).problems) == 1
    (read,) = open_store(url).case_reads()
    assert len(read.sessions) == 2


def test_two_files_of_one_session_that_differ_are_both_told(logs, url, names):
    path = a_log(logs)
    a_log(logs / "copy", events=a_read(seconds=140), session=read_log(path).header.session)
    report = ingest(logs, connect(url), names)
    assert ["holds the same session as" in problem.text for problem in report.problems] == [True, True]
    assert report.sessions == 0


def test_many_ingests_at_once_come_to_one(logs, url, names, monkeypatch, tmp_path):
    monkeypatch.setattr(ingest_module, "_CASES_AT_ONCE", 2)
    for number in range(12):
        a_log(logs, case=f"case {number}", reader=f"reader {number % 3}")
    failures = []

    def run():
        try:
            assert ingest(logs, connect(url), names).problems == ()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(rows(url, "sessions")) == len(open_store(url).case_reads()) == 12
    assert len(rows(url, "events")) == 12 * len(a_read())
    assert (len(read_names(names).readers), len(read_names(names).cases)) == (3, 12)


def test_several_processes_come_to_the_same_rows_as_one(logs, names, tmp_path, monkeypatch):
    for number in range(5):
        a_log(logs, case=f"case {number}")
    monkeypatch.setattr(ingest_module, "_WORTH_PROCESSES_BYTES", 0)
    monkeypatch.setattr(ingest_module, "_BYTES_OF_A_PART", 2**13)
    one, two = (f"sqlite:///{tmp_path / name}" for name in ("one.sqlite", "two.sqlite"))
    assert ingest(logs, connect(one), names).sessions == ingest(logs, connect(two), names, processes=2).sessions == 5
    assert everything(one) == everything(two)


@pytest.mark.parametrize("moment", [1, 3])
def test_an_ingest_that_is_killed_and_run_again_comes_to_the_same_rows(logs, url, names, moment):
    for number in range(8):
        a_log(logs, case=f"case {number}")
    code = """
        import os, signal, sys
        from pathlib import Path
        from SegQCLib.record_store import ingest, load
        from SegQCLib.record_store.connect import connect
        ingest._CASES_AT_ONCE, left, insert = 2, int(sys.argv[4]), load._replace_reads
        def replace_reads(connection, batch):
            global left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            insert(connection, batch)
        load._replace_reads = replace_reads
        ingest.ingest(Path(sys.argv[1]), connect(sys.argv[2]), Path(sys.argv[3]))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), logs, url, names, str(moment)], cwd=MODULE, timeout=60)
    assert done.returncode == -signal.SIGKILL
    # All rows of a session, or none.
    sessions = len(rows(url, "sessions"))
    assert sessions == 2 * (moment - 1)
    assert len(rows(url, "events")) == sessions * len(a_read())
    assert len(rows(url, "case_reads")) == sessions
    assert ingest(logs, connect(url), names).sessions == 8 - sessions
    assert len(rows(url, "events")) == 8 * len(a_read())


def test_no_name_comment_reason_or_path_reaches_the_database(logs, url, names, tmp_path, request):
    a_log(logs)
    ingest(logs, connect(url), names)
    assert len(rows(url, "events")) == len(a_read())
    if url.startswith("sqlite"):
        content = (tmp_path / "records.sqlite").read_bytes()
    else:
        sockets, programs = request.getfixturevalue("postgresql_server")
        dumped = subprocess.run(
            [programs / "pg_dump", "-U", "segqc", "-h", sockets, url.partition("?")[0].rpartition("/")[2]], capture_output=True
        )
        assert dumped.returncode == 0, dumped.stderr
        content = dumped.stdout
    assert b"nnU-Net" in content
    assert [secret for secret in SECRETS if secret.encode() in content] == []
    assert read_names(names).secret.encode() not in content


def test_only_facts_that_are_allowed_are_stored_and_a_text_is_never_a_number():
    keys = Keys("ab" * 32)
    facts = {"rating": "artifacts", "grade": "Dr. Miller", "comment": "Miller", "new_fact": "Miller", "scale": 7}
    assert stored_facts("rating", facts, keys) == {"rating": "artifacts", "grade": None, "scale": None}
    assert stored_facts("a_kind_of_tomorrow", {"reader": "Miller"}, keys) == {}
    assert stored_facts("candidate", {"name": "Miller"}, keys) == {"name": keys.other("Miller")}


def test_every_kind_of_event_has_its_list_of_facts():
    assert set(FACTS) == {str(kind) for kind in EventKind}


def test_keys_are_twelve_digits_of_the_secret_and_one_for_every_way_to_write_a_name():
    keys = Keys("0" * 64)
    assert keys.reader("Éva").startswith("R-")
    assert keys.case("Éva").startswith("C-")
    assert len(keys.reader("Éva")) == 14
    assert keys.reader("Éva") == keys.reader(" E\u0301va ")
    assert keys.reader("Éva")[2:] != keys.case("Éva")[2:]
    assert keys.reader("Éva") != Keys("1" * 64).reader("Éva")
    assert "0" * 64 not in repr(keys)


def test_the_names_file_is_for_its_owner_alone_and_names_everybody(logs, url, names):
    a_log(logs)
    ingest(logs, connect(url), names)
    assert stat.S_IMODE(names.stat().st_mode) == 0o600
    known = read_names(names)
    assert (list(known.readers.values()), list(known.cases.values())) == ([READER], [CASE])
    assert rows(url, "readers") == [(next(iter(known.readers)),)]
    assert json.loads(names.read_text(encoding="utf-8"))["schema"] == "segqc-record-names"


def test_a_database_of_another_secret_is_refused(logs, url, names, tmp_path):
    a_log(logs)
    ingest(logs, connect(url), names)
    make_names(tmp_path / "others.json")
    with pytest.raises(BadDataError, match="keys of another names file"):
        ingest(logs, connect(url), tmp_path / "others.json")
    with pytest.raises(BadDataError, match=r"missing\.json: is not there, but .* has keys that were made with such a file"):
        ingest(logs, connect(url), tmp_path / "missing.json")
    assert not (tmp_path / "missing.json").exists()


def test_a_deleted_reader_is_found_nowhere_and_never_comes_back(logs, url, names, tmp_path, request):
    path = a_log(logs / "ward 3")
    a_log(logs, "Dr. Bo", "case 2")
    copy = path.read_bytes()
    ingest(logs, connect(url), names)
    key = Keys(read_names(names).secret).reader(READER)
    deleted = delete_reader(logs, READER, connect(url), names)
    assert (deleted.sessions, deleted.events, deleted.logs, deleted.unreadable) == (1, len(a_read()), 1, ())
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert not [word for word in ("Hara", key) if word.encode() in file.read_bytes()], file
            assert "Hara" not in file.name
    assert list(read_names(names).cases.values()) == ["case 2"]
    assert len(open_store(url).case_reads()) == len(rows(url, "readers")) == 1
    path.write_bytes(copy)
    report = ingest(logs, connect(url), names)
    assert (report.deleted, report.sessions) == ((path,), 0)
    # Neither where the folder's own record of the deletion is missing.
    moved = a_log(tmp_path / "elsewhere", session=read_log(path).header.session)
    assert ingest(tmp_path / "elsewhere", connect(url), names).deleted == (moved,)
    assert len(rows(url, "sessions")) == 1


@pytest.mark.parametrize("step", ["_delete_rows", "delete_reader_logs", "reclaim", "_remove_names"])
def test_a_deletion_that_stopped_half_way_is_completed_by_the_next(logs, url, names, tmp_path, monkeypatch, step):
    a_log(logs)
    a_log(logs, "Dr. Bo", "case 2")
    ingest(logs, connect(url), names)

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Database if step == "reclaim" else delete_reader_module, step, stop)
    with pytest.raises(KeyboardInterrupt):
        delete_reader(logs, READER, connect(url), names)
    monkeypatch.undo()
    if step != "_delete_rows":
        assert ingest(logs, connect(url), names).sessions == 0
    delete_reader(logs, READER, connect(url), names)
    found = [file for file in tmp_path.rglob("*") if file.is_file() and b"Hara" in file.read_bytes()]
    assert found == []
    assert len(open_store(url).case_reads()) == 1


def test_a_reader_gets_all_their_logs_and_rows(logs, url, names, tmp_path):
    path = a_log(logs)
    a_log(logs, "Dr. Bo", "case 2")
    ingest(logs, connect(url), names)
    exported = export_reader(logs, READER, connect(url), names, tmp_path / "out")
    assert (tmp_path / "out" / "logs" / path.name).read_bytes() == path.read_bytes()
    assert exported.rows["events"] == len(a_read())
    with (tmp_path / "out" / "database" / "names.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row[1] for row in csv.reader(file)] == ["name", READER, CASE]
    text = "".join(file.read_text(encoding="utf-8-sig") for file in (tmp_path / "out").rglob("*.csv"))
    assert "Dr. Bo" not in text
    with pytest.raises(BadDataError, match="has no session logs"):
        export_reader(logs, "Dr. Nobody", connect(url), names, tmp_path / "out2")


def test_without_yes_nothing_is_deleted(logs, names, tmp_path, capsys):
    path = a_log(logs)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["records", "delete", str(logs), "--reader", READER])
    assert path.exists()
    assert "cannot be undone" in capsys.readouterr().err


def test_without_db_the_database_lies_beside_the_logs_not_among_them(logs, tmp_path, capsys):
    a_log(logs)
    assert cli.main(["records", "ingest", str(logs)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"logs", "segqc-records.sqlite", "segqc-records.names.json"}
    assert f"{len(a_read())} events of 1 new and 0 grown sessions loaded, 1 reads" in capsys.readouterr().out
    assert cli.main(["records", "delete", str(logs), "--reader", READER, "--yes"]) == 0
    assert "1 logs, 1 sessions" in capsys.readouterr().out


def test_counts_say_how_much_a_database_holds(logs, url, names):
    a_log(logs)
    a_log(logs, "Dr. Bo", start=START + timedelta(days=2))
    a_log(logs, "Dr. Bo", "case 2", start=START + timedelta(days=3), events=a_read(finished=False))
    ingest(logs, connect(url), names)
    counts = open_store(url).counts()
    assert (counts.readers, counts.cases, counts.sessions, counts.reads, counts.simulated_reads) == (2, 2, 3, 3, 3)
    assert counts.events == 3 * len(a_read()) - 1
    assert counts.first == START


def test_reads_are_chosen_by_reader_case_structure_model_and_time(logs, url, names):
    a_log(logs)
    a_log(logs, "Dr. Bo", "case 2", start=START + timedelta(days=2), events=a_read(finished=False))
    ingest(logs, connect(url), names)
    store, keys = open_store(url), Keys(read_names(names).secret)
    mine, others = store.case_reads()
    assert store.case_reads(reader=keys.reader(READER)) == store.case_reads(case=keys.case(CASE)) == (mine,)
    assert store.case_reads(finished=False) == store.case_reads(since=START + timedelta(days=1)) == (others,)
    assert store.case_reads(until=START + timedelta(days=1), structure="liver", model="nnU-Net") == (mine,)
    assert store.case_reads(structure="spleen") == store.case_reads(model="x") == store.case_reads(purpose="training") == ()
    with pytest.raises(ValueError, match="has no time zone"):
        store.case_reads(since=datetime(2026, 1, 1))


def test_a_clinical_and_a_training_read_of_one_case_are_both_first_reads(logs, url, names):
    a_log(logs)
    a_log(logs, purpose="training", start=START + timedelta(days=1))
    ingest(logs, connect(url), names)
    assert [(read.purpose, read.repeat) for read in open_store(url).case_reads()] == [("clinical", 1), ("training", 1)]


def test_a_clock_that_was_set_back_is_no_obstacle(logs, url, names):
    a_log(logs, start=datetime(1970, 1, 1, tzinfo=UTC))
    a_log(logs, start=START, events=[(-3600 + s if s > 60 else s, kind, facts) for s, kind, facts in a_read()])
    assert ingest(logs, connect(url), names).problems == ()


def test_names_that_are_too_long_and_half_letters_are_told_or_stored(logs, url, names):
    a_log(logs, "x" * 10**5)
    odd = {"id": "S\0", "name": "liver\0" + "y" * 500}
    a_log(
        logs,
        "Dr. Bo",
        "case 3",
        events=[(1, EventKind.CONTEXT, {"segment": odd, "effect": None}), (2, EventKind.ACTIVITY, {"mouse": 10**30})],
    )
    (problem,) = ingest(logs, connect(url), names).problems
    assert "has a name of 100,000 characters for its reader" in problem.text
    (read,) = open_store(url).case_reads()
    assert read.segments[0].name == "liver\ufffd" + "y" * 194


def test_a_log_that_is_written_meanwhile_is_loaded_up_to_a_whole_line(logs, url, names):
    path = a_log(logs)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0])
    stop = threading.Event()

    def write():
        with path.open("ab", buffering=0) as file:
            for line in lines[1:]:
                file.write(line[:40])
                file.write(line[40:])
                stop.wait(0.002)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        assert ingest(logs, connect(url), names).problems == ()
    writer.join()
    ingest(logs, connect(url), names)
    assert [sequence for (sequence,) in sorted(rows(url, "events", "sequence"))] == list(range(1, len(lines)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("mysql://eva:hush@host/db", "is a URL for 'mysql'"),
        ("nonsense hush", "is not the URL of a database"),
        ("postgresql://eva:hush@host:port/db", "is not the URL of a database"),
        ("sqlite://", "names no SQLite file"),
        ("sqlite:////nowhere/hush/x.sqlite", "unable to open database file"),
        ("postgresql://eva:hush@127.0.0.1:1/db", "Check that the server runs"),
    ],
)
def test_a_wrong_url_is_told_without_its_password(logs, names, wrong, message, capsys):
    a_log(logs)
    assert cli.main(["records", "ingest", str(logs), "--db", wrong, "--names", str(names)]) == 1
    told = capsys.readouterr().err
    assert message in told
    assert "hush" not in told.replace("/nowhere/hush/", "")


def test_a_folder_without_logs_is_told_and_nothing_is_made(tmp_path, capsys):
    (tmp_path / "logs").mkdir()
    assert cli.main(["records", "ingest", str(tmp_path / "logs")]) == 1
    assert cli.main(["records", "ingest", str(tmp_path / "missing")]) == 1
    told = capsys.readouterr().err
    assert "holds no session logs" in told
    assert "cannot be listed" in told
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_a_file_that_is_no_database_and_another_programs_database_are_refused(logs, names, tmp_path):
    a_log(logs)
    (tmp_path / "x.sqlite").write_bytes(b"hello" * 1000)
    with pytest.raises(BadDataError, match="file is not a database"):
        ingest(logs, connect(f"sqlite:///{tmp_path / 'x.sqlite'}"), names)
    with sqlite3.connect(tmp_path / "y.sqlite") as other:
        other.execute("CREATE TABLE events (a)")
    other.close()
    with pytest.raises(BadDataError, match="holds tables of another program"):
        ingest(logs, connect(f"sqlite:///{tmp_path / 'y.sqlite'}"), names)
    with pytest.raises(BadDataError, match="holds no readers' records"):
        open_store(f"sqlite:///{tmp_path / 'z.sqlite'}")
    assert not (tmp_path / "z.sqlite").exists()


def test_a_full_disk_is_told_and_nothing_is_half_loaded(logs, names, tmp_path):
    for number in range(4):
        a_log(logs, case=f"case {number}", events=a_read(seconds=5000))
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    code = """
        import resource, signal, sys
        from SegQCLib import cli
        # No file may grow beyond this: the write fails as it does on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, 2**18))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        sys.exit(cli.main(["records", "ingest", sys.argv[1], "--db", sys.argv[2], "--names", sys.argv[3]]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), logs, url, names], cwd=MODULE, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "records.sqlite: refused (" in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(url, "events") == []
    assert ingest(logs, connect(url), names).sessions == 4


@pytest.mark.skipif(os.name == "nt", reason="rights of POSIX")
def test_a_database_that_may_only_be_read_is_told(logs, names, tmp_path):
    a_log(logs)
    url = f"sqlite:///{tmp_path / 'records.sqlite'}"
    ingest(logs, connect(url), names)
    a_log(logs, case="case 2")
    database = connect(url)
    from sqlalchemy import event

    # Rights do not bind root, who runs this test elsewhere.
    event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only = ON"))
    with pytest.raises(BadDataError, match=r"readonly database.*Ask for the right to write to it"):
        ingest(logs, database, names)
    assert len(open_store(url).case_reads()) == 1


def test_a_server_that_goes_away_is_told_and_nothing_is_half_loaded(logs, names, postgresql_server, monkeypatch):
    sockets, _ = postgresql_server
    name = "goes_away"
    postgresql.command(f'CREATE DATABASE "{name}"', sockets)
    url = f"postgresql://segqc:hush@/{name}?host={sockets}"
    a_log(logs)
    from SegQCLib.record_store import load

    insert = load._replace_reads

    def gone(connection, batch):
        postgresql.command(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'", sockets)  # noqa: S608
        insert(connection, batch)

    monkeypatch.setattr(load, "_replace_reads", gone)
    with pytest.raises(BadDataError, match="Check that the server runs") as told:
        ingest(logs, connect(url), names)
    assert "hush" not in str(told.value)
    monkeypatch.undo()
    assert rows(url, "events") == []
    assert ingest(logs, connect(url), names).sessions == 1
    postgresql.command(f'DROP DATABASE "{name}" WITH (FORCE)', sockets)
