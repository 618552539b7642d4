"""The workers that evaluate a cohort: of this computer, or of a site's own Dask scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client


@contextmanager
def local_client(workers: int | None = None, memory_gib: float | None = None) -> Iterator[Client]:
    """Start one worker process for each core on the loopback address, and stop them at the end.

    Parameters
    ----------
    workers : int, optional
        Worker processes, 1 or more; default: as many as this process may use cores.
    memory_gib : float, optional
        Memory of one worker; default: 80 % of what is available now, divided by the workers.
    """
    raise NotImplementedError
    yield


@contextmanager
def scheduler_client(address: str) -> Iterator[Client]:
    """Connect to a scheduler that is running: tcp://host:port or tls://host:port.

    Raises
    ------
    BadDataError
        If nobody answers there.
    """
    raise NotImplementedError
    yield
