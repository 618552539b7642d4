"""What fills items from SegQC's own files: one file each. A checklist names them by id, and many items share one.

A filler is a module with ID, which checklists store, and `run(facts)`, which returns what the files show with its place, and
what they do not show.
"""

from __future__ import annotations

from SegQCLib.checklists.fillers import (
    acquisition,
    agreement_with_reference,
    ai_drafts,
    annotation_software,
    cases_counted,
    checklist_in_use,
    dataset_partitions,
    deidentification,
    evaluation_software,
    flagged_cases,
    grid_changes,
    image_quality,
    image_uniformity,
    label_origin,
    measures_used,
    missing_facts,
    protocol_identity,
    quality_and_ratings,
    reader_agreement,
    reader_training,
    readers_counted,
    reading_procedure,
    reference_segmentations,
    segmentation_protocol,
    segmented_structures,
    statistics_used,
    value_units,
)

FILLERS = (
    acquisition,
    image_uniformity,
    image_quality,
    quality_and_ratings,
    value_units,
    grid_changes,
    segmentation_protocol,
    protocol_identity,
    segmented_structures,
    reference_segmentations,
    readers_counted,
    reader_training,
    reading_procedure,
    annotation_software,
    ai_drafts,
    label_origin,
    reader_agreement,
    statistics_used,
    cases_counted,
    missing_facts,
    deidentification,
    measures_used,
    agreement_with_reference,
    flagged_cases,
    evaluation_software,
    dataset_partitions,
    checklist_in_use,
)
