"""Is a structure cut off by the edge of the image?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Box, Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "field_of_view"
WHY = (
    "A structure at the edge of the image may continue beyond it. Its volume is then a lower bound and cannot be compared "
    "with that of a whole one."
)
SOURCE = "SegQC: a structure with voxels in the image's first or last slice, row or column may continue beyond it"


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Report the protocol's structures that touch the edge of the image: their volume is a lower bound."""
    touching: dict[str, list[str]] = {}
    for segment in case.candidate.segments:
        box = case.candidate.box(segment)
        if box is not None and protocol.structure_of(segment) is not None:
            edges = _edges(box, case.image.geometry.size)
            if edges:
                touching.setdefault(" and ".join(edges), []).append(segment.name)
    for edges, names in touching.items():
        verb = "reaches" if len(names) == 1 else "reach"
        message = f"{', '.join(names)} {verb} {edges} of the image and may be cut off there: the volume is a lower bound."
        yield Finding(ID, Status.WARN, message, edges, "not at the edge", source=SOURCE)
    if not touching:
        yield Finding(ID, Status.PASS, "No structure of the protocol reaches the edge of the image.", source=SOURCE)


def _edges(box: Box, size: tuple[int, int, int]) -> list[str]:
    edges = []
    for axis, name in enumerate(("slice", "row", "column")):
        at = [word for word, reached in (("first", box[axis].start == 0), ("last", box[axis].stop == size[axis])) if reached]
        if at:
            edges.append(f"the {' and '.join(at)} {name}")
    return edges
