"""What is chosen in the panels, kept in the scene's parameter node."""

# Without postponed annotations: the wrapper reads the classes themselves.
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import parameterNodeWrapper


@parameterNodeWrapper
class CaseParameters:
    """The case's nodes, None where none is chosen, and the id of a shipped protocol or the path of a protocol's file."""

    volume: vtkMRMLScalarVolumeNode
    candidate: vtkMRMLSegmentationNode
    reference: vtkMRMLSegmentationNode
    draft: vtkMRMLSegmentationNode
    protocol: str
