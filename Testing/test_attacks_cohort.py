"""Whatever happens around a cohort's run, a result is right or it is not there, and the message says what to do."""

import gzip
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cohort_cases import make_tiny
from cohort_runs import ENVIRONMENT
from SegQCLib import cli
from SegQCLib.cohort import evaluate_one as worker
from SegQCLib.cohort import local_cluster, plan
from SegQCLib.cohort.case_key import deciding_software
from SegQCLib.cohort.case_outcome import Outcome
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.evaluate_one import CaseTask, evaluate_one, look_up
from SegQCLib.cohort.local_cluster import scheduler_client
from SegQCLib.cohort.one_run import one_run
from SegQCLib.cohort.run_fault import RunFault
from SegQCLib.errors import BadDataError
from SegQCLib.protocol import load_protocol
from SegQCLib.protocols.sign_off import sign_protocol
from SegQCLib.record import QCRecord
from SegQCLib.resources import resource

PROTOCOL = "ct-abdomen-portal-venous"


@pytest.fixture
def source(tmp_path):
    """Three tiny cases whose files have settled."""
    csv = make_tiny(tmp_path / "source", 3)
    for path in csv.parent.iterdir():
        age(path)
    return csv


def age(path):
    os.utime(path, (time.time() - 60,) * 2)


def task(planned, number, out):
    case = planned.cases[number]
    return CaseTask(case, planned.protocols[case.protocol], planned.source_folder, out, deciding_software())


def while_it_is_read(monkeypatch, change):
    """Let something happen once, between hashing a case's files and reading them."""
    read = worker.read_case

    def read_after(case):
        monkeypatch.setattr(worker, "read_case", read)
        change()
        return read(case)

    monkeypatch.setattr(worker, "read_case", read_after)


def store_files(out, kind):
    return [path for path in (out / ".segqc-cohort" / kind).rglob("*") if path.is_file()]


def test_nothing_that_was_made_of_other_bytes_is_kept_when_a_file_changes_and_changes_back(source, tmp_path, monkeypatch):
    planned, out = plan(source, PROTOCOL), tmp_path / "out"
    candidate = planned.cases[0].candidate
    own, another = candidate.read_bytes(), planned.cases[1].candidate.read_bytes()
    while_it_is_read(monkeypatch, lambda: candidate.write_bytes(another))
    failed = evaluate_one(task(planned, 0, out))
    assert failed.outcome is Outcome.FAILED
    assert "candidate-0.nii changed while the case was evaluated" in failed.fault.found
    assert not store_files(out, "steps")
    assert not store_files(out, "results")
    candidate.write_bytes(own)
    age(candidate)
    assert evaluate_one(task(planned, 0, out)).outcome is Outcome.EVALUATED
    record = QCRecord.from_json(CohortFolder(out).record("tiny-0").read_text())
    assert record.inputs[1].sha256 == hashlib.sha256(own).hexdigest()


def test_other_bytes_of_the_same_size_and_time_are_noticed(source, tmp_path, monkeypatch):
    planned, out = plan(source, PROTOCOL), tmp_path / "out"
    candidate, another = planned.cases[0].candidate, planned.cases[1].candidate.read_bytes()

    def change():
        before = candidate.stat()
        candidate.write_bytes(another)
        os.utime(candidate, ns=(before.st_atime_ns, before.st_mtime_ns))

    while_it_is_read(monkeypatch, change)
    assert evaluate_one(task(planned, 0, out)).outcome is Outcome.FAILED
    assert evaluate_one(task(planned, 0, out)).outcome is Outcome.EVALUATED
    first = evaluate_one(task(planned, 2, out))
    candidate = planned.cases[2].candidate
    change()
    changed = evaluate_one(task(planned, 2, out))
    assert not changed.kept
    assert changed.key != first.key


def test_a_file_that_only_got_other_rights_meanwhile_is_the_same(source, tmp_path, monkeypatch):
    planned = plan(source, PROTOCOL)
    while_it_is_read(monkeypatch, lambda: planned.cases[0].image.chmod(0o600))
    assert evaluate_one(task(planned, 0, tmp_path / "out")).outcome is Outcome.EVALUATED


def test_a_slice_that_arrives_meanwhile_is_noticed(source, tmp_path, monkeypatch):
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "1.dcm").write_bytes(b"no DICOM")
    lines = source.read_text().replace("image-0.nii", str(folder))
    source.write_text(lines)
    planned = plan(source, PROTOCOL)
    while_it_is_read(monkeypatch, lambda: (folder / "2.dcm").write_bytes(b"no DICOM"))
    failed = evaluate_one(task(planned, 0, tmp_path / "out"))
    assert failed.outcome is Outcome.FAILED
    assert "2.dcm changed while the case was evaluated" in failed.fault.found


def own_protocol(folder):
    """Return a protocol of somebody's own, with a difficulty model of their own."""
    folder.mkdir()
    content = json.loads(Path(load_protocol("ct-lung-nodule").path).read_text(encoding="utf-8"))
    content["id"] = "own"
    content["expected_agreement"]["model"] = "model.json"
    (folder / "own.json").write_text(json.dumps(content))
    shutil.copy(resource("Models/lung-nodule-ct.json"), folder / "model.json")
    return folder / "own.json"


def test_a_model_or_signature_that_changes_during_a_run_is_not_what_the_key_says(source, tmp_path, monkeypatch):
    protocol, out = own_protocol(tmp_path / "rules"), tmp_path / "out"
    model = protocol.with_name("model.json")
    planned = plan(source, protocol)
    while_it_is_read(monkeypatch, lambda: model.write_text(model.read_text() + " "))
    assert "difficulty model" in evaluate_one(task(planned, 0, out)).fault.found
    planned = plan(source, protocol)
    while_it_is_read(monkeypatch, lambda: sign_protocol(protocol, "author", "Dr. A"))
    assert "signatures" in evaluate_one(task(planned, 0, out)).fault.found
    assert not store_files(out, "steps")
    assert evaluate_one(task(plan(source, protocol), 0, out)).outcome is Outcome.EVALUATED


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x10" + bytes(7) + b"0123456789abcdef"])
def test_somebody_else_than_a_scheduler_is_not_waited_for(words, monkeypatch):
    monkeypatch.setattr(local_cluster, "_ANSWER_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(words), daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(BadDataError, match=f"{address}: no Dask scheduler answers there"), scheduler_client(address):
            pass


def test_an_empty_address_is_not_taken_for_none(source, tmp_path, capsys):
    code = cli.main(["cohort", str(source), "--protocol", PROTOCOL, "--out", str(tmp_path / "out"), "--scheduler", ""])
    assert code == 1
    assert "no Dask scheduler answers there" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["inputs", "steps", "results"])
@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff", b"null", b'{"files": [[1, 2, 3, 4, 5]]}'])
def test_whatever_stands_in_the_store_costs_no_more_than_computing(source, tmp_path, kind, content):
    out = tmp_path / "out"
    given = task(plan(source, PROTOCOL), 0, out)
    evaluate_one(given)
    found = CohortFolder(out).record("tiny-0")
    good = replace(QCRecord.from_json(found.read_text()), created="")
    for path in store_files(out, kind):
        # Not through the link that the case's folder has to it.
        path.unlink()
        path.write_bytes(gzip.compress(content) if kind == "steps" else content)
    if kind == "steps":
        shutil.rmtree(out / ".segqc-cohort" / "results")
    look_up([given])
    assert evaluate_one(given).outcome is Outcome.EVALUATED
    assert replace(QCRecord.from_json(found.read_text()), created="") == good


def test_names_have_letters_that_the_system_s_own_encoding_lacks():
    code = "from SegQCLib.cohort.sources.case_names import shown; print(ascii(shown('\\u0141\\udcff')))"
    ascii_only = {**ENVIRONMENT, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    told = subprocess.run([sys.executable, "-c", code], env=ascii_only, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == r"'\u0141\\xff'"


def test_results_that_are_written_into_an_image_s_folder_are_none_of_its_files(source, tmp_path, monkeypatch):
    folder = source.parent / "study"
    folder.mkdir()
    (folder / "1.dcm").write_bytes(b"no DICOM")
    age(folder / "1.dcm")
    source.write_text(source.read_text().replace("image-0.nii", "study"))
    planned, out = plan(source, PROTOCOL), folder / "out"
    while_it_is_read(monkeypatch, lambda: evaluate_one(task(planned, 1, out)))
    first = evaluate_one(task(planned, 0, out))
    assert first.outcome is Outcome.REFUSED
    assert look_up([task(planned, 0, out)])[0].key == first.key


def test_voxels_may_lie_where_a_header_says(source, tmp_path):
    voxels = tmp_path / "voxels.raw"
    voxels.write_bytes(bytes(8))
    header = source.parent / "image.nhdr"
    header.write_text(
        "NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: 2 2 2\n"
        "space directions: (1,0,0) (0,1,0) (0,0,1)\nkinds: domain domain domain\nencoding: raw\nspace origin: (0,0,0)\n"
        f"data file: {voxels}\n"
    )
    source.write_text(source.read_text().replace("image-0.nii", header.name))
    first = evaluate_one(task(plan(source, PROTOCOL), 0, tmp_path / "out"))
    assert first.outcome is not Outcome.FAILED
    voxels.write_bytes(b"12345678")
    assert evaluate_one(task(plan(source, PROTOCOL), 0, tmp_path / "out")).key != first.key


def test_a_run_ends_when_its_folder_is_gone_though_workers_made_it_again(tmp_path):
    folder = CohortFolder(tmp_path / "out")
    folder.store.mkdir(parents=True)
    with one_run(folder) as require_folder:
        require_folder()
        folder.path.rename(tmp_path / "unmounted")
        folder.store.mkdir(parents=True)
        with pytest.raises(RunFault, match=r"its drive went away.*Bring it back and run the same command again"):
            require_folder()
