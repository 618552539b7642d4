"""Was the image compressed with loss, and more than the protocol allows?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from SegQCLib.acquisition import values_in_words
from SegQCLib.case import Case
from SegQCLib.dicom.transfer_syntaxes import BY_UID
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "lossy_compression"
WHY = (
    "Lossy compression smooths noise and blurs fine borders, and it stays in the image when that is stored uncompressed "
    "again. Texture suffers first."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Compare Lossy Image Compression Ratio (0028,2112), the product over all steps of compression, with the protocol.

    Lossy Image Compression (0028,2110) 00 is a ratio of 1, unless the files' own Transfer Syntax UID (0002,0010) loses something:
    archives compress without a word in the header.
    """
    allowed = protocol.lossy_compression_ratio
    if allowed is None:
        return
    acquisition = case.image.acquisition
    ratios, said = acquisition.lossy_compression_ratios, acquisition.lossy_compression
    differing = acquisition.differing_values("lossy_compression")
    stored = [BY_UID[uid] for uid in acquisition.transfer_syntaxes if uid in BY_UID]
    lossy = [syntax.name for syntax in stored if syntax.lossy]

    def finding(status: Status, message: str, measured: str | None = None) -> Finding:
        return Finding(ID, status, message, measured, str(allowed), "1", allowed.source)

    if said == "00" and not lossy:
        # A writer that gives a ratio beside 00 means the lossless compression of the file.
        message = "The image was never compressed with loss (Lossy Image Compression (0028,2110) is 00)."
        yield finding(Status.PASS, message, "1")
    elif ratios and said != "00":
        ratio = math.prod(ratios)
        facts = f"The image was compressed with loss, {ratio:g} to 1 (Lossy Image Compression Ratio (0028,2112))"
        if ratio in allowed:
            yield finding(Status.PASS, f"{facts}.", f"{ratio:g}")
        else:
            yield finding(Status.FAIL, f"{facts}; the protocol allows {allowed}.", f"{ratio:g}")
    elif lossy or said == "01" or "01" in differing:
        facts = "The image, or a part of its slices, was compressed with loss (Lossy Image Compression (0028,2110) is 01)"
        if lossy:
            header = "missing" if said is None else said
            facts = (
                f"The image, or a part of its slices, is compressed with loss (Transfer Syntax UID (0002,0010): {', '.join(lossy)};"
                f" Lossy Image Compression (0028,2110) is {values_in_words(differing) or header})"
            )
        if allowed.maximum is not None and allowed.maximum <= 1:
            yield finding(Status.FAIL, f"{facts}; the protocol allows no loss.", "more than 1")
        else:
            message = f"{facts}; Lossy Image Compression Ratio (0028,2112), how much, is not in the header or not one."
            yield finding(Status.NOT_EVALUATED, message)
    else:
        message = "Lossy Image Compression (0028,2110) is not in the header."
        unsure = [syntax.name for syntax in stored if syntax.lossy is None]
        if unsure:
            message = f"{message} The files are stored as {', '.join(unsure)}, which may have lost something or nothing."
        yield finding(Status.NOT_EVALUATED, message)
