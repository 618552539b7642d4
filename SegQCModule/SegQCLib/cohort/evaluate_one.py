"""One case of a cohort, on a worker: from its files to a kept result."""

from __future__ import annotations

import errno
import functools
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from SegQCLib.case import Case
from SegQCLib.cohort.case_key import deciding_software, inputs_key, result_key
from SegQCLib.cohort.case_outcome import CaseCost, CaseOutcome, Outcome
from SegQCLib.cohort.case_views import show_case
from SegQCLib.cohort.cohort_case import CaseFault, CohortCase
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.cohort_plan import PlannedProtocol
from SegQCLib.cohort.file_hashes import (
    CaseFiles,
    changed_file,
    hashes_of,
    keep_hashes,
    keyed_files,
    keyed_labels,
    known_hashes,
    look_at_files,
)
from SegQCLib.cohort.known_steps import KnownSteps, evaluate_known, known_steps_path, packed_known_steps, read_known_steps
from SegQCLib.cohort.read_case import read_case
from SegQCLib.cohort.result_store import ResultStore, place
from SegQCLib.cohort.run_fault import RunFault
from SegQCLib.cohort.worker_process import forget_peak_memory, give_memory_back, peak_memory_mib, set_up_process
from SegQCLib.difficulty.in_case import model_sha256
from SegQCLib.errors import BadDataError
from SegQCLib.protocol import LoadedProtocol, load_protocol
from SegQCLib.record import QCRecord

# With these a path is not what it should be, today and tomorrow: the case's own fault. Any other error of the system may pass.
_LASTING = {errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP}


@dataclass(frozen=True)
class CaseTask:
    """What a worker is told of one case.

    Attributes
    ----------
    case : CohortCase
        Of a plan, without fault.
    protocol : PlannedProtocol
    source : Path or None
        Folder that the paths in keys are relative to.
    out : Path
        Output folder.
    software : dict of package to version
        What the run was begun with: a worker with another version would mix two.
    """

    case: CohortCase
    protocol: PlannedProtocol
    source: Path | None
    out: Path
    software: Mapping[str, str]


class _ChangedError(Exception):
    """Something that the run stands on is not what it was when it began."""


def evaluate_one(task: CaseTask) -> CaseOutcome:
    """Evaluate a case, keep and show the result, and return what became of the case.

    Raises
    ------
    RunFault
        If the output folder cannot be written to: no case can be kept then.
    """
    set_up_process()
    folder = CohortFolder(task.out)
    forget_peak_memory()
    try:
        outcome = _evaluate(task, folder)
    except RunFault:
        raise
    except BadDataError as error:
        # Before there was a key: it could not even be hashed.
        failed = _is_circumstance(error)
        outcome = CaseOutcome(task.case.case, None, Outcome.FAILED if failed else Outcome.REFUSED, fault=CaseFault.of(error))
    except Exception as error:  # noqa: BLE001 - one case's fault must not end the others; its type and words are kept
        outcome = _failed(task.case.case, error)
    show_case(folder, outcome)
    give_memory_back()
    return outcome


def look_up(tasks: Sequence[CaseTask]) -> list[CaseOutcome | None]:
    """Return what earlier runs kept of some cases; None where it would have to be computed. No file of a case is read."""
    set_up_process()
    return [_kept(task) for task in tasks]


def load_all() -> None:
    """Import what evaluating a case needs and most commands do not."""
    import SegQCLib.dicom.series
    import SegQCLib.importers.draft  # noqa: F401 - importing is the purpose


def _kept(task: CaseTask) -> CaseOutcome | None:
    folder = CohortFolder(task.out)
    if task.software != _software():
        return None
    try:
        files = look_at_files(task.case)
    except (OSError, BadDataError):
        return None
    hashes = hashes_of(files, known_hashes(folder, task.case.case), only_known=True)
    if hashes is None:
        return None
    result = ResultStore(folder).read(_keys(task, files, hashes)[1])
    if result is None:
        return None
    outcome = result.as_outcome(kept=True)
    show_case(folder, outcome)
    return outcome


def _evaluate(task: CaseTask, folder: CohortFolder) -> CaseOutcome:
    started, clock = datetime.now(UTC).astimezone().isoformat(timespec="milliseconds"), time.monotonic()
    if task.software != _software():
        raise RunFault(
            platform.node(),
            f"has other software than the run was begun with: {_listed(_software())} instead of {_listed(task.software)}.",
            "Install the same versions on all workers.",
        )
    protocol = _protocol(task.protocol.name, task.protocol.sha256)
    files = look_at_files(task.case)
    hashes = hashes_of(files, known_hashes(folder, task.case.case))
    inputs, key = _keys(task, files, hashes)
    store = ResultStore(folder)
    result = store.read(key)
    if result is not None:
        keep_hashes(folder, task.case.case, files, hashes)
        return result.as_outcome(kept=True)
    reading = _Reading(task.case)
    found, steps = _found(reading, protocol, known_steps_path(folder, inputs), inputs)
    # Nothing is kept before it is known that it was made of what its key says.
    changed = changed_file(task.case, files, hashes)
    if changed is not None:
        raise _ChangedError(f"{changed} changed while the case was evaluated; it may still be copied")
    _require_same_rules(task.protocol, protocol, found)
    if steps is not None:
        place(folder, known_steps_path(folder, inputs), packed_known_steps(steps))
    keep_hashes(folder, task.case.case, files, hashes)
    cost = CaseCost(started, round(time.monotonic() - clock, 3), round(reading.seconds, 3), peak_memory_mib(), platform.node())
    return store.keep(task.case.case, key, found, cost).as_outcome(kept=False)


class _Reading:
    """Reads a case, and knows afterwards how long that took (s)."""

    def __init__(self, case: CohortCase) -> None:
        self._case = case
        self.seconds = 0.0

    def __call__(self) -> Case:
        clock = time.monotonic()
        try:
            return read_case(self._case)
        finally:
            self.seconds += time.monotonic() - clock


def _found(reading: _Reading, protocol: LoadedProtocol, path: Path, inputs: str) -> tuple[QCRecord | CaseFault, KnownSteps | None]:
    """Return the record of a case, or why its files cannot be evaluated; and what was learnt of its steps, None: nothing."""
    known = read_known_steps(path, inputs)
    try:
        evaluated = evaluate_known(reading, protocol, known)
    except BadDataError as error:
        if _is_circumstance(error):
            raise
        return CaseFault.of(error), None
    return evaluated.record, None if evaluated.steps is known else evaluated.steps


def _require_same_rules(planned: PlannedProtocol, protocol: LoadedProtocol, found: QCRecord | CaseFault) -> None:
    """Make sure that what is read beside the protocol's file is still what the key says."""
    if model_sha256(protocol) != planned.model_sha256:
        raise _ChangedError(f"The difficulty model of the protocol {planned.name} was changed after the run was begun")
    if isinstance(found, QCRecord) and found.protocol_sign_off != planned.sign_off:
        raise _ChangedError(f"The signatures of the protocol {planned.name} were changed after the run was begun")


def _keys(task: CaseTask, files: CaseFiles, hashes: Mapping[str, str]) -> tuple[str, str]:
    case, protocol = task.case, task.protocol
    inputs = inputs_key(case.case, keyed_files(files, hashes, task.source), keyed_labels(case, hashes), task.software)
    return inputs, result_key(inputs, protocol.sha256, protocol.sign_off, protocol.model_sha256)


@functools.cache
def _software() -> dict[str, str]:
    return deciding_software()


@functools.lru_cache(maxsize=16)
def _protocol(name: str, sha256: str) -> LoadedProtocol:
    loaded = load_protocol(name)
    if loaded.sha256 != sha256:
        raise _ChangedError(f"The protocol {name} was changed after the run was begun")
    return loaded


def _is_circumstance(error: BaseException) -> bool:
    """Return whether an error comes from where and when the case was evaluated, not from its files."""
    for cause in _causes(error):
        # Without a number it is not the system's: gzip and image libraries raise OSError for what is in a file.
        if isinstance(cause, MemoryError) or (isinstance(cause, OSError) and cause.errno not in {None, *_LASTING}):
            return True
        # ITK says it so, whatever kind of memory it is.
        if isinstance(cause, RuntimeError) and "allocat" in str(cause):
            return True
    return False


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _failed(case: str, error: BaseException) -> CaseOutcome:
    if isinstance(error, OSError) and error.errno is not None:
        where = str(error.filename or case)
        found = f"cannot be read now ({error.strerror or error})."
        remedy = "Check the drive and who may read it, and run the same command again."
    elif isinstance(error, MemoryError):
        where, found = case, "needs more memory than there is."
        remedy = "Run again with fewer workers, or more memory for each (--workers, --memory)."
    elif isinstance(error, _ChangedError):
        where, found, remedy = case, f"{error}.", "Run the same command again."
    else:
        where, found = case, f"made SegQC fail: {type(error).__name__}: {error}."
        remedy = "Run the same command again; if it fails again, please report it with this text."
    return CaseOutcome(case, None, Outcome.FAILED, fault=CaseFault(where, found, remedy))


def _listed(software: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in software.items())
