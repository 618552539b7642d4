"""Is the image of a kind that the protocol reads: as it was reconstructed, or made from other images?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.acquisition import values_in_words
from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "image_type"
WHY = (
    "A derived image was filtered, averaged, reformatted or computed from others. Its noise, borders and voxel size are no "
    "longer those of the scan."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Image Type (0008,0008), its values joined by backslashes, with the protocol; quote how the image was derived."""
    allowed = protocol.image_type
    if allowed is None:
        return
    acquisition = case.image.acquisition
    types = acquisition.differing_values("image_type") or (("\\".join(acquisition.image_type),) if acquisition.image_type else ())
    if not types:
        message = "Image Type (0008,0008) is not in the header."
        yield Finding(ID, Status.NOT_EVALUATED, message, allowed=str(allowed), source=allowed.source)
        return
    measured = values_in_words(types)
    if all(found in allowed for found in types):
        message = f"Image Type (0008,0008) is {measured}."
        yield Finding(ID, Status.PASS, message, measured, str(allowed), source=allowed.source)
        return
    facts = [f"Image Type (0008,0008) is {measured}"]
    if acquisition.derivation_description:
        facts.append(f"Derivation Description (0008,2111): {acquisition.derivation_description!r}")
    if acquisition.derivation_codes:
        facts.append(f"Derivation Code Sequence (0008,9215): {', '.join(acquisition.derivation_codes)}")
    message = f"{'; '.join(facts)}. The protocol allows {allowed}."
    yield Finding(ID, Status.FAIL, message, measured, str(allowed), source=allowed.source)
