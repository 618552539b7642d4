"""Header facts of a volume that Slicer loaded from its DICOM database."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from slicer import vtkMRMLScalarVolumeNode

from SegQCLib.dicom.series import read_series
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import same_grid
from SegQCLib.mrml.volume import ACQUISITION_ATTRIBUTE, keep_acquisition, volume_geometry


def keep_database_acquisition(node: vtkMRMLScalarVolumeNode, database) -> None:
    """Keep the header facts of the node's series with the node, unless they are there already.

    Where the database is closed or lacks the files, the facts stay unknown, which is no failure.

    Parameters
    ----------
    node : vtkMRMLScalarVolumeNode
    database : ctkDICOMDatabase or None
    """
    instance_uids = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    if node.GetAttribute(ACQUISITION_ATTRIBUTE) or not instance_uids or database is None or not database.isOpen:
        return
    path = database.fileForInstance(instance_uids[0])
    if not path or not Path(path).is_file():
        return
    try:
        series = read_series(Path(path))
    except BadDataError:
        logging.warning("SegQC evaluates %s without its DICOM headers.", node.GetName(), exc_info=True)
        return
    # Slicer may store the slices in another order: then their positions are not those of the node's slices.
    if not same_grid(series.geometry, volume_geometry(node)):
        series = replace(series, slice_origins_lps_mm=None)
    keep_acquisition(node, series)
