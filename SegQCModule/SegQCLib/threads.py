"""How many threads work may use: all of the computer, unless this process is one of several that share it."""

from __future__ import annotations

import os

import SimpleITK as sitk

_limit: int | None = None


def thread_count() -> int:
    """Return how many threads work without orders of its own uses, 1 or more."""
    return _limit or os.cpu_count() or 1


def limit_threads(most: int | None) -> None:
    """Use at most so many threads in this process, also in SimpleITK; None: as many as there are processors.

    Raises
    ------
    ValueError
        If it is less than 1.
    """
    if most is not None and most < 1:
        raise ValueError(f"At least one thread is needed, not {most}.")
    global _limit  # noqa: PLW0603 - it is the process that has so many threads
    _limit = most
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(thread_count())
