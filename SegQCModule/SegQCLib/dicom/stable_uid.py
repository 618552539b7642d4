"""UIDs that follow from what an object says, so that writing or sending it twice makes no second object."""

from __future__ import annotations

import hashlib
import json


def stable_uid(kind: str, *facts: str) -> str:
    """Return the UID of something that SegQC makes: the same for the same facts, on every computer.

    Parameters
    ----------
    kind : str
        What it identifies, for example "segmentation series": equal facts of other kinds give other UIDs.
    *facts : str
        Everything that makes it what it is: UIDs of the images, hash of the voxels, reader.

    References
    ----------
    DICOM PS3.5 B.2: the root 2.25 with a 128-bit number, here the version 8 UUID (RFC 9562) of a SHA-256.
    """
    digest = bytearray(hashlib.sha256(json.dumps(["SegQC", kind, *facts]).encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(digest)}"
