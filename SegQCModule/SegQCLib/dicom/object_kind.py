"""What kind of object a DICOM file holds, from its first bytes: a damaged or malicious file costs no more than a good one."""

from __future__ import annotations

import zlib
from pathlib import Path

from SegQCLib.dicom.dicom_header import DEFLATED, EXPLICIT_BIG
from SegQCLib.dicom.encoded_elements import Encoding, elements

_TRANSFER_SYNTAX, _SOP_CLASS, _MODALITY = 0x00020010, 0x00080016, 0x00080060
# Before Modality stand file meta information and a dozen short elements.
_LONGEST = 2**18


def transfer_syntax(content: bytes | memoryview) -> tuple[str | None, int]:
    """Return Transfer Syntax UID (0002,0010), None without file meta information, and where the data set begins.

    Raises
    ------
    ValueError
        If the file meta information is damaged.

    References
    ----------
    DICOM PS3.10 7.1: a preamble of 128 bytes, "DICM", and elements of group 2 in explicit VR little endian.
    """
    syntax, at = None, 132 if bytes(content[128:132]) == b"DICM" else 0
    while bytes(content[at : at + 2]) == b"\x02\x00":
        element = next(elements(content, at, min(len(content), _LONGEST), Encoding(False, "<")))
        if element.tag == _TRANSFER_SYNTAX:
            syntax = bytes(content[element.first : element.last]).decode("ascii").rstrip("\0 ")
        at = element.last
    return syntax, at


def sop_class_and_modality(path: Path) -> tuple[str, str]:
    """Return SOP Class UID (0008,0016) and Modality (0008,0060); "" for what does not stand in the file's first 256 KB."""
    with path.open("rb") as file:
        content = file.read(_LONGEST)
    found = {_SOP_CLASS: "", _MODALITY: ""}
    try:
        syntax, begin = transfer_syntax(content)
        if syntax == DEFLATED:
            content, begin = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[begin:], _LONGEST), 0
        # No length of an element of implicit VR looks like two capital letters here: it would be above 16,000.
        explicit = content[begin + 4 : begin + 6].isalpha() and content[begin + 4 : begin + 6].isupper()
        for element in elements(content, begin, len(content), Encoding(not explicit, ">" if syntax == EXPLICIT_BIG else "<")):
            if element.tag > _MODALITY:
                break
            if element.tag in found:
                found[element.tag] = content[element.first : element.last].decode("ascii", "replace").strip("\0 ")
    except (ValueError, zlib.error, RecursionError):
        # What was found before the damage counts; reading the file says what is wrong with it.
        pass
    return found[_SOP_CLASS], found[_MODALITY]
