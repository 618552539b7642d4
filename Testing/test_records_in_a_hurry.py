"""What a hurried department does to its records: wrong folders, copies, two names, mixed logs, passwords typed where they show."""

import os
import shutil
from dataclasses import replace

import pytest

from SegQCLib import cli
from SegQCLib.readers.log_lines import LogEvent
from SegQCLib.readers.session_log import write_log
from SegQCLib.terminal import without_passwords
from session_logs import header_at

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed: pip install 'segqc[records]'")

from SegQCLib.record_store.store import open_store


def a_log(folder, reader="Dr. Anna Bíró", case="case 1", *, minute=0, lines=4, **fields):
    """Write the log of a case that was opened and finished, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [
        ("logging_started", {}),
        ("case_opened", {"case": case, "candidate": "worklist"}),
        ("case_finished", {"case": case}),
        ("logging_stopped", {}),
    ]
    header = replace(header_at(minute, reader, case), **fields)
    began = header.started[:17]
    return write_log(
        folder,
        header,
        [
            LogEvent(number, f"{began}{number:02d}.000+01:00", 60.0 * minute + number, kind, facts)
            for number, (kind, facts) in enumerate(kinds[:lines], start=1)
        ],
    )


def run(capsys, *arguments):
    """Return exit code and everything that a command printed."""
    code = cli.main(["records", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


@pytest.fixture
def logs(tmp_path):
    return tmp_path / "logs"


def reads(logs):
    return open_store(f"sqlite:///{logs.parent / 'segqc-records.sqlite'}").case_reads()


def test_a_folder_that_was_copied_into_itself_is_loaded_once(logs, capsys):
    a_log(logs)
    a_log(logs, minute=10, case="case 2")
    shutil.copytree(logs, logs / "logs")
    code, _ = run(capsys, "ingest", logs)
    assert (code, len(reads(logs))) == (0, 2)
    shutil.copytree(logs / "logs", logs / "again" / "deeper")
    code, said = run(capsys, "ingest", logs)
    assert (code, len(reads(logs))) == (0, 2)
    assert "0 events of 0 new" in said


def test_of_a_log_and_an_earlier_copy_the_longer_one_is_loaded(logs, capsys):
    path = a_log(logs)
    whole = path.read_bytes()
    (logs / "backup").mkdir()
    (logs / "backup" / path.name).write_bytes(b"".join(whole.splitlines(keepends=True)[:3]))
    code, said = run(capsys, "ingest", logs)
    assert code == 0
    assert "4 events of 1 new" in said


def test_simulated_logs_never_come_into_a_database_of_real_ones(logs, capsys):
    a_log(logs)
    made_up = a_log(logs, "Simulated reader", minute=10, simulated=True)
    code, said = run(capsys, "ingest", logs)
    assert code == 1
    assert f"{made_up}: is a simulated log, and this is a database of real ones. Load it into another database" in said
    assert [read.simulated for read in reads(logs)] == [False]
    code, _ = run(capsys, "ingest", logs)
    assert code == 1
    assert [read.simulated for read in reads(logs)] == [False]


def test_real_logs_never_come_into_a_database_of_simulated_ones(logs, capsys):
    a_log(logs, "Simulated reader", simulated=True)
    assert run(capsys, "ingest", logs)[0] == 0
    real = a_log(logs, minute=10)
    code, said = run(capsys, "ingest", logs)
    assert code == 1
    assert f"{real}: is a real log, and this is a database of simulated ones" in said
    assert [read.simulated for read in reads(logs)] == [True]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.parametrize(
    "command",
    [
        ("ingest",),
        ("verify",),
        ("export", "--reader", "Dr. Anna Bíró", "--out", "out"),
        ("delete", "--reader", "Dr. Anna Bíró", "--yes"),
    ],
)
def test_folders_pipes_and_dead_links_named_like_logs_stop_nothing(logs, tmp_path, command, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a_log(logs)
    os.mkfifo(logs / "a.session-log.jsonl")
    (logs / "b.session-log.jsonl").mkdir()
    (logs / "c.session-log.jsonl").symlink_to(tmp_path / "nowhere")
    (logs / "d.session-deleted.json").mkdir()
    action, *options = command
    code, said = run(capsys, action, logs, *options)
    assert code == 0, said


@pytest.mark.parametrize(
    "arguments",
    [
        ["--db", "postgresql://eva:s3cret@127.0.0.1:1/records"],
        ["--db", "postgresql://127.0.0.1:1/records?user=eva&password=s3cret"],
        ["--db", "postgresql://eva:s3cret@x@127.0.0.1:1/records"],
        ["--db", "postgresql://127.0.0.1:1/records?sslpassword=s3cret"],
        ["--db", "sqlite://eva:s3cret@server/records.sqlite"],
        ["--dbb", "postgresql://eva:s3cret@server/records"],
        ["postgresql://eva:s3cret@server/records"],
        ["--names", "postgresql://eva:s3cret@server/records", "--db", "sqlite:///records.sqlite"],
    ],
)
def test_a_password_is_never_printed_wherever_it_was_typed(logs, arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    a_log(logs)
    try:
        code = cli.main(["records", "ingest", str(logs), *arguments])
    except SystemExit as stopped:
        code = stopped.code
    printed = capsys.readouterr()
    assert code in (1, 2)
    assert "s3cr" not in printed.out + printed.err
    assert printed.err


def test_a_url_given_as_the_folder_is_told_without_its_password(capsys):
    code, said = run(capsys, "ingest", "postgresql://eva:s3cret@server/records")
    assert code == 1
    assert "postgresql:/eva:***@server/records: cannot be listed" in said


@pytest.mark.parametrize("text", ["case: a@b.org is no name.", "C:/data/x: is no folder.", "2026-11-22T08:00:00+01:00", "3:4 @ 5"])
def test_texts_without_a_url_stay_as_they_are(text):
    assert without_passwords(text) == text
