"""Names of cases that come from names of files: legible as Unicode, in the order of their numbers, and each once."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from SegQCLib.cohort.cohort_case import CohortCase

DIGITS = 6


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as text that can be written as UTF-8; bytes that are none stand as hexadecimal numbers.

    A name written by another system may hold bytes of another encoding; Python keeps them as lone surrogates, which no JSON,
    Parquet or HTML file can hold.
    """
    # Not os.fsencode: letters that the system's own encoding lacks may stand in a CSV file.
    return os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def with_unique_names(cases: Sequence[CohortCase], root: Path) -> tuple[CohortCase, ...]:
    """Return the cases with names that differ in more than upper and lower case, and than the Unicode form of their letters.

    Of several cases that share a name, each gets digits of the SHA-256 of the files that it consists of, so that a name does
    not depend on the order of reading; nor on where the source lies, because the files are told from its root.
    """
    count = Counter(_alike(one.case) for one in cases)
    named = [one if count[_alike(one.case)] == 1 else replace(one, case=f"{one.case} {_digits(one, root)}") for one in cases]
    # The same files twice, or a name that ends in such digits by itself.
    used, unique = set(), []
    for one in named:
        case, number = one.case, 1
        while _alike(case) in used:
            number += 1
            case = f"{one.case} ({number})"
        used.add(_alike(case))
        unique.append(one if case == one.case else replace(one, case=case))
    return tuple(unique)


def _alike(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _digits(case: CohortCase, root: Path) -> str:
    files = (case.image, case.candidate, *case.references)
    told = ["" if file is None else shown(file.relative_to(root) if file.is_relative_to(root) else file) for file in files]
    return hashlib.sha256("\0".join([shown(case.case), *told]).encode()).hexdigest()[:DIGITS]
