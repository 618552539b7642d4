"""What a run is going to do: which cases, each under which protocol, before any voxel is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from SegQCLib.cohort.cohort_case import CaseFault, CohortCase
from SegQCLib.cohort.sources.find_cases import find_cases
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.difficulty.in_case import model_sha256, protocol_model
from SegQCLib.errors import BadDataError
from SegQCLib.hashing import sha256_of
from SegQCLib.importers.label_names import SHIPPED as SHIPPED_LABELS
from SegQCLib.importers.label_names import read_label_names
from SegQCLib.protocol import LoadedProtocol, load_protocol, shipped_protocols
from SegQCLib.protocols.sign_off import signoff_state
from SegQCLib.protocols.sign_off_state import SignOffState


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
    sign_off : SignOffState
        See `record.QCRecord.protocol_sign_off`.
    model_sha256 : str or None
        Of the difficulty model that it names; None: it names none.
    """

    name: str
    id: str
    version: str
    title: str
    sha256: str
    sign_off: SignOffState
    model_sha256: str | None


@dataclass(frozen=True)
class CohortPlan:
    """What a run is going to do.

    Attributes
    ----------
    source : Path or None
        The folder or CSV file that the cases were found in; None: they were given one by one. Results are kept by paths relative
        to it, so that a cohort that was moved as a whole keeps them.
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

    @property
    def source_folder(self) -> Path | None:
        """The folder that paths are told relative to."""
        return self.source if self.source is None or self.source.is_dir() else self.source.parent


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
    found, source = None, None
    if isinstance(cases, str | Path):
        # Workers have working folders of their own.
        source = Path(cases).absolute()
        found = find_cases(source, options)
    own = tuple(cases) if found is None else found.cases
    _require_unique_names(own)
    standard = protocol if isinstance(protocol, LoadedProtocol) else load_protocol(protocol)
    name = _protocol_name(standard)
    if standard.protocol.expected_agreement.model is not None:
        protocol_model(standard)
    labels = None if labels is None else _labels_name(labels)
    if labels is not None:
        read_label_names(labels)
    protocols = {name: _planned(name, standard)}
    planned = tuple(_planned_case(case, name, labels, protocols) for case in own)
    return CohortPlan(
        source=source,
        kind="cases" if found is None else found.kind,
        cases=planned,
        protocols=protocols,
        notes=() if found is None else found.notes,
    )


def _require_unique_names(cases: Sequence[CohortCase]) -> None:
    counts = Counter(case.case.casefold() for case in cases)
    twice = sorted({case.case for case in cases if counts[case.case.casefold()] > 1})
    if twice:
        raise ValueError(f"Each case needs a name of its own, whatever its upper and lower case; given twice: {', '.join(twice)}.")


def _protocol_name(loaded: LoadedProtocol) -> str:
    """Return what a worker loads a protocol by: shipped ones by their id, because SegQC may be elsewhere there."""
    shipped = {str(path): name for name, path in shipped_protocols().items()}
    name = shipped.get(loaded.path, str(Path(loaded.path).absolute()))
    try:
        present = sha256_of(Path(loaded.path))
    except OSError as error:
        raise ValueError("A cohort's protocol must be in a file that workers can read.") from error
    if present != loaded.sha256:
        raise ValueError(f"{loaded.path} was changed after it was loaded; load it again.")
    return name


def _labels_name(labels: str) -> str:
    return labels if labels in SHIPPED_LABELS else str(Path(labels).absolute())


def _planned(name: str, loaded: LoadedProtocol) -> PlannedProtocol:
    rules = loaded.protocol
    try:
        sign_off = signoff_state(loaded).state
    except BadDataError:
        sign_off = "unreadable"  # as records say it
    return PlannedProtocol(name, rules.id, rules.version, rules.title, loaded.sha256, sign_off, model_sha256(loaded))


def _planned_case(case: CohortCase, standard: str, labels: str | None, protocols: dict[str, PlannedProtocol]) -> CohortCase:
    """Return a case with its own protocol and labels, or else those of the cohort; what it names and nobody knows is its fault."""
    case = _with_absolute_paths(case)
    if case.fault is not None:
        return replace(case, protocol=case.protocol or standard, labels=case.labels or labels)
    if case.image is None or case.candidate is None:
        missing = "image" if case.image is None else "candidate"
        return replace(case, fault=CaseFault(case.case, f"has no {missing}.", "Give each case an image and a candidate."))
    try:
        name = standard if case.protocol is None else _case_protocol(case.protocol, protocols)
        own_labels = labels if case.labels is None else _labels_name(case.labels)
        if case.labels is not None:
            _require_labels(own_labels)
    except BadDataError as error:
        return replace(case, fault=CaseFault.of(error))
    return replace(case, protocol=name, labels=own_labels)


def _with_absolute_paths(case: CohortCase) -> CohortCase:
    paths = {name: getattr(case, name) for name in ("image", "candidate", "draft", "uncertainty", "second_image", "ratings")}
    absolute = {name: path.absolute() for name, path in paths.items() if path is not None}
    return replace(case, **absolute, references=tuple(path.absolute() for path in case.references))


def _case_protocol(protocol: str, protocols: dict[str, PlannedProtocol]) -> str:
    """Return what a case's own protocol is loaded by; ten thousand cases name one or two."""
    name = protocol if protocol in shipped_protocols() else str(Path(protocol).absolute())
    if name not in protocols:
        loaded = load_protocol(name)
        if loaded.protocol.expected_agreement.model is not None:
            protocol_model(loaded)
        protocols[name] = _planned(name, loaded)
    return name


@lru_cache(maxsize=64)
def _labels_fault(labels: str, _changed_ns: int) -> CaseFault | None:
    try:
        read_label_names(labels)
    except BadDataError as error:
        return CaseFault.of(error)
    return None


def _require_labels(labels: str) -> None:
    path = Path(labels)
    fault = _labels_fault(labels, path.stat().st_mtime_ns if path.is_file() else 0)
    if fault is not None:
        raise BadDataError(fault.where, fault.found, fault.remedy)
