"""Run a plan on a Dask cluster: each case its own task and its own failure, each result kept once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.cohort.case_key import deciding_software
from SegQCLib.cohort.case_outcome import CaseOutcome, Outcome
from SegQCLib.cohort.case_views import remove_other_cases, show_case
from SegQCLib.cohort.cohort_case import CaseFault
from SegQCLib.cohort.cohort_facts import LastRun, write_facts
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.cohort_plan import CohortPlan
from SegQCLib.cohort.cohort_progress import CohortProgress, CohortWatcher, ProgressCount, unwatched_cohort
from SegQCLib.cohort.evaluate_one import CaseTask, evaluate_one, look_up
from SegQCLib.cohort.fit_workers import require_fit_workers
from SegQCLib.cohort.one_run import one_run
from SegQCLib.cohort.result_store import ResultStore
from SegQCLib.cohort.run_fault import RunFault
from SegQCLib.cohort.tables.pyarrow_needed import require_pyarrow
from SegQCLib.cohort.tables.write_tables import write_tables
from SegQCLib.output import require_writable

if TYPE_CHECKING:
    from distributed import Client, Future

# Outstanding tasks for each worker thread: none ever waits for the client, and the scheduler of a large cohort holds few.
_PER_THREAD = 8
_FEWEST = 64
_LOOKED_UP_AT_ONCE = 50
_GIB = 2**30
_AGAIN = "Run the same command again: what is there is not computed twice."


@dataclass(frozen=True)
class CohortRun:
    """What a run came to.

    Attributes
    ----------
    outcomes : tuple of CaseOutcome
        Of every case, in the order of the plan.
    computed : int
        Cases that were evaluated or refused in this run.
    kept : int
        Cases that an earlier run had evaluated or refused.
    refused, failed : int
        Of all cases: see `case_outcome.Outcome`.
    unread : int
        Refused cases of which no file was read, because their source shows that they cannot be evaluated: in every run anew.
    """

    outcomes: tuple[CaseOutcome, ...]
    computed: int
    kept: int
    refused: int
    failed: int
    unread: int = 0


def run(
    plan: CohortPlan,
    client: Client,
    out: Path,
    progress: CohortWatcher = unwatched_cohort,
    *,
    standing: Mapping[str, CaseOutcome] | None = None,
) -> CohortRun:
    """Evaluate every case of a plan that has no result yet, write tables and views, and return what became of each.

    Only this run writes into the folder until it ends. Whatever stops it, run the same again: what is there is not computed twice.

    Parameters
    ----------
    plan : CohortPlan
    client : distributed.Client
        Of a local cluster (`local_cluster.local_client`) or a site's (`local_cluster.scheduler_client`).
    out : Path
        Output folder, on a file system that all workers share.
    progress : callable of CohortProgress
        Told, in the caller's thread, after each case.
    standing : mapping of a case's name to CaseOutcome, optional
        Of an earlier run of these cases: what stands although their files are not to be looked at now.

    Raises
    ------
    BadDataError
        If the folder cannot be written to or is full, another run writes into it, workers are not what they have to be, or the
        scheduler is lost. What is there is kept.
    KeyboardInterrupt, Cancelled
        If somebody stops it, or `progress` raises it: cases that are not done are cancelled, what is there is kept.
    """
    require_pyarrow()
    folder = CohortFolder(Path(out).absolute())
    require_writable(folder.store)
    with one_run(folder) as require_folder:

        def told(progress_now: CohortProgress) -> None:
            require_folder()
            progress(progress_now)

        ResultStore(folder).sweep()
        started = _now()
        cluster = _Cluster(client)
        outcomes = _outcomes(plan, cluster, folder, told, standing or {}, started)
        remove_other_cases(folder, (case.case for case in plan.cases))
        write_tables(folder, plan.cases, outcomes, client)
        kept = sum(outcome.kept for outcome in outcomes)
        refused, failed = (sum(one.outcome is kind for one in outcomes) for kind in (Outcome.REFUSED, Outcome.FAILED))
        unread = sum(case.fault is not None and not one.kept for case, one in zip(plan.cases, outcomes, strict=True))
        computed = len(outcomes) - kept - unread - sum(one.outcome is Outcome.FAILED and not one.kept for one in outcomes)
        write_facts(folder, plan, outcomes, LastRun(started, _now(), computed, kept, cluster.threads, unread))
    return CohortRun(outcomes, computed, kept, refused, failed, unread)


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")


def _outcomes(
    plan: CohortPlan,
    cluster: _Cluster,
    folder: CohortFolder,
    progress: CohortWatcher,
    standing: Mapping[str, CaseOutcome],
    started: str,
) -> tuple[CaseOutcome, ...]:
    """Return what became of every case, in the order of the plan."""
    count = ProgressCount(len(plan.cases))
    found: dict[int, CaseOutcome] = {}

    def done(number: int, outcome: CaseOutcome) -> None:
        found[number] = outcome
        progress(count.add(outcome))

    tasks: dict[int, CaseTask] = {}
    software = deciding_software()
    for number, case in enumerate(plan.cases):
        if case.case in standing:
            done(number, standing[case.case])
        elif case.fault is not None:
            outcome = CaseOutcome(case.case, None, Outcome.REFUSED, fault=case.fault)
            show_case(folder, outcome)
            done(number, outcome)
        else:
            tasks[number] = CaseTask(case, plan.protocols[case.protocol], plan.source_folder, folder.path, software)
    if tasks:
        first, last = plan.cases[min(tasks)], plan.cases[max(tasks)]
        require_fit_workers(cluster.client, folder, [path for path in (first.image, last.image) if path.exists()])
        if ResultStore(folder).has_results():
            with closing(_looked_up(cluster, tasks)) as kept:
                for number, outcome in kept:
                    del tasks[number]
                    done(number, outcome)
        count.begin_computing()
        numbers = list(tasks)
        with closing(cluster.each(evaluate_one, [tasks[number] for number in numbers])) as answers:
            for place, answer in answers:
                outcome = answer
                if isinstance(answer, BaseException):
                    case = plan.cases[numbers[place]].case
                    outcome = CaseOutcome(case, None, Outcome.FAILED, fault=cluster.fault(case, answer))
                    show_case(folder, outcome)
                elif answer.kept and datetime.fromisoformat(answer.cost.started) >= datetime.fromisoformat(started):
                    # Its worker was killed between keeping it and saying so.
                    outcome = replace(answer, kept=False)
                done(numbers[place], outcome)
    return tuple(found[number] for number in range(len(plan.cases)))


def _looked_up(cluster: _Cluster, tasks: Mapping[int, CaseTask]) -> Iterator[tuple[int, CaseOutcome]]:
    """Yield what earlier runs kept."""
    numbers = list(tasks)
    batches = [numbers[at : at + _LOOKED_UP_AT_ONCE] for at in range(0, len(numbers), _LOOKED_UP_AT_ONCE)]
    with closing(cluster.each(look_up, [tuple(tasks[number] for number in batch) for batch in batches])) as answers:
        for place, answer in answers:
            # A worker that was killed here costs no more than computing: evaluating a case looks again.
            outcomes: Sequence[CaseOutcome | None] = () if isinstance(answer, BaseException) else answer
            yield from ((number, outcome) for number, outcome in zip(batches[place], outcomes, strict=False) if outcome is not None)


class _Cluster:
    """Workers, and what they tell of their own end."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.threads = 0
        self._ended_at_mib: dict[str, float] = {}

    def each(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Yield what a function makes of each item, or why nothing, in any order, with the item's number.

        Raises
        ------
        RunFault
            If no item can be done any more.
        """
        from distributed import as_completed

        if not items:
            return
        # A task of an earlier run may still be in progress somewhere.
        name = f"{function.__name__}-{secrets.token_hex(4)}"
        waiting: dict[Future, int] = {}
        sent = 0
        self.client.subscribe_topic("worker-restart-memory", self._note_memory)

        def send() -> list[Future]:
            nonlocal sent
            self.threads = sum(self.client.nthreads().values())
            first, sent = sent, min(len(items), sent + max(_FEWEST, _PER_THREAD * self.threads) - len(waiting))
            numbers = range(first, sent)
            keys = [(name, number) for number in numbers]
            futures = self.client.map(function, [items[number] for number in numbers], key=keys, pure=False) if numbers else []
            waiting.update(zip(futures, numbers, strict=True))
            return futures

        try:
            results = as_completed(send(), with_results=True, raise_errors=False)
            enough = len(waiting) * 3 // 4
            for future, answer in results:
                number = waiting.pop(future)
                failed = future.status != "finished"
                future.release()
                if failed:
                    self._require_running(answer)
                if len(waiting) <= enough and sent < len(items):
                    results.update(send())
                yield number, _as_error(answer) if failed else answer
        finally:
            self.client.unsubscribe_topic("worker-restart-memory")
            if waiting:
                self.client.cancel(list(waiting), force=True)

    def fault(self, case: str, error: BaseException) -> CaseFault:
        """Return why a case has no result, where its worker could not say so itself."""
        from distributed import KilledWorker

        if not isinstance(error, KilledWorker):
            return CaseFault(case, f"could not be evaluated: {type(error).__name__}: {error}.", _AGAIN)
        times = error.allowed_failures + 1
        limit = error.last_worker.memory_limit
        ended_at = self._ended_at_mib.get(error.last_worker.address)
        more = "Give each worker more memory (--memory), with fewer workers if need be (--workers), and run the same command again."
        if ended_at is not None:
            found = (
                f"needs more memory than a worker may use: it was ended at {ended_at / 1024:.1f} GiB, the limit is"
                f" {limit / _GIB:.1f} GiB, {times} times."
            )
            return CaseFault(case, found, more)
        likely = f", which may be for want of memory (each may use {limit / _GIB:.1f} GiB)" if limit else ""
        return CaseFault(case, f"ended its worker process {times} times{likely}.", more)

    def _note_memory(self, event: tuple[float, Mapping[str, Any]]) -> None:
        _, what = event
        self._ended_at_mib[what["worker"]] = what["rss"] / 2**20

    def _require_running(self, answer: Any) -> None:
        from distributed import CancelledError

        error = _as_error(answer)
        if isinstance(error, RunFault):
            raise error
        if isinstance(error, CancelledError) or self.client.status != "running":
            address = self.client.scheduler.address if self.client.scheduler else "the cluster"
            raise RunFault(address, "the scheduler was lost, and with it all cases that were not done.", _AGAIN)


def _as_error(answer: Any) -> BaseException:
    """Return the exception of a task; Dask gives it with its type and its traceback."""
    return answer if isinstance(answer, BaseException) else answer[1]
