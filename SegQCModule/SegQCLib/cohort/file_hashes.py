"""SHA-256 of a case's files: computed once, and again only when what the system says of a file is another."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.cohort.case_key import KeyedFile, KeyedLabels
from SegQCLib.cohort.cohort_case import CohortCase
from SegQCLib.cohort.cohort_folder import STORE_NAME, CohortFolder
from SegQCLib.cohort.result_store import place
from SegQCLib.complete_file import data_files
from SegQCLib.errors import BadDataError
from SegQCLib.file_header import FileKind, read_file_header
from SegQCLib.hashing import sha256_of, sha256_of_digests
from SegQCLib.importers.label_names import SHIPPED as SHIPPED_LABELS
from SegQCLib.steady_file import stamp

_SCHEMA = "segqc-cohort-inputs"
# A file that changed less than this before it was hashed may have changed once more within one tick of its drive's clock.
_SETTLED_NS = 2_000_000_000
# What nnU-Net writes beside a prediction, or above it: names of labels, and which model made it.
_BESIDE_PREDICTIONS = ("dataset.json", "plans.json", "predict_from_raw_data_args.json")

# Size, time of change, and time at which size, place, rights or time of change were last set (ns): copy programs give a file the
# time of change of its original, and that of another file of the same size may be the same.
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class RoleFiles:
    """What plays one role in a case: one path, and every file behind it.

    Attributes
    ----------
    role : str
    path : Path
        As the source names it.
    files : tuple of Path
    folder : Path
        Above all of them.
    """

    role: str
    path: Path
    files: tuple[Path, ...]
    folder: Path


@dataclass(frozen=True)
class CaseFiles:
    """All files of a case as they are now, by their path.

    Attributes
    ----------
    roles : tuple of RoleFiles
    stamps : dict of path to Stamp
    looked_ns : int
        When, ns.
    """

    roles: tuple[RoleFiles, ...]
    stamps: Mapping[str, Stamp]
    looked_ns: int

    def has_settled(self, path: str) -> bool:
        """Return whether a file that is written to after this look has another time of change then."""
        return self.stamps[path][1] < self.looked_ns - _SETTLED_NS


def look_at_files(case: CohortCase) -> CaseFiles:
    """Return which files a case has, with what tells whether they change; none is read but for its header.

    Raises
    ------
    OSError
        If one is missing or cannot be looked at.
    BadDataError
        If one is a pipe or a device: reading it might never end.
    """
    looked_ns = time.time_ns()
    roles = tuple(_roles(case))
    stamps = {}
    for file in (file for role in roles for file in role.files):
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadDataError(file, "is a pipe or a device, not a file.", "Give a file.")
        stamps[str(file)] = (*stamp(status), status.st_ctime_ns)
    return CaseFiles(roles, stamps, looked_ns)


def known_hashes(folder: CohortFolder, case: str) -> dict[str, tuple[Stamp, str]]:
    """Return what earlier runs know of a case's files: by path, the state it was in and its SHA-256 then."""
    try:
        content = json.loads(_inputs_path(folder, case).read_text(encoding="utf-8"))
        if content["schema"] != _SCHEMA or content["case"] != case:
            return {}
        return {path: ((size, changed_ns, set_ns), sha256) for path, size, changed_ns, set_ns, sha256 in content["files"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        # Whatever it was, what it could save is a computation.
        return {}


def hashes_of(files: CaseFiles, known: Mapping[str, tuple[Stamp, str]], *, only_known: bool = False) -> dict[str, str] | None:
    """Return the SHA-256 of every file by its path: what is known of it in its present state, else computed.

    Parameters
    ----------
    files : CaseFiles
    known : mapping
        Of `known_hashes`.
    only_known : bool
        Compute none; None is returned where one would have to be.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    found = {}
    for path, now in files.stamps.items():
        before, sha256 = known.get(path, (None, ""))
        if before == now:
            found[path] = sha256
        elif only_known:
            return None
        else:
            found[path] = sha256_of(Path(path))
    return found


def changed_file(case: CohortCase, files: CaseFiles, hashes: Mapping[str, str]) -> Path | None:
    """Return the first file of a case that is not what was hashed, came after the look, or went; None: there is none.

    Where size and time of change are the same and still leave a doubt, the content decides.
    """
    try:
        now = look_at_files(case)
        for path in sorted({*files.stamps, *now.stamps}):
            before, present = files.stamps.get(path), now.stamps.get(path)
            if before is None or present is None or before[:2] != present[:2]:
                return Path(path)
            if (before != present or not files.has_settled(path)) and sha256_of(Path(path)) != hashes[path]:
                return Path(path)
    except OSError as error:
        return Path(error.filename or case.case)
    except BadDataError as error:
        return Path(error.where)
    return None


def keep_hashes(folder: CohortFolder, case: str, files: CaseFiles, hashes: Mapping[str, str]) -> None:
    """Keep the SHA-256 of a case's files for the next run: of those that had settled when they were hashed.

    Raises
    ------
    RunFault
        If the folder cannot be written to, or is full.
    """
    rows = [[path, *seen, hashes[path]] for path, seen in files.stamps.items() if files.has_settled(path)]
    # Paths need not be Unicode; JSON escapes what is not.
    content = json.dumps({"schema": _SCHEMA, "case": case, "files": rows})
    place(folder, _inputs_path(folder, case), content.encode("ascii"))


def keyed_files(files: CaseFiles, hashes: Mapping[str, str], source: Path | None) -> list[KeyedFile]:
    """Return what goes into the key of a case's inputs.

    Parameters
    ----------
    files : CaseFiles
    hashes : mapping of path to SHA-256
    source : Path or None
        Folder that paths are told relative to, so that a tree that was moved as a whole keeps its keys.
    """
    return [
        KeyedFile(role.role, _told(role.path, source), _together(role, hashes)) for role in files.roles if role.role != "labels"
    ]


def keyed_labels(case: CohortCase, hashes: Mapping[str, str]) -> KeyedLabels:
    """Return what label values mean, as it goes into the key of a case's inputs."""
    if case.labels is None or case.labels in SHIPPED_LABELS:
        return KeyedLabels(name=case.labels)
    return KeyedLabels(sha256=hashes[str(Path(case.labels))])


def _inputs_path(folder: CohortFolder, case: str) -> Path:
    digest = hashlib.sha256(case.encode("utf-8", "surrogatepass")).hexdigest()
    return folder.store / "inputs" / digest[:2] / f"{digest}.json"


def _together(role: RoleFiles, hashes: Mapping[str, str]) -> str:
    if role.files == (role.path,):
        return hashes[str(role.path)]
    # A header may name its voxels by a path from the root.
    return sha256_of_digests({_told(file, role.folder): hashes[str(file)] for file in role.files})


def _told(path: Path, source: Path | None) -> str:
    if source is not None and path.is_relative_to(source):
        return path.relative_to(source).as_posix()
    return path.as_posix()


def _roles(case: CohortCase) -> Iterator[RoleFiles]:
    references = tuple(("reference" if n == 1 else f"reference {n}", path) for n, path in enumerate(case.references, start=1))
    images = (("image", case.image), ("second image", case.second_image), ("uncertainty", case.uncertainty))
    for role, path in images:
        if path is not None:
            yield _role(role, path, is_image=True)
    # Drafts are read with the algorithm that files beside them name.
    candidate = "draft as candidate" if case.candidate_is_draft else "candidate"
    for role, path in ((candidate, case.candidate), *references, ("draft", case.draft), ("ratings", case.ratings)):
        if path is not None:
            yield _role(role, path, is_image=False)
    if case.candidate_is_draft and case.candidate is not None and case.labels is None:
        yield from _beside(case.candidate)
    if case.labels is not None and case.labels not in SHIPPED_LABELS:
        labels = Path(case.labels)
        yield RoleFiles("labels", labels, (labels,), labels.parent)


def _role(role: str, path: Path, *, is_image: bool) -> RoleFiles:
    if path.is_dir():
        return RoleFiles(role, path, tuple(sorted(_files_below(path))), path)
    return RoleFiles(role, path, _with_companions(path, is_image), path.parent)


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, but for hidden ones and for a cohort's results, which are written while its cases are read."""
    for place_of, folders, names in os.walk(folder):
        if STORE_NAME in folders and Path(place_of) != folder:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (file for name in names if not name.startswith(".") and (file := Path(place_of, name)).is_file())


def _with_companions(path: Path, is_image: bool) -> tuple[Path, ...]:
    """Return a file and those that are read with it: the other slices of a series, voxels that are kept apart."""
    try:
        header = read_file_header(path)
        if header.kind is FileKind.DICOM:
            return tuple(sorted(file for file in path.parent.iterdir() if file.is_file())) if is_image else (path,)
        return data_files(header) if header.kind is not FileKind.UNKNOWN else (path,)
    except BadDataError:
        # Evaluating the case says what is wrong with it.
        return (path,)


def _beside(prediction: Path) -> Iterator[RoleFiles]:
    folder = prediction if prediction.is_dir() else prediction.parent
    for place_of, where in (("beside", folder), ("above", folder.parent)):
        for name in _BESIDE_PREDICTIONS:
            if (where / name).is_file():
                yield RoleFiles(f"{name} {place_of}", where / name, (where / name,), where)
