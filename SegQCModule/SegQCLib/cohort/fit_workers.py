"""Are the workers of a cluster what a run needs? Asked before the first case, not found out by the last."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from SegQCLib.cohort.case_key import deciding_software
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.run_fault import RunFault

if TYPE_CHECKING:
    from distributed import Client

_SAME_FILES = (
    "All workers need the same files under the same paths, and the output folder: put them on a drive that all of them share."
)
_INSTALL = "Install the same SegQC with the same numpy, scipy, SimpleITK and pydicom on all workers."


def require_fit_workers(client: Client, folder: CohortFolder, inputs: Sequence[Path]) -> None:
    """Make sure that every worker has the same software, sees some input files, and can write to the output folder.

    Waits for the first worker, if there is none yet. Workers that come later are asked for their software with their first case.

    Parameters
    ----------
    client : distributed.Client
    folder : CohortFolder
    inputs : sequence of Path
        A few files or folders of the cohort that exist here.

    Raises
    ------
    RunFault
        If one is not; each worker with what is wrong there, up to some. If the scheduler is lost meanwhile.
    """
    try:
        client.wait_for_workers(1)
    except OSError as error:
        raise RunFault(
            client.scheduler.address, f"the scheduler was lost ({error}).", "Start one, and run the same command again."
        ) from error
    probe = folder.store / f"probe-{secrets.token_hex(8)}"
    try:
        probe.mkdir()
        answers = client.run(worker_faults, str(probe), [str(path) for path in inputs], deciding_software(), on_error="return")
        faults = {}
        for worker, answer in answers.items():
            if isinstance(answer, ModuleNotFoundError):
                faults[worker] = f"cannot import {answer.name}."
            elif isinstance(answer, Exception):
                faults[worker] = f"cannot be asked ({type(answer).__name__}: {answer})."
            elif answer:
                faults[worker] = answer
    finally:
        for path in (*probe.glob("*"), probe):
            if path == probe:
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
    if faults:
        listed = "".join(f"\n  {worker}: {fault}" for worker, fault in sorted(faults.items())[:5])
        more = f"\n  and {len(faults) - 5} more workers" if len(faults) > 5 else ""
        counted = f"{len(faults)} of {len(answers)} workers" if len(answers) > 1 else "the worker"
        raise RunFault(f"{counted} cannot take part", f"{listed}{more}\n", f"{_SAME_FILES} {_INSTALL}")


def worker_faults(probe: str, inputs: Sequence[str], software: Mapping[str, str]) -> str:
    """Return what is wrong with the worker that this runs on, as sentences; empty: nothing."""
    own, faults = deciding_software(), []
    other = [
        f"{name} {own.get(name, 'is missing')} instead of {version}"
        for name, version in software.items()
        if own.get(name) != version
    ]
    if other:
        faults.append(f"has {', '.join(other)}.")
    missing = [path for path in inputs if not Path(path).exists()]
    if missing:
        faults.append(f"does not see {missing[0]}.")
    if not Path(probe).is_dir():
        faults.append(f"does not see the output folder {Path(probe).parents[1]}.")
    else:
        try:
            (Path(probe) / secrets.token_hex(8)).write_bytes(b"written")
        except OSError as error:
            faults.append(f"cannot write to the output folder ({error.strerror}).")
    return " ".join(faults)
