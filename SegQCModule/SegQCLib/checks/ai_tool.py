"""Were drafts made only by AI tools, and versions of them, that the protocol allows?"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import AITool, QCProtocol

ID = "ai_tool"
WHY = (
    "A draft draws readers towards its outline: in one study their Dice rose from 0.78 to 0.89 without better accuracy "
    "(doi 10.1002/acm2.70425). So the study names the models that may make drafts."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare algorithm names (0062,0009) and versions (0066,0031) of segments that are not purely manual with the protocol."""
    made_with: dict[tuple[str, str], list[str]] = {}
    for segment in case.candidate.segments:
        if segment.algorithm_type in ("AUTOMATIC", "SEMIAUTOMATIC"):
            made_with.setdefault((segment.algorithm_name or "", segment.algorithm_version or ""), []).append(segment.name)
    for (name, version), segments in made_with.items():
        listed = ", ".join(segments[:5]) + (f" and {len(segments) - 5} more" if len(segments) > 5 else "")
        yield _finding(name, version, listed, protocol)


def _finding(name: str, version: str, segments: str, protocol: QCProtocol) -> Finding:
    tools = [tool for tool in protocol.ai_tools if tool.name.casefold() in name.casefold()]
    measured = f"{name} {version}".strip() or None
    allowed = ", ".join(map(_shown, protocol.ai_tools)) or "none"
    if not name:
        message = f"{segments}: made with an algorithm whose name (Segment Algorithm Name (0062,0009)) is missing."
        return Finding(ID, Status.NOT_EVALUATED, message, measured, allowed)
    if not tools:
        return Finding(ID, Status.FAIL, f"{segments}: made with {name}, which the protocol does not allow.", measured, allowed)
    tool = next((tool for tool in tools if _allows(tool, version)), None)
    if tool is not None:
        return Finding(ID, Status.PASS, f"{segments}: made with {measured}.", measured, allowed, source=tool.source)
    if not version:
        message = f"{segments}: made with {name}, whose version is not given; the protocol allows only some."
        return Finding(ID, Status.NOT_EVALUATED, message, measured, allowed, source=tools[0].source)
    message = f"{segments}: made with {name} {version}; the protocol does not allow this version."
    return Finding(ID, Status.FAIL, message, measured, allowed, source=tools[0].source)


def _allows(tool: AITool, version: str) -> bool:
    return any(fnmatch.fnmatchcase(version.casefold(), pattern.casefold()) for pattern in tool.versions)


def _shown(tool: AITool) -> str:
    return " ".join([tool.name, *([] if "*" in tool.versions else [" or ".join(tool.versions)])])
