"""What becomes of findings: found, looked at, repaired, kept with a reason, or left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from SegQCLib.readers.case_read import CaseRead, FindingPath


@dataclass(frozen=True)
class CheckFunnel:
    """Findings of one check. `found` = `repaired` + `kept` + `left_open_viewed` + `left_open_unseen`."""

    check: str = field(metadata={"doc": "Id of the check."})
    found: int = field(metadata={"doc": "Findings (warnings and failures), one for each segment and read."})
    viewed: int = field(metadata={"doc": "Of them, those that the reader jumped to from the list of findings."})
    repaired: int = field(metadata={"doc": "Repaired with a repair of SegQC."})
    kept: int = field(metadata={"doc": "Not repaired, but kept with a reason."})
    left_open_viewed: int = field(metadata={"doc": "Neither repaired so nor kept, after the reader looked at them."})
    left_open_unseen: int = field(metadata={"doc": "Neither repaired so nor kept, and never jumped to."})


def finding_funnels(reads: Sequence[CaseRead]) -> tuple[CheckFunnel, ...]:
    """Return the funnel of each check in finished clinical reads, most findings first."""
    by_check: dict[str, list[FindingPath]] = {}
    for read in reads:
        if read.finished and read.purpose == "clinical":
            for path in read.findings:
                if path.found:
                    by_check.setdefault(path.check, []).append(path)
    funnels = [_funnel(check, paths) for check, paths in by_check.items()]
    return tuple(sorted(funnels, key=lambda funnel: (-funnel.found, funnel.check)))


def _funnel(check: str, paths: list[FindingPath]) -> CheckFunnel:
    still_open = [path for path in paths if not path.repaired and not path.kept]
    return CheckFunnel(
        check,
        len(paths),
        sum(path.viewed for path in paths),
        sum(path.repaired for path in paths),
        sum(path.kept and not path.repaired for path in paths),
        sum(path.viewed for path in still_open),
        sum(not path.viewed for path in still_open),
    )
