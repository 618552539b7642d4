"""Three hundred cases, 5 % of them broken: evaluated whole, killed twenty times, on a full disk, and without a network."""

import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
import time

import pytest

from cohort_cases import make_cohort
from cohort_runs import ENVIRONMENT, cohort_command, descendants, finish, kept, kill, result, start, wait_for, workers
from SegQCLib.cohort.cohort_folder import CohortFolder

psutil = pytest.importorskip("psutil")
pytest.importorskip("distributed")
pytest.importorskip("pyarrow")
pytestmark = pytest.mark.nightly

CASES, BROKEN = 300, 15
KILLS = 20
SMALL = 24


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("cohort")


@pytest.fixture(scope="module")
def cohort(place, totalsegmentator):
    """Return the folder of the whole cohort and what was made."""
    return place / "whole", make_cohort(place / "whole", CASES, files=totalsegmentator)


@pytest.fixture(scope="module")
def small(place, totalsegmentator):
    """Return the folder of a cohort that takes half a minute."""
    make_cohort(place / "small", SMALL, seed=1, broken_share=0.25, files=totalsegmentator)
    return place / "small"


@pytest.fixture(scope="module")
def uninterrupted(place, cohort):
    finish(cohort_command(cohort[0], place / "out"), place / "uninterrupted.log")
    return place / "out"


@pytest.fixture(scope="module")
def small_result(place, small):
    finish(cohort_command(small, place / "out-small"), place / "small.log")
    return result(place / "out-small")


def rows(out, table):
    from SegQCLib.cohort.tables.read_tables import read_table

    return read_table(CohortFolder(out), table).to_pylist()


def test_each_broken_case_is_refused_by_its_file_and_no_other(uninterrupted, cohort):
    found = {row["case"]: row for row in rows(uninterrupted, "cases")}
    assert list(found) == [made.case for made in cohort[1]]
    refused = {case for case, row in found.items() if row["outcome"] != "evaluated"}
    assert refused == {made.case for made in cohort[1] if made.broken}
    assert len(refused) == BROKEN
    for made in cohort[1]:
        row = found[made.case]
        if made.broken:
            assert row["outcome"] == "refused", made
            assert made.names in f"{row['error_where']} {row['error_found']} {row['error_remedy']}", made
        else:
            assert row["verdict"] in ("ACCEPT", "REVIEW", "REJECT")
            assert row["error_where"] is None


def test_a_slice_that_is_missing_is_found_and_the_case_measured_all_the_same(uninterrupted, cohort):
    flawed = {made.case: made.finding for made in cohort[1] if made.finding}
    assert flawed
    findings = rows(uninterrupted, "findings")
    for case, check in flawed.items():
        assert [row["status"] for row in findings if row["case"] == case and row["check"] == check] == ["WARN"]


def test_the_whole_again_computes_nothing(uninterrupted, cohort, place):
    before = kept(uninterrupted), result(uninterrupted)
    finish(cohort_command(cohort[0], uninterrupted), place / "again.log")
    assert (kept(uninterrupted), result(uninterrupted)) == before


def test_twenty_kills_of_workers_and_client_change_nothing(uninterrupted, cohort, place):
    out, log = place / "killed", place / "killed.log"
    command = cohort_command(cohort[0], out)
    chance = random.Random(20)  # noqa: S311 - the same moments every night
    # When so many results are kept, and a moment of up to a second later, by which another case has begun.
    moments = sorted(chance.sample(range(CASES * 9 // 10), KILLS))
    seen, killed = {}, {"client": 0, "worker": 0}
    process = start(command, log)
    for number, moment in enumerate(moments):
        while not wait_for(lambda moment=moment: len(kept(out)) >= moment, process) or process.poll() is not None:
            # A worker that is killed while it starts ends the run: the same command again, as it says.
            assert process.wait() == 1, log.read_text()[-3000:]
            process = start(command, log)
        time.sleep(chance.random())
        # What was kept at this moment must still be the same file at the end: never computed twice.
        seen |= kept(out)
        if number % 2:
            there = descendants(process)
            kill(process)
            process.wait()
            killed["client"] += 1
            _, alive = psutil.wait_procs(there, timeout=60)
            assert not alive, "workers outlive their client"
            process = start(command, log)
        elif wait_for(lambda process=process: bool(workers(process)), process):
            kill(chance.choice(workers(process)))
            killed["worker"] += 1
    if process.wait(1800) == 1:
        process = start(command, log)
    assert process.wait(1800) == 0, log.read_text()[-3000:]
    assert "Traceback" not in log.read_text()
    assert killed == {"client": KILLS // 2, "worker": KILLS // 2}
    assert result(out) == result(uninterrupted)
    assert not {name for name, facts in kept(out).items() if name in seen and seen[name] != facts}
    assert set(kept(out)) == set(kept(uninterrupted))


@contextlib.contextmanager
def processes(*commands):
    """Run commands in the background and end them, with all that they started."""
    running = [start(command, log) for command, log in commands]
    try:
        yield running
    finally:
        for one in running:
            for child in descendants(one):
                kill(child)
            kill(one)
            one.wait()


def dask(*arguments):
    return [
        sys.executable,
        "-m",
        "distributed.cli." + ("dask_scheduler" if arguments[0] == "scheduler" else "dask_worker"),
        *arguments[1:],
    ]


def site(place, address, prefix=()):
    """Return the commands of a scheduler and a worker of a site's own, each with its log."""
    host, port = address.removeprefix("tcp://").split(":")
    scheduler = [*prefix, *dask("scheduler", "--host", host, "--port", port, "--no-dashboard", "--no-show")]
    return scheduler, place / "scheduler.log"


def worker(place, address, host, name, prefix=()):
    folder = place / f"dask-{name}"
    arguments = ["--host", host, "--nthreads", "1", "--nworkers", "1", "--name", name, "--no-dashboard", "--memory-limit", "3GiB"]
    return [*prefix, *dask("worker", address, *arguments, "--local-directory", str(folder))], place / f"{name}.log"


def test_a_scheduler_of_ones_own_that_is_killed_leaves_what_it_had(small, small_result, place):
    out, log, address = place / "out-scheduler", place / "scheduler-client.log", "tcp://127.0.0.1:18786"
    command = cohort_command(small, out, "--scheduler", address)
    cluster = site(place, address), worker(place, address, "127.0.0.1", "one"), worker(place, address, "127.0.0.1", "two")
    with processes(*cluster) as (scheduler, *_):
        client = start(command, log)
        wait_for(lambda: len(kept(out)) >= SMALL // 4, client)
        kill(scheduler)
        assert client.wait(120) == 1
    said = log.read_text()
    assert "Traceback" not in said
    assert "scheduler" in said.splitlines()[-1]
    before = kept(out)
    with processes(*cluster):
        finish(command, log)
    assert result(out) == small_result
    assert {name: facts for name, facts in kept(out).items() if name in before} == before


def tool(name):
    return shutil.which(name) or name


def needs_root(*tools):
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or bool(missing), reason=f"needs Linux, root and {', '.join(tools)}"
    )


@needs_root("unshare", "ip")
def test_loopback_is_all_the_network_that_is_used(small, small_result, place):
    out = place / "out-unshared"
    inside = 'ip link set lo up && test -z "$(ip route)" && exec "$@"'
    finish([tool("unshare"), "-n", "sh", "-c", inside, "sh", *cohort_command(small, out)], place / "unshared.log")
    assert result(out) == small_result


@needs_root("strace")
def test_nothing_but_loopback_and_local_sockets_is_connected_to(small, small_result, place):
    out, trace = place / "out-traced", place / "connects.txt"
    finish(
        [tool("strace"), "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace), *cohort_command(small, out)],
        place / "t.log",
    )
    assert result(out) == small_result
    addresses = set(re.findall(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"', trace.read_text()))
    assert {v4 or v6 for v4, v6 in addresses} <= {"127.0.0.1", "::1"}


@contextlib.contextmanager
def two_namespaces():
    """Two network namespaces with one cable between them: 10.9.0.1 and 10.9.0.2, no way out."""
    names = [f"segqc-{os.getpid()}-{end}" for end in "ab"]

    def ip(*arguments):
        subprocess.run([tool("ip"), *arguments], check=True, capture_output=True)

    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", "segqc0", "netns", names[0], "type", "veth", "peer", "name", "segqc0", "netns", names[1])
        for number, name in enumerate(names, 1):
            ip("-n", name, "addr", "add", f"10.9.0.{number}/24", "dev", "segqc0")
            ip("-n", name, "link", "set", "segqc0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield [[tool("ip"), "netns", "exec", name] for name in names]
    finally:
        for name in names:
            subprocess.run([tool("ip"), "netns", "del", name], capture_output=True)


@needs_root("ip")
def test_two_computers_with_addresses_of_their_own_give_the_same(small, small_result, place):
    out, address = place / "out-two", "tcp://10.9.0.1:8786"
    with two_namespaces() as (first, second):
        cluster = (
            site(place, address, first),
            worker(place, address, "10.9.0.1", "first", first),
            worker(place, address, "10.9.0.2", "second", second),
        )
        with processes(*cluster):
            finish([*first, *cohort_command(small, out, "--scheduler", address)], place / "two.log")
    assert result(out) == small_result
    # `host` is the computer's name, which namespaces share: both workers' processes have worked.
    for name in ("first", "second"):
        assert "Start worker at" in (place / f"{name}.log").read_text()


@needs_root("mount")
def test_a_full_disk_stops_the_run_and_space_lets_it_go_on(small, small_result, place):
    out, log = place / "out-full", place / "full.log"
    out.mkdir()
    subprocess.run([tool("mount"), "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(out)], check=True)
    try:
        done = subprocess.run(cohort_command(small, out), env=ENVIRONMENT, capture_output=True, text=True, timeout=600)
        log.write_text(done.stdout + done.stderr)
        assert done.returncode == 1, log.read_text()
        assert "Traceback" not in done.stderr
        assert "full" in done.stderr or "space" in done.stderr
        before = kept(out)
        subprocess.run([tool("mount"), "-o", "remount,size=1g", str(out)], check=True)
        finish(cohort_command(small, out), log)
        assert result(out) == small_result
        assert before
        assert {name: facts for name, facts in kept(out).items() if name in before} == before
    finally:
        subprocess.run([tool("umount"), "-l", str(out)], check=True)
