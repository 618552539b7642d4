"""An empty segmentation with what the protocol asks to be drawn."""

from __future__ import annotations

import numpy as np
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLScene, vtkMRMLSegmentationNode

from SegQCLib.case import Segment, Segmentation
from SegQCLib.mrml.segmentation import add_segmentation
from SegQCLib.mrml.volume import volume_geometry
from SegQCLib.protocol import QCProtocol


def add_empty_candidate(
    scene: vtkMRMLScene, volume_node: vtkMRMLScalarVolumeNode, protocol: QCProtocol | None, name: str
) -> vtkMRMLSegmentationNode:
    """Add a segmentation on a volume's grid with an empty, coded segment for each structure of the protocol.

    An empty segment that is left so says "assessed, absent".
    """
    geometry = volume_geometry(volume_node)
    structures = () if protocol is None else protocol.structures
    segments = tuple(
        Segment(structure.name, structure.name, number, terminology=structure.terminology)
        for number, structure in enumerate(structures, start=1)
    )
    node = add_segmentation(scene, Segmentation(name, geometry, (np.zeros(geometry.size, np.uint8),), segments), volume_node, name)
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    return node
