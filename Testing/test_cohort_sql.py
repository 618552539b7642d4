"""A cohort beside the readers' records in one database: same keys, nothing twice, nothing that names anybody."""

import argparse
import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from cohort_results import a_case, a_cohort, a_record, failed, keep
from SegQCLib import cli_cohort_ingest
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.errors import BadDataError
from SegQCLib.readers.log_events import EventKind
from SegQCLib.readers.log_lines import LogEvent
from SegQCLib.readers.session_log import write_log
from SegQCLib.readers.simulated_logs import LOGS, simulate_department
from SegQCLib.record import Verdict
from session_logs import header_at

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed: pip install 'segqc[records]'")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'segqc[cohort]'")

from SegQCLib.cohort import sql_ingest
from SegQCLib.cohort.sql_ingest import ingest_cohort
from SegQCLib.cohort.sql_schema import STORED, cohort_tables
from SegQCLib.cohort.tables.write_tables import write_tables
from SegQCLib.record_store.connect import connect
from SegQCLib.record_store.delete_reader import delete_reader
from SegQCLib.record_store.export_reader import export_reader
from SegQCLib.record_store.ingest import ingest
from SegQCLib.record_store.reader_keys import Keys, make_names, read_names

PAGE = Path(__file__).parents[1] / "Documentation" / "cohort-tables.md"
READER = "Dr. Éva Szabó"


@pytest.fixture
def names(tmp_path):
    return tmp_path / "records.names.json"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "liver 2026").mkdir()
    return CohortFolder(tmp_path / "liver 2026")


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr("SegQCLib.cohort.tables.part._MOST_CASES", 4)


def asked(url, query):
    with connect(url).reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def everything(url):
    from sqlalchemy import select

    with connect(url).reading() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for name, table in cohort_tables().tables.items()
        }


def without_numbers(url):
    """Return all cases and their rows, without the numbers that only tie them together."""
    rows = everything(url)
    cases = {row[0]: row[1:] for row in rows.pop("cohort_cases")}
    parts = {name: [(cases[row[0]], *row[1:]) for row in found] for name, found in rows.items() if found and len(found[0]) > 3}
    return {name: sorted(found, key=str) for name, found in (parts | {"cases": cases.values()}).items()}


def test_rows_are_those_of_the_tables_under_the_keys_of_the_records(folder, url, names):
    case = a_case("case 1", patient="Miller^Anna", site="Ulm", reader=READER, references=(Path("r"),))
    outcomes = [keep(folder, "case 1", a_record(reader=READER, convolution_kernel=("B30f",))), keep(folder, "case 2", None)]
    write_tables(folder, [case, a_case("case 2"), a_case("case 3")], [*outcomes, failed("case 3")])
    done = ingest_cohort(folder, connect(url), names)
    assert (done.cohort, done.cases, done.loaded, done.removed) == ("liver 2026", 3, 3, 0)
    keys = Keys(read_names(names).secret)
    columns = '"case", reader, patient, site, outcome, verdict, "references", convolution_kernel, simulated, hardest_expected_dice'
    first, second, third = asked(url, f"SELECT {columns} FROM cohort_cases ORDER BY number")  # noqa: S608
    assert first == (
        keys.case("case 1"), keys.reader(READER), keys.other("Miller^Anna"), keys.other("Ulm"), "evaluated", "REVIEW", 1,
        '["B30f"]', True, 0.7,
    )  # fmt: skip
    assert (second[0], second[4], third[4], third[8]) == (keys.case("case 2"), "refused", "failed", None)
    assert asked(url, "SELECT segment, metric, value, unit, definition FROM cohort_measurements ORDER BY position") == [
        ("liver", "dice", 0.8, "1", "DSC"),
        ("liver", "assd_mm", None, "mm", "surfel"),
    ]
    assert asked(url, 'SELECT "check", status, segment, size_voxels FROM cohort_findings ORDER BY position') == [
        ("islands", "FAIL", "liver", 7),
        ("kvp", "WARN", None, None),
    ]
    assert asked(url, "SELECT dice, lower, upper, in_domain FROM cohort_expected_agreement") == [(0.7, 0.6, 0.8, True)]
    assert asked(url, "SELECT measure, value, in_study_z FROM cohort_image_quality ORDER BY position") == [
        ("snr", 10.0, -2.5),
        ("cnr", None, None),
    ]
    assert asked(url, "SELECT rating, reader, grade FROM cohort_ratings") == [("motion", keys.reader(READER), 4)]
    assert asked(url, "SELECT seconds FROM cohort_costs ORDER BY cohort_case") == [(12.5,), (12.5,), (None,)]
    assert set(read_names(names).cases.values()) == {"case 1", "case 2", "case 3"}
    assert set(read_names(names).readers.values()) == {READER}


def test_nothing_that_names_anybody_is_in_the_database(folder, tmp_path, names):
    secrets = ["Miller", "Ulm", "Szab", "node-7", "cut off", "2 islands", "=1+1", "/data", "aa" * 32, "bb" * 32]
    case = a_case("Miller^Anna", patient="Miller", site="Ulm", reader=READER)
    outcomes = [keep(folder, "Miller^Anna", a_record(reader=READER)), keep(folder, "Miller 2", None)]
    write_tables(folder, [case, a_case("Miller 2")], outcomes)
    file = tmp_path / "records.sqlite"
    ingest_cohort(folder, connect(f"sqlite:///{file}"), names, "liver")
    content = file.read_bytes()
    assert [secret for secret in secrets if secret.encode() in content] == []
    assert b"liver_ct" in content


def test_a_second_ingest_changes_nothing(folder, url, names):
    write_tables(folder, *a_cohort(folder, 3))
    ingest_cohort(folder, connect(url), names)
    before = everything(url)
    again = ingest_cohort(folder, connect(url), names)
    assert (again.cases, again.loaded, again.removed) == (3, 0, 0)
    assert everything(url) == before


def test_only_what_changed_is_loaded_and_comes_to_the_same_rows_as_all_at_once(folder, url, names, small_parts, tmp_path):
    cases, outcomes = a_cohort(folder, 12)
    write_tables(folder, cases, outcomes)
    ingest_cohort(folder, connect(url), names)
    outcomes[5] = keep(folder, cases[5].case, None)
    write_tables(folder, cases[:8], outcomes)
    done = ingest_cohort(folder, connect(url), names)
    assert (done.cases, done.loaded, done.removed) == (8, 4, 8)
    other = f"sqlite:///{tmp_path / 'at_once.sqlite'}"
    ingest_cohort(folder, connect(other), names)
    assert without_numbers(url) == without_numbers(other)


def test_a_run_that_computed_nothing_changes_the_costs_only(folder, url, names, monkeypatch):
    cases, outcomes = a_cohort(folder, 2)
    write_tables(folder, cases, outcomes)
    ingest_cohort(folder, connect(url), names)
    before = everything(url)
    write_tables(folder, cases, [replace(outcome, cost=replace(outcome.cost, seconds=99.0)) for outcome in outcomes])
    assert ingest_cohort(folder, connect(url), names).loaded == 0
    after = everything(url)
    assert [name for name in before if before[name] != after[name]] == ["cohort_parts", "cohort_costs"]
    assert asked(url, "SELECT seconds FROM cohort_costs") == [(99.0,), (99.0,)]


def test_several_cohorts_are_in_one_database(folder, url, names, tmp_path):
    write_tables(folder, *a_cohort(folder, 3))
    ingest_cohort(folder, connect(url), names, "first")
    ingest_cohort(folder, connect(url), names, "second")
    cases, outcomes = a_cohort(folder, 1)
    write_tables(folder, cases, outcomes)
    ingest_cohort(folder, connect(url), names, "second")
    query = "SELECT h.cohort, count(*) FROM cohorts h JOIN cohort_cases c ON c.cohort = h.number GROUP BY h.cohort ORDER BY 1"
    assert asked(url, query) == [("first", 3), ("second", 1)]


def test_an_ingest_that_is_stopped_leaves_the_cohort_as_it_was(folder, url, names, small_parts, monkeypatch):
    cases, outcomes = a_cohort(folder, 12)
    write_tables(folder, cases[:6], outcomes)
    ingest_cohort(folder, connect(url), names)
    before = everything(url)
    write_tables(folder, cases, outcomes)
    seen = []

    def stop(text, _share):
        seen.append(text)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest_cohort(folder, connect(url), names, progress=stop)
    assert seen
    assert everything(url) == before
    assert ingest_cohort(folder, connect(url), names).cases == 12


def a_log(logs, minute, case, reader=READER):
    kinds = ((EventKind.STARTED, {}), (EventKind.CASE_OPENED, {"case": case, "candidate": "saved"}))
    logs.mkdir(exist_ok=True)
    write_log(
        logs,
        header_at(minute, reader, case),
        [
            LogEvent(number, f"2026-11-22T08:{minute:02d}:{number:02d}.000+01:00", 60.0 * minute + number, str(kind), facts)
            for number, (kind, facts) in enumerate(kinds, start=1)
        ],
    )


def test_cohort_rows_join_what_readers_did_whichever_was_loaded_first(folder, url, names, tmp_path):
    logs = tmp_path / "logs"
    a_log(logs, 0, "ct-0000")
    a_log(logs, 10, "ct-0001", "Dr. Bo")
    write_tables(folder, *a_cohort(folder, 3))
    ingest_cohort(folder, connect(url), names)
    ingest(logs, connect(url), names)
    query = 'SELECT c.number, r.finished FROM cohort_cases c JOIN case_reads r ON r."case" = c."case" ORDER BY 1'
    assert asked(url, query) == [(1, False), (2, False)]


def test_a_reader_who_asks_is_deleted_from_cohorts_too_and_gets_their_rows_before(folder, url, names, tmp_path):
    logs = tmp_path / "logs"
    a_log(logs, 0, "ct-0000")
    cases, outcomes = a_cohort(folder, 2, a_record(reader=READER), reader=READER)
    write_tables(folder, cases, outcomes)
    ingest(logs, connect(url), names)
    ingest_cohort(folder, connect(url), names)
    exported = export_reader(logs, READER, connect(url), names, tmp_path / "out")
    assert (exported.rows["cohort_cases"], exported.rows["cohort_ratings"]) == (2, 2)
    assert "ct-0001" in (tmp_path / "out" / "database" / "names.csv").read_text(encoding="utf-8-sig")
    delete_reader(logs, READER, connect(url), names)
    assert asked(url, "SELECT reader, count(*) FROM cohort_cases GROUP BY reader") == [(None, 2)]
    assert asked(url, "SELECT * FROM cohort_ratings") == []
    assert (read_names(names).readers, len(read_names(names).cases)) == ({}, 2)


def test_names_of_another_database_are_refused(folder, url, names, tmp_path):
    write_tables(folder, *a_cohort(folder, 1))
    ingest_cohort(folder, connect(url), names)
    other = tmp_path / "other.names.json"
    make_names(other)
    with pytest.raises(BadDataError, match="was filled with keys of another names file"):
        ingest_cohort(folder, connect(url), other)


def test_tables_of_another_version_are_told(folder, tmp_path, names, monkeypatch):
    write_tables(folder, *a_cohort(folder, 1))
    monkeypatch.setitem(STORED, "verdicts", ("segment", "colour"))
    with pytest.raises(BadDataError, match="has no column colour"):
        sql_ingest._columns(next((folder.tables / "verdicts").iterdir()), STORED["verdicts"])


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Simulated readers' logs, and a simulated cohort of the cases that they read."""
    place = tmp_path_factory.mktemp("simulated")
    simulate_department(place, readers=3, models=1, cases=12, seed=0)
    folder = CohortFolder(place / "liver-2026")
    folder.path.mkdir()
    cases = [a_case(f"Simulated case {number:04d}") for number in range(1, 13)]
    outcomes = [
        keep(
            folder,
            case.case,
            None
            if number % 6 == 0
            else a_record(
                expected=0.6 + 0.03 * number,
                verdict=Verdict.ACCEPT if number % 2 else Verdict.REVIEW,
                model="One" if number % 3 else "Two",
                segments=("liver", "spleen", "left kidney", "right kidney"),
            ),
        )
        for number, case in enumerate(cases)
    ]
    write_tables(folder, cases, outcomes)
    return place / LOGS, folder


def test_every_query_of_the_page_runs_on_both_databases_and_finds_something(simulated, url, names):
    logs, folder = simulated
    ingest(logs, connect(url), names)
    ingest_cohort(folder, connect(url), names)
    queries = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(queries) >= 5
    for query in queries:
        assert asked(url, query), query


def test_the_page_explains_every_column(simulated):
    from SegQCLib.cohort.tables import TABLES

    page = PAGE.read_text(encoding="utf-8")
    for table in TABLES:
        section = page.partition(f"\n### {table.name}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
        missing = [column.name for column in table.columns if f"| `{column.name}` |" not in section]
        assert missing == [], table.name


def test_the_command_says_what_it_loaded(folder, tmp_path, capsys):
    write_tables(folder, *a_cohort(folder, 2))
    parser = argparse.ArgumentParser()
    cli_cohort_ingest.add_ingest(parser.add_subparsers())
    file = tmp_path / "records.sqlite"
    options = parser.parse_args(["ingest", str(folder.path), "--db", f"sqlite:///{file}", "--name", "liver"])
    assert options.run(options) == 0
    told = capsys.readouterr().out
    assert "Cohort 'liver': 2 cases; 2 were loaded now, 0 of before removed." in told
    assert str(file.with_suffix(".names.json")) in told
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT cohort FROM cohorts").fetchall() == [("liver",)]


def test_a_server_needs_the_file_of_names(folder, capsys):
    parser = argparse.ArgumentParser()
    cli_cohort_ingest.add_ingest(parser.add_subparsers())
    options = parser.parse_args(["ingest", str(folder.path), "--db", "postgresql://segqc@/x"])
    with pytest.raises(SystemExit):
        options.run(options)
    assert "--names is needed with a server's database" in capsys.readouterr().err
