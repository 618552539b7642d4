"""segqc cohort: its words, its exit codes, and what it says at the end."""

import json

import pytest

from cohort_cases import make_tiny
from SegQCLib import cli
from SegQCLib.cli_cohort import with_action

pytest.importorskip("distributed", reason="dask and distributed are not installed: pip install 'segqc[cohort]'")

PROTOCOL = "ct-abdomen-portal-venous"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["cohort", "cases.csv", "--out", "x"], ["cohort", "run", "cases.csv", "--out", "x"]),
        (["cohort", "--protocol", "p", "cases.csv"], ["cohort", "run", "--protocol", "p", "cases.csv"]),
        (["cohort", "./report"], ["cohort", "run", "./report"]),
        (["cohort", "reprot", "DIR"], ["cohort", "reprot", "DIR"]),
        (["cohort", "report", "DIR"], ["cohort", "report", "DIR"]),
        (["cohort", "--help"], ["cohort", "--help"]),
        (["cohort"], ["cohort"]),
        (["evaluate", "cohort"], ["evaluate", "cohort"]),
    ],
)
def test_cases_without_an_action_are_run(given, meant):
    assert with_action(given) == meant


def test_the_help_shows_the_forms_of_cases_and_an_example(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["cohort", "run", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "segqc cohort worklist.csv --protocol ct-abdomen-portal-venous" in told
    assert all(word in told for word in ("CSV", "DICOM", "BIDS", "nnU-Net", "--scheduler", "--memory", "--watch", "exit codes"))


@pytest.mark.parametrize(
    "wrong", [["--workers", "0"], ["--memory", "none"], ["--scheduler", "tcp://127.0.0.1:1", "--workers", "2"]]
)
def test_wrong_usage_ends_with_2(wrong, tmp_path):
    with pytest.raises(SystemExit) as ended:
        cli.main(["cohort", str(tmp_path), "--protocol", PROTOCOL, "--out", str(tmp_path / "out"), *wrong])
    assert ended.value.code == 2


def test_a_protocol_or_labels_that_cannot_be_used_end_the_run_before_it_begins(tmp_path, capsys):
    source = make_tiny(tmp_path / "source", 1)
    assert cli.main(["cohort", str(source), "--protocol", "no-such-protocol", "--out", str(tmp_path / "out")]) == 1
    assert "no-such-protocol" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_summary_counts_cases_and_verdicts_and_names_faults(tmp_path, capsys):
    source = make_tiny(tmp_path / "source", 3)
    (tmp_path / "source" / "image-1.nii").write_bytes(b"")
    code = cli.main(
        ["cohort", str(source), "--protocol", PROTOCOL, "--out", str(tmp_path / "out"), "--workers", "1", "--memory", "2"]
    )
    told = capsys.readouterr()
    assert code == 0, told.err
    assert told.out.startswith("3 cases: 3 computed in this run, 0 kept from earlier runs.\n  evaluated: 2 (ACCEPT ")
    assert "refused: 1 (their files cannot be evaluated)\n    tiny-1: " in told.out
    assert "image-1.nii: is empty (0 bytes)" in told.out
    assert (tmp_path / "out" / "tables").exists()


def test_a_fault_that_the_source_shows_is_computed_in_no_run_and_a_long_one_is_told_in_one_line(tmp_path, capsys):
    source = make_tiny(tmp_path / "source", 2)
    (tmp_path / "source" / "candidate-1.nii").unlink()
    with source.open("a") as file:
        file.write("SIMULATED many,image-0.nii,candidate-0.nii,many.json\n")
    (tmp_path / "source" / "many.json").write_text('{"labels": {"a": 1, "b": "x", "c": "y"}}')
    command = ["cohort", str(source), "--protocol", PROTOCOL, "--out", str(tmp_path / "out"), "--workers", "1", "--memory", "2"]
    for first in ("3 cases: 1 computed in this run, 0 kept", "3 cases: 0 computed in this run, 1 kept"):
        assert cli.main(command) == 0
        told = capsys.readouterr()
        assert told.out.startswith(f"{first} from earlier runs, 2 not read (their source shows a fault).\n")
        assert len(told.out.split("failed")[0].splitlines()) == 9, told.out
        assert "SIMULATED: 1 of the cases" in told.out
        assert all(json.loads(line)["event"] in ("note", "refused", "progress") for line in told.err.splitlines())
