"""Write the page of a cohort into its output folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from SegQCLib.cohort.cohort_folder import REPORT_NAME, CohortFolder
from SegQCLib.cohort.report.case_pictures import case_pictures
from SegQCLib.cohort.report.cohort_report import CohortReport, cohort_report
from SegQCLib.cohort.report.cohort_report_page import render_cohort_report
from SegQCLib.cohort.tables.versions import one_version
from SegQCLib.evaluate import software_versions
from SegQCLib.output import require_writable, write_files
from SegQCLib.printable import printable
from SegQCLib.progress import Progress, part, unwatched
from SegQCLib.record import Verdict


@dataclass(frozen=True)
class WrittenReport:
    """A page that was written.

    Attributes
    ----------
    path : Path
    told : str
        What the terminal shows, one line.
    notes : tuple of str
        Why pictures are missing, sentences.
    """

    path: Path
    told: str
    notes: tuple[str, ...]


def write_report(folder: CohortFolder, worst: int, progress: Progress = unwatched) -> WrittenReport:
    """Write report.html into a cohort's output folder, from its tables and, for pictures, the files of its worst cases.

    Parameters
    ----------
    folder : CohortFolder
    worst : int
        How many of the worst cases are shown, 0 or more.

    Raises
    ------
    BadDataError
        If the folder is no cohort's or cannot be written to, or a package is not installed.
    ValueError
        If `worst` is below 0.
    """
    if worst < 0:
        raise ValueError(f"{worst} is no count of cases; give 0 or more.")
    with one_version(folder):
        report = cohort_report(folder, worst, part(progress, 0.0, 0.4))
    require_writable(folder.path)
    pictures = case_pictures(folder, report.worst, part(progress, 0.4, 0.9))
    created = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M UTC%z")
    page = render_cohort_report(report, pictures, created, software_versions("pyarrow", "matplotlib"), part(progress, 0.9, 1.0))
    write_files(folder.path, {REPORT_NAME: printable(page)})
    progress("Done", 1.0)
    notes = tuple(f"{case}: {found.why_not}" for case, found in pictures.items() if found.why_not is not None)
    return WrittenReport(folder.path / REPORT_NAME, _told(report), notes)


def _told(report: CohortReport) -> str:
    counts, cases = report.verdicts.cases, len(report.cases)
    simulated = f"SIMULATED, {report.run.simulated:,} of the cases: " if report.run.simulated else ""
    judged = ", ".join(f"{counts[verdict]:,} {verdict.value}" for verdict in (Verdict.ACCEPT, Verdict.REVIEW, Verdict.REJECT))
    return f"{simulated}{cases:,} case{'' if cases == 1 else 's'}: {judged}; {cases - report.evaluated:,} not evaluated."
