"""Were all slices of the series made alike?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.acquisition import attribute_of
from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "uniform_acquisition"
WHY = (
    "A series whose kernel, tube voltage or echo time changes is two images in one stack: grey values and borders mean "
    "different things in its parts."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:  # noqa: ARG001
    """Report facts that belong to a series and differ between its slices; nothing where the header is not known."""
    acquisition = case.image.acquisition
    if acquisition.source == type(acquisition)().source:
        return
    for item in acquisition.differing:
        message = f"{attribute_of(item.fact)} is not the same in all slices: {item}."
        yield Finding(ID, Status.WARN, message, str(item), "the same in all slices")
    if not acquisition.differing:
        yield Finding(ID, Status.PASS, "The header describes all slices alike.", allowed="the same in all slices")
