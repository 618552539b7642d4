"""Label names that a NIfTI-1 file carries in its extended header, as TotalSegmentator and Connectome Workbench write them."""

from __future__ import annotations

import gzip
import html
import re
import struct
from pathlib import Path

from SegQCLib.importers.label_table import LabelName, LabelTable

_HEADER_BYTES = 348
_FLAG_BYTES = 4
# A name takes some 100 bytes; 4 MB hold more labels than a label map may have.
_LONGEST_EXTENSION = 4 * 2**20

_LABEL = re.compile(r"<Label\s([^>]*)>\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))\s*</Label>", re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)\s*=\s*"([^"]*)"')


def label_names_in(path: Path) -> LabelTable | None:
    """Return the label table in the extended header of a NIfTI-1 file, without 0, or None if there is none.

    References
    ----------
    Caret's label table in an extension: https://www.nitrc.org/projects/caret; NIfTI-1 extensions: nifti1.h.
    """
    text = _extensions(path)
    labels: dict[int, LabelName] = {}
    for attributes_text, quoted, plain in _LABEL.findall(text):
        attributes = dict(_ATTRIBUTE.findall(attributes_text))
        key, name = attributes.get("Key", ""), (quoted or html.unescape(plain)).strip()
        if key.isascii() and key.isdigit() and int(key) > 0 and name:
            labels[int(key)] = LabelName(int(key), name, _color(attributes))
    if not labels:
        return None
    return LabelTable("the label table in the file", str(path), tuple(labels[number] for number in sorted(labels)))


def _extensions(path: Path) -> str:
    """Return the bytes between header and voxels as text; empty for a file without them."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as file:
        header = file.read(_HEADER_BYTES + _FLAG_BYTES)
        if len(header) < _HEADER_BYTES + _FLAG_BYTES or header[344:347] != b"n+1" or header[_HEADER_BYTES] == 0:
            return ""
        order = "<" if struct.unpack("<i", header[:4])[0] == _HEADER_BYTES else ">"
        (voxels_at,) = struct.unpack(f"{order}f", header[108:112])
        length = min(max(int(voxels_at) - len(header), 0), _LONGEST_EXTENSION) if voxels_at == voxels_at else 0
        return file.read(length).decode("utf-8", errors="replace")


def _color(attributes: dict[str, str]) -> tuple[int, int, int] | None:
    try:
        shares = [float(attributes[name]) for name in ("Red", "Green", "Blue")]
    except (KeyError, ValueError):
        return None
    return tuple(round(share * 255) for share in shares) if all(0 <= share <= 1 for share in shares) else None
