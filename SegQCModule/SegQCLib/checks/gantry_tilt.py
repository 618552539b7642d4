"""Was the series scanned with a tilted gantry?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "gantry_tilt"
WHY = (
    "Slices of a tilted scan are shifted against each other. Software that stacks them upright shears the anatomy, so that "
    "shapes and distances are wrong."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare the angle between slice normal and slice stack with the protocol.

    The angle comes from the positions; Gantry/Detector Tilt (0018,1120) is quoted, because scanners
    and anonymisers leave it at 0 or drop it.
    """
    allowed = protocol.gantry_tilt_deg
    if allowed is None:
        return
    acquisition = case.image.acquisition
    tilt_deg = acquisition.stack_tilt_deg
    if tilt_deg is None:
        message = "Slice positions (Image Position (Patient), (0020,0032)) are not known, so a gantry tilt cannot be told."
        yield Finding(ID, Status.NOT_EVALUATED, message, allowed=str(allowed), unit="deg", source=allowed.source)
        return
    header = acquisition.gantry_tilt_deg
    quoted = "not given" if header is None else f"{header:g} deg"
    measured = f"{tilt_deg:.2g} deg" if tilt_deg < 0.1 else f"{tilt_deg:.1f} deg"
    facts = f"The slice stack leans by {measured} from the slice normal (Gantry/Detector Tilt (0018,1120): {quoted})"
    if tilt_deg in allowed:
        yield Finding(ID, Status.PASS, f"{facts}.", measured, str(allowed), "deg", allowed.source)
    else:
        message = f"{facts}; the protocol allows {allowed}. Software that stacks such slices upright shears the anatomy."
        yield Finding(ID, Status.FAIL, message, measured, str(allowed), "deg", allowed.source)
