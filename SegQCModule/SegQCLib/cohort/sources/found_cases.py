"""What a source holds: its cases, and what was passed over."""

from __future__ import annotations

from dataclasses import dataclass

from SegQCLib.cohort.cohort_case import CohortCase


@dataclass(frozen=True)
class FoundCases:
    """The cases of a source.

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
