"""The checks: one file each, in the order in which a report lists them.

A check is a module with ID, stored in reports and never renamed, WHY, which tells a radiologist why this
is checked and what goes wrong otherwise, and `run(case, protocol)`, which yields findings. The case's
segmentations are on the image's grid; `stored` has them as their file does.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from SegQCLib.case import Case
from SegQCLib.checks import (
    ai_tool,
    area_jumps,
    contrast_agent,
    contrast_phase,
    convolution_kernel,
    duplicate_slices,
    echo_time,
    empty_or_full,
    end_slices,
    field_of_view,
    field_strength,
    flat_faces,
    gantry_tilt,
    geometry_match,
    holes,
    identical_segments,
    image_quality,
    image_type,
    image_values,
    impossible_intensity,
    in_plane_size,
    inversion_time,
    islands,
    laterality,
    lesion_size,
    lossy_compression,
    missing_slices,
    modality,
    mr_sequence,
    outside_image,
    overlaps,
    pixel_spacing,
    plane,
    protocol_coverage,
    ratings,
    reader_training,
    repetition_time,
    segment_status,
    segmentation_reference,
    skipped_slices,
    slice_gap,
    slice_spacing,
    slice_thickness,
    spacing_regularity,
    spikes,
    structures,
    tube_voltage,
    uniform_acquisition,
    uptake_time,
    volume_range,
    window_level,
)
from SegQCLib.findings import Finding
from SegQCLib.progress import Progress, unwatched
from SegQCLib.protocol import QCProtocol

# These look at the image and its header only, so they can be asked before anything is segmented.
IMAGE_CHECKS = (
    modality,
    plane,
    slice_thickness,
    slice_spacing,
    slice_gap,
    missing_slices,
    duplicate_slices,
    spacing_regularity,
    gantry_tilt,
    pixel_spacing,
    in_plane_size,
    convolution_kernel,
    tube_voltage,
    mr_sequence,
    field_strength,
    echo_time,
    repetition_time,
    inversion_time,
    contrast_agent,
    contrast_phase,
    uptake_time,
    uniform_acquisition,
    image_type,
    lossy_compression,
    window_level,
    image_values,
)

SEGMENTATION_CHECKS = (
    geometry_match,
    segmentation_reference,
    outside_image,
    structures,
    field_of_view,
    islands,
    holes,
    skipped_slices,
    area_jumps,
    end_slices,
    flat_faces,
    spikes,
    empty_or_full,
    identical_segments,
    overlaps,
    laterality,
    volume_range,
    impossible_intensity,
    lesion_size,
    segment_status,
    ai_tool,
    ratings,
    reader_training,
    protocol_coverage,
)

CHECKS = IMAGE_CHECKS + SEGMENTATION_CHECKS

# These judge what was measured, so `evaluate` asks them when that is done.
MEASUREMENT_CHECKS = (image_quality,)


def why(check_id: str) -> str | None:
    """Return why a check is made, or None for a finding that comes from reading or preparing files."""
    return next((check.WHY for check in CHECKS + MEASUREMENT_CHECKS if check_id == check.ID), None)


def asked_checks(protocol: QCProtocol) -> tuple[ModuleType, ...]:
    """Return the checks that the protocol does not skip, in order, without those that judge what was measured."""
    return tuple(check for check in CHECKS if check.ID not in protocol.skipped_checks)


def run_checks(case: Case, protocol: QCProtocol, progress: Progress = unwatched) -> Iterator[Finding]:
    """Yield the findings of every check that the protocol does not skip, in order."""
    asked = asked_checks(protocol)
    for number, check in enumerate(asked):
        progress(f"Checking: {check.ID.replace('_', ' ')}", number / len(asked))
        yield from check.run(case, protocol)
