"""Where everything of a cohort lies in its output folder.

<folder>/cohort.json                          what was asked: source, protocols, versions, counts
         cases/<case>/record.json             the case's present record; or error.json, where it was refused or failed
         tables/<table>/part-*.parquet        the data set
         report.html                          what `segqc cohort report` writes
         worklist*.csv                        what `segqc cohort worklist` writes
         .segqc-cohort/results/<ab>/<key>.*   results by their key: written once, never changed
                       inputs/, steps/        what is known of files, and of steps that a changed protocol does not touch
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.file_name import file_name
from SegQCLib.record_files import RECORD_NAME

# Hidden, so that commands that look for record.json below a folder find the present ones alone.
STORE_NAME = ".segqc-cohort"
ERROR_NAME = "error.json"
REPORT_NAME = "report.html"


@dataclass(frozen=True)
class CohortFolder:
    """The places in a cohort's output folder; nothing is made by naming them."""

    path: Path

    @property
    def store(self) -> Path:
        return self.path / STORE_NAME

    @property
    def tables(self) -> Path:
        return self.path / "tables"

    @property
    def cases(self) -> Path:
        return self.path / "cases"

    @property
    def facts(self) -> Path:
        return self.path / "cohort.json"

    def case(self, case: str) -> Path:
        """Return the folder of a case; no two cases share one."""
        name = file_name(case)
        if name == case:
            return self.cases / name
        # Of a hundred thousand long names with one beginning, some share the few digits that tell readers apart.
        return self.cases / f"{name}{hashlib.sha256(case.encode('utf-8', 'surrogatepass')).hexdigest()[-10:]}"

    def record(self, case: str) -> Path:
        """Return where the present record of a case is, if it has one."""
        return self.case(case) / RECORD_NAME

    def error(self, case: str) -> Path:
        """Return where it stands why a case has no record, if it has none."""
        return self.case(case) / ERROR_NAME
