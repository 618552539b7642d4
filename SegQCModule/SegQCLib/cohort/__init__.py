"""Many cases under a protocol: found, evaluated by a Dask cluster, kept once each, and read as one data set.

As plain functions: `from SegQCLib.cohort import plan, run`.
"""

from __future__ import annotations

from typing import Any

__all__ = ["plan", "run"]


def __getattr__(name: str) -> Any:
    # Whoever imports one file of this folder does not wait for all that evaluates a case.
    if name == "plan":
        from SegQCLib.cohort.cohort_plan import plan

        return plan
    if name == "run":
        from SegQCLib.cohort.cohort_run import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
