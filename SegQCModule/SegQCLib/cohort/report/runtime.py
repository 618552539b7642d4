"""What evaluating the cases of a cohort took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.cohort_columns import coded_texts, numbers, table_columns
from SegQCLib.cohort.report.report_cases import ReportCase


@dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of numbers, and how many there are."""

    median: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Runtime:
    """What the cases took, each when it was computed.

    Attributes
    ----------
    seconds, reading_s, memory_mib, megavoxels : Spread or None
        Of a case: wall-clock time and its part for reading files, s; largest memory of its worker so far, MiB; size of its image in
        millions of voxels. None: not known.
    total_s : float
        Sum of the seconds.
    kept : int
        Cases whose result an earlier run had: their cost is of that run.
    without : int
        Cases without a cost, as those that failed before anything could be measured.
    hosts : tuple of str
    points : tuple of (megavoxels, seconds)
        For the plot.
    """

    seconds: Spread | None
    reading_s: Spread | None
    memory_mib: Spread | None
    megavoxels: Spread | None
    total_s: float
    kept: int
    without: int
    hosts: tuple[str, ...]
    points: tuple[tuple[float, float], ...]


def runtime(folder: CohortFolder, cases: Sequence[ReportCase]) -> Runtime:
    """Return what a cohort took.

    Raises
    ------
    BadDataError
        If there is no such table.
    """
    table = table_columns(folder, "costs", ("case", "kept", "seconds", "reading_s", "peak_memory_mib", "host"))
    names, hosts = coded_texts(table, "case"), coded_texts(table, "host")
    seconds, reading_s, memory = (numbers(table, name) for name in ("seconds", "reading_s", "peak_memory_mib"))
    voxels = {case.case: case.voxels for case in cases}
    megavoxels = np.array([(voxels.get(names[row]) or np.nan) / 1e6 for row in range(len(names.codes))], float)
    both = np.isfinite(seconds) & np.isfinite(megavoxels)
    return Runtime(
        _spread(seconds),
        _spread(reading_s),
        _spread(memory),
        _spread(megavoxels),
        float(np.nansum(seconds)),
        sum(map(bool, table.column("kept").to_pylist())),
        len(cases) - int(np.count_nonzero(np.isfinite(seconds))),
        tuple(sorted(hosts.values)),
        tuple(zip(megavoxels[both].tolist(), seconds[both].tolist(), strict=True)),
    )


def _spread(values: np.ndarray) -> Spread | None:
    known = values[np.isfinite(values)]
    return Spread(float(np.median(known)), float(known.min()), float(known.max()), len(known)) if len(known) else None
