"""The cases of a cohort as its report needs them: one row of the table `cases` each."""

from __future__ import annotations

from dataclasses import dataclass, fields

from SegQCLib.cohort.case_outcome import Outcome
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.report.cohort_columns import table_columns
from SegQCLib.cohort.tables.read_tables import OF_ANOTHER_VERSION
from SegQCLib.errors import BadDataError
from SegQCLib.record import Verdict


@dataclass(frozen=True)
class ReportCase:
    """What became of a case and what is known of it: columns of the table `cases` by their names.

    It is simulated where its record says so, or its name or the path of its image or candidate.
    """

    case: str
    outcome: Outcome
    verdict: Verdict | None
    error_where: str | None = None
    error_found: str | None = None
    error_remedy: str | None = None
    image_path: str | None = None
    candidate_path: str | None = None
    candidate_is_draft: bool = False
    references: int = 0
    reference_paths: tuple[str, ...] = ()
    draft_path: str | None = None
    labels: str | None = None
    protocol: str | None = None
    patient: str | None = None
    site: str | None = None
    protocol_id: str | None = None
    protocol_version: str | None = None
    protocol_sha256: str | None = None
    image_sha256: str | None = None
    candidate_sha256: str | None = None
    modality: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    size_k: int | None = None
    size_j: int | None = None
    size_i: int | None = None
    simulated: bool = False
    failed_findings: int | None = None
    warnings: int | None = None

    @property
    def evaluated(self) -> bool:
        return self.outcome is Outcome.EVALUATED

    @property
    def protocol_words(self) -> str:
        """Id and version of the protocol, as people name it."""
        return f"{self.protocol_id or 'protocol not known'} {self.protocol_version or ''}".rstrip()

    @property
    def scanner(self) -> str | None:
        """Manufacturer and model; None where the header names neither."""
        return " ".join(" ".join((text or "").split()) for text in (self.manufacturer, self.model)).strip() or None

    @property
    def voxels(self) -> int | None:
        """How many voxels the image has."""
        size = (self.size_k, self.size_j, self.size_i)
        return None if None in size else size[0] * size[1] * size[2]


def report_cases(folder: CohortFolder) -> tuple[ReportCase, ...]:
    """Return the cases of a cohort in the order of its plan.

    Raises
    ------
    BadDataError
        If there is no such table.
    """
    names = [field.name for field in fields(ReportCase)]
    table = table_columns(folder, "cases", names)
    rows = zip(*(table.column(name).to_pylist() for name in names), strict=True)
    try:
        return tuple(_case(dict(zip(names, row, strict=True))) for row in rows)
    except ValueError as error:
        raise BadDataError(
            folder.tables / "cases",
            f"has a word that this version of SegQC does not know ({error}).",
            OF_ANOTHER_VERSION,
        ) from error


def _case(row: dict) -> ReportCase:
    verdict = row["verdict"]
    # A record names segmentations and not the image; better one case too many than one too few.
    named = any("simulated" in (row[name] or "").casefold() for name in ("case", "image_path", "candidate_path"))
    return ReportCase(
        **{
            **row,
            "outcome": Outcome(row["outcome"]),
            "verdict": None if verdict is None else Verdict(verdict),
            "simulated": bool(row["simulated"]) or named,
            "references": row["references"] or 0,
            "reference_paths": tuple(row["reference_paths"] or ()),
            "candidate_is_draft": bool(row["candidate_is_draft"]),
        }
    )
