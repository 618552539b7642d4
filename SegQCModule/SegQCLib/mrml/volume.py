"""Between a scalar volume node and the core's Volume."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import slicer.util
import vtk
from numpy.typing import NDArray
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene

from SegQCLib.case import Acquisition, Volume, WindowLevel
from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry
from SegQCLib.mrml.geometry import geometry_from_ijk_to_ras, ijk_to_ras
from SegQCLib.regular_grid import is_regular, slice_displacement_mm

# Node attribute with the header facts as JSON: a scene is opened on machines without its DICOM database.
ACQUISITION_ATTRIBUTE = "SegQC.Acquisition"
# The DICOM files that SegQC itself read a volume from, as JSON; Slicer's own import keeps instance UIDs instead.
SERIES_FILES_ATTRIBUTE = "SegQC.SeriesFiles"
# Where each slice of an irregular series lies, (left, posterior, superior) in mm: a node has one spacing only.
SLICE_ORIGINS_ATTRIBUTE = "SegQC.SliceOrigins"
# Id of the training set whose practice case this is the image of.
TRAINING_ATTRIBUTE = "SegQC.TrainingSet"


def add_volume(scene: vtkMRMLScene, volume: Volume, name: str) -> vtkMRMLScalarVolumeNode:
    """Add a volume with its grid and header facts to a scene.

    The node has a display node only if `volume.display` says which window a viewer uses:
    an automatic window that nobody has looked at must not be judged.

    Raises
    ------
    BadDataError
        If the volume has a grid only, no voxel values.
    """
    if volume.array is None:
        raise BadDataError(name, "has no voxel values, only a grid.", "Give the image itself; a scene needs it.")
    # VTK has no boolean or half-precision arrays.
    array = volume.array.astype(np.uint8) if volume.array.dtype == np.bool_ else volume.array
    array = array.astype(np.float32) if array.dtype == np.float16 else array
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, array)
    node.SetIJKToRASMatrix(ijk_to_ras(volume.geometry))
    keep_acquisition(node, volume)
    if volume.slice_sources:
        files = dict.fromkeys(str(source.path) for source in volume.slice_sources)
        node.SetAttribute(SERIES_FILES_ATTRIBUTE, json.dumps(list(files), ensure_ascii=False))
    if volume.training_set is not None:
        node.SetAttribute(TRAINING_ATTRIBUTE, volume.training_set)
    if volume.display is not None:
        show_with_window(node, volume.display)
    return node


def show_with_window(node: vtkMRMLScalarVolumeNode, window_level: WindowLevel) -> None:
    """Show a volume with a window."""
    node.CreateDefaultDisplayNodes()
    display_node = node.GetScalarVolumeDisplayNode()
    # While auto window/level is on, SetWindowLevel is ignored without a warning.
    display_node.AutoWindowLevelOff()
    display_node.SetWindowLevel(window_level.window, window_level.level)


def keep_acquisition(node: vtkMRMLScalarVolumeNode, volume: Volume) -> None:
    """Keep the header facts of a volume with its node, and so with the scene."""
    node.SetAttribute(ACQUISITION_ATTRIBUTE, to_json(volume.acquisition))
    if volume.slice_origins_lps_mm is not None and not is_regular(volume):
        node.SetAttribute(SLICE_ORIGINS_ATTRIBUTE, json.dumps(volume.slice_origins_lps_mm.tolist()))


def acquisition_of(node: vtkMRMLScalarVolumeNode) -> Acquisition:
    """Return the header facts kept with the node; all unknown where none were kept.

    Raises
    ------
    BadDataError
        If the attribute was changed to something else.
    """
    text = node.GetAttribute(ACQUISITION_ATTRIBUTE)
    if text is None:
        return Acquisition()
    try:
        return from_json(Acquisition, text)
    except FaultyJSONError as error:
        raise BadDataError(
            f"{node.GetName()}, node attribute {ACQUISITION_ATTRIBUTE}",
            f"is not what SegQC wrote: {error}.",
            "Load the image again from DICOM, or remove the attribute: its facts then count as unknown.",
        ) from error


def _slice_origins(node: vtkMRMLScalarVolumeNode) -> NDArray[np.float64] | None:
    """Return where the first voxel of each slice really lies, (slices, 3) in LPS mm, or None if nothing says so."""
    text = node.GetAttribute(SLICE_ORIGINS_ATTRIBUTE)
    if text is None:
        return _transformed_slice_origins(node)
    try:
        origins = np.array(json.loads(text), float)
    except ValueError:
        origins = np.empty(0)
    slices = node.GetImageData().GetDimensions()[2]
    if origins.shape != (slices, 3):
        raise BadDataError(
            f"{node.GetName()}, node attribute {SLICE_ORIGINS_ATTRIBUTE}",
            f"is not a position for each of the {slices} slices.",
            "Load the image again from DICOM.",
        )
    return origins


def _transformed_slice_origins(node: vtkMRMLScalarVolumeNode) -> NDArray[np.float64] | None:
    # Slicer's DICOM import stacks tilted or unevenly spaced slices and puts their true places into a grid transform above.
    parent = node.GetParentTransformNode()
    if parent is None or not parent.IsA("vtkMRMLGridTransformNode"):
        return None
    to_world = vtk.vtkGeneralTransform()
    parent.GetTransformToWorld(to_world)
    geometry = volume_geometry(node)
    ras = geometry.lps_mm(np.outer(np.arange(geometry.size[0]), (1, 0, 0))) * (-1, -1, 1)
    return np.array([to_world.TransformPoint(point) for point in ras]) * (-1, -1, 1)


def volume_from_node(node: vtkMRMLScalarVolumeNode) -> Volume:
    """Return the image of a node in LPS, with its header facts and the window that it is shown with.

    The array is a view of the node's voxels, not a copy: it follows edits of the node.

    Raises
    ------
    BadDataError
        If the node has no voxels, several components per voxel, or a transform that is not hardened.
    """
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0:
        raise BadDataError(node.GetName(), "has no voxels.", "Load the image again.")
    if image.GetNumberOfScalarComponents() != 1:
        raise BadDataError(
            node.GetName(),
            f"has {image.GetNumberOfScalarComponents()} values per voxel (colour or vector image).",
            "Choose a grey-scale volume.",
        )
    _require_own_place(node)
    display_node = node.GetScalarVolumeDisplayNode()
    geometry, origins = volume_geometry(node), _slice_origins(node)
    acquisition = acquisition_of(node)
    if origins is not None:
        acquisition = replace(acquisition, slice_displacement_mm=slice_displacement_mm(geometry, origins))
    return Volume(
        array=slicer.util.arrayFromVolume(node),
        geometry=geometry,
        acquisition=acquisition,
        display=None if display_node is None else WindowLevel(display_node.GetWindow(), display_node.GetLevel()),
        slice_origins_lps_mm=origins,
        training_set=node.GetAttribute(TRAINING_ATTRIBUTE),
    )


def volume_geometry(node: vtkMRMLScalarVolumeNode) -> Geometry:
    """Return the grid of a volume node, without its parent transform.

    Raises
    ------
    BadDataError
        If the node has no voxels.
    """
    if node.GetImageData() is None:
        raise BadDataError(node.GetName(), "has no voxels.", "Load the image again.")
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return geometry_from_ijk_to_ras(matrix, node.GetImageData().GetExtent())


def _require_own_place(node: vtkMRMLScalarVolumeNode) -> None:
    transform = node.GetParentTransformNode()
    if transform is not None and not transform.IsA("vtkMRMLGridTransformNode"):
        raise BadDataError(
            node.GetName(),
            f"is moved by the transform {transform.GetName()!r}.",
            "Harden the transform (Transforms module), or take the volume out of it.",
        )
