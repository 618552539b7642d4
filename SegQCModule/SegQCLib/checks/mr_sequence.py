"""Is the image of an MR sequence that the protocol reads?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.acquisition import attribute_of
from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "mr_sequence"
WHY = (
    "Tissues and lesions are bright on one sequence and dark on another. ESR Essentials (Chupetlovska et al. 2025): keep the "
    "same sequence throughout a study."
)
# Makers' own sequence names are cryptic; what the department called the series often says it in words.
_NAMES = ("sequence_name", "series_description", "protocol_name")


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Look for a name that the protocol allows in the header.

    Read are Sequence Name (0018,0024), else Pulse Sequence Name (0018,9005), Series Description (0008,103E) and Protocol
    Name (0018,1030).
    """
    allowed = protocol.mr_sequence
    if allowed is None:
        return
    acquisition = case.image.acquisition
    found = {fact: name for fact in _NAMES if (name := getattr(acquisition, fact)) is not None}
    listed = "; ".join(f"{attribute_of(fact)}: {name!r}" for fact, name in found.items())
    fitting = next((fact for fact, name in found.items() if name in allowed), None)
    if not found:
        attributes = ", ".join(map(attribute_of, _NAMES))
        message = f"The header does not name the sequence: {attributes} are missing."
        yield Finding(ID, Status.NOT_EVALUATED, message, allowed=str(allowed), source=allowed.source)
    elif fitting is not None:
        message = f"The sequence is {found[fitting]!r} by its {attribute_of(fitting)}."
        yield Finding(ID, Status.PASS, message, found[fitting], str(allowed), source=allowed.source)
    else:
        message = f"No name of the sequence is one that the protocol allows ({allowed}). {listed}."
        measured = ", ".join(found.values())
        yield Finding(ID, Status.FAIL, message, measured, str(allowed), source=allowed.source)
