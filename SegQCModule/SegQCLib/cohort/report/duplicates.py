"""Files that come under two names, and patients with several cases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from SegQCLib.cohort.report.report_cases import ReportCase

Key = TypeVar("Key", str, tuple[str, str])


@dataclass(frozen=True)
class Duplicates:
    """Groups of names of cases, each of two or more, in the order of the plan.

    Attributes
    ----------
    both : tuple
        Same image and same candidate: one case under several names.
    images, candidates : tuple
        Only the image, or only the candidate, is the same.
    patients : dict of str to names
        Patients with several cases.
    """

    both: tuple[tuple[str, ...], ...]
    images: tuple[tuple[str, ...], ...]
    candidates: tuple[tuple[str, ...], ...]
    patients: dict[str, tuple[str, ...]]
    patients_known: bool

    @property
    def repeated(self) -> int:
        """How many cases are there beyond the first of their kind, same image and same candidate."""
        return sum(len(names) - 1 for names in self.both)


def duplicates(cases: Sequence[ReportCase]) -> Duplicates:
    """Return what is there more than once, by SHA-256 of the files; cases without hashes are in no group."""
    both = _groups(cases, lambda c: (c.image_sha256, c.candidate_sha256) if c.image_sha256 and c.candidate_sha256 else None)
    images = _groups(cases, lambda c: c.image_sha256)
    candidates = _groups(cases, lambda c: c.candidate_sha256)
    patients = _groups(cases, lambda c: c.patient)
    whole = set(both.values())
    return Duplicates(
        tuple(both.values()),
        tuple(names for names in images.values() if names not in whole),
        tuple(names for names in candidates.values() if names not in whole),
        patients,
        any(case.patient for case in cases),
    )


def _groups(cases: Sequence[ReportCase], key: Callable[[ReportCase], Key | None]) -> dict[Key, tuple[str, ...]]:
    found: dict[Key, list[str]] = {}
    for case in cases:
        of = key(case)
        if of:
            found.setdefault(of, []).append(case.case)
    return {of: tuple(names) for of, names in found.items() if len(names) > 1}
