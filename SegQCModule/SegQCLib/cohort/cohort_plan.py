"""What a run is going to do: which cases, each under which protocol, before any voxel is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.protocol import LoadedProtocol


@dataclass(frozen=True)
class PlannedProtocol:
    """A protocol of a cohort, by what makes its results its own.

    Attributes
    ----------
    name : str
        Id of a shipped protocol, or absolute path of a file: what a worker loads.
    id, version, title : str
    sha256 : str
        Of the file.
    sign_off : str
        See `record.QCRecord.protocol_sign_off`.
    model_sha256 : str or None
        Of the difficulty model that it names; None: it names none.
    """

    name: str
    id: str
    version: str
    title: str
    sha256: str
    sign_off: str
    model_sha256: str | None


@dataclass(frozen=True)
class CohortPlan:
    """What a run is going to do.

    Attributes
    ----------
    source : Path or None
        The folder or CSV file that the cases were found in; None: they were given one by one.
    kind : str
        Kind of the source, one of `source_options.KINDS`, or "cases".
    cases : tuple of CohortCase
        In the order of the source. A case whose own protocol or labels cannot be used has that as its fault. `protocol` and
        `labels` are those of the case where it has its own, else those of the cohort: never None without a fault.
    protocols : dict of str to PlannedProtocol
        By what the cases call them.
    notes : tuple of str
        What the source passed over, as sentences.
    """

    source: Path | None
    kind: str
    cases: tuple[CohortCase, ...]
    protocols: dict[str, PlannedProtocol]
    notes: tuple[str, ...] = ()


def plan(
    cases: Path | Sequence[CohortCase],
    protocol: str | Path | LoadedProtocol,
    *,
    labels: str | None = None,
    options: SourceOptions = SourceOptions(),  # noqa: B008 - frozen
) -> CohortPlan:
    """Return what a run over a cohort is going to do; no voxel is read.

    Parameters
    ----------
    cases : Path, or sequence of CohortCase
        A source (see `sources.find_cases`), or the cases themselves.
    protocol : str, Path or LoadedProtocol
        For cases that name none: id of a shipped protocol, or a protocol file.
    labels : str, optional
        For cases that name none: what label values mean; see `importers.read_segmentation`.
    options : SourceOptions

    Raises
    ------
    BadDataError
        If the source, the protocol, its difficulty model or the labels cannot be used. What is wrong with one case is that
        case's fault.
    ValueError
        If two cases have one name, or the protocol is in no file.
    """
    raise NotImplementedError
