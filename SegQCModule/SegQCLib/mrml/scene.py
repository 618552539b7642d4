"""Scenes outside Slicer: made, saved as .mrb and loaded, without an application."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from slicer import vtkMRMLColorLogic, vtkMRMLScene, vtkSlicerSegmentationsModuleLogic, vtkSlicerVolumesLogic

from SegQCLib.errors import BadDataError


def new_scene() -> vtkMRMLScene:
    """Return an empty scene that knows Slicer's volume, segmentation and colour nodes.

    Only for use outside Slicer: Slicer has its own scene.
    """
    scene = vtkMRMLScene()
    # The logics register their node classes and the segmentation converters; neither needs them afterwards.
    for logic_class in (vtkSlicerVolumesLogic, vtkSlicerSegmentationsModuleLogic):
        logic_class().SetMRMLScene(scene)
    color_logic = vtkMRMLColorLogic()
    color_logic.SetMRMLScene(scene)
    color_logic.AddDefaultColorNodes()
    return scene


def save_scene(scene: vtkMRMLScene, path: Path) -> None:
    """Write the scene with all its volumes, segmentations, tables and texts to one .mrb file.

    An earlier file stays as it is until the new one is complete.

    Raises
    ------
    ValueError
        If the name does not end in .mrb.
    BadDataError
        If the folder does not exist or cannot be written to.
    """
    if path.suffix.lower() != ".mrb":
        raise ValueError(f"{path} is not a name for a Slicer scene; it ends in .mrb.")
    try:
        # In the same folder, because only there the renaming is one step.
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".segqc-") as work:
            complete = Path(work) / path.name
            if not scene.WriteToMRB(str(complete)):
                raise BadDataError(path, "could not be written as a scene.", "Is the disk full? See the messages above.")
            complete.replace(path)
    except OSError as error:
        raise BadDataError(path, f"cannot be written ({error.strerror}).", "Choose a folder that you may write to.") from error


def load_scene(path: Path) -> vtkMRMLScene:
    """Return the scene of an .mrb file in a new scene.

    Raises
    ------
    BadDataError
        If the file cannot be read, or is not a Slicer scene.
    """
    remedy = "Give a scene that Slicer or SegQC saved as .mrb."
    try:
        with tempfile.TemporaryDirectory(prefix="segqc-") as work, zipfile.ZipFile(path) as bundle:
            bundle.extractall(work)
            descriptions = sorted(Path(work).glob("*/*.mrml"))
            if len(descriptions) != 1:
                raise BadDataError(path, f"holds {len(descriptions)} .mrml files instead of one.", remedy)
            scene = new_scene()
            # ReadFromMRB needs Slicer's cache and remote file logics; Connect reads the unpacked files.
            scene.SetURL(str(descriptions[0]))
            if not scene.Connect():
                raise BadDataError(path, "could not be read completely.", remedy)
            return scene
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", remedy) from error
    except zipfile.BadZipFile as error:
        raise BadDataError(path, "is not a zip archive.", remedy) from error
