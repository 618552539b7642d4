"""Was the image reconstructed with a kernel that the protocol allows?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.acquisition import values_in_words
from SegQCLib.case import Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "convolution_kernel"
WHY = (
    "The kernel sets sharpness and noise, and with them where a border seems to be. ESR Essentials (Chupetlovska et al. "
    "2025): soft-tissue kernels suit lesion segmentation better than sharp ones."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Convolution Kernel (0018,1210) with the protocol.

    Scanners write the kernel's name first; what follows (Siemens: the strength of the iterative
    reconstruction) is quoted and not judged.
    """
    allowed = protocol.convolution_kernel
    if allowed is None:
        return
    found = case.image.acquisition.convolution_kernel
    differing = case.image.acquisition.differing_values("convolution_kernel")
    if differing:
        measured = values_in_words(differing)
        message = f"Convolution Kernel (0018,1210) is not the same in all slices: {measured}."
        yield Finding(ID, Status.FAIL, message, measured, str(allowed), source=allowed.source)
        return
    if not found:
        message = "Convolution Kernel (0018,1210) is not in the header."
        yield Finding(ID, Status.NOT_EVALUATED, message, allowed=str(allowed), source=allowed.source)
        return
    more = f" (further values of the attribute: {', '.join(found[1:])})" if found[1:] else ""
    if found[0] in allowed:
        message = f"Reconstruction kernel is {found[0]}{more}."
        yield Finding(ID, Status.PASS, message, found[0], str(allowed), source=allowed.source)
    else:
        message = f"Reconstruction kernel is {found[0]}{more}; the protocol allows {allowed}."
        yield Finding(ID, Status.FAIL, message, found[0], str(allowed), source=allowed.source)
