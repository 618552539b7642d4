"""What a hurried department does to its records: wrong folders, copies, two names, mixed logs, passwords typed where they show."""

import csv
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from SegQCLib import cli
from SegQCLib.readers.log_lines import LogEvent
from SegQCLib.readers.session_log import write_log
from SegQCLib.terminal import without_passwords
from session_logs import header_at

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed: pip install 'segqc[records]'")

from SegQCLib.record_store.store import open_store


def a_log(folder, reader="Dr. Anna Bíró", case="case 1", *, minute=0, lines=4, more=(), **fields):
    """Write the log of a case that was opened and finished, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [
        ("logging_started", {}),
        ("case_opened", {"case": case, "candidate": "worklist"}),
        *more,
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
            for number, (kind, facts) in enumerate(kinds[: lines + len(more)], start=1)
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


def test_a_reader_of_whom_nothing_is_kept_is_told_and_so_is_who_has_the_same_letters(logs, capsys):
    a_log(logs)
    run(capsys, "ingest", logs)
    code, said = run(capsys, "delete", logs, "--reader", "DR ANNA BÍRÓ", "--yes")
    assert code == 1
    assert "nothing was deleted. There is 'Dr. Anna Bíró', which is another name here." in said
    assert len(reads(logs)) == 1
    code, said = run(capsys, "delete", logs, "--reader", " Dr. Anna Bíró  ", "--yes")
    assert (code, reads(logs)) == (0, ())
    code, said = run(capsys, "delete", logs, "--reader", "Dr. Anna Bíró", "--yes")
    assert (code, "nothing was deleted." in said) == (1, True)


def test_one_reader_under_two_names_is_told_when_loaded_and_when_deleted(logs, capsys):
    a_log(logs)
    a_log(logs, "dr anna  bíró", minute=10)
    a_log(logs, "Dr. Anna Bi\u0301ro\u0301 ", minute=20)
    code, said = run(capsys, "ingest", logs)
    assert code == 0
    assert "'Dr. Anna Bíró' and 'dr anna  bíró' are readers of their own here" in said
    assert len({read.reader for read in reads(logs)}) == 2
    code, said = run(capsys, "delete", logs, "--reader", "Dr. Anna Bíró", "--yes")
    assert "2 logs, 2 sessions" in said
    assert "'dr anna  bíró' is another name here, and its records stay." in said


def test_another_database_than_the_logs_were_loaded_into_deletes_and_exports_nothing(logs, tmp_path, capsys):
    path = a_log(logs)
    run(capsys, "ingest", logs)
    wrong = f"sqlite:///{tmp_path / 'segqc-record.sqlite'}"
    for action in (("delete", "--yes"), ("export", "--out", tmp_path / "out")):
        code, said = run(capsys, action[0], logs, "--reader", "Dr. Anna Bíró", "--db", wrong, *action[1:])
        assert (code, "holds no readers' records; nothing was done" in said) == (1, True)
    assert path.exists()
    assert len(reads(logs)) == 1
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "segqc-record.sqlite").exists()


def test_logs_that_were_deleted_without_the_database_are_told_and_the_rows_go_later(logs, capsys):
    path = a_log(logs / "ward 3")
    run(capsys, "ingest", logs)
    code, said = run(capsys, "delete", logs / "ward 3", "--reader", "Dr. Anna Bíró", "--yes")
    assert (code, path.exists()) == (0, False)
    assert "only logs were deleted. If they were loaded into one, run it again with --db" in said
    code, said = run(capsys, "delete", logs, "--reader", "Dr. Anna Bíró", "--yes")
    assert (code, reads(logs)) == (0, ())


@pytest.mark.parametrize("ending", [".jsonl.bak", " - Copy.jsonl", " (1).jsonl", ".jsonl~"])
def test_copies_of_logs_under_other_names_are_deleted_too(logs, tmp_path, ending, capsys):
    path = a_log(logs)
    other = a_log(logs, "Dr. Bo", minute=10)
    path.rename(path.with_name(path.name.removesuffix(".jsonl") + ending))
    other_copy = shutil.copy(other, other.with_name(other.name.removesuffix(".jsonl") + ending))
    code, said = run(capsys, "delete", logs, "--reader", "Dr. Anna Bíró", "--yes")
    assert (code, "1 logs" in said) == (0, True)
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and "Bíró".encode() in file.read_bytes()]
    assert other_copy.exists()


def test_an_export_into_the_folder_of_logs_is_refused(logs, capsys):
    a_log(logs)
    code, said = run(capsys, "export", logs, "--reader", "Dr. Anna Bíró", "--out", logs / "for Anna")
    assert (code, "where copies of them would be found again" in said) == (1, True)
    assert not (logs / "for Anna").exists()


@pytest.mark.skipif(os.name != "posix", reason="no such rights here")
def test_names_that_other_accounts_can_read_are_told(logs, tmp_path, capsys):
    a_log(logs)
    assert "can read the names" not in run(capsys, "ingest", logs)[1]
    (tmp_path / "segqc-records.names.json").chmod(0o644)
    assert "other accounts on this computer can read the names" in run(capsys, "ingest", logs)[1]


def test_a_cell_that_a_spreadsheet_would_run_is_exported_as_text(logs, tmp_path, capsys):
    a_log(logs, "=cmd|'/C calc'!A0", '=HYPERLINK("http://x","y")')
    run(capsys, "ingest", logs)
    code, _ = run(capsys, "export", logs, "--reader", "=cmd|'/C calc'!A0", "--out", tmp_path / "out")
    assert code == 0
    with (tmp_path / "out" / "database" / "names.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row[1] for row in csv.reader(file)] == ["name", "'=cmd|'/C calc'!A0", '\'=HYPERLINK("http://x","y")']


@pytest.mark.parametrize("reader", ["../../etc/cron.d/x", "/etc/passwd", "..", "C:\\Windows\\x", "con", "a\nb", "\u202egnp.exe"])
def test_a_reader_s_name_is_never_a_path(logs, tmp_path, reader, capsys):
    path = a_log(logs, reader)
    assert path.parent == logs
    assert run(capsys, "ingest", logs)[0] == 0
    assert run(capsys, "export", logs, "--reader", reader, "--out", tmp_path / "out")[0] == 0
    assert {file.name for file in tmp_path.iterdir()} == {"logs", "out", "segqc-records.sqlite", "segqc-records.names.json"}
    assert run(capsys, "delete", logs, "--reader", reader, "--yes")[0] == 0


MEASURED = {"id": "s", "name": "liver", "voxels": 5, "draft_voxels": 0, "added": 5, "removed": 0, "slices": None} | dict.fromkeys(
    ("added_path_length_mm", "accuracy", "expected_dice", "threshold")
)


@pytest.mark.parametrize(
    ("kind", "facts", "said"),
    [
        ("rating", {"rating": "motion", "grade": 10**12}, "its grade is 1000000000000"),
        ("segments_measured", {"voxel_volume_mm3": 1e300, "segments": []}, "its voxel_volume_mm3 is 1e+300"),
        ("segments_measured", {"voxel_volume_mm3": 10**18, "segments": []}, "its voxel_volume_mm3 is 1000000000000000000"),
        ("segments_measured", {"voxel_volume_mm3": 1.0, "segments": [MEASURED | {"accuracy": 17}]}, "it has a Dice of 17"),
    ],
)
def test_a_number_that_cannot_be_leaves_its_log_out_and_no_other(logs, kind, facts, said, capsys):
    a_log(logs, more=[(kind, facts)])
    a_log(logs, "Dr. Bo", minute=10)
    code, told = run(capsys, "ingest", logs)
    assert (code, said in told) == (1, True), told
    assert len(reads(logs)) == 1


def test_names_in_what_a_killed_program_left_are_deleted_too(logs, tmp_path, capsys):
    a_log(logs)
    run(capsys, "ingest", logs)
    names = tmp_path / "segqc-records.names.json"
    shutil.copy(names, tmp_path / f".{names.name}.0123456789abcdef")
    run(capsys, "delete", logs, "--reader", "Dr. Anna Bíró", "--yes")
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and "Bíró".encode() in file.read_bytes()]


def test_a_folder_whose_name_is_no_unicode_is_as_good_as_any(tmp_path, capsys):
    try:
        logs = Path(os.fsdecode(os.fsencode(tmp_path) + b"/l\xffgs")) / "logs"
        a_log(logs)
    except OSError:
        pytest.skip("this file system takes Unicode names only")
    database = ["--db", f"sqlite:///{tmp_path / 'x.sqlite'}"]
    export = ["export", "--reader", "Dr. Anna Bíró", "--out", tmp_path / "out"]
    for action, *options in (["ingest", *database], ["verify"], ["verify", "--json", "-"], [*export, *database]):
        assert run(capsys, action, logs, *options)[0] == 0
    code, said = run(capsys, "ingest", logs, "--db", f"sqlite:///{logs}/x.sqlite")
    assert (code, "is not the URL of a database" in said) == (1, True)


def test_names_of_another_department_are_refused_by_every_command(logs, tmp_path, capsys):
    a_log(logs)
    a_log(tmp_path / "other" / "logs", "Dr. Bo")
    run(capsys, "ingest", logs)
    run(capsys, "ingest", tmp_path / "other" / "logs")
    other = tmp_path / "other" / "segqc-records.names.json"
    database = f"sqlite:///{tmp_path / 'segqc-records.sqlite'}"
    for command in (
        ["ingest", logs],
        ["export", logs, "--reader", "Dr. Anna Bíró", "--out", tmp_path / "out"],
        ["delete", logs, "--reader", "Dr. Anna Bíró", "--yes"],
        ["report", "--out", tmp_path / "page.html"],
    ):
        code, said = run(capsys, *command, "--db", database, "--names", other)
        assert (code, "was filled with keys of another names file" in said) == (1, True)
    assert not (tmp_path / "page.html").exists()
    assert len(reads(logs)) == len(list(logs.iterdir())) == 1


def test_a_study_of_two_readers_and_two_cases_is_written_and_says_what_it_is_too_small_for(tmp_path, capsys):
    table = tmp_path / "reads.csv"
    table.write_text(
        "case;reader;structure;volume_ml\r\n1;A;liver;10\r\n1;B;liver;12\r\n2;A;liver;20\r\n2;B;liver;22\r\n", "utf-8-sig"
    )
    assert cli.main(["agreement", "--study", str(table), "--out", str(tmp_path / "out")]) == 0
    assert "ICC needs at least 5 values; 2 cases with 2 readers have 4." in (tmp_path / "out" / "agreement.json").read_text("utf-8")
