"""The DICOM files that a volume node was loaded from."""

from __future__ import annotations

import json
from pathlib import Path

from slicer import vtkMRMLScalarVolumeNode

from SegQCLib.errors import BadDataError
from SegQCLib.mrml.volume import SERIES_FILES_ATTRIBUTE

# Where Slicer's DICOM import keeps the SOP Instance UIDs (0008,0018) of the images, separated by spaces.
INSTANCES_ATTRIBUTE = "DICOM.instanceUIDs"


def series_files(node: vtkMRMLScalarVolumeNode, database) -> tuple[Path, ...]:
    """Return the files of all images that a volume was loaded from: by Slicer from its database, or by SegQC from a folder.

    Parameters
    ----------
    node : vtkMRMLScalarVolumeNode
    database : ctkDICOMDatabase or None

    Raises
    ------
    BadDataError
        If the volume is not from DICOM, or the database is closed or lacks an image.
    """
    name = node.GetName()
    instance_uids = tuple(dict.fromkeys((node.GetAttribute(INSTANCES_ATTRIBUTE) or "").split()))
    if not instance_uids:
        read_by_segqc = node.GetAttribute(SERIES_FILES_ATTRIBUTE)
        if read_by_segqc is not None:
            return tuple(map(Path, json.loads(read_by_segqc)))
        raise BadDataError(
            name,
            "was not loaded from DICOM, and DICOM objects refer to DICOM images.",
            "Import the series in Slicer's DICOM module, load it from there, and choose it as the image of the case.",
        )
    if database is None or not database.isOpen:
        raise BadDataError(name, "is from a DICOM database that is not open.", "Open Slicer's DICOM module once, then check again.")
    files = [Path(path) for path in map(database.fileForInstance, instance_uids) if path]
    # Files of the database are looked at by those who read them: on a network drive that takes its time.
    if len(files) < len(instance_uids):
        raise BadDataError(
            name,
            f"consists of {len(instance_uids)} images; Slicer's DICOM database lacks {len(instance_uids) - len(files)} of them.",
            "Import the whole series again in Slicer's DICOM module, or open the database that it was loaded from.",
        )
    return tuple(files)
