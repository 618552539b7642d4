"""The words that people read for statuses and units, in the report, in tables and on screen alike."""

from __future__ import annotations

from collections.abc import Sequence

from SegQCLib.findings import Finding, Status

# In the order in which findings are listed: what asks for something first.
STATUS_WORDS = {
    Status.FAIL: "Fail",
    Status.WARN: "Warning",
    Status.NOT_EVALUATED: "Not evaluated",
    Status.PASS: "Pass",
}
# UCUM units that do not read like the unit itself.
UNIT_WORDS = {"mm3": "mm³", "mm2": "mm²", "[hnsf'U]": "HU", "{voxels}": "voxels", "{slices}": "slices", "deg": "°", "1": ""}

# Slicer's Segmentation.Status of a segment that nobody says is finished: an empty one does not say that nothing is there.
UNFINISHED = {"notstarted": "not started", "inprogress": "in progress", "flagged": "flagged for review"}

# Stands where a de-identified report has nothing to show: the fact was there.
LEFT_OUT = "left out"


def worst_first(findings: tuple[Finding, ...]) -> list[Finding]:
    """Return findings by status, failures first, each status in the order of the checks."""
    order = list(STATUS_WORDS)
    return sorted(findings, key=lambda finding: order.index(finding.status))


def few(names: Sequence[str]) -> str:
    """Return names as a sentence lists them: up to six, or five and how many more."""
    return ", ".join(names if len(names) <= 6 else [*names[:5], f"{len(names) - 5} more"])
