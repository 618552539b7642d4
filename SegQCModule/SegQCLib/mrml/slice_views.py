"""Turn slice views to a plane, and take them to a place."""

from __future__ import annotations

from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLSliceNode

from SegQCLib.protocol import Plane

# Slicer's names of the presets in a scene; the first of them is what the first slice view of a layout shows.
PRESETS: dict[Plane, str] = {"axial": "Axial", "sagittal": "Sagittal", "coronal": "Coronal"}
# The slice views of Slicer's conventional layouts, the one for reading first.
STANDARD_VIEWS = ("Red", "Yellow", "Green")


def slice_nodes(scene: vtkMRMLScene) -> list[vtkMRMLSliceNode]:
    """Return the slice nodes of the main layout, the reading view (Red) first.

    Views of other windows (they have a layout node of their own) and of other view groups are not among them.
    """
    count = scene.GetNumberOfNodesByClass("vtkMRMLSliceNode")
    nodes = [scene.GetNthNodeByClass(n, "vtkMRMLSliceNode") for n in range(count)]
    main = [node for node in nodes if node.GetParentLayoutNode() is None and node.GetViewGroup() == 0]
    standard = {name: n for n, name in enumerate(STANDARD_VIEWS)}
    return sorted(main, key=lambda node: standard.get(node.GetLayoutName(), len(standard)))


def orient_slices(scene: vtkMRMLScene, plane: Plane, volume_node: vtkMRMLScalarVolumeNode | None = None) -> None:
    """Show a plane in the reading view and the other two planes in the second and third view.

    Further views (of a layout for comparing) show `plane` too. Where they are in the patient does not change.

    Parameters
    ----------
    scene : vtkMRMLScene
    plane : {"axial", "coronal", "sagittal"}
    volume_node : vtkMRMLScalarVolumeNode or None
        The views are turned to this volume's own planes, so that the slices of an oblique volume are shown as
        they were acquired, without interpolation across them.

    Raises
    ------
    ValueError
        If `plane` is none of the three.
    """
    if plane not in PRESETS:
        raise ValueError(f"{plane!r} is not a plane that slices can be turned to: {', '.join(PRESETS)}.")
    others = [name for name in PRESETS if name != plane]
    for n, node in enumerate(slice_nodes(scene)):
        shown = others[n - 1] if 0 < n < len(STANDARD_VIEWS) else plane
        node.SetOrientation(PRESETS[shown])
        if volume_node is not None:
            node.RotateToVolumePlane(volume_node)


def jump_slices(scene: vtkMRMLScene, location_lps_mm: tuple[float, float, float]) -> None:
    """Centre every slice view of the main layout on a place, given as (left, posterior, superior) in mm."""
    left, posterior, superior = location_lps_mm
    for node in slice_nodes(scene):
        # The scene is in RAS.
        node.JumpSliceByCentering(-left, -posterior, superior)
