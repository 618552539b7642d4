"""Enhanced multi-frame images: one flat header per frame, as a file of one image has it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SegQCLib.dicom.dicom_header import parser_errors
from SegQCLib.dicom.encoded_elements import Encoding, items
from SegQCLib.dicom.header_values import attribute, value_of, whole_number
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from pydicom import Dataset

# Dynamic series of a thousand time points are split before they are segmented; each frame takes half a millisecond.
_MOST_FRAMES = 10_000
# Their items speak of other objects, numbers or X-ray tubes: on the frame's level they would pass for its own.
_NOT_MERGED = (
    "ReferencedImageSequence",
    "DerivationImageSequence",
    "ConversionSourceAttributesSequence",
    "RealWorldValueMappingSequence",
    # Tube voltage and current of the second tube of a dual-source scanner.
    "CTAdditionalXRaySourceSequence",
)


def is_multi_frame(path: Path, header: Dataset) -> bool:
    """Return whether the position of an image is told frame by frame, even if there is one frame only.

    Raises
    ------
    BadDataError
        If there are several frames and nothing says where each one is, or they are tiles of a slide.
    """
    if whole_number(path, header, "TotalPixelMatrixRows", 0):
        raise BadDataError(
            path,
            f"is the image of a slide ({attribute('TotalPixelMatrixRows')}): its frames are tiles, not slices of a patient.",
            "Give a CT, MR or PET series.",
        )
    if "PerFrameFunctionalGroupsSequence" in header:
        return True
    frames = whole_number(path, header, "NumberOfFrames", 1)
    if frames == 1:
        return False
    raise BadDataError(
        path,
        f"is a multi-frame object with {frames} frames and no {attribute('PerFrameFunctionalGroupsSequence')}.",
        "Nothing says where each frame is: give the original series, or an enhanced object with its functional groups.",
    )


def frame_headers(path: Path, header: Dataset) -> list[Dataset]:
    """Return one header per frame: the attributes of its functional groups on top level, beside those of the whole object.

    What a frame says of itself comes before what all frames share, and that before the object's own top level. The
    groups' sequences stay too. Groups that refer to other objects, with several items, or private ones are not merged.

    Raises
    ------
    BadDataError
        If the number of items is not the Number of Frames (0028,0008).

    References
    ----------
    DICOM PS3.3 C.7.6.16 Multi-frame Functional Groups; C.7.6.16.2 its macros.
    """
    from pydicom import Dataset

    try:
        _require_as_many_items(path, header)
        per_frame = list(value_of(path, header, "PerFrameFunctionalGroupsSequence") or ())
        shared = list(value_of(path, header, "SharedFunctionalGroupsSequence") or ())
        frames = whole_number(path, header, "NumberOfFrames", 1)
        if len(per_frame) != frames:
            raise BadDataError(
                path,
                f"has {attribute('NumberOfFrames')} {frames} and {len(per_frame)} items in"
                f" {attribute('PerFrameFunctionalGroupsSequence')}.",
                "Each frame needs one item: export the object again.",
            )
        common = dict(header.items())
        for keyword in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
            if keyword in header:
                del common[header[keyword].tag]
        for groups in shared[:1]:
            common.update(_merged(groups))
        return [Dataset({**common, **_merged(groups)}) for groups in per_frame]
    except parser_errors() as error:
        raise BadDataError(path, f"has unreadable functional groups: {error}.", "Export the object again.") from error


def _require_as_many_items(path: Path, header: Dataset) -> None:
    """Raise BadDataError before a sequence of more items than frames, or of absurdly many, is understood."""
    frames = whole_number(path, header, "NumberOfFrames", 1)
    if frames > _MOST_FRAMES:
        raise BadDataError(
            path, f"has {attribute('NumberOfFrames')} {frames}; read are up to {_MOST_FRAMES:,}.", "Give one time point of it."
        )
    sequence = header.get_item("PerFrameFunctionalGroupsSequence")
    if isinstance(sequence.value, bytes):
        encoding = Encoding(sequence.is_implicit_VR, "<" if sequence.is_little_endian else ">")
        found = sum(1 for _ in islice(items(sequence.value, 0, len(sequence.value), encoding), max(frames, 0) + 1))
        if found > frames:
            raise BadDataError(
                path,
                f"has {attribute('NumberOfFrames')} {frames} and more items in {attribute('PerFrameFunctionalGroupsSequence')}.",
                "Each frame needs one item: export the object again.",
            )


def _merged(groups: Dataset) -> dict[Any, Any]:
    elements = {}
    for tag in groups.keys():  # noqa: SIM118 - iterating a Dataset converts every element
        element = groups[tag]
        elements[tag] = element
        if element.VR == "SQ" and not tag.is_private and element.keyword not in _NOT_MERGED and len(element.value) == 1:
            elements.update(element.value[0].items())
    return elements
