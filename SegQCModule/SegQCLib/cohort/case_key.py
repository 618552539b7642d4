"""The keys under which what was found of a case is kept: everything that a record depends on, as one SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from SegQCLib.dataclass_json import to_plain
from SegQCLib.evaluate import software_versions
from SegQCLib.protocols.sign_off_state import SignOffState

# Part of every key: another way to compose it gives other keys.
FORMAT = "segqc-cohort-key-1"
# Packages that read and compute; records of other versions of them are other results.
DECIDING_SOFTWARE = ("SegQC", "numpy", "scipy", "SimpleITK", "pydicom")


@dataclass(frozen=True)
class KeyedFile:
    """One file, or folder of files, of a case.

    Attributes
    ----------
    role : str
        What it is for: image, candidate, reference, reference 2, draft, uncertainty, second image, ratings ...
    path : str
        As the source names it, relative to the source, with / between its parts: a tree that was moved as a whole keeps its keys.
    sha256 : str
        See `hashing`.
    """

    role: str
    path: str
    sha256: str


@dataclass(frozen=True)
class KeyedLabels:
    """What label values mean: the name of a table that comes with SegQC, or the SHA-256 of a file. Both None: nothing was said."""

    name: str | None = None
    sha256: str | None = None


def inputs_key(case: str, files: Sequence[KeyedFile], labels: KeyedLabels, software: Mapping[str, str]) -> str:
    """Return the SHA-256, 64 hexadecimal digits, of all that goes into a case but the protocol.

    Parameters
    ----------
    case : str
        Name of the case.
    files : sequence of KeyedFile
        In any order.
    labels : KeyedLabels
    software : mapping of a package's name to its version
        See `deciding_software`.
    """
    named = sorted((file.role, file.path, file.sha256) for file in files)
    return sha256_of_value({"format": FORMAT, "case": case, "files": named, "labels": to_plain(labels), "software": dict(software)})


def result_key(inputs: str, protocol_sha256: str, sign_off: SignOffState | None, model_sha256: str | None) -> str:
    """Return the SHA-256, 64 hexadecimal digits, of all that a record depends on.

    Parameters
    ----------
    inputs : str
        Of `inputs_key`.
    protocol_sha256 : str
        Of the protocol's file.
    sign_off : SignOffState or None
        Whether that content was signed: records say so.
    model_sha256 : str or None
        Of the difficulty model that the protocol names (`difficulty.in_case.model_sha256`); None: it names none, or its file
        cannot be read.
    """
    return sha256_of_value(
        {"format": FORMAT, "inputs": inputs, "protocol": protocol_sha256, "sign_off": sign_off, "model": model_sha256}
    )


def deciding_software() -> dict[str, str]:
    """Return the versions of the packages that read and compute, as far as they are installed."""
    installed = software_versions()
    return {name: installed[name] for name in DECIDING_SOFTWARE if name in installed}


def canonical_json(value: Any) -> str:
    """Return plain values as the one JSON text that stands for them: keys sorted, no white space, ASCII only.

    Raises
    ------
    ValueError
        If a number is NaN or infinite.
    """
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def sha256_of_value(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hexadecimal; dataclasses count by their fields."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()
