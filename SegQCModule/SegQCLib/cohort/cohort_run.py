"""Run a plan on a Dask cluster: each case its own task and its own failure, each result kept once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from SegQCLib.cohort.case_outcome import CaseOutcome
from SegQCLib.cohort.cohort_plan import CohortPlan
from SegQCLib.cohort.cohort_progress import CohortWatcher, unwatched_cohort

if TYPE_CHECKING:
    from distributed import Client


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
    """

    outcomes: tuple[CaseOutcome, ...]
    computed: int
    kept: int
    refused: int
    failed: int


def run(
    plan: CohortPlan,
    client: Client,
    out: Path,
    progress: CohortWatcher = unwatched_cohort,
    *,
    standing: Mapping[str, CaseOutcome] = MappingProxyType({}),
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
    standing : mapping of a case's name to its outcome, optional
        Cases of the plan whose earlier outcome holds and whose files are not looked at, because they are copied anew or their
        drive is away (see `watch`). They stay in tables and views.

    Raises
    ------
    BadDataError
        If the folder cannot be written to or is full, another run writes into it, workers are not what they have to be, or the
        scheduler is lost.
    Cancelled
        If `progress` raises it: what is there is kept.
    """
    raise NotImplementedError
