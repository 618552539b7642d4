"""Does part of a segmentation lie outside the image?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from SegQCLib.case import Case, Segment, Segmentation
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import QCProtocol

ID = "outside_image"
WHY = (
    "What lies outside the image was not drawn on it. The segmentation may belong to another series, and the part outside is lost."
)
SOURCE = "SegQC: a voxel whose centre is beyond the image's outer voxels was not drawn on this image"


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Count the candidate's voxels, as stored, whose centres are outside the image."""
    # Contours that reach outside were cut off when they were filled, and reading them said so.
    found = any(finding.check == ID for finding in case.candidate.findings)
    for segment in case.candidate.segments:
        for finding in of_segment(case, protocol, segment):
            found = True
            yield finding
    if not found:
        yield Finding(ID, Status.PASS, "No part of the candidate lies outside the image.", "0 %", "0 %", "%", SOURCE)


def of_segment(case: Case, protocol: QCProtocol, segment: Segment) -> Iterator[Finding]:  # noqa: ARG001
    """Yield the finding about one segment, if voxels of it, as stored, are outside the image."""
    stored = case.candidate.stored
    as_stored = None if stored is None else next((item for item in stored.segments if item.id == segment.id), None)
    share = 0.0 if as_stored is None else _share_outside(stored, as_stored, case.image.geometry)
    if share > 0:
        message = f"{share:.1%} of {segment.name} lies outside the image and was cut off."
        yield Finding(ID, Status.FAIL, message, f"{share:.1%}", "0 %", "%", SOURCE, segment.name)


def _share_outside(stored: Segmentation, segment: Segment, image: Geometry) -> float:
    box = stored.box(segment)
    if box is None:
        return 0.0
    corners = np.stack(np.meshgrid(*[(s.start, s.stop - 1) for s in box], indexing="ij"), axis=-1).reshape(8, 3)
    if np.all(_inside(image, stored.geometry.lps_mm(corners))):
        return 0.0
    outside = total = 0
    # Slice by slice: the positions of all voxels of an organ at once would take 24 bytes each.
    for k in range(box[0].start, box[0].stop):
        plane = np.argwhere(stored.layers[segment.layer][k][box[1:]] == segment.label_value)
        index = np.column_stack([np.full(len(plane), k), plane + (box[1].start, box[2].start)])
        total += len(index)
        outside += int(np.count_nonzero(~_inside(image, stored.geometry.lps_mm(index))))
    return outside / total


def _inside(image: Geometry, lps_mm: np.ndarray) -> np.ndarray:
    index = image.index_kji(lps_mm)
    tolerance = 0.5 + 1e-3  # to the outer face of the outermost voxels
    return np.all((index >= -tolerance) & (index <= np.array(image.size) - 1 + tolerance), axis=-1)
