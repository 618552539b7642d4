"""One case of a cohort: which files belong together, before any of them is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from SegQCLib.errors import BadDataError


@dataclass(frozen=True)
class CaseFault:
    """Why a case cannot be evaluated: what a BadDataError says, as a value that can be kept."""

    where: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return str(BadDataError(self.where, self.found, self.remedy))

    @classmethod
    def of(cls, error: BadDataError) -> CaseFault:
        return cls(error.where, error.found, error.remedy)


@dataclass(frozen=True)
class CohortCase:
    """The files of one case.

    Attributes
    ----------
    case : str
        Name of the case; unique in its cohort, whatever its upper and lower case.
    image : Path or None
        DICOM folder or file, NIfTI, NRRD or MetaImage. None only with a fault.
    candidate : Path or None
        Segmentation under test. None only with a fault.
    references : tuple of Path
        Segmentations to compare with, one per reader.
    draft, uncertainty, second_image, ratings : Path or None
        As `segqc evaluate` takes them.
    protocol : str or None
        Id of a shipped protocol or path of a protocol file; None: the cohort's.
    labels : str or None
        What label values mean; see `importers.read_segmentation`. None: the cohort's.
    candidate_is_draft : bool
        The case names a draft and no candidate: the draft itself is evaluated, before anybody read.
    patient, site, reader : str or None
        As the source says; None: it does not.
    fault : CaseFault or None
        Why the source already knows that the case cannot be evaluated: it becomes a row with this error.
    """

    case: str
    image: Path | None
    candidate: Path | None
    references: tuple[Path, ...] = ()
    draft: Path | None = None
    uncertainty: Path | None = None
    second_image: Path | None = None
    ratings: Path | None = None
    protocol: str | None = None
    labels: str | None = None
    candidate_is_draft: bool = False
    patient: str | None = None
    site: str | None = None
    reader: str | None = None
    fault: CaseFault | None = None
