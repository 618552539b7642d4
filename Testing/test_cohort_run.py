"""Each case of a cohort is its own task and its own failure; a second run computes what is missing, and nothing twice."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cohort_cases import make_tiny
from SegQCLib.cohort import plan, run
from SegQCLib.cohort.case_outcome import Outcome
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.cohort_facts import read_facts
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.cohort_plan import CohortPlan
from SegQCLib.cohort.evaluate_one import CaseTask, evaluate_one
from SegQCLib.cohort.local_cluster import local_client
from SegQCLib.cohort.read_case import read_case
from SegQCLib.cohort.result_store import ResultStore
from SegQCLib.errors import BadDataError, Cancelled
from SegQCLib.evaluate import evaluate
from SegQCLib.protocol import load_protocol
from SegQCLib.record import QCRecord

pytest.importorskip("distributed", reason="dask and distributed are not installed: pip install 'segqc[cohort]'")

PROTOCOL = "ct-abdomen-portal-venous"


@pytest.fixture(scope="module")
def client():
    with local_client(1, 2.0) as started:
        yield started


@pytest.fixture
def source(tmp_path):
    """Six tiny cases, one of them an empty file."""
    csv = make_tiny(tmp_path / "source", 6)
    (tmp_path / "source" / "candidate-3.nii").write_bytes(b"")
    age(tmp_path / "source")
    return csv


def age(folder):
    """Let files have settled: what changed a moment ago is hashed again."""
    for path in folder.iterdir():
        os.utime(path, (path.stat().st_mtime - 60,) * 2)


def results(out):
    """Return the kept results by their key, with what tells whether a file was written again."""
    found = (out / ".segqc-cohort" / "results").rglob("*.json")
    return {path.name: path.stat().st_ino for path in found if not path.name.endswith(".record.json")}


def without_date(record):
    return replace(record, created="")


def test_a_broken_case_is_a_row_with_its_error_and_the_rest_goes_on(client, source, tmp_path):
    out = tmp_path / "out"
    told = []
    done = run(plan(source, PROTOCOL), client, out, told.append)
    assert [one.outcome for one in done.outcomes] == [Outcome.EVALUATED] * 3 + [Outcome.REFUSED] + [Outcome.EVALUATED] * 2
    assert (done.computed, done.kept, done.refused, done.failed) == (6, 0, 1, 0)
    assert "candidate-3.nii" in done.outcomes[3].fault.where
    assert sorted(one.done for one in told) == [1, 2, 3, 4, 5, 6]
    folder = CohortFolder(out)
    assert json.loads(folder.error("tiny-3").read_text())["outcome"] == "refused"
    assert read_facts(folder).counts.evaluated == 5
    # A case of a cohort has the record that it has alone.
    alone = evaluate(read_case(plan(source, PROTOCOL).cases[0]), load_protocol(PROTOCOL))
    assert without_date(QCRecord.from_json(folder.record("tiny-0").read_text())) == without_date(alone)

    before = results(out)
    again = run(plan(source, PROTOCOL), client, out)
    assert (again.computed, again.kept, again.refused) == (0, 6, 1)
    assert results(out) == before

    damaged = ResultStore(folder).record_path(done.outcomes[1].key)
    damaged.write_bytes(damaged.read_bytes()[:-10])
    mended = run(plan(source, PROTOCOL), client, out)
    assert (mended.computed, mended.kept) == (1, 5)
    assert QCRecord.from_json(folder.record("tiny-1").read_text()).verdict == done.outcomes[1].verdict

    fewer = run(replace(planned := plan(source, PROTOCOL), cases=planned.cases[:2]), client, out)
    assert fewer.kept == 2
    assert sorted(path.name for path in folder.cases.iterdir()) == ["tiny-0", "tiny-1"]


def test_a_changed_input_is_computed_again_and_an_earlier_protocol_is_taken_again(client, source, tmp_path):
    out = tmp_path / "out"
    run(plan(source, PROTOCOL), client, out)
    (tmp_path / "source" / "image-0.nii").write_bytes((tmp_path / "source" / "image-1.nii").read_bytes())
    assert run(plan(source, PROTOCOL), client, out).computed == 1
    own = tmp_path / "own.json"
    content = json.loads(Path(load_protocol(PROTOCOL).path).read_text())
    own.write_text(json.dumps({**content, "title": "Another"}))
    assert run(plan(source, own), client, out).computed == 6
    assert run(plan(source, PROTOCOL), client, out).kept == 6


def test_whoever_stops_a_run_keeps_what_is_done(client, source, tmp_path):
    def stop(progress):
        if progress.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(plan(source, PROTOCOL), client, tmp_path / "out", stop)
    assert run(plan(source, PROTOCOL), client, tmp_path / "out").kept >= 1


def test_a_case_whose_file_is_gone_failed_and_is_tried_again(source, tmp_path):
    planned = plan(source, PROTOCOL)
    case = planned.cases[0]
    task = CaseTask(case, planned.protocols[case.protocol], planned.source_folder, tmp_path / "out", software())
    content = case.image.read_bytes()
    case.image.unlink()
    failed = evaluate_one(task)
    assert (failed.outcome, failed.key) == (Outcome.FAILED, None)
    assert "image-0.nii: cannot be read now (No such file or directory)" in str(failed.fault)
    case.image.write_bytes(content)
    assert evaluate_one(task).outcome is Outcome.EVALUATED


def software():
    from SegQCLib.cohort.case_key import deciding_software

    return deciding_software()


def test_a_worker_with_other_software_ends_the_run(source, tmp_path):
    planned = plan(source, PROTOCOL)
    case = planned.cases[0]
    other = {**software(), "numpy": "1.0"}
    with pytest.raises(BadDataError, match="other software than the run was begun with"):
        evaluate_one(CaseTask(case, planned.protocols[case.protocol], None, tmp_path / "out", other))


def test_a_plan_names_each_case_once_and_knows_faults_of_single_cases(source):
    case = CohortCase("a", source, source)
    with pytest.raises(ValueError, match="given twice: A, a"):
        plan([case, replace(case, case="A")], PROTOCOL)
    planned: CohortPlan = plan([replace(case, protocol="no-such-protocol"), CohortCase("b", source, None)], PROTOCOL)
    assert "no-such-protocol" in str(planned.cases[0].fault)
    assert "has no candidate" in str(planned.cases[1].fault)
    with pytest.raises(BadDataError, match="is not a label table"):
        plan([case], PROTOCOL, labels="no-such-labels")


def command(source, out):
    code = "import sys; from SegQCLib.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["cohort", str(source), "--protocol", PROTOCOL, "--out", str(out), "--workers", "1"]
    module = Path(__file__).parents[1] / "SegQCModule"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=module, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_the_command_goes_on_where_it_was_killed(tmp_path):
    source, out = make_tiny(tmp_path / "source", 40), tmp_path / "out"
    age(tmp_path / "source")
    first = command(source, out)
    # On a busy computer it may be done before it is killed; then everything is kept.
    while first.poll() is None and len(results(out)) < 3:
        time.sleep(0.02)
    first.kill()
    first.communicate()
    before = results(out)
    assert before
    second = command(source, out)
    told, progress = second.communicate(timeout=300)
    assert second.returncode == 0, progress
    assert "40 cases:" in told
    last = json.loads(progress.splitlines()[-1])
    assert (last["done"], last["failed"]) == (40, 0)
    assert (last["kept"], last["evaluated"]) == (len(before), 40 - len(before))
    assert before.items() <= results(out).items()
    assert not list((out / ".segqc-cohort" / "unfinished").iterdir())


def test_who_has_not_the_keys_of_the_workers_cannot_send_them_anything(client):
    from distributed import Client
    from distributed.security import Security

    address = client.scheduler.address
    assert address.startswith("tls://127.0.0.1:")
    for stranger, security in ((address, Security.temporary()), (address.replace("tls://", "tcp://"), None)):
        with pytest.raises((OSError, RuntimeError)):
            Client(stranger, security=security, timeout="2s")
