"""The workers that evaluate a cohort: of this computer, or of a site's own Dask scheduler."""

from __future__ import annotations

import asyncio
import logging
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_GIB = 2**30
# Of what is available now: the rest is for the system's file cache and whoever else works here.
_SHARE = 0.8
_LOOK_S = 2.0
_LOST_S = 60.0
_ANSWER_S = 20.0
_NEEDED = "Install what cohorts need: pip install 'segqc[cohort]'."
_LOGGERS = ("distributed", "tornado", "asyncio")

# Results lie in files and only a few words travel: there is nothing to spill, and a worker that waited until its memory is free
# would wait for ever. One case at a time on each worker, so that nobody but the case that takes too much is blamed.
_SETTINGS = {
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 2,
    "distributed.scheduler.work-stealing": False,
    # Dask gives up a worker that is not back after 15 s; on a busy computer starting one takes longer. See `_kept_up`.
    "distributed.deploy.lost-worker-timeout": "1 day",
    # Dask's web servers cannot be left out; they have nothing to show.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


@contextmanager
def local_client(workers: int | None = None, memory_gib: float | None = None) -> Iterator[Client]:
    """Start one worker process for each core on the loopback address, speaking TLS with new keys, and stop them at the end.

    Parameters
    ----------
    workers : int, optional
        Worker processes, 1 or more; default: as many as this process may use cores.
    memory_gib : float, optional
        Memory of one worker, above 0; default: 80 % of what is available now, divided by the workers.

    Raises
    ------
    BadDataError
        If dask, distributed and cryptography are not installed, or this computer lets nobody listen on its loopback address.
    ValueError
        If there is no worker or no memory.
    """
    _require_distributed()
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster
    from distributed.security import Security

    count = CPU_COUNT if workers is None else workers
    if count < 1 or (memory_gib is not None and not memory_gib > 0):
        raise ValueError(f"A cluster has 1 worker or more, and each of them memory, not {count} workers with {memory_gib} GiB.")
    limit = round(memory_gib * _GIB) if memory_gib is not None else default_memory_gib(count) * _GIB
    try:
        # Dask does what it is sent: without keys that only this process and its workers have, whoever else is logged in to this
        # computer could send it something.
        security = Security.temporary()
    except ImportError as error:
        raise BadDataError("cryptography", "is not installed.", _NEEDED) from error
    with _quiet(), dask.config.set(_SETTINGS):
        try:
            cluster = LocalCluster(
                security=security,
                protocol="tls://",
                n_workers=count,
                threads_per_worker=1,
                memory_limit=round(limit),
                host="127.0.0.1",
                # Any free port: None would ask for one that is often taken, and say so.
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
                preload=["SegQCLib.cohort.worker_process"],
            )
        except (OSError, RuntimeError) as error:
            raise BadDataError(
                "127.0.0.1",
                f"no workers could be started there ({error}).",
                "They speak with each other over the loopback address, which must be up (ip link set lo up), and on Linux /dev/shm"
                " must be writable. If a worker was ended while it started, by the system for want of memory or by somebody, run"
                " the same command again.",
            ) from error
        with cluster, Client(cluster) as client, _kept_up(cluster, count):
            yield client


@contextmanager
def _kept_up(cluster: LocalCluster, count: int) -> Iterator[None]:
    """Replace workers that are gone for good: Dask starts one again that was killed, not one that was killed while it started."""
    over = threading.Event()

    def watch() -> None:
        missing_since: dict[Any, float] = {}
        while not over.wait(_LOOK_S):
            present = {worker["name"] for worker in cluster.scheduler_info["workers"].values()}
            missing = set(cluster.worker_spec) - present
            missing_since = {name: missing_since.get(name, time.monotonic()) for name in missing}
            lost = [name for name, since in missing_since.items() if time.monotonic() - since > _LOST_S]
            if lost:
                cluster.sync(cluster.scale_down, lost)
                cluster.scale(count)

    keeper = threading.Thread(target=watch, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


@contextmanager
def scheduler_client(address: str) -> Iterator[Client]:
    """Connect to a scheduler that is running: tcp://host:port or tls://host:port.

    Raises
    ------
    BadDataError
        If dask and distributed are not installed, or nobody answers there.
    """
    _require_distributed()
    from distributed import Client

    with _quiet():
        try:
            # In a thread of its own: notebooks have a loop that is running.
            with ThreadPoolExecutor(1) as thread:
                thread.submit(asyncio.run, _greet(address)).result()
            client = Client(address, timeout=f"{_ANSWER_S:.0f}s")
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise BadDataError(
                address or "--scheduler",
                f"no Dask scheduler answers there ({error}).",
                "Give the address that 'dask scheduler' printed, tcp://host:port or tls://host:port; tls needs certificates in"
                " Dask's configuration.",
            ) from error
        with client:
            yield client


async def _greet(address: str) -> None:
    """Make sure that whoever listens there speaks as Dask does.

    Dask itself waits without end for the first word of somebody who says nothing, or something else, as a web server does.
    """
    from distributed import Security
    from distributed.comm import connect

    async def greet() -> None:
        comm = await connect(address, timeout=_ANSWER_S, **Security().get_connection_args("client"))
        await comm.close()

    try:
        await asyncio.wait_for(greet(), _ANSWER_S)
    except TimeoutError as error:
        raise TimeoutError(f"not a word that Dask would say within {_ANSWER_S:.0f} s") from error
    except (struct.error, MemoryError, LookupError, AssertionError) as error:
        raise ConnectionError("what is said there is not what Dask would say") from error


def default_memory_gib(workers: int) -> float:
    """Return how much memory each of some local workers gets, where nobody says, GiB."""
    import psutil
    from distributed.system import MEMORY_LIMIT

    # MEMORY_LIMIT knows of containers and batch systems that give less than the computer has.
    return min(psutil.virtual_memory().available, MEMORY_LIMIT) * _SHARE / workers / _GIB


def _require_distributed() -> None:
    try:
        import distributed  # noqa: F401
    except ModuleNotFoundError as error:
        raise BadDataError("dask and distributed", "are not installed.", _NEEDED) from error


def quiet_dask() -> list[tuple[logging.Handler, int]]:
    """Let Dask log nothing to the terminal in this process, and return what has to be undone: faults are told by SegQC."""
    names = [name for name in list(logging.root.manager.loggerDict) if name.partition(".")[0] in _LOGGERS]
    handlers = [handler for name in names for handler in logging.getLogger(name).handlers]
    before = [(handler, handler.level) for handler in handlers]
    for handler in handlers:
        handler.setLevel(logging.CRITICAL + 1)
    return before


@contextmanager
def _quiet() -> Iterator[None]:
    before = quiet_dask()
    # asyncio has no handler of its own and would use the last resort, standard error.
    silent = logging.NullHandler()
    logging.getLogger("asyncio").addHandler(silent)
    try:
        yield
    finally:
        logging.getLogger("asyncio").removeHandler(silent)
        for handler, level in before:
            handler.setLevel(level)
