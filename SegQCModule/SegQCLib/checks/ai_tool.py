"""Were drafts made only by AI tools that the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "ai_tool"
WHY = (
    "A draft draws readers towards its outline: in one study their Dice rose from 0.78 to 0.89 without better accuracy "
    "(doi 10.1002/acm2.70425). So the study names the models that may make drafts."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Segment Algorithm Name (0062,0009) of segments that are not purely manual with the protocol."""
    names: dict[str, list[str]] = {}
    for segment in case.candidate.segments:
        if segment.algorithm_type in ("AUTOMATIC", "SEMIAUTOMATIC"):
            names.setdefault(segment.algorithm_name or "", []).append(segment.name)
    allowed = ", ".join(tool.name for tool in protocol.ai_tools) or "none"
    for name, segments in names.items():
        tool = next((tool for tool in protocol.ai_tools if tool.name.casefold() in name.casefold()), None)
        listed = ", ".join(segments[:5]) + (f" and {len(segments) - 5} more" if len(segments) > 5 else "")
        if not name:
            message = f"{listed}: made with an algorithm whose name (Segment Algorithm Name (0062,0009)) is missing."
            yield Finding(ID, Status.NOT_EVALUATED, message, None, allowed)
        elif tool is None:
            message = f"{listed}: made with {name}, which the protocol does not allow."
            yield Finding(ID, Status.FAIL, message, name, allowed)
        else:
            yield Finding(ID, Status.PASS, f"{listed}: made with {name}.", name, allowed, source=tool.source)
