"""Does a structure contain voxels whose Hounsfield units it cannot have?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Case, Segment
from SegQCLib.findings import Finding, Status
from SegQCLib.place import place_of
from SegQCLib.protocol import QCProtocol, Range

ID = "impossible_intensity"
WHY = (
    "Hounsfield units that a structure cannot have show where its outline runs into air or into something else. They "
    "distort mean intensity and texture."
)
LIMIT = "intensity"
SHARE_LIMIT = "impossible_intensity_share"
DEFAULT = Range(
    "[hnsf'U]",
    "SegQC default: solid organs and blood vessels hold no air; fat, the least dense tissue in them, has about -100 HU, and"
    " image noise rarely takes another 100. No upper limit: stones, clips, stents, embolisation and excreted contrast"
    " are brighter than bone",
    minimum=-200,
)
DEFAULT_SHARE = Range(
    "%",
    "SegQC default: gas in bile ducts, portal branches or an abscess stays below; voxels at the border, which the lung beside"
    " them darkens, are not counted",
    maximum=1,
)
# SNOMED CT: liver, spleen, kidney, pancreas, adrenal gland, aorta, inferior vena cava, portal vein and splenic vein.
AIRLESS = ("10200004", "78961009", "64033007", "15776009", "23451007", "15825003", "64131007", "110765007")
# The darkest voxel of a CT in Hounsfield units is air; an image that was rescaled or windowed has none.
AIR_HU = -500


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Judge solid organs and vessels of the abdomen, and structures for which the protocol gives an intensity range, on CT.

    Nothing is said about other modalities: their grey values have no fixed scale.
    """
    judged = [
        segment
        for segment in case.candidate.segments
        if _limit(segment, protocol) is not None and case.candidate.box(segment) is not None
    ]
    if not judged or not _expects_ct(case, protocol):
        return
    if case.image.array is None:
        yield Finding(ID, Status.NOT_EVALUATED, "The image's pixels were not given, only its grid.")
        return
    if not _in_hu(case):
        unit = case.image.acquisition.value_unit
        message = f"The header does not say that this is CT, and no voxel is below {AIR_HU} HU: values may not be Hounsfield units."
        if unit is not None:
            message = f"The values of this CT are not Hounsfield units: Rescale Type (0028,1054) says {unit}."
        yield Finding(ID, Status.NOT_EVALUATED, message)
        return
    found = False
    for segment in judged:
        finding = _finding(case, protocol, segment)
        if finding is not None:
            found = True
            yield finding
    if not found:
        message = f"No structure has more than a few voxels of a density that it cannot have ({len(judged)} judged)."
        yield Finding(ID, Status.PASS, message, source=DEFAULT_SHARE.source)


def of_segment(case: Case, protocol: QCProtocol, segment: Segment) -> Iterator[Finding]:
    """Yield the finding about one segment, if it is one that is judged, on an image in Hounsfield units."""
    if _limit(segment, protocol) is None or case.candidate.box(segment) is None or not _expects_ct(case, protocol):
        return
    finding = None if case.image.array is None or not _in_hu(case) else _finding(case, protocol, segment)
    if finding is not None:
        yield finding


def _expects_ct(case: Case, protocol: QCProtocol) -> bool:
    modality = case.image.acquisition.modality
    return modality == "CT" or (modality is None and protocol.modality.values == ("CT",))


def _in_hu(case: Case) -> bool:
    # Any air will do, and most images have some in their first slice: a look at all voxels takes as long as a check.
    acquisition = case.image.acquisition
    if acquisition.modality is not None:
        return acquisition.may_be_in("[hnsf'U]")
    return any(plane.min() <= AIR_HU for plane in case.image.array)


def _limit(segment: Segment, protocol: QCProtocol) -> Range | None:
    structure = protocol.structure_of(segment)
    terminology = segment.terminology or (structure.terminology if structure else None)
    airless = terminology is not None and terminology.type.scheme == "SCT" and terminology.type.value in AIRLESS
    default = DEFAULT if airless else None
    return default if structure is None else protocol.technical_limit(LIMIT, structure, default)


def _finding(case: Case, protocol: QCProtocol, segment: Segment) -> Finding | None:
    limit = _limit(segment, protocol)
    share_limit = protocol.technical_limit(SHARE_LIMIT, protocol.structure_of(segment), DEFAULT_SHARE)
    box = case.candidate.box(segment)
    mask, values = case.candidate.mask(segment, box), case.image.array[box]
    impossible = _outside(values, limit)
    impossible &= mask
    total = int(np.count_nonzero(mask))
    if 100 * np.count_nonzero(impossible) / total in share_limit:
        return None
    impossible &= ndimage.binary_erosion(mask)
    share = 100 * int(np.count_nonzero(impossible)) / total
    if share in share_limit:
        return None
    place = place_of(impossible, box, case.candidate.geometry)
    median = float(np.median(values[impossible]))
    message = (
        f"{share:.2g} % of {segment.name} ({float(f'{place.size_mm3 / 1000:.2g}'):g} mL) has a density that it cannot have: median"
        f" {median:.0f} HU, possible is {limit}. Does the segment cover something else?"
    )
    return Finding(ID, Status.FAIL, message, f"{share:.2g} %", str(share_limit), "%", limit.source, segment.name, **vars(place))


def _outside(values: NDArray, limit: Range) -> NDArray[np.bool_]:
    if limit.maximum is None:
        return values < limit.minimum
    if limit.minimum is None:
        return values > limit.maximum
    return (values < limit.minimum) | (values > limit.maximum)
