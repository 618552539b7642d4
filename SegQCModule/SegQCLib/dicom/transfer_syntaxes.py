"""Which compressed pixel data is decoded, by what, and which wheel is missing for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from SegQCLib.dicom.dicom_header import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE

RLE_LOSSLESS = "1.2.840.10008.1.2.5"
DEFLATED_IMAGE_FRAME = "1.2.840.10008.1.2.8.1"


class Decoder(StrEnum):
    """What turns a frame's bytes into its stored values."""

    NONE = "none needed"
    ZLIB = "zlib"
    GDCM = "GDCM in SimpleITK"
    OPENJPEG = "pylibjpeg with pylibjpeg-openjpeg"


@dataclass(frozen=True)
class TransferSyntax:
    """A transfer syntax that images are read from.

    Attributes
    ----------
    uid, name : str
        DICOM PS3.6 Table A-1.
    decoder : Decoder
        NONE, ZLIB and GDCM are in every Slicer; OPENJPEG is two wheels from PyPI (both MIT).
    lossy : bool or None
        Whether it loses something; None: it may, as its writer chose.

    References
    ----------
    DICOM PS3.5 A.4 and 8.2 (what each one loses).
    """

    uid: str
    name: str
    decoder: Decoder
    lossy: bool | None = False


TRANSFER_SYNTAXES = (
    TransferSyntax(IMPLICIT_LITTLE, "Implicit VR Little Endian", Decoder.NONE),
    TransferSyntax(EXPLICIT_LITTLE, "Explicit VR Little Endian", Decoder.NONE),
    TransferSyntax(DEFLATED, "Deflated Explicit VR Little Endian", Decoder.ZLIB),
    TransferSyntax(EXPLICIT_BIG, "Explicit VR Big Endian", Decoder.NONE),
    TransferSyntax(DEFLATED_IMAGE_FRAME, "Deflated Image Frame Compression", Decoder.ZLIB),
    TransferSyntax(RLE_LOSSLESS, "RLE Lossless", Decoder.GDCM),
    TransferSyntax("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", Decoder.GDCM, lossy=True),
    TransferSyntax("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 and 4)", Decoder.GDCM, lossy=True),
    TransferSyntax("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", Decoder.GDCM),
    TransferSyntax(
        "1.2.840.10008.1.2.4.70",
        "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])",
        Decoder.GDCM,
    ),
    TransferSyntax("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless Image Compression", Decoder.GDCM),
    TransferSyntax("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless) Image Compression", Decoder.GDCM, lossy=True),
    TransferSyntax("1.2.840.10008.1.2.4.90", "JPEG 2000 Image Compression (Lossless Only)", Decoder.GDCM),
    TransferSyntax("1.2.840.10008.1.2.4.91", "JPEG 2000 Image Compression", Decoder.GDCM, lossy=None),
    TransferSyntax("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Image Compression (Lossless Only)", Decoder.OPENJPEG),
    TransferSyntax(
        "1.2.840.10008.1.2.4.202",
        "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)",
        Decoder.OPENJPEG,
    ),
    TransferSyntax("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000 Image Compression", Decoder.OPENJPEG, lossy=None),
)
# Newer than pydicom 3.0's dictionary (DICOM Supplement 232).
_NEWER = {
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
}
BY_UID = {syntax.uid: syntax for syntax in TRANSFER_SYNTAXES}


def syntax_name(uid: str) -> str:
    """Return the name of a transfer syntax, as far as this or pydicom's dictionary knows it, and its UID."""
    if uid in BY_UID:
        return f"{BY_UID[uid].name}, {uid}"
    from pydicom.uid import UID_dictionary

    name = _NEWER.get(uid) or (UID_dictionary[uid][0] if uid in UID_dictionary else "")
    return f"{name}, {uid}" if name else uid or "not given"
