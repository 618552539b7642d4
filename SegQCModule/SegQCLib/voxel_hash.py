"""One number for all voxels of a segmentation: has anybody changed it?"""

from __future__ import annotations

import hashlib

import numpy as np

from SegQCLib.case import Segmentation


def voxels_sha256(segmentation: Segmentation) -> str:
    """Return the SHA-256 of the voxels of all segments, by segment id, in hexadecimal.

    Names, codes, colours, label values and how segments share layers do not count; the grid's size does.
    """
    lines = []
    for segment in sorted(segmentation.segments, key=lambda segment: segment.id):
        box = segmentation.box(segment)
        if box is None:
            lines.append(f"{segment.id} empty")
            continue
        voxels = hashlib.sha256(np.packbits(segmentation.mask(segment, box)).tobytes()).hexdigest()
        lines.append(f"{segment.id} {[(s.start, s.stop) for s in box]} {voxels}")
    lines.append(str(segmentation.geometry.size))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
