"""Are the protocol's structures there, once each, and is everything there known?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case, Segment
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "structures"
WHY = (
    "A segment that is missing, given twice or unknown cannot be measured as what it stands for. An empty segment says "
    "looked for and absent, a missing one says nothing."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Match the candidate's segments with the protocol's structures by code, then by name."""
    matched: dict[str, list[Segment]] = {structure.name: [] for structure in protocol.structures}
    coded, unknown = [], []
    for segment in case.candidate.segments:
        structure = protocol.structure_of(segment)
        if structure is not None:
            matched[structure.name].append(segment)
        else:
            (unknown if segment.terminology is None else coded).append(segment)
    yield from _required(case, protocol, matched)
    for structure in protocol.structures:
        segments = matched[structure.name]
        if len(segments) > 1 and not structure.many:
            names = ", ".join(segment.name for segment in segments)
            message = f"{structure.name} is given {len(segments)} times ({names}); the protocol expects one segment."
            yield Finding(ID, Status.FAIL, message, f"{len(segments)} segments", "1 segment", source=_source(protocol))
    present = [segment.name for segment in coded if case.candidate.box(segment) is not None]
    if present:
        count, are, were = (
            ("1 segment", "is not a structure", "it was")
            if len(present) == 1
            else (f"{len(present)} segments", "are not structures", "they were")
        )
        message = f"{count} {are} of this protocol; {were} measured but not judged: {_listed(present)}."
        yield Finding(ID, Status.PASS, message, count, source=_source(protocol))
    if unknown:
        names = [segment.name for segment in unknown]
        message = (
            f"{len(unknown)} segments have neither a code nor a name that the protocol knows, so nobody can tell what they are:"
            f" {_listed(names)}. Rename them, or give the label names (--labels)."
        )
        yield Finding(ID, Status.WARN, message, f"{len(unknown)} segments", "0 segments", source=_source(protocol))


def _required(case: Case, protocol: QCProtocol, matched: dict[str, list[Segment]]) -> Iterator[Finding]:
    required = [structure.name for structure in protocol.structures if structure.required]
    missing = [name for name in required if not matched[name]]
    empty = [name for name in required if matched[name] and all(case.candidate.box(s) is None for s in matched[name])]
    for name in missing:
        message = f"{name} is required and has no segment. If it was looked for and is absent, add an empty segment for it."
        yield Finding(ID, Status.FAIL, message, "no segment", "1 segment", source=_source(protocol), segment=name)
    for name in empty:
        message = f"{name} is required and its segment is empty: assessed and absent, or outside the scanned range?"
        yield Finding(ID, Status.WARN, message, "0 voxels", "at least 1 voxel", source=_source(protocol), segment=name)
    present = len(required) - len(missing) - len(empty)
    if required and present == len(required):
        message = f"All required structures are there: {_listed(required)}."
        yield Finding(ID, Status.PASS, message, f"{present}", f"{present}", source=_source(protocol))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _source(protocol: QCProtocol) -> str:
    return f"protocol {protocol.id} {protocol.version}"
