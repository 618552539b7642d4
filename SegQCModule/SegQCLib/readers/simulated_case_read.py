"""A simulated read as what is computed from logs, without the detour of writing and reading them."""

from __future__ import annotations

from datetime import timedelta

from SegQCLib.readers.case_read import CaseRead, PlantedRead, SegmentRead
from SegQCLib.readers.edit_times import Seconds
from SegQCLib.readers.simulated_department import SimulatedRead
from SegQCLib.readers.simulated_reader import SimulatedSegment


def simulated_case_read(read: SimulatedRead, repeat: int = 1) -> CaseRead:
    """Return a simulated read; nothing is waited for, and no time goes by between segments."""
    active_s = sum(segment.active_s for segment in read.segments)
    return CaseRead(
        reader=read.reader.name,
        case=read.case.name,
        repeat=repeat,
        sessions=(),
        purpose=read.purpose,
        started=read.started,
        ended=read.started + timedelta(seconds=active_s),
        finished=True,
        protocol=read.case.model.protocol,
        protocol_sha256=None,
        seconds=Seconds(active=active_s),
        slices=read.case.slices,
        slices_seen=min(read.case.slices, sum(segment.slices_seen for segment in read.segments)),
        scrolled=any(segment.scrolled for segment in read.segments),
        verdict=None,
        segments=tuple(_segment_read(read, segment) for segment in read.segments),
        planted=tuple(
            PlantedRead(plant.error, plant.structure, plant.seconds is not None, float(plant.seconds is not None), plant.seconds)
            for plant in read.planted
        ),
        simulated=True,
    )


def _segment_read(read: SimulatedRead, segment: SimulatedSegment) -> SegmentRead:
    return SegmentRead(
        name=segment.structure.name,
        seconds=Seconds(active=segment.active_s),
        active_s_by_effect={},
        model=None if read.version is None else read.case.model.name,
        model_version=None if read.version is None else read.version.version,
        edited=segment.edited,
        voxels=segment.voxels,
        draft_voxels=segment.draft_voxels,
        added_voxels=segment.added_voxels,
        removed_voxels=segment.removed_voxels,
        voxel_volume_mm3=segment.structure.voxel_volume_mm3,
        slices_of_structure=segment.slices,
        slices_of_structure_seen=segment.slices_seen,
        accuracy=segment.accuracy if read.case.has_reference else None,
        threshold=segment.threshold,
    )
