"""Session logs of one structure, as a reader's own reading is made from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from SegQCLib.readers.log_lines import LogEvent
from SegQCLib.readers.session_log import new_header, write_log

LIVER = {"id": "s0", "name": "liver"}
FIRST_DAY = datetime(2026, 1, 1, 8, tzinfo=UTC)
DRAFT_VOXELS = 1000


def a_read(
    folder: Path, day: float, *, active_s=120, changed=100, drafted=True, reader="Dr A", case="", done=True, version="2.0", **header
) -> Path:
    """Write the log of one read of a liver of 1,000 voxels of 1 mL, begun so many days after the first of January.

    Parameters
    ----------
    changed : int
        Voxels that are added to the draft.
    drafted : bool
        False: the same liver, drawn without a draft.
    """
    folder.mkdir(parents=True, exist_ok=True)
    started = FIRST_DAY + timedelta(days=day)
    begun = replace(new_header(case or f"Case {day:g}", reader, None, {}), started=started.isoformat(), monotonic_s=0.0, **header)
    before = DRAFT_VOXELS if drafted else 0
    voxels = {"voxels": DRAFT_VOXELS + changed, "draft_voxels": before, "added": DRAFT_VOXELS + changed - before, "removed": 0}
    measured = {"added_path_length_mm": None, "slices": [10, 19], "accuracy": None, "expected_dice": None, "threshold": None}
    shown = {"algorithm": "LiverNet", "version": version, "segments": [LIVER]}
    events = [(0, "logging_started", {}), (0, "case_opened", {"case": begun.case, "candidate": "draft" if drafted else "empty"})]
    events += [(0, "candidate", {"name": "candidate"}), (0, "context", {"segment": LIVER, "effect": "Paint"})]
    events += [(0, "draft_shown", shown)] if drafted else []
    events += [(second, "activity", {"mouse": 1}) for second in range(0, active_s + 1, 4)]
    events += [(active_s, "activity", {"mouse": 1})]
    events += [(active_s, "slices_seen", {"volume": "CT", "slices": 40, "seen": [[12, 16]], "scrolled": True})]
    events += [(active_s, "voxels", {"segments": [LIVER | voxels]})]
    events += [(active_s, "segments_measured", {"voxel_volume_mm3": 1000.0, "segments": [LIVER | voxels | measured]})]
    events += [(active_s, "case_finished", {"case": begun.case})] if done else []
    events += [(active_s, "logging_stopped", {})]
    lines = [
        LogEvent(number, (started + timedelta(seconds=second)).isoformat(timespec="milliseconds"), float(second), kind, facts)
        for number, (second, kind, facts) in enumerate(events, start=1)
    ]
    return write_log(folder, begun, lines)
