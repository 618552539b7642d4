"""`segqc cohort` in a process of its own: started, killed, and its output folder compared with another."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import SegQCLib
from cohort_cases import CSV_NAME, LABELS, PROTOCOL
from SegQCLib.cohort.cohort_folder import STORE_NAME, CohortFolder

if TYPE_CHECKING:
    import psutil

# One thread per worker is what a run sets itself; these are for libraries that start threads when they are imported.
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(SegQCLib.__file__).parents[1]), os.environ.get("PYTHONPATH")))),
}

# `segqc` that ends with Ctrl-C: shells start what they put into the background with it ignored.
HEARS_CTRL_C = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); from SegQCLib.cli import main; sys.exit(main())"
)


def cohort_command(cohort: Path, out: Path, *more: str) -> list[str]:
    """Return the command that evaluates a cohort made by `make_cohort` or `make_tiny`."""
    given = ["cohort", str(cohort / CSV_NAME), "--protocol", PROTOCOL, "--labels", LABELS, "--out", str(out)]
    return [sys.executable, "-m", "SegQCLib.cli", *given, *more]


def start(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own; what it says is added to a file."""
    with log.open("ab") as file:
        return subprocess.Popen(command, env=ENVIRONMENT, stdout=file, stderr=file, start_new_session=True)


def finish(command: Sequence[str], log: Path, timeout_s: float = 1800) -> str:
    """Run a command to its end, which must be a good one; return what it said."""
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout_s)
    with log.open("a", encoding="utf-8") as file:
        file.write(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def kept(out: Path) -> dict[str, tuple[int, int, int]]:
    """Return which results are kept, and what shows that a file was written again: inode, time, size."""
    results = out / STORE_NAME / "results"
    found = {}
    for path in results.glob("*/*.json"):
        status = path.stat()
        found[path.relative_to(results).as_posix()] = (status.st_ino, status.st_mtime_ns, status.st_size)
    return {name: facts for name, facts in found.items() if not name.endswith(".record.json")}


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None, timeout_s: float = 600) -> bool:
    """Wait until a condition holds; False: the process ended first."""
    end = time.monotonic() + timeout_s
    while not condition():
        if process is not None and process.poll() is not None:
            return condition()
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return True


def descendants(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    import psutil

    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def workers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the processes that evaluate cases: those without children, but for the one that counts multiprocessing's resources."""
    import psutil

    found = []
    for one in descendants(process):
        try:
            if "multiprocessing.spawn" in " ".join(one.cmdline()) and not one.children():
                found.append(one)
        except psutil.NoSuchProcess:
            continue
    return found


def kill(process: subprocess.Popen[bytes] | psutil.Process) -> None:
    """Kill -9: no time to clean up."""
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def result(out: Path) -> dict[str, str]:
    """Return the SHA-256 of all that a run came to, by its place: tables but costs, records without when they were made, errors."""
    folder = CohortFolder(out)
    found = {}
    for path in sorted(folder.tables.rglob("*.parquet")):
        if "costs" not in path.relative_to(folder.tables).parts[0]:
            found[path.relative_to(out).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    for path in sorted(folder.cases.rglob("*.json")):
        content = json.loads(path.read_bytes())
        for key in ("created", "cost"):
            content.pop(key, None)
        found[path.relative_to(out).as_posix()] = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return found
