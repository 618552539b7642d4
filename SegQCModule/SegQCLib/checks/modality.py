"""Is the image of a modality that the protocol reads?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "modality"
WHY = (
    "Limits, windows and expected values of a protocol hold for one kind of image. Hounsfield units, for example, exist on CT only."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Modality (0008,0060) with the protocol."""
    found, allowed = case.image.acquisition.modality, protocol.modality
    if found is None:
        yield Finding(
            ID, Status.NOT_EVALUATED, "Modality (0008,0060) is not in the header.", allowed=str(allowed), source=allowed.source
        )
    elif found in allowed:
        yield Finding(ID, Status.PASS, f"Modality is {found}.", found, str(allowed), source=allowed.source)
    else:
        message = f"Modality (0008,0060) is {found}; this protocol is for {allowed}."
        yield Finding(ID, Status.FAIL, message, found, str(allowed), source=allowed.source)
