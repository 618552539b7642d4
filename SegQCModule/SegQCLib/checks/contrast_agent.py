"""Was contrast agent given, as the protocol asks?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "contrast_agent"
WHY = (
    "Contrast agent decides which borders can be seen and how bright tissue is. With and without it, readers do not "
    "outline the same thing."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Contrast/Bolus Agent (0018,0010) with the protocol."""
    rule = protocol.contrast
    if rule is None:
        return
    agent = case.image.acquisition.contrast_agent
    allowed = "given" if rule.agent_required else "none needed"
    if agent is None:
        # The attribute is optional: its absence does not show that no contrast was given.
        message = "Contrast/Bolus Agent (0018,0010) is not in the header: whether contrast was given cannot be told from it."
        yield Finding(ID, Status.NOT_EVALUATED, message, allowed=allowed, source=rule.source)
        return
    message = f"Contrast was given (Contrast/Bolus Agent (0018,0010): {agent})."
    if rule.agent_required:
        yield Finding(ID, Status.PASS, message, agent, allowed, source=rule.source)
    else:
        yield Finding(ID, Status.WARN, f"{message} The protocol does not ask for it.", agent, allowed, source=rule.source)
