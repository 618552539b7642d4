"""What is known of the steps of one case's evaluation: a changed protocol computes anew just the steps that it touches.

Each step is kept with the protocol's top-level fields that it read and the SHA-256 of their values. While these are the same,
so is what it finds. Where no step that is left needs the case's voxels, the case is not read.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from SegQCLib.acquisition import WindowLevel
from SegQCLib.case import Box, Case, Segment
from SegQCLib.cohort.case_key import canonical_json, sha256_of_value
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.watched_protocol import WatchedProtocol, fields_read, watched
from SegQCLib.dataclass_json import FaultyJSONError, from_json
from SegQCLib.difficulty.in_case import model_sha256
from SegQCLib.evaluate import evaluate_in_steps, software_versions
from SegQCLib.evaluation_steps import EXPECTED_AGREEMENT, CaseTold, StepFound, Work, told_of
from SegQCLib.prepare import PreparedCase, prepare
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocol import LoadedProtocol, QCProtocol
from SegQCLib.record import QCRecord

STEPS_NAME = "steps"
# zlib's own: its best takes three times as long for 4 % less.
_COMPRESSION = 6

# Read like a field of the protocol, which only names it.
_MODEL_FILE = "difficulty model file"
_PROTOCOL_FIELDS = frozenset(f.name for f in fields(QCProtocol))


@dataclass(frozen=True)
class KnownCase:
    """What is known of a prepared case without its voxels."""

    read: dict[str, str] = field(metadata={"doc": "SHA-256 of each of the protocol's fields that preparing the case read."})
    told: CaseTold = field(metadata={"doc": "What reading and preparing it told."})
    display: WindowLevel | None = field(metadata={"doc": "The window that it is shown with."})
    segments: tuple[Segment, ...] = field(metadata={"doc": "Segments of the candidate."})
    boxes: tuple[tuple[int, ...], ...] = field(
        metadata={"doc": "For each segment the first index and the one after the last along k, j and i; empty: no voxels."}
    )


@dataclass(frozen=True)
class KnownStep:
    """What one step found, and under what."""

    name: str = field(metadata={"doc": "Id of the check, or name of another step."})
    read: dict[str, str] = field(metadata={"doc": "SHA-256 of each of the protocol's fields that it depends on."})
    found: StepFound = field(metadata={"doc": "What it found."})


@dataclass(frozen=True)
class KnownSteps:
    """What is known of one case; `KnownSteps.none` where nothing is."""

    schema: Literal["segqc-known-steps"] = field(metadata={"doc": "Always segqc-known-steps."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    inputs_key: str = field(metadata={"doc": "Key of the case's files, see case_key."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what computed it; with others it is computed anew."})
    case: KnownCase | None = field(default=None, metadata={"doc": "What reading it told; null: nothing is known."})
    steps: tuple[KnownStep, ...] = field(default=(), metadata={"doc": "Steps, in the order of their names."})

    @classmethod
    def none(cls, inputs_key: str) -> KnownSteps:
        """Return that nothing is known of a case."""
        return cls("segqc-known-steps", "1.0", inputs_key, software_versions())


@dataclass(frozen=True)
class KnownEvaluation:
    """A record, and how it came about.

    Attributes
    ----------
    record : QCRecord
    steps : KnownSteps
        What is known now. The very object that was given, if nothing new was learnt.
    computed : tuple of str
        Steps that were computed, in their order; all others were known.
    was_read : bool
        Whether the case's files were read.
    """

    record: QCRecord
    steps: KnownSteps
    computed: tuple[str, ...]
    was_read: bool


def evaluate_known(
    read_case: Callable[[], Case], protocol: LoadedProtocol, steps: KnownSteps, progress: Progress = unwatched
) -> KnownEvaluation:
    """Return the record of a case under a protocol: what `evaluate` gives, with the known steps not computed again.

    Identity and signatures of the protocol, the verdict and the record's date are never taken from what is known.

    Parameters
    ----------
    read_case : callable
        Reads the case's files; called once, or not at all. What it gives must not depend on the protocol.
    protocol : LoadedProtocol
    steps : KnownSteps
        See `read_known_steps`.
    progress : Progress

    Raises
    ------
    BadDataError
        If a segmentation or the uncertainty map lies outside the image; and what `read_case` raises.
    ValueError
        If the case has quality norms or a reader's training standing: both come from files that are none of its inputs.
    """
    runner = _KnownOrAnew(read_case, protocol, steps)
    record = evaluate_in_steps(runner, protocol, progress).record
    return KnownEvaluation(record, runner.now_known(), tuple(runner.computed), runner.was_read)


def known_steps_path(folder: CohortFolder, inputs_key: str) -> Path:
    """Return where what is known of a case is kept: .segqc-cohort/steps/<ab>/<inputs_key>.json.gz."""
    return folder.store / STEPS_NAME / inputs_key[:2] / f"{inputs_key}.json.gz"


def read_known_steps(path: Path, inputs_key: str) -> KnownSteps:
    """Return what a file knows of a case: nothing, if there is none, or it is damaged, of another case or other software."""
    nothing = KnownSteps.none(inputs_key)
    try:
        known = from_json(KnownSteps, gzip.decompress(path.read_bytes()).decode("ascii"))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, FaultyJSONError):
        # Whatever it was, what it could save is a computation.
        return nothing
    return known if (known.inputs_key, known.software) == (nothing.inputs_key, nothing.software) else nothing


def packed_known_steps(steps: KnownSteps) -> bytes:
    """Return what the file holds that `read_known_steps` reads; the same always gives the same bytes."""
    return gzip.compress(canonical_json(steps).encode("ascii"), _COMPRESSION, mtime=0)


class _NotReadError(Exception):
    """A step looked at something of the case that only its files tell."""


class _OfUnread:
    """What is known of something that was not read; anything else asks for reading it."""

    def __init__(self, **known: Any) -> None:
        vars(self).update(known)

    def __getattr__(self, name: str) -> Any:
        # Never AttributeError: getattr with a default would take it for an answer.
        raise _NotReadError(name)


def _unread(known: KnownCase) -> Any:
    """Return a stand-in for a case, for steps that look at header facts and at names and places of segments alone."""
    boxes = {segment.id: _box(numbers) for segment, numbers in zip(known.segments, known.boxes, strict=True)}
    return _OfUnread(
        image=_OfUnread(geometry=known.told.facts.geometry, acquisition=known.told.facts.acquisition, display=known.display),
        candidate=_OfUnread(segments=known.segments, box=lambda segment: boxes[segment.id]),
        ratings=known.told.ratings,
        kept_findings=known.told.kept_findings,
        reader_training=None,
    )


def _box(numbers: tuple[int, ...]) -> Box | None:
    return tuple(slice(*numbers[n : n + 2]) for n in (0, 2, 4)) if numbers else None


class _ProtocolHashes(dict[str, str]):
    """SHA-256 of a protocol's fields, as far as they were asked for."""

    def __init__(self, protocol: QCProtocol) -> None:
        super().__init__()
        self.protocol = protocol

    def __missing__(self, name: str) -> str:
        self[name] = sha256_of_value(getattr(self.protocol, name))
        return self[name]


# Of the protocol that was used last: a worker evaluates thousands of cases under it.
_last_hashes: _ProtocolHashes | None = None


def _hashes_of(protocol: QCProtocol) -> _ProtocolHashes:
    global _last_hashes  # noqa: PLW0603 - it is this process that evaluates one case after the other
    last = _last_hashes
    if last is None or last.protocol is not protocol:
        _last_hashes = last = _ProtocolHashes(protocol)
    return last


class _FieldHashes:
    """SHA-256 of what a protocol says now, field by field."""

    def __init__(self, protocol: LoadedProtocol) -> None:
        self._protocol = protocol
        self._of_fields = _hashes_of(protocol.protocol)

    def of(self, name: str) -> str | None:
        """Return the hash of a field, or None if there is no such field, or no file that can be read."""
        if name == _MODEL_FILE:
            return self._of_model
        return self._of_fields[name] if name in _PROTOCOL_FIELDS else None

    @cached_property
    def _of_model(self) -> str | None:
        return model_sha256(self._protocol)

    def hold(self, read: Mapping[str, str]) -> bool:
        """Return whether everything that was read is the same now."""
        return all(self.of(name) == sha256 for name, sha256 in read.items())

    def of_read(self, protocol: WatchedProtocol) -> dict[str, str]:
        return {name: self.of(name) for name in sorted(fields_read(protocol))}


class _KnownOrAnew:
    """Takes the steps that are known and computes the others, reading the case when the first of them needs it."""

    def __init__(self, read_case: Callable[[], Case], protocol: LoadedProtocol, known: KnownSteps) -> None:
        self._read_case, self._protocol, self._known = read_case, protocol, known
        self._hashes = _FieldHashes(protocol)
        self._case = known.case if known.case is not None and self._hashes.hold(known.case.read) else None
        self._steps = {step.name: step for step in known.steps}
        self._prepared: PreparedCase | None = None
        self.computed: list[str] = []

    @property
    def was_read(self) -> bool:
        return self._prepared is not None

    @property
    def told(self) -> CaseTold:
        return self._known_case().told

    def step(self, name: str, work: Work, *, needs_voxels: bool = False, after: tuple[str, ...] = ()) -> StepFound:
        known = self._steps.get(name)
        if known is not None and self._hashes.hold(known.read):
            return known.found
        found, read = self._compute(work, needs_voxels)
        self.computed.append(name)
        read |= self._known_case().read
        for earlier in after:
            read |= self._steps[earlier].read if earlier in self._steps else {}
        if name == EXPECTED_AGREEMENT:
            if found.findings:
                # Why a model cannot be used depends on more than its file; saying it again opens nothing of the case.
                self._steps.pop(name, None)
                return found
            if self._protocol.protocol.expected_agreement.model is not None:
                read[_MODEL_FILE] = self._hashes.of(_MODEL_FILE)
        self._steps[name] = KnownStep(name, dict(sorted(read.items())), found)
        return found

    def now_known(self) -> KnownSteps:
        steps = tuple(self._steps[name] for name in sorted(self._steps))
        now = replace(self._known, case=self._known_case(), steps=steps)
        return self._known if now == self._known else now

    def _compute(self, work: Work, needs_voxels: bool) -> tuple[StepFound, dict[str, str]]:
        if self._prepared is None and not needs_voxels:
            own = watched(self._protocol.protocol)
            try:
                found = work(_unread(self._known_case()), replace(self._protocol, protocol=own))
            except _NotReadError:
                pass
            else:
                return found, self._hashes.of_read(own)
        own = watched(self._protocol.protocol)
        found = work(self._read().case, replace(self._protocol, protocol=own))
        return found, self._hashes.of_read(own)

    def _known_case(self) -> KnownCase:
        if self._case is None:
            self._read()
        return self._case

    def _read(self) -> PreparedCase:
        if self._prepared is None:
            case = self._read_case()
            if case.quality_norms is not None or case.reader_training is not None:
                raise ValueError("Quality norms and a reader's training standing are none of a case's own files; evaluate it anew.")
            own = watched(self._protocol.protocol)
            self._prepared = prepare(case, own)
            if self._case is None:
                self._case = _known(self._prepared, self._hashes.of_read(own))
        return self._prepared


def _known(prepared: PreparedCase, read: dict[str, str]) -> KnownCase:
    candidate = prepared.case.candidate
    boxes = (candidate.box(segment) for segment in candidate.segments)
    return KnownCase(
        read,
        told_of(prepared),
        prepared.case.image.display,
        # No check looks at colours. Readers of files give label values as numpy's numbers, too, which are not JSON's.
        tuple(replace(s, color=None, layer=int(s.layer), label_value=int(s.label_value)) for s in candidate.segments),
        tuple(() if box is None else tuple(int(n) for side in box for n in (side.start, side.stop)) for box in boxes),
    )
