"""Clusters as Documentation/cohort-cluster.md sets them up: the blocks of the page are what is run here, on this one machine.

SLURM needs Debian's slurm-wlm and munge, and dask-jobqueue, which SegQC itself does not need; without them its tests are skipped.
"""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import slurm
from documentation_blocks import block

_NEEDED = ("openssl", "/usr/bin/ss")
pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(not all(map(shutil.which, _NEEDED)), reason="Debian's openssl and iproute2 are not here"),
]

PAGE = "cohort-cluster.md"
PROTOCOL = ("--protocol", "ct-abdomen-portal-venous", "--labels", "totalsegmentator")


def on_this_machine(text, folder):
    """Return a block of the page for one machine whose folder stands for the shared file system."""
    changes = {
        "/cohort/env/bin/python": sys.executable,
        "/cohort": str(folder),
        "eth0": "lo",
        "8786": "0",
        "8GiB": "1500MiB",
        "9GB": "1900MB",
        "--nworkers 4": "--nworkers 1",
        "maximum_jobs=20": "maximum_jobs=2",
    }
    for ours, here in changes.items():
        text = text.replace(ours, here)
    return text


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Return a folder with the page's certificates and Dask file."""
    folder = tmp_path_factory.mktemp("site")
    make_certificates(folder)
    return folder


def make_certificates(folder):
    shell(on_this_machine(block(PAGE, "bash", "openssl req"), folder), os.environ)
    (folder / "dask.yaml").write_text(on_this_machine(block(PAGE, "yaml", "require-encryption"), folder))


def shell(text, environment):
    subprocess.run(["/bin/bash", "-ec", text], env=environment, check=True, capture_output=True, timeout=60)


def environment_with(dask_file=None, **more):
    """Return this process's environment, in which commands of this Python are found, and SegQC by every process."""
    environment = {**os.environ, **more, "PYTHONPATH": str(Path(__file__).parents[1] / "SegQCModule")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment.pop("DASK_CONFIG", None)
    return environment if dask_file is None else {**environment, "DASK_CONFIG": str(dask_file)}


@contextlib.contextmanager
def started(text, environment, said):
    """Run a block of the page until the end of this one."""
    with said.open("wb") as log:
        process = subprocess.Popen(["/bin/bash", "-ec", text], env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def wait_for(found, seconds=60):
    end = time.monotonic() + seconds
    while not (what := found()):
        assert time.monotonic() < end, f"nothing within {seconds} s"
        time.sleep(0.2)
    return what


@contextlib.contextmanager
def cluster_by_hand(folder):
    """Yield the scheduler's address and the sessions of all processes of the page's scheduler and workers, started by hand."""
    environment, where = environment_with(), folder / "scheduler.json"
    as_scheduler, as_worker = (on_this_machine(block(PAGE, "bash", f"dask {role}"), folder) for role in ("scheduler", "worker"))
    with started(as_scheduler, environment, folder / "scheduler.log") as scheduler:
        wait_for(where.exists)
        with started(as_worker, environment, folder / "worker.log") as worker:
            wait_for(lambda: "Register worker" in (folder / "scheduler.log").read_text())
            yield json.loads(where.read_text())["address"], {scheduler.pid, worker.pid}


def cohort(folder, totalsegmentator, count):
    """Write a CSV of copies of the sample CT, each with a segmentation, and return it."""
    folder.mkdir(exist_ok=True)
    with (folder / "cases.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["case", "image", "candidate"])
        for number in range(count):
            image, candidate = f"{number:03}_ct.nii.gz", f"{number:03}_seg.nii.gz"
            shutil.copyfile(totalsegmentator / "example_ct_sm.nii.gz", folder / image)
            shutil.copyfile(totalsegmentator / "example_seg.nii.gz", folder / candidate)
            rows.writerow([f"case-{number:03}", image, candidate])
    return folder / "cases.csv"


def segqc_cohort(cases, out, address):
    return [sys.executable, "-m", "SegQCLib.cli", "cohort", str(cases), *PROTOCOL, "--out", str(out), "--scheduler", address]


def run(command, environment):
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def told(done):
    return [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


def results(out):
    """Return every kept result with its number on the disk and its time: whether it was written once."""
    kept = sorted((out / ".segqc-cohort" / "results").rglob("*.json"))
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in kept}


def listening(sessions):
    """Return the addresses that the processes of some sessions listen on."""
    said = subprocess.run(["/usr/bin/ss", "-ltnpH"], capture_output=True, text=True, check=True)
    addresses = set()
    for line in said.stdout.splitlines():
        for process in re.findall(r"pid=(\d+)", line):
            with contextlib.suppress(ProcessLookupError):
                if os.getsid(int(process)) in sessions:
                    addresses.add(line.split()[3])
    return addresses


def test_a_tls_cluster_evaluates_and_refuses_who_has_no_certificate_of_its_authority(shared, totalsegmentator, tmp_path):
    cases = cohort(tmp_path / "cases", totalsegmentator, 3)
    with cluster_by_hand(shared) as (address, sessions):
        assert address.startswith("tls://127.0.0.1:")
        # Scheduler, nanny and worker, and a web page each of scheduler and worker.
        assert len(listening(sessions)) == 5
        assert all(one.startswith("127.0.0.1:") for one in listening(sessions))

        done = run(segqc_cohort(cases, tmp_path / "out", address), environment_with(shared / "dask.yaml"))
        assert done.returncode == 0, done.stderr
        assert told(done)[-1]["evaluated"] == 3

        (tmp_path / "other").mkdir()
        make_certificates(tmp_path / "other")
        mixed = tmp_path / "mixed.yaml"
        trusted = str(shared / "tls" / "authority.pem")
        mixed.write_text(
            (tmp_path / "other" / "dask.yaml").read_text().replace(str(tmp_path / "other" / "tls" / "authority.pem"), trusted)
        )
        for dask_file in (None, tmp_path / "other" / "dask.yaml", mixed):
            refused = run(segqc_cohort(cases, tmp_path / "refused", address), environment_with(dask_file))
            assert refused.returncode == 1, refused.stderr
            assert "Traceback" not in refused.stderr
            assert address in refused.stderr
        plain = run(segqc_cohort(cases, tmp_path / "refused", address.replace("tls:", "tcp:")), environment_with())
        assert plain.returncode == 1, plain.stderr
    assert not list((tmp_path / "refused").rglob("record.json"))


def test_with_the_pages_certificates_the_commands_own_workers_speak_tls_too(shared):
    code = "from SegQCLib.cohort.local_cluster import local_client\n"
    code += "if __name__ == '__main__':\n with local_client(1, 1.0) as client: print(client.scheduler.address, *client.nthreads())"
    (shared / "local.py").write_text(code)
    done = run([sys.executable, str(shared / "local.py")], environment_with(shared / "dask.yaml"))
    assert [address.partition("1:")[0] for address in done.stdout.split()] == ["tls://127.0.0.", "tls://127.0.0."], done.stderr


@pytest.mark.skipif(not slurm.there(), reason="Debian's slurm-wlm and munge are not here, or this is not root")
def test_slurm_jobs_evaluate_and_a_job_that_is_cancelled_in_the_middle_loses_nothing(shared, totalsegmentator, tmp_path):
    pytest.importorskip("dask_jobqueue", reason="needs pip install dask-jobqueue")
    cases, out = cohort(tmp_path / "cases", totalsegmentator, 40), tmp_path / "out"
    (shared / "start.py").write_text(on_this_machine(block(PAGE, "python", "SLURMCluster("), shared))
    with slurm.cluster() as with_slurm:
        environment = {**environment_with(shared / "dask.yaml"), "SLURM_CONF": with_slurm["SLURM_CONF"]}
        start = f"exec {sys.executable} {shared / 'start.py'}"
        with started(start, environment, shared / "start.log"):

            def address_said():
                return (shared / "start.log").read_text().partition("\n")[0].strip()

            def jobs():
                said = subprocess.run(["/usr/bin/squeue", "-h", "-o", "%A %T"], env=environment, capture_output=True, text=True)
                return [line.split()[0] for line in said.stdout.splitlines() if line.endswith("RUNNING")]

            address = wait_for(address_said)
            running = subprocess.Popen(
                segqc_cohort(cases, out, address), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            wait_for(lambda: len(list(out.glob("cases/*/record.json"))) >= 5)
            cancelled = jobs()[0]
            subprocess.run(["/usr/bin/scancel", "--full", "--signal=KILL", cancelled], env=environment, check=True)
            said = running.communicate(timeout=300)
            assert running.returncode == 0, said
            assert cancelled not in jobs()
            first = results(out)
            assert len(list(out.glob("cases/*/record.json"))) == 40

            # Now the client is killed in the middle.
            other = tmp_path / "killed"
            running = subprocess.Popen(
                segqc_cohort(cases, other, address), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            wait_for(lambda: len(list(other.glob("cases/*/record.json"))) >= 5)
            running.kill()
            running.wait()
            time.sleep(3)  # what workers had in hand is finished
            partly = results(other)
            assert len(partly) < len(first)
            done = run(segqc_cohort(cases, other, address), environment)
            assert done.returncode == 0, done.stderr
            assert told(done)[-1]["kept"] >= 5
            whole = results(other)
            assert {name: whole[name] for name in partly} == partly
            assert set(whole) == set(first)
        wait_for(lambda: not jobs(), 30)
