"""Does the header say that the pixels themselves show who the patient is?"""

from __future__ import annotations

from SegQCLib.case import Volume
from SegQCLib.findings import Finding, Status

CHECK_ID = "burned_in_annotation"
_ATTRIBUTES = {
    "BurnedInAnnotation": "Burned In Annotation (0028,0301)",
    "RecognizableVisualFeatures": "Recognizable Visual Features (0028,0302)",
}


def burned_in_findings(volume: Volume) -> tuple[Finding, ...]:
    """Return a warning for each attribute that is YES in a file of the volume; () for an image that is not DICOM.

    An absent attribute says nothing: text in the pixels cannot be ruled out from the header.

    References
    ----------
    DICOM PS3.3 C.7.6.1 General Image Module; PS3.15 E.3.1 and E.3.2, Clean Pixel Data and Clean Recognizable
    Visual Features Options.
    """
    import pydicom

    paths = tuple(dict.fromkeys(one.path for one in volume.slice_sources))
    counts = dict.fromkeys(_ATTRIBUTES, 0)
    for path in paths:
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True, specific_tags=list(_ATTRIBUTES))
        for keyword in _ATTRIBUTES:
            counts[keyword] += str(header.get(keyword, "")).strip().upper() == "YES"
    return tuple(
        Finding(
            CHECK_ID,
            Status.WARN,
            f"{_ATTRIBUTES[keyword]} is YES in {count} of {len(paths)} files: the pixels themselves can show who the patient is,"
            " and reports show pixels. Look at every picture before the report is passed on.",
            measured=f"YES in {count} of {len(paths)} files",
            allowed="NO, or not stated",
            source="DICOM PS3.15 Annex E: what pixels show is not taken out with names",
        )
        for keyword, count in counts.items()
        if count
    )
