"""Header facts of a volume that Slicer loaded from its DICOM database."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
from slicer import vtkMRMLScalarVolumeNode

from SegQCLib.acquisition import SUVBW, Acquisition
from SegQCLib.case import Volume
from SegQCLib.dicom.series import read_series_headers
from SegQCLib.dicom.suv import stored_unit
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import SAME_GRID_TOLERANCE_MM, Geometry, axis_order, reorder_axes
from SegQCLib.mrml.volume import ACQUISITION_ATTRIBUTE, keep_acquisition, volume_geometry


def series_file(node: vtkMRMLScalarVolumeNode, database) -> Path | None:
    """Return a file of the series that the node was loaded from, or None where the database has none.

    Parameters
    ----------
    node : vtkMRMLScalarVolumeNode
    database : ctkDICOMDatabase or None
    """
    instance_uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    if not instance_uids or database is None or not database.isOpen:
        return None
    path = database.fileForInstance(instance_uids[0])
    return Path(path) if path and Path(path).is_file() else None


def keep_series_acquisition(node: vtkMRMLScalarVolumeNode, series: Volume) -> None:
    """Keep the header facts of the series, as `read_series_headers` gives it, with the node that was loaded from it."""
    of_node = _for_grid(series, volume_geometry(node))
    if of_node.acquisition.modality == "PT":
        # Slicer loaded the node, and does not convert to SUV without being asked.
        of_node = replace(of_node, acquisition=replace(of_node.acquisition, value_unit=_pet_unit(node, of_node.acquisition)))
    keep_acquisition(node, of_node)


def keep_database_acquisition(node: vtkMRMLScalarVolumeNode, database) -> None:
    """Keep the header facts of the node's series with the node, unless they are there already.

    Where the database is closed or lacks the files, the facts stay unknown, which is no failure.

    Parameters
    ----------
    node : vtkMRMLScalarVolumeNode
    database : ctkDICOMDatabase or None
    """
    path = None if node.GetAttribute(ACQUISITION_ATTRIBUTE) else series_file(node, database)
    if path is None:
        return
    try:
        series = read_series_headers(path)
    except BadDataError:
        logging.warning("SegQC evaluates %s without its DICOM headers.", node.GetName(), exc_info=True)
        return
    keep_series_acquisition(node, series)


def _pet_unit(node: vtkMRMLScalarVolumeNode, acquisition: Acquisition) -> str | None:
    """Return the unit of the node's voxels: what Slicer says of them, else the unit that they are stored in."""
    units = node.GetVoxelValueUnits()
    if units is None or not units.GetCodeValue():
        return stored_unit(acquisition)
    # UCUM annotations stand anywhere: DICOM CID 84 has g/ml{SUVbw}, Slicer's PET reader {SUVbw}g/ml.
    return SUVBW if "{SUVbw}" in units.GetCodeValue() else units.GetCodeValue()


def _for_grid(series: Volume, grid: Geometry) -> Volume:
    """Return the series with the positions of the node's slices, or without any where the node was resampled."""
    order = axis_order(series.geometry, grid)
    upright = reorder_axes(series.geometry, order)
    first_mm = float(np.linalg.norm(np.subtract(upright.origin_lps_mm, grid.origin_lps_mm)))
    if upright.size != grid.size or order.permutation[0] != 0 or first_mm > SAME_GRID_TOLERANCE_MM:
        acquisition = replace(
            series.acquisition, slice_positions_mm=(), duplicate_positions_mm=(), slice_displacement_mm=None, stack_tilt_deg=None
        )
        return replace(series, acquisition=acquisition, slice_origins_lps_mm=None)
    # Slicer stores left-handed stacks from the last slice to the first.
    origins = series.slice_origins_lps_mm[:: -1 if order.flipped[0] else 1]
    return replace(series, slice_origins_lps_mm=origins + (np.array(grid.origin_lps_mm) - origins[0]))
