"""Is a structure's volume one that the structure can have?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from SegQCLib.case import Case, Segment
from SegQCLib.findings import Finding, Status
from SegQCLib.place import place_of
from SegQCLib.protocol import QCProtocol, Range

ID = "volume_range"
WHY = (
    "A volume that a structure hardly ever has mostly means that part is missing, that a neighbour was included, or that "
    "the image's spacing is wrong."
)
LIMIT = "volume_ml"


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare volumes with the protocol's volume_ml; there is no default, because volumes depend on whom a study includes.

    A structure at the edge of the image may continue beyond it: it is compared with the maximum only. Outside
    the range is a warning, because disease enlarges and shrinks organs.
    """
    judged = found = 0
    for segment in case.candidate.segments:
        judged += _limit(case, protocol, segment) is not None
        for finding in of_segment(case, protocol, segment):
            found += 1
            yield finding
    if judged and not found:
        yield Finding(ID, Status.PASS, "Volumes are in the protocol's ranges, where it gives one.")


def _limit(case: Case, protocol: QCProtocol, segment: Segment) -> Range | None:
    """Return the range for a segment with voxels that stands for a structure, where the protocol gives one."""
    structure = protocol.structure_of(segment)
    if structure is None or case.candidate.box(segment) is None:
        return None
    return protocol.technical_limit(LIMIT, structure, None)


def of_segment(case: Case, protocol: QCProtocol, segment: Segment) -> Iterator[Finding]:
    """Yield the finding about one segment, if its volume is outside the protocol's range."""
    limit = _limit(case, protocol, segment)
    if limit is None:
        return
    grid, box = case.candidate.geometry, case.candidate.box(segment)
    mask = case.candidate.mask(segment, box)
    volume_ml = np.count_nonzero(mask) * grid.voxel_volume_mm3 / 1000
    too_small = limit.minimum is not None and volume_ml < limit.minimum
    cut_off = any(part.start == 0 or part.stop == voxels for part, voxels in zip(box, grid.size, strict=True))
    if volume_ml in limit or (too_small and cut_off):
        return
    place = place_of(mask, box, grid)
    question = "is part of it missing" if too_small else "is something else in it"
    message = f"{segment.name} has {_shown(volume_ml, limit)}; expected is {limit}. An unusual patient, or {question}?"
    yield Finding(ID, Status.WARN, message, _shown(volume_ml, limit), str(limit), "ml", limit.source, segment.name, **vars(place))


def _shown(volume_ml: float, limit: Range) -> str:
    """Return the volume with as many digits as it takes to see that it is outside the limit."""
    for digits in (3, 4, 5):
        text = f"{volume_ml:.{digits}g}"
        if float(text) not in limit:
            return f"{float(text):g} mL"
    return f"{volume_ml:.8g} mL"
