"""A cohort's results as one Parquet data set: the rows, the same bytes every time, and nothing half shown."""

import csv
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from cohort_results import COST, FAULT, a_case, a_cohort, a_record, failed, keep, key_of
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.tables import TABLES
from SegQCLib.errors import BadDataError

pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install 'segqc[cohort]'")
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from SegQCLib.cohort.result_store import ResultStore
from SegQCLib.cohort.tables import versions, write_part
from SegQCLib.cohort.tables import write_tables as write_tables_module
from SegQCLib.cohort.tables.read_tables import read_table, table_parts
from SegQCLib.cohort.tables.write_tables import write_tables


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cohort").mkdir()
    return CohortFolder(tmp_path / "cohort")


def rows(folder, name):
    return read_table(folder, name).to_pylist()


def contents(folder, without=()):
    return {
        str(path.relative_to(folder.tables)): path.read_bytes()
        for path in folder.tables.rglob("*")
        if path.is_file() and path.parent.name not in without
    }


def three_cases(folder):
    cases = [
        a_case("liver 1", references=(a_case("r").image,) * 2, patient="p1", site="Ulm", protocol="liver_ct", reader="Dr. Éva"),
        a_case("liver 2", candidate_is_draft=True),
        a_case("liver 3"),
    ]
    return cases, [keep(folder, "liver 1", a_record()), failed("liver 2"), keep(folder, "liver 3", None)]


def test_every_case_is_a_row_whatever_became_of_it(folder):
    write_tables(folder, *three_cases(folder))
    evaluated, lost, refused = rows(folder, "cases")
    assert evaluated == {
        "case": "liver 1", "outcome": "evaluated", "verdict": "REVIEW", "error_where": None, "error_found": None,
        "error_remedy": None, "image_path": "/data/liver 1/image.nii.gz", "candidate_path": "/data/liver 1/candidate.nii.gz",
        "candidate_is_draft": False, "references": 2, "reference_paths": ["/data/r/image.nii.gz"] * 2, "draft_path": None,
        "labels": None, "protocol": "liver_ct", "patient": "p1", "site": "Ulm", "reader": "Dr. Éva",
        "protocol_id": "liver_ct", "protocol_version": "1.0.0", "protocol_sha256": "cd" * 32, "key": key_of("liver 1"),
        "image_sha256": "aa" * 32, "candidate_sha256": "bb" * 32, "modality": "CT", "manufacturer": "ACME", "model": "One",
        "software_versions": [], "convolution_kernel": [], "slice_thickness_mm": 2.0, "spacing_k_mm": 2.0, "spacing_j_mm": 1.0,
        "spacing_i_mm": 1.0, "size_k": 10, "size_j": 20, "size_i": 30, "simulated": True, "failed_findings": 1, "warnings": 1,
        "hardest_segment": "liver", "hardest_expected_dice": 0.7,
    }  # fmt: skip
    assert (lost["outcome"], lost["key"], lost["error_found"]) == ("failed", None, "The worker was killed.")
    assert (lost["candidate_is_draft"], lost["references"], lost["failed_findings"]) == (True, 0, None)
    assert (refused["outcome"], refused["verdict"], refused["key"]) == ("refused", None, key_of("liver 3"))
    assert (refused["error_where"], refused["error_found"], refused["error_remedy"]) == (FAULT.where, FAULT.found, FAULT.remedy)


def test_the_other_tables_have_the_record_s_own_rows(folder):
    write_tables(folder, *three_cases(folder))
    dice, assd = rows(folder, "measurements")
    assert dice == {
        "case": "liver 1", "segment": "liver", "structure": "liver", "metric": "dice", "value": 0.8, "unit": "1",
        "definition": "DSC", "candidate_role": "candidate", "reference_role": "reference", "reason": None,
    }  # fmt: skip
    assert (assd["value"], assd["reason"]) == (None, "One mask is empty.")
    assert rows(folder, "verdicts") == [
        {"case": "liver 1", "segment": "liver", "structure": "liver", "verdict": "REVIEW", "reasons": ["islands", "Dice"]}
    ]
    islands, kvp = rows(folder, "findings")
    assert (islands["status"], islands["location_lps_mm"], islands["size_voxels"]) == ("FAIL", [1.0, 2.0, 3.0], 7)
    assert (kvp["measured"], kvp["segment"], kvp["location_lps_mm"]) == ("120 kV", None, None)
    (expected,) = rows(folder, "expected_agreement")
    assert (expected["dice"], expected["threshold"], expected["in_domain"], expected["reasons"]) == (0.7, 0.6, True, ["few"])
    snr, cnr = rows(folder, "image_quality")
    assert (snr["value"], snr["in_study_z"], snr["in_study_cases"]) == (10.0, -2.5, 24)
    assert (cnr["value"], cnr["in_study_z"], cnr["reason"]) == (None, None, "No background.")
    (rating,) = rows(folder, "ratings")
    assert (rating["grade"], rating["reader"], rating["comment"]) == (4, "Dr. Éva", "=1+1")
    costs = rows(folder, "costs")
    assert [(row["case"], row["seconds"]) for row in costs] == [("liver 1", COST.seconds), ("liver 2", None), ("liver 3", 12.5)]


def test_a_cost_of_an_earlier_run_is_the_one_that_was_kept(folder):
    cases, outcomes = a_cohort(folder, 1)
    write_tables(folder, cases, [replace(outcomes[0], kept=True, cost=None)])
    assert [(row["kept"], row["host"]) for row in rows(folder, "costs")] == [(True, "node-7")]


def test_simulated_is_what_the_record_says(folder):
    real = replace(a_record(), inputs=())
    write_tables(folder, [a_case("a"), a_case("b")], [keep(folder, "a", a_record()), keep(folder, "b", real)])
    assert [row["simulated"] for row in rows(folder, "cases")] == [a_record().says_simulated, real.says_simulated] == [True, False]


def test_a_case_whose_name_says_so_is_simulated_whatever_became_of_it(folder):
    real = replace(a_record(), inputs=())
    cases = [a_case("SIMULATED 1"), a_case("Simulated 2"), a_case("c")]
    write_tables(folder, cases, [keep(folder, "SIMULATED 1", real), failed("Simulated 2"), failed("c")])
    assert [row["simulated"] for row in rows(folder, "cases")] == [True, True, None]


def test_a_slice_thickness_that_differs_between_slices_is_none(folder):
    write_tables(folder, [a_case("a")], [keep(folder, "a", a_record(slice_thicknesses_mm=(2.0, 3.0)))])
    assert rows(folder, "cases")[0]["slice_thickness_mm"] is None


def test_the_same_results_give_the_same_bytes_in_whatever_order_they_were_done(tmp_path):
    cohorts = []
    for name, turn in (("a", 1), ("b", -1)):
        folder = CohortFolder(tmp_path / name)
        cases, outcomes = a_cohort(folder, 30)
        write_tables(folder, cases, outcomes[::turn])
        cohorts.append(contents(folder))
    assert cohorts[0] == cohorts[1]
    assert {path.split("/")[0] for path in cohorts[0]} == {*(table.name for table in TABLES), "cases.csv"}


def test_rows_are_in_the_order_of_the_plan_over_many_parts(folder, monkeypatch):
    monkeypatch.setattr("SegQCLib.cohort.tables.part._MOST_CASES", 4)
    cases, outcomes = a_cohort(folder, 10)
    write_tables(folder, cases[::-1], outcomes)
    names = [case.case for case in cases[::-1]]
    assert len(table_parts(folder, "cases")) == 3
    assert read_table(folder, "cases", ["case"]).column("case").to_pylist() == names
    assert ds.dataset(folder.tables / "measurements").to_table(columns=["case"]).column(0).to_pylist()[::2] == names


def test_only_parts_that_changed_are_written_again(folder, monkeypatch):
    monkeypatch.setattr("SegQCLib.cohort.tables.part._MOST_CASES", 4)
    cases, outcomes = a_cohort(folder, 12)
    write_tables(folder, cases, outcomes)
    before = {path.name: path.stat().st_ino for path in table_parts(folder, "measurements")}
    written = []
    real = write_part.write_part
    monkeypatch.setattr(
        write_tables_module,
        "write_part",
        lambda folder, paths, part: written.append((sorted(paths), len(part))) or real(folder, paths, part),
    )
    write_tables(folder, cases, outcomes)
    assert written == []
    outcomes[5] = keep(folder, cases[5].case, None)
    write_tables(folder, cases, outcomes)
    assert written == [(sorted(table.name for table in TABLES), 4)]
    after = {path.name: path.stat().st_ino for path in table_parts(folder, "measurements")}
    assert len(after) == 3
    assert len(before.items() & after.items()) == 2
    # What a run took is the only thing that is new when all was kept.
    written.clear()
    write_tables(folder, cases, [replace(outcome, kept=True) for outcome in outcomes])
    assert written == [(["costs"], 4)] * 3


def test_a_new_case_in_the_middle_changes_its_own_part_only(folder, monkeypatch):
    for name, number in (("_MEAN_CASES", 16), ("_LEAST_CASES", 4), ("_MOST_CASES", 32)):
        monkeypatch.setattr(f"SegQCLib.cohort.tables.part.{name}", number)
    cases, outcomes = a_cohort(folder, 200)
    write_tables(folder, cases, outcomes)
    before = {path.name[-40:] for path in table_parts(folder, "cases")}
    more = a_case("new")
    write_tables(folder, [*cases[:100], more, *cases[100:]], [*outcomes, keep(folder, "new", None)])
    after = {path.name[-40:] for path in table_parts(folder, "cases")}
    assert len(before) > 8
    assert len(before - after) == 1


def test_cases_that_are_no_longer_in_the_cohort_leave_the_tables(folder):
    cases, outcomes = a_cohort(folder, 3)
    write_tables(folder, cases, outcomes)
    write_tables(folder, cases[:1], outcomes)
    assert [row["case"] for row in rows(folder, "cases")] == ["ct-0000"]
    assert {row["case"] for row in rows(folder, "measurements")} == {"ct-0000"}


def test_a_case_that_was_not_reached_has_no_row(folder):
    cases, outcomes = a_cohort(folder, 3)
    write_tables(folder, cases, outcomes[:2])
    assert read_table(folder, "cases").num_rows == 2


def test_a_cohort_without_cases_has_empty_tables(folder):
    write_tables(folder, [], [])
    assert [read_table(folder, table.name).num_rows for table in TABLES] == [0] * len(TABLES)
    assert read_table(folder, "measurements").schema.names == [column.name for column in TABLES[2].columns]


@pytest.mark.parametrize("moment", ["write_part", "write_cases_csv", "show_version"])
def test_whatever_stops_the_writing_the_old_tables_stay_and_the_next_run_shows_the_new_ones(folder, monkeypatch, moment):
    cases, outcomes = a_cohort(folder, 2)
    write_tables(folder, cases, outcomes)
    before = contents(folder)
    more, outcome = a_case("new"), keep(folder, "new", None)
    with monkeypatch.context() as stopped:

        def stop(*_):
            raise KeyboardInterrupt

        stopped.setattr(write_tables_module, moment, stop)
        with pytest.raises(KeyboardInterrupt):
            write_tables(folder, [*cases, more], [*outcomes, outcome])
    assert contents(folder) == before
    write_tables(folder, [*cases, more], [*outcomes, outcome])
    assert read_table(folder, "cases").num_rows == 3


# A process that ends as a kill ends it, at the moment when the new tables are whole and not shown.
KILLED = """
import os, sys
from pathlib import Path

from cohort_results import a_cohort
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.tables import versions
from SegQCLib.cohort.tables.write_tables import write_tables

versions._link = lambda *_: os._exit(9)
folder = CohortFolder(Path(sys.argv[1]))
write_tables(folder, *a_cohort(folder, 2))
"""


def test_a_run_that_was_killed_before_it_showed_its_tables_leaves_the_old_ones_and_no_rest(folder):
    cases, outcomes = a_cohort(folder, 2)
    write_tables(folder, cases[:1], outcomes)
    before = contents(folder)
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", KILLED, folder.path], env=here, capture_output=True, text=True, timeout=120)
    assert killed.returncode == 9, killed.stderr
    assert contents(folder) == before
    write_tables(folder, cases, outcomes)
    assert read_table(folder, "cases").num_rows == 2
    (folder.store / "tables" / ".new-left").mkdir()
    write_tables(folder, cases[:1], outcomes)
    # The one that is shown, and the one before it for who is reading it.
    assert len(list((folder.store / "tables").iterdir())) == 2


def test_what_a_killed_worker_left_is_not_shown(folder, monkeypatch):
    real = write_part.write_part

    def twice(folder, paths, cases):
        (paths["cases"].parent / f".{paths['cases'].name}.0123").write_bytes(b"PAR1")
        real(folder, paths, cases)

    monkeypatch.setattr(write_tables_module, "write_part", twice)
    write_tables(folder, *a_cohort(folder, 2))
    assert [path.name[:5] for path in (folder.tables / "cases").iterdir()] == ["part-"]


def test_who_is_reading_the_old_tables_can_go_on_when_new_ones_are_shown(folder):
    cases, outcomes = a_cohort(folder, 2)
    write_tables(folder, cases, outcomes)
    parts = table_parts(folder, "cases")
    write_tables(folder, cases[:1], outcomes)
    assert pq.read_table(parts[0]).num_rows == 2


def test_a_full_disk_is_told_and_the_old_tables_stay(folder, monkeypatch):
    cases, outcomes = a_cohort(folder, 2)
    write_tables(folder, cases[:1], outcomes)
    before = contents(folder)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(BadDataError, match=r"No space left on device.*Free space and run the same command again"):
        write_tables(folder, cases, outcomes)
    assert contents(folder) == before
    assert len(list((folder.store / "tables").iterdir())) == 1


def test_where_there_are_no_links_the_tables_are_a_folder(folder, monkeypatch):
    def no_links(*_, **__):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(versions.Path, "symlink_to", no_links)
    monkeypatch.setattr(versions.Path, "hardlink_to", no_links)
    cases, outcomes = a_cohort(folder, 2)
    write_tables(folder, cases, outcomes)
    write_tables(folder, cases[:1], outcomes)
    assert not folder.tables.is_symlink()
    assert read_table(folder, "cases").num_rows == 1
    monkeypatch.undo()
    write_tables(folder, cases, outcomes)
    assert (folder.tables.is_symlink(), read_table(folder, "cases").num_rows) == (True, 2)


def test_a_folder_that_was_moved_has_its_tables(folder, tmp_path):
    write_tables(folder, *a_cohort(folder, 2))
    moved = folder.path.rename(tmp_path / "elsewhere")
    assert read_table(CohortFolder(moved), "cases").num_rows == 2


@pytest.mark.parametrize("loss", ["cut off", "cases.csv", "all"])
def test_what_was_lost_of_the_tables_is_written_again(folder, loss):
    cohort = a_cohort(folder, 2)
    write_tables(folder, *cohort)
    before = contents(folder)
    if loss == "cut off":
        (part,) = table_parts(folder, "findings")
        part.write_bytes(part.read_bytes()[:-5])
        with pytest.raises(BadDataError, match="cannot be read"):
            read_table(folder, "findings")
    elif loss == "cases.csv":
        (folder.tables / "cases.csv").unlink()
    else:
        shutil.rmtree(folder.store / "tables")
    write_tables(folder, *cohort)
    assert contents(folder) == before


def test_a_result_that_cannot_be_read_is_named(folder):
    cases, outcomes = a_cohort(folder, 1)
    ResultStore(folder).record_path(outcomes[0].key).write_text('{"schema"')
    with pytest.raises(BadDataError, match=r"record.json: cannot be read as a result.*computed anew"):
        write_tables(folder, cases, outcomes)


def test_every_column_says_what_it_is_and_its_unit(folder):
    write_tables(folder, *a_cohort(folder, 1))
    for table in TABLES:
        schema = pq.read_schema(table_parts(folder, table.name)[0])
        assert schema.metadata[b"doc"]
        assert all(field.metadata[b"doc"] for field in schema)
    cases = pq.read_schema(table_parts(folder, "cases")[0])
    assert cases.field("spacing_k_mm").metadata[b"unit"] == b"mm"
    assert b"unit" not in cases.field("site").metadata
    assert pq.read_schema(table_parts(folder, "costs")[0]).field("seconds").metadata[b"unit"] == b"s"


def test_pandas_reads_a_table_as_it_is(folder):
    pandas = pytest.importorskip("pandas")
    write_tables(folder, *three_cases(folder))
    frame = pandas.read_parquet(folder.tables / "cases")
    assert list(frame["case"]) == ["liver 1", "liver 2", "liver 3"]
    assert frame["hardest_expected_dice"].isna().tolist() == [False, True, True]


def test_names_that_are_no_unicode_are_written_as_in_the_record(folder):
    case = a_case("a", reader="Eva\udcff")
    write_tables(folder, [case], [keep(folder, "a", a_record(reader="Eva\udcff"))])
    assert rows(folder, "cases")[0]["reader"] == rows(folder, "ratings")[0]["reader"] == "Eva\\udcff"


def test_cases_csv_is_for_spreadsheets(folder):
    case = a_case("=cmd()", reader="Dr. Éva")
    write_tables(folder, [case], [keep(folder, "=cmd()", a_record(convolution_kernel=("B30f", "B50f")))])
    content = (folder.tables / "cases.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfcase,outcome,")
    (row,) = csv.DictReader(content.decode("utf-8-sig").splitlines())
    assert (row["case"], row["reader"], row["candidate_is_draft"]) == ("'=cmd()", "Dr. Éva", "no")
    assert (row["convolution_kernel"], row["hardest_expected_dice"], row["site"]) == ("B30f; B50f", "0.7", "")


def test_workers_of_a_cluster_write_the_same_bytes(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("SegQCLib.cohort.tables.part._MOST_CASES", 4)
    here, there = CohortFolder(tmp_path / "a"), CohortFolder(tmp_path / "b")
    write_tables(here, *a_cohort(here, 10))
    with (
        distributed.LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        distributed.Client(cluster) as client,
    ):
        write_tables(there, *a_cohort(there, 10), client)
        cases, outcomes = a_cohort(there, 10)
        ResultStore(there).record_path(outcomes[3].key).unlink()
        shutil.rmtree(there.store / "tables")
        with pytest.raises(BadDataError, match="cannot be read as a result"):
            write_tables(there, cases, outcomes, client)
    write_tables(there, *a_cohort(there, 10))
    assert contents(here) == contents(there)


def test_a_table_or_column_that_is_not_there_is_told(folder):
    with pytest.raises(ValueError, match="has no table 'scores'; it has cases, verdicts"):
        read_table(folder, "scores")
    with pytest.raises(ValueError, match="has no column dice"):
        read_table(folder, "cases", ["dice"])
    with pytest.raises(BadDataError, match=r"is not there\. Give the output folder of segqc cohort"):
        read_table(folder, "cases")
