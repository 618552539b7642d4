"""Was each segmentation drawn on this image?"""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.case import Case, Segmentation
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import QCProtocol

ID = "segmentation_reference"
WHY = (
    "A segmentation of another examination may still overlap with the image, and then every number looks like bad work. One of "
    "another series of the same examination shows another contrast phase or reconstruction."
)
ALLOWED = "the image's frame of reference and series"
SOURCE = "DICOM PS3.3 C.7.4.1 (Frame of Reference Module) and C.12.2 (Common Instance Reference Module)"
_NO_UID = "the image's header has no Frame of Reference UID (0020,0052) and no Series Instance UID (0020,000E) to compare with"


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:  # noqa: ARG001
    """Look at every segmentation of the case."""
    yield from of_case(case)


def of_case(case: Case) -> Iterator[Finding]:
    """Compare Frame of Reference UID (0020,0052) and referenced series of segmentations that have them with the image's.

    Where the image has no frame of reference, as NIfTI, those of the segmentations are compared with one another.
    """
    acquisition = case.image.acquisition
    for role, segmentation in case.segmentations_by_role():
        if segmentation.frame_of_reference_uid or segmentation.referenced_series_uids:
            yield _finding(role, segmentation, acquisition.frame_of_reference_uid, acquisition.series_instance_uid)
    if not acquisition.frame_of_reference_uid:
        yield from _among_themselves(case)


def _among_themselves(case: Case) -> Iterator[Finding]:
    frames: dict[str, list[str]] = {}
    for role, segmentation in case.segmentations_by_role():
        if segmentation.frame_of_reference_uid:
            frames.setdefault(segmentation.frame_of_reference_uid, []).append(role)
    if len(frames) > 1:
        sides = " / ".join(" and ".join(roles) for roles in frames.values())
        message = (
            f"The segmentations were drawn in different frames of reference (Frame of Reference UID (0020,0052)): {sides}. They are"
            " of different examinations or patients, and measures between them mean nothing."
        )
        measured = f"{len(frames)} frames of reference"
        yield Finding(ID, Status.FAIL, message, measured, "one frame of reference", source=SOURCE)


def _finding(role: str, segmentation: Segmentation, frame: str | None, series: str | None) -> Finding:
    own_frame, named = segmentation.frame_of_reference_uid, segmentation.referenced_series_uids
    same_frame = None if not (own_frame and frame) else own_frame == frame
    same_series = None if not (named and series) else series in named
    if same_frame is None and same_series is None:
        why = _NO_UID if not (frame or series) else "image and segmentation have no identifier in common to compare"
        return Finding(ID, Status.NOT_EVALUATED, f"{role}: {why}.", allowed=ALLOWED, source=SOURCE)
    if same_series and same_frame is False:
        message = (
            f"{role} names this series as the one it was drawn on, but its Frame of Reference UID (0020,0052) is another: its"
            " writer may have made it up. Look whether the outlines fit."
        )
        return Finding(ID, Status.WARN, message, "another frame of reference, this series", ALLOWED, source=SOURCE)
    if same_frame is False:
        message = (
            f"{role} was drawn in another frame of reference (Frame of Reference UID (0020,0052)) than the image's: of another"
            " examination or another patient. Its positions mean nothing here. Give the series that it was drawn on."
        )
        return Finding(ID, Status.FAIL, message, "another frame of reference", ALLOWED, source=SOURCE)
    if same_series is False:
        where = "in the same frame of reference" if same_frame else "and no frame of reference tells whether the positions fit"
        message = (
            f"{role} was drawn on another series than this image (Referenced Series Sequence (0008,1115), in an RTSTRUCT"
            f" (3006,0014)), {where}. Contrast phase, reconstruction or time point may differ: give the series that it was drawn"
            " on, or look whether the outlines fit."
        )
        return Finding(ID, Status.WARN, message, "another series", ALLOWED, source=SOURCE)
    found = "on this series" if same_series else "in this image's frame of reference"
    return Finding(ID, Status.PASS, f"{role} was drawn {found}.", found, ALLOWED, source=SOURCE)
