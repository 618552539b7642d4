"""Does a segment have protrusions that are one voxel wide?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Case
from SegQCLib.findings import Finding
from SegQCLib.mask_runs import MaskRuns
from SegQCLib.protocol import QCProtocol, Range
from SegQCLib.segment_shape import MOST_FINDINGS, SegmentShape, ShapeCheck, ShapeError, ShapeErrors

ID = "spikes"
WHY = (
    "A spike one voxel wide is mostly a slip of the mouse or noise that a threshold let in. It hardly changes the volume, "
    "but it lengthens surface distances."
)
DEFAULT = Range(
    "1", "SegQC default: digital spheres and tapering tips end in a few single voxels; longer ones are drawn", maximum=3
)

# Neighbours (of 26) of a voxel in a flat surface: 17. A spike stands on a body, not at the end of a thin vessel.
_BODY = 16

_AROUND = [step for step in itertools.product((-1, 0, 1), repeat=3) if step != (0, 0, 0)]


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report chains of single voxels that stand out of a body, by their length in voxels.

    Lesions may be spiculated, so they are not judged.
    """
    yield from SHAPE_CHECK.run(case, protocol)


def _find(shape: SegmentShape, limit: Range) -> ShapeErrors:
    if shape.is_lesion:
        return ShapeErrors((), 0)
    spikes = sorted(_spikes(shape.mask, shape.runs, limit), key=len, reverse=True)
    return ShapeErrors(tuple(_error(shape, spike) for spike in spikes[:MOST_FINDINGS]), len(spikes))


def _spikes(mask: NDArray[np.bool_], runs: MaskRuns, limit: Range) -> Iterator[NDArray[np.int64]]:
    """Yield the voxels of each chain outside the limit from its tip to where it widens into a body, shape (n, 3)."""
    # Flat indices: a noisy mask has a hundred thousand tips. The margin keeps steps from wrapping around.
    inside = mask.ravel()
    steps = np.array([np.dot(step, (mask.shape[1] * mask.shape[2], mask.shape[2], 1)) for step in _AROUND])
    for tip in _tips(inside, runs, steps):
        chain = [tip]
        while True:
            around = steps + chain[-1]
            onward = [index for index in around[inside[around]].tolist() if index not in chain[-2:]]
            if len(onward) != 1 or onward[0] in chain:
                break
            chain.append(onward[0])
        if len(chain) not in limit and any(np.count_nonzero(inside[steps + index]) >= _BODY for index in onward):
            yield np.column_stack(np.unravel_index(chain, mask.shape))


def _tips(inside: NDArray[np.bool_], runs: MaskRuns, steps: NDArray[np.int64]) -> list[int]:
    """Return the voxels with one neighbour, in order."""
    # Between two voxels of its run, a voxel has two already.
    tips = np.concatenate([runs.starts, runs.stops - 1])
    counts = np.zeros(len(tips), np.uint8)
    for step in steps:
        counts += inside[tips + step]
        few = counts <= 1
        tips, counts = tips[few], counts[few]
    return np.unique(tips[counts == 1]).tolist()


def _error(shape: SegmentShape, spike: NDArray[np.int64]) -> ShapeError:
    low, high = spike.min(axis=0), spike.max(axis=0) + 1
    voxels = np.zeros(high - low, bool)
    voxels[tuple((spike - low).T)] = True
    length_mm = float(np.linalg.norm((spike[0] - spike[-1]) * shape.voxel_mm))
    message = f"{shape.segment.name} has a spike one voxel wide and {len(spike)} voxels long ({length_mm:.1f} mm between its ends)."
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return ShapeError(message, f"{len(spike)} voxels", voxels, box)


SHAPE_CHECK = ShapeCheck(ID, "spikes", "spike_voxels", DEFAULT, _find)
