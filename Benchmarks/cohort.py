"""What a cohort's engine costs: per case, with one and two workers, with up to 100,000 cases, and with the largest.

    python Benchmarks/cohort.py [cost] [overhead] [scale] [simulate] [large] [--short] [--folder DIR]

Without a name: cost, overhead and scale, short (a few minutes). Every run is a process of its own; its memory is looked at ten
times a second, children included (psutil, resident set).

cost      300 real and derived cases (Testing/cohort_cases.py): a plain loop of reading, evaluating and writing the record in one
          process of one thread, beside `run` with 1 and 2 workers. About 15 minutes; --short: 60 cases, 3 minutes.
overhead  1,000 cases of 16 x 16 x 16 voxels: wall time x workers / cases, less the same work in a plain loop. 2 minutes.
scale     10, 100, 1,000, 10,000 such cases on 2 workers: time and memory, also as a plot; and the same again, when there is
          nothing to do. 6 minutes; --short: to 1,000, 1 minute.
simulate  100,000 cases through the same `run`, with a task that does nothing in place of evaluating: what client and scheduler
          take. 10 minutes; --short: 10,000.
large     Two workers, four cases of 512 x 512 x 600 voxels with 117 labels in candidate and reference (input L of ../shared/bench):
          memory of each worker and of all. 5 minutes.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "SegQCModule"), str(ROOT / "Testing")]
MAKE_INPUTS = ROOT.parent / "shared" / "bench" / "make_inputs.py"
PICTURE = ROOT / "Documentation" / "pictures" / "cohort-scale.svg"
PROTOCOL, LABELS = "ct-abdomen-portal-venous", "totalsegmentator"
MIB = 2**20


def plain_loop(csv_file, out):
    """Evaluate every case in this process, one after the other; return what it took."""
    from SegQCLib.cohort import plan
    from SegQCLib.cohort.read_case import read_case
    from SegQCLib.errors import BadDataError
    from SegQCLib.evaluate import evaluate
    from SegQCLib.protocol import load_protocol
    from SegQCLib.threads import limit_threads

    limit_threads(1)
    planned = plan(csv_file, PROTOCOL, labels=LABELS)
    protocols = {name: load_protocol(name) for name in planned.protocols}
    first = None
    started = time.perf_counter()
    for number, files in enumerate(planned.cases):
        if files.fault is None:
            # Some are broken; finding that out costs time, too.
            with contextlib.suppress(BadDataError):
                record = evaluate(read_case(files), protocols[files.protocol])
                (out / f"{number}.json").write_text(record.to_json(), encoding="utf-8")
        if first is None:
            # What is imported with the first case is no cost of cases.
            first = time.perf_counter() - started
    return {"seconds": time.perf_counter() - started, "first_s": first, "cases": len(planned.cases)}


def engine(csv_file, out, workers, again=False):
    """Run a cohort on a local cluster, twice if wanted; return what it took."""
    from SegQCLib.cohort import plan, run
    from SegQCLib.cohort.local_cluster import local_client

    times = [time.perf_counter()]
    planned = plan(csv_file, PROTOCOL, labels=LABELS)
    times.append(time.perf_counter())
    done_at = []

    def watch(progress):
        if progress.done == progress.total:
            done_at.append(time.perf_counter())

    with local_client(workers) as client:
        times.append(time.perf_counter())
        came_to = run(planned, client, out, watch)
        times.append(time.perf_counter())
        if again:
            run(planned, client, out)
            times.append(time.perf_counter())
    done = done_at[0] if done_at else times[3]
    return {
        "cases": len(came_to.outcomes),
        "failed": came_to.failed,
        "plan_s": times[1] - times[0],
        "cluster_s": times[2] - times[1],
        "cases_s": done - times[2],
        "tables_s": times[3] - done,
        "seconds": times[3] - times[2],
        "again_s": times[4] - times[3] if again else None,
    }


def engine_twice(csv_file, out, workers):
    """Run a cohort, and again when there is nothing to do; return what both took."""
    return engine(csv_file, out, workers, again=True)


def simulated(csv_file, out, workers):
    """Run a cohort whose task does nothing; return what it took."""
    from SegQCLib.cohort import cohort_run

    cohort_run.evaluate_one = nothing_done
    return engine(csv_file, out, workers)


def nothing_done(task):
    """Return that a case was evaluated, without doing it: what a scheduler, a connection and a client then take is theirs."""
    from SegQCLib.cohort.case_outcome import CaseOutcome, Outcome
    from SegQCLib.cohort.cohort_case import CaseFault

    return CaseOutcome(task.case.case, None, Outcome.FAILED, fault=CaseFault("simulation", "nothing was done.", "Nothing."))


class Memory:
    """The largest resident memory of a process and of its children while it runs, MiB."""

    def __init__(self, pid):
        self.client = self.worker = self.total = 0.0
        self._pid, self._end = pid, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _look(self):
        import psutil

        while not self._end.wait(0.1):
            try:
                process = psutil.Process(self._pid)
                own = process.memory_info().rss / MIB
                children = [one.memory_info().rss / MIB for one in process.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            self.client = max(self.client, own)
            self.worker = max([self.worker, *children])
            self.total = max(self.total, own + sum(children))


def measured(kind, csv_file, workers=0):
    """Do one run in a process of its own; return what it says, with memory."""
    with tempfile.TemporaryDirectory(dir=csv_file.parent) as out:
        command = [sys.executable, __file__, "--one", kind, "--csv", csv_file, "--out", out, "--workers", str(workers)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        with Memory(process.pid) as memory:
            said, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"{kind} with {workers} workers failed.")
    found = json.loads(said.splitlines()[-1])
    return found | {"client_mib": memory.client, "worker_mib": memory.worker, "total_mib": memory.total}


def cost(folder, short):
    """Print what a case costs and how much faster workers are than a plain loop."""
    from cohort_cases import CSV_NAME, make_cohort

    count = 60 if short else 300
    where = folder / f"cases-{count}"
    if not where.exists():
        make_cohort(where, count)
    plain = measured("plain", where / CSV_NAME)
    print(f"\n{count} real and derived cases, 5 % broken\n")
    print("| | s per case | whole (s) | speed-up | largest process (MiB) | all processes (MiB) |\n|---|---|---|---|---|---|")
    row = "| {} | {:.3f} | {:.1f} | {} | {:.0f} | {:.0f} |"
    print(row.format("plain loop", plain["seconds"] / count, plain["seconds"], "1", plain["client_mib"], plain["total_mib"]))
    for workers in (1, 2):
        one = measured("engine", where / CSV_NAME, workers)
        faster = f"{plain['seconds'] / one['seconds']:.2f}"
        name = f"{workers} worker{'s' * (workers > 1)} (and {one['cluster_s']:.1f} s to start them)"
        print(row.format(name, one["seconds"] / count, one["seconds"], faster, one["worker_mib"], one["total_mib"]))


def overhead(folder, short):
    """Print what the engine takes for a case beside evaluating it."""
    from cohort_cases import CSV_NAME, make_tiny

    count = 300 if short else 1000
    make_tiny(folder / f"tiny-{count}", count)
    csv_file = folder / f"tiny-{count}" / CSV_NAME
    plain = measured("plain", csv_file)
    one_plain = (plain["seconds"] - plain["first_s"]) / (count - 1)
    print(f"\n{count} cases of 16 x 16 x 16 voxels; a plain loop takes {one_plain * 1000:.1f} ms for each\n")
    print("| workers | wall x workers / cases (ms) | less the plain loop: overhead (ms) | of it tables (ms) |\n|---|---|---|---|")
    for workers in (1, 2):
        one = measured("engine", csv_file, workers)
        each, tables = one["seconds"] * workers / count, one["tables_s"] * workers / count
        print(f"| {workers} | {each * 1000:.1f} | {(each - one_plain) * 1000:.1f} | {tables * 1000:.1f} |")


def scale(folder, short):
    """Print and draw time and memory against the number of cases."""
    from cohort_cases import CSV_NAME, make_tiny

    found = []
    print("\n2 workers, cases of 16 x 16 x 16 voxels\n")
    print(
        "| cases | plan (s) | cases (s) | tables (s) | ms per case | again (s) | client and scheduler (MiB) | larger worker (MiB) |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for count in (10, 100, 1000) if short else (10, 100, 1000, 10_000):
        make_tiny(folder / f"tiny-{count}", count)
        one = measured("twice", folder / f"tiny-{count}" / CSV_NAME, 2)
        found.append(one)
        print(
            f"| {count:,} | {one['plan_s']:.2f} | {one['cases_s']:.1f} | {one['tables_s']:.1f}"
            f" | {one['seconds'] / count * 1000:.1f} | {one['again_s']:.1f} | {one['client_mib']:.0f} | {one['worker_mib']:.0f} |",
            flush=True,
        )
    picture = folder / PICTURE.name if short else PICTURE
    draw(found, picture)
    print(f"\nPlot: {picture}")


def draw(found, picture):
    """Draw time and memory against the number of cases."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "segqc"
    counts = [one["cases"] for one in found]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    times, memory = figure.subplots(1, 2)
    times.loglog(counts, [one["seconds"] for one in found], "o-", color="#1b6ca8", label="whole run")
    times.loglog(counts, [one["tables_s"] for one in found], "s--", color="#7a7a7a", label="of it tables")
    times.loglog(counts, [one["again_s"] for one in found], "^:", color="#c8553d", label="again: nothing to do")
    times.set(xlabel="cases", ylabel="time (s)", title="Time, 2 workers")
    memory.semilogx(counts, [one["client_mib"] for one in found], "o-", color="#1b6ca8", label="client and scheduler")
    memory.semilogx(counts, [one["worker_mib"] for one in found], "s--", color="#c8553d", label="larger worker")
    memory.set(xlabel="cases", ylabel="largest resident memory (MiB)", title="Memory", ylim=(0, None))
    for axes in (times, memory):
        axes.grid(visible=True, which="major", color="#dddddd")
        axes.legend(frameon=False)
    figure.savefig(picture, metadata={"Date": None})


def simulate(folder, short):
    """Print what 100,000 tasks that do nothing take."""
    from cohort_cases import CSV_NAME, make_tiny

    count = 10_000 if short else 100_000
    # So many files would measure the file system: cases share a hundred pairs.
    make_tiny(folder / f"shared-{count}", count, distinct=100)
    one = measured("simulated", folder / f"shared-{count}" / CSV_NAME, 2)
    print(f"\nSIMULATION of {count:,} cases: the task does nothing; plan, scheduler, connections, outcomes and tables are real")
    print(
        f"plan {one['plan_s']:.1f} s; cases {one['cases_s']:.0f} s, {one['cases_s'] / count * 1000:.2f} ms each; tables"
        f" {one['tables_s']:.1f} s; client and scheduler {one['client_mib']:.0f} MiB; larger worker {one['worker_mib']:.0f} MiB"
    )
    per_second = count / one["cases_s"]
    print(
        f"Extrapolation: one client and scheduler hand out {per_second:.0f} cases a second; with cases of 1 s they keep"
        f" {per_second:.0f} workers busy, with cases of 30 s {30 * per_second:.0f}, if storage keeps up; the heartbeats of so many"
        " workers are not in it."
    )


def large(folder, short):
    """Print what two workers need for the largest cases."""
    import numpy as np

    from SegQCLib.geometry import Geometry, sitk_image

    if not MAKE_INPUTS.is_file():
        print(f"{MAKE_INPUTS} is not here: the largest cases are skipped.")
        return
    import SimpleITK as sitk

    where = folder / "large"
    if not (where / "cohort.csv").exists():
        subprocess.run([sys.executable, str(MAKE_INPUTS), str(where), "--only", "L"], check=True)
        with np.load(where / "L.npz") as arrays:
            spacing = tuple(map(float, arrays["spacing_mm"]))
            maps = {name: arrays[name] for name in ("reference", "candidate")}
        axes = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
        grid = Geometry(maps["reference"].shape, spacing, (0.0, 0.0, 0.0), axes)
        noise = np.random.default_rng(0).integers(-20, 20, grid.size, dtype=np.int16)
        maps["image"] = maps["reference"].astype(np.int16) + noise
        for name, array in maps.items():
            sitk.WriteImage(sitk_image(array, grid), str(where / f"{name}.nii.gz"), useCompression=True)
        (where / "L.npz").unlink()
        lines = [f"large-{n},image.nii.gz,candidate.nii.gz,reference.nii.gz" for n in range(2 if short else 4)]
        (where / "cohort.csv").write_text("\n".join(["case,image,candidate,reference", *lines]) + "\n")
    one = measured("engine", where / "cohort.csv", 2)
    print(f"\n{one['cases']} cases of 512 x 512 x 600, 117 labels, with reference, 2 workers; failed: {one['failed']}")
    print(
        f"{one['seconds']:.0f} s; larger worker {one['worker_mib']:.0f} MiB, client and scheduler {one['client_mib']:.0f} MiB, all"
        f" together {one['total_mib']:.0f} MiB of 24,576"
    )


PARTS = {"cost": cost, "overhead": overhead, "scale": scale, "simulate": simulate, "large": large}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)}")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/segqc-bench-cohort"))  # noqa: S108
    parser.add_argument("--one", choices=["plain", "engine", "twice", "simulated"], help=argparse.SUPPRESS)
    parser.add_argument("--csv", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: the parts are {', '.join(PARTS)}.")
    if options.one is None:
        options.folder.mkdir(parents=True, exist_ok=True)
        for part in options.parts or ("cost", "overhead", "scale"):
            PARTS[part](options.folder, options.short or not options.parts)
    elif options.one == "plain":
        print(json.dumps(plain_loop(options.csv, options.out)))
    else:
        kinds = {"engine": engine, "twice": engine_twice, "simulated": simulated}
        print(json.dumps(kinds[options.one](options.csv, options.out, options.workers)))


if __name__ == "__main__":
    main()
