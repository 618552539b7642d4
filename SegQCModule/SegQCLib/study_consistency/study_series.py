"""A series of a study as it was read: whose, when, how it was made, and what was segmented on it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from SegQCLib.acquisition import Acquisition
from SegQCLib.geometry import Geometry
from SegQCLib.study_consistency.timepoint import NO_TIMEPOINT, Timepoint


@dataclass(frozen=True)
class SeenLesion:
    """One segment of one read, measured on the image's grid.

    Attributes
    ----------
    name : str
    structure : str or None
        The protocol's name of the structure.
    tracking_uid : str or None
        Tracking UID (0062,0021).
    is_lesion : bool
        The protocol or its code says that it is one.
    voxels, slices : int
        0: assessed, absent.
    volume_mm3 : float
    longest_diameter_mm : float or None
        See `longest_diameter`.
    why_no_diameter : str or None
    across_pieces_mm : float or None
        The same from end to end of all pieces of one slice.
    at_edge : bool or None
        It touches the first or last slice, row or column of the image; None: not known.
    pieces : int or None
        26-connected pieces.
    assisted : bool or None
        An AI draft or another algorithm took part; None: not known.
    """

    name: str
    structure: str | None
    tracking_uid: str | None
    is_lesion: bool
    voxels: int
    slices: int
    volume_mm3: float
    longest_diameter_mm: float | None
    why_no_diameter: str | None
    across_pieces_mm: float | None
    at_edge: bool | None
    pieces: int | None
    assisted: bool | None


@dataclass(frozen=True)
class SeriesRead:
    """What one reader segmented on a series.

    Attributes
    ----------
    name : str
        The segmentation's name.
    reader : str or None
        None: not known.
    lesions : tuple of SeenLesion
    error : str or None
        Why it could not be read.
    """

    name: str
    reader: str | None
    lesions: tuple[SeenLesion, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class StudySeries:
    """One series.

    Attributes
    ----------
    case : str
        How it is called.
    patient : str
    timepoint : Timepoint
    kind : str or None
        What the study calls this kind of image; None: it does not.
    acquisition : Acquisition
    geometry : Geometry or None
        None where it could not be read.
    reads : tuple of SeriesRead
    error : str or None
        Why the series could not be read.
    same_images_as : str or None
        Another case with the same Series Instance UID, for another patient or time point.
    simulated : bool
    """

    case: str
    patient: str
    timepoint: Timepoint = NO_TIMEPOINT
    kind: str | None = None
    acquisition: Acquisition = field(default=Acquisition())
    geometry: Geometry | None = None
    reads: tuple[SeriesRead, ...] = ()
    error: str | None = None
    same_images_as: str | None = None
    simulated: bool = False


@dataclass(frozen=True)
class ReadStudy:
    """All series of a study, and sentences about what was found beside them.

    Attributes
    ----------
    origin : str
        What was read: a worklist, a DICOM folder, finished evaluations.
    series : tuple of StudySeries
    notes : tuple of str
    """

    origin: str
    series: tuple[StudySeries, ...]
    notes: tuple[str, ...] = ()


def with_same_images_together(study: ReadStudy) -> ReadStudy:
    """Return the study with each series once: reads of one series at one time point together, other copies marked."""
    kept: list[StudySeries] = []
    notes = list(study.notes)
    by_uid: dict[str, list[int]] = {}
    for one in study.series:
        # Two reads of a case without a UID: a record of each reader, of an image that is not DICOM or was de-identified.
        uid = one.acquisition.series_instance_uid or f"case {one.case}"
        places = by_uid.setdefault(uid, []) if one.error is None else []
        same = [n for n in places if (kept[n].patient, kept[n].timepoint) == (one.patient, one.timepoint)]
        if same:
            first = kept[same[0]]
            kept[same[0]] = replace(first, reads=(*first.reads, *one.reads))
            if one.case != first.case:
                notes.append(f"{one.case} has the same images as {first.case} (Series Instance UID (0020,000E)): counted once.")
            continue
        kept.append(replace(one, same_images_as=kept[places[0]].case) if places else one)
        places.append(len(kept) - 1)
    return replace(study, series=tuple(kept), notes=tuple(notes))
