"""Where an attempt differs from an expert, or from the experts' majority, as a label map: missed, extra, right."""

from __future__ import annotations

from collections.abc import Sequence

from SegQCLib.case import Segmentation
from SegQCLib.protocol import QCProtocol

MISSED, EXTRA, RIGHT = 1, 2, 3


def error_map(
    candidate: Segmentation, references: Sequence[Segmentation], protocol: QCProtocol, structures: Sequence[str]
) -> Segmentation:
    """Return a segmentation of three segments (ids missed, extra, right; uint8 values 1, 2, 3) on the candidate's grid.

    With several references: against their majority. With several structures: wherever one of them is missed, extra, right.
    """
    raise NotImplementedError
