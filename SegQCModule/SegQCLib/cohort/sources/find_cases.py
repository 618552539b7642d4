"""The cases of a cohort, whatever their files are ordered as."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.sources.source_options import SourceOptions


@dataclass(frozen=True)
class FoundCases:
    """What a source holds.

    Attributes
    ----------
    kind : str
        One of `source_options.KINDS`.
    cases : tuple of CohortCase
        In an order that depends on the files' names alone; names are unique, whatever their upper and lower case.
    notes : tuple of str
        What was passed over or taken for granted, as sentences.
    """

    kind: str
    cases: tuple[CohortCase, ...]
    notes: tuple[str, ...] = ()


def find_cases(path: Path, options: SourceOptions = SourceOptions()) -> FoundCases:  # noqa: B008 - frozen
    """Return the cases of a source; no voxel is read.

    Raises
    ------
    BadDataError
        If it is none of the four forms, holds no case, or cannot be read as a whole. What is wrong with one case is that case's
        fault.
    """
    raise NotImplementedError
