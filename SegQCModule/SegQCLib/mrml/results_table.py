"""The record's measurements, image quality and findings as table nodes: one row each, every number beside its unit."""

from __future__ import annotations

from slicer import vtkMRMLScene, vtkMRMLSegmentationNode, vtkMRMLTableNode

from SegQCLib.findings import Finding
from SegQCLib.metric_texts import metric_text
from SegQCLib.mrml.referenced_node import referenced_node
from SegQCLib.mrml.text_table import fill_text_table
from SegQCLib.quality.quality_measurement import QualityMeasurement
from SegQCLib.quality.quality_texts import REGION_WORDS, number_name, unit_words, z_text
from SegQCLib.record import Measurement, QCRecord
from SegQCLib.words import STATUS_WORDS, UNIT_WORDS, worst_first

MEASUREMENTS_ROLE = "SegQC.Measurements"
IMAGE_QUALITY_ROLE = "SegQC.ImageQuality"
FINDINGS_ROLE = "SegQC.Findings"

MEASUREMENT_TITLES = {
    "segment": "Segment",
    "structure": "Structure",
    "metric": "Measure",
    "value": "Value",
    "unit": "Unit",
    "definition": "Definition",
    "candidate_role": "Measured in",
    "reference_role": "Compared with",
    "reason": "Why undefined",
}
IMAGE_QUALITY_TITLES = {
    "segment": "Segment",
    "measure": "Number",
    "value": "Value",
    "unit": "Unit",
    "in_study": "z in the study",
    "region": "Region",
    "voxels": "Voxels",
    "background": "Against",
    "background_voxels": "Its voxels",
    "definition": "Definition",
    "remark": "Caution",
    "reason": "Why undefined",
}
FINDING_TITLES = {
    "status": "Status",
    "message": "Finding",
    "segment": "Segment",
    "kept": "Kept",
    "measured": "Measured",
    "allowed": "Allowed",
    "source": "Source of the limit",
    "check": "Check",
}


def write_measurements(scene: vtkMRMLScene, record: QCRecord, segmentation_node: vtkMRMLSegmentationNode) -> vtkMRMLTableNode:
    """Write the measurements to the segmentation's table node, in place of earlier ones.

    Values are text with six digits (the record has them all), because a number column cannot hold
    "undefined": such a cell is a dash, with its reason in the last column. Segments that are empty and no structures
    of the protocol are left out, and a last row says how many: a model's label map has a hundred of them.
    """
    name = f"{segmentation_node.GetName()} SegQC measurements"
    empty = _empty_and_unknown(record)
    node = referenced_node(scene, segmentation_node, MEASUREMENTS_ROLE, "vtkMRMLTableNode", name)
    rows = [
        {
            **{column: getattr(measurement, column) for column in MEASUREMENT_TITLES},
            "metric": metric_text(measurement.metric).short_name,
            "value": None if measurement.value is None else _digits(measurement.value),
            "unit": UNIT_WORDS.get(measurement.unit, measurement.unit),
        }
        for measurement in record.measurements
        if measurement.segment not in empty
    ]
    if empty:
        count = f"{len(empty)} more segment{'' if len(empty) == 1 else 's'}"
        reason = "Empty, and not in the protocol: left out here, the record has all."
        rows.append({**dict.fromkeys(MEASUREMENT_TITLES), "segment": count, "reason": reason})
    fill_text_table(node, Measurement, MEASUREMENT_TITLES, rows)
    return node


def write_image_quality(
    scene: vtkMRMLScene, record: QCRecord, segmentation_node: vtkMRMLSegmentationNode
) -> vtkMRMLTableNode | None:
    """Write the image-quality numbers to the segmentation's table node, in place of earlier ones; without numbers there is none."""
    if not record.image_quality:
        node = segmentation_node.GetNodeReference(IMAGE_QUALITY_ROLE)
        if node is not None:
            scene.RemoveNode(node)
        return None
    name = f"{segmentation_node.GetName()} SegQC image quality"
    node = referenced_node(scene, segmentation_node, IMAGE_QUALITY_ROLE, "vtkMRMLTableNode", name)
    rows = [
        {
            "segment": m.segment,
            "measure": number_name(m.measure, m.method),
            "value": None if m.value is None else _digits(m.value),
            "unit": unit_words(m.unit),
            "in_study": None if m.in_study is None else z_text(m.in_study),
            "region": REGION_WORDS[m.region],
            "voxels": str(m.voxels),
            "background": m.background,
            "background_voxels": None if m.background_voxels is None else str(m.background_voxels),
            "definition": m.definition,
            "remark": m.remark,
            "reason": m.reason,
        }
        for m in record.image_quality
    ]
    fill_text_table(node, QualityMeasurement, IMAGE_QUALITY_TITLES, rows)
    return node


def write_findings(scene: vtkMRMLScene, record: QCRecord, segmentation_node: vtkMRMLSegmentationNode) -> vtkMRMLTableNode:
    """Write the findings to the segmentation's table node, in place of earlier ones, failures first."""
    name = f"{segmentation_node.GetName()} SegQC findings"
    node = referenced_node(scene, segmentation_node, FINDINGS_ROLE, "vtkMRMLTableNode", name)
    rows = [
        {**{column: getattr(finding, column) for column in FINDING_TITLES}, "status": STATUS_WORDS[finding.status]}
        for finding in worst_first(record.findings)
    ]
    fill_text_table(node, Finding, FINDING_TITLES, rows)
    return node


def _empty_and_unknown(record: QCRecord) -> set[str]:
    """Return the names of segments that the protocol does not know and that have no voxels in candidate or reference."""
    volumes: dict[str, float] = {}
    for measurement in record.measurements:
        if measurement.structure is None and measurement.metric in ("volume_candidate_mm3", "volume_reference_mm3"):
            volumes[measurement.segment] = volumes.get(measurement.segment, 0.0) + (measurement.value or 0.0)
    return {segment for segment, volume_mm3 in volumes.items() if volume_mm3 == 0}


def _digits(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1e5 else f"{value:.6g}"
