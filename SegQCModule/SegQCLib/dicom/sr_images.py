"""The images that a structured report is about: image library and evidence."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from SegQCLib.case import Code
from SegQCLib.dicom.sr_items import code_item, concept, separate
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from highdicom.sr import ContainerContentItem
    from pydicom import Dataset

    from SegQCLib.dicom.source_images import SourceImages

_UIDS = {
    "StudyInstanceUID": "(0020,000D)",
    "SeriesInstanceUID": "(0020,000E)",
    "SOPInstanceUID": "(0008,0018)",
    "SOPClassUID": "(0008,0016)",
}
# Type 2 in the Patient and General Study modules, PS3.3 C.7.1.1 and C.7.2.1: they may be empty, but not missing.
_MAY_BE_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime",
    "ReferringPhysicianName",
)  # fmt: skip
# Shared and Per-Frame Functional Groups: nothing that a report needs, and 100,000 items of it.
_FUNCTIONAL_GROUPS = (0x52009229, 0x52009230)

_MODALITIES = {
    "CT": Code("CT", "DCM", "Computed Tomography"),
    "MR": Code("MR", "DCM", "Magnetic Resonance"),
    "PT": Code("PT", "DCM", "Positron emission tomography"),
}
# CID 100.
_PROCEDURES = {
    "CT": Code("25045-6", "LN", "CT unspecified body region"),
    "MR": Code("25056-3", "LN", "MRI unspecified body region"),
    "PT": Code("44136-0", "LN", "PET unspecified body region"),
}
_IMAGING_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")


def require_one_series(images: SourceImages) -> None:
    """Raise BadDataError if the images are not one series with all its UIDs."""
    for header, source in zip(images.headers, dict.fromkeys(one.path for one in images.slices), strict=True):
        missing = [f"{keyword} {tag}" for keyword, tag in _UIDS.items() if not header.get(keyword)]
        if missing:
            raise BadDataError(
                source,
                f"has no {', no '.join(missing)}.",
                "A DICOM report refers to images by their UIDs: use the series as the archive has it.",
            )
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        found = {str(header.get(keyword)) for header in images.headers}
        if len(found) > 1:
            raise BadDataError(
                images.slices[0].path.parent, f"holds {len(found)} values of {keyword} {_UIDS[keyword]}.", "Give one series."
            )


def evidence_of(header: Dataset) -> Dataset:
    """Return a copy of a header whose patient and study attributes of type 2 are empty; see `copy_patient_and_study`.

    highdicom refuses values there that archives are full of, such as the sex "U", and stops where one is missing.
    """
    from pydicom import Dataset

    evidence = Dataset()
    evidence.update({tag: copy.deepcopy(header[tag]) for tag in header.keys() if tag not in _FUNCTIONAL_GROUPS})  # noqa: SIM118
    evidence.decode()
    evidence.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _MAY_BE_EMPTY:
        setattr(evidence, keyword, "")
    return evidence


def copy_patient_and_study(header: Dataset, document: Dataset) -> None:
    """Set the patient and study attributes of type 2 as the images have them, empty where they have none."""
    for keyword in _MAY_BE_EMPTY:
        value = header.get(keyword)
        setattr(document, keyword, "" if value is None else str(value))


def procedure_reported(header: Dataset) -> Code:
    """Return Procedure Code Sequence (0008,1032) of the images, else the general procedure of their modality (CID 100)."""
    for item in header.get("ProcedureCodeSequence") or ():
        value, scheme = str(item.get("CodeValue") or ""), str(item.get("CodingSchemeDesignator") or "")
        if value and scheme:
            return Code(value, scheme, str(item.get("CodeMeaning") or value))
    return _PROCEDURES.get(str(header.get("Modality")), _IMAGING_PROCEDURE)


def image_library(images: SourceImages) -> ContainerContentItem:
    """Return TID 1600 Image Library with all images of the series in one group."""
    from highdicom.sr import ContainerContentItem, ContentSequence, ImageContentItem, UIDRefContentItem

    first = images.headers[0]
    group = separate(ContainerContentItem(concept(Code("126200", "DCM", "Image Library Group")), relationship_type="CONTAINS"))
    entries = []
    modality = _MODALITIES.get(str(first.get("Modality")))
    if modality is not None:
        entries.append(code_item(Code("121139", "DCM", "Modality"), modality, relationship="HAS ACQ CONTEXT"))
    frame_of_reference = first.get("FrameOfReferenceUID")
    if frame_of_reference:
        name = concept(Code("112227", "DCM", "Frame of Reference UID"))
        entries.append(UIDRefContentItem(name, str(frame_of_reference), "HAS ACQ CONTEXT"))
    source = concept(Code("260753009", "SCT", "Source"))
    entries += [
        ImageContentItem(source, str(header.SOPClassUID), str(header.SOPInstanceUID), relationship_type="CONTAINS")
        for header in images.headers
    ]
    group.ContentSequence = ContentSequence(entries)
    library = separate(ContainerContentItem(concept(Code("111028", "DCM", "Image Library")), relationship_type="CONTAINS"))
    library.ContentSequence = ContentSequence([group])
    return library
