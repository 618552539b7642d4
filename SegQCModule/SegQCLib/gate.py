"""The protocol gate: is the image as the protocol asks, before anything is segmented on it?"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from SegQCLib.case import Case, Segmentation, Volume
from SegQCLib.checks import (
    IMAGE_CHECKS,
    image_values,
    in_plane_size,
    pixel_spacing,
    plane,
    reader_training,
    slice_gap,
    slice_spacing,
    window_level,
)
from SegQCLib.findings import Finding, Status
from SegQCLib.prepare import prepare
from SegQCLib.protocol import Plane, QCProtocol, WindowRule
from SegQCLib.readers.training.standing import TrainingStanding
from SegQCLib.words import worst_first


class Origin(StrEnum):
    """Where a measured value was read."""

    DATABASE = "DICOM header, from the DICOM database"
    SCENE = "DICOM header, kept with the scene"
    GRID = "voxel grid of the volume"
    VOXELS = "voxel values of the volume"
    SCREEN = "window that the volume is shown with"
    UNKNOWN = "not known"


def image_findings(volume: Volume, protocol: QCProtocol, window_rule: WindowRule | None = None) -> tuple[Finding, ...]:
    """Return what the image checks say about a volume on which nothing is segmented yet.

    Parameters
    ----------
    volume : Volume
    protocol : QCProtocol
    window_rule : WindowRule or None
        The one rule of the protocol that the window is judged by; None judges it by all of them.

    Returns
    -------
    tuple of Finding
        What reading the volume showed, whether its slices lie on a regular grid where they do not, and the
        findings of the image checks that the protocol does not skip, in the order of the report.
    """
    case = _without_segments(volume)
    # The grid alone: whether an irregular series is resampled later is told without doing it now.
    off_grid = prepare(_without_segments(replace(volume, array=None)), protocol).findings
    rules = protocol if window_rule is None else replace(protocol, windows=(window_rule,))
    checked = [finding for check in IMAGE_CHECKS if check.ID not in protocol.skipped_checks for finding in check.run(case, rules)]
    return (*volume.findings, *off_grid, *checked)


def with_window_of(
    findings: tuple[Finding, ...], volume: Volume, protocol: QCProtocol, window_rule: WindowRule | None = None
) -> tuple[Finding, ...]:
    """Return the findings with those about the window judged anew: no voxel is read, so a window that moves may ask for it."""
    if window_level.ID in protocol.skipped_checks:
        return findings
    rules = protocol if window_rule is None else replace(protocol, windows=(window_rule,))
    judged = tuple(window_level.run(_without_segments(volume), rules))
    before = next((n for n, finding in enumerate(findings) if finding.check == window_level.ID), len(findings))
    others = tuple(finding for finding in findings if finding.check != window_level.ID)
    return (*others[:before], *judged, *others[before:])


def training_findings(volume: Volume, protocol: QCProtocol, standing: TrainingStanding) -> tuple[Finding, ...]:
    """Return what the check of the reader's training says; none where the protocol asks for no training or skips the check."""
    if reader_training.ID in protocol.skipped_checks:
        return ()
    return tuple(reader_training.run(replace(_without_segments(volume), reader_training=standing), protocol))


def gate_status(findings: tuple[Finding, ...]) -> Status:
    """Return the worst status of the findings.

    FAIL: the image is not as the protocol asks. WARN: something asks for a look. NOT_EVALUATED: something that the
    protocol asks for is not known. PASS: the image is as the protocol asks, also where it asks for nothing.
    """
    return worst_first(findings)[0].status if findings else Status.PASS


def reading_plane(volume: Volume, protocol: QCProtocol) -> Plane | None:
    """Return the plane to read in: the volume's own where the protocol allows it, else the protocol's first, else None."""
    if protocol.plane is None:
        return None
    own, _obliquity_deg = plane.nearest_plane(volume.geometry)
    return own if own in protocol.plane.values else protocol.plane.values[0]


def origins_of(finding: Finding, volume: Volume, header: Origin) -> tuple[Origin, ...]:
    """Return where the measured value of an image finding was read; several places where it was computed from both.

    Parameters
    ----------
    finding : Finding
        Of `image_findings`.
    volume : Volume
        The volume that it is about.
    header : Origin
        Where the volume's header facts were read: DATABASE, SCENE or UNKNOWN.
    """
    # Slice Thickness is only in the header; the distance between slices is in the grid too.
    distance = header if len(volume.acquisition.slice_positions_mm) > 1 else Origin.GRID
    if finding.check in (plane.ID, pixel_spacing.ID, in_plane_size.ID):
        return (Origin.GRID,)
    if finding.measured is None and finding.status is Status.NOT_EVALUATED:
        return (Origin.UNKNOWN,)
    if finding.check == slice_spacing.ID:
        return (distance,)
    if finding.check == slice_gap.ID:
        return (header,) if distance is header else (header, distance)
    if finding.check == window_level.ID:
        return (header if volume.display is None else Origin.SCREEN,)
    if finding.check == image_values.ID:
        return (Origin.VOXELS,)
    return (header,)


def _without_segments(volume: Volume) -> Case:
    return Case(volume, Segmentation("nothing segmented yet", volume.geometry, (), ()))
