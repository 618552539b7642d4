"""Between Slicer's terminology entry text and the core's Terminology."""

from __future__ import annotations

from slicer import vtkSlicerTerminologiesModuleLogic

from SegQCLib.case import Code, Terminology
from SegQCLib.importers.terminology_entry import terminology_from_entry

# Slicer looks an entry up in the loaded lists by this name; with an unknown name it shows the codes as they are.
CONTEXT = "Segmentation category and type - DICOM master list"
REGION_CONTEXT = "Anatomic codes - DICOM master list"


def terminology_text(terminology: Terminology) -> str:
    """Return the text of Slicer's segment tag TerminologyEntry."""
    modifier, region, region_modifier = (
        _triplet(code) for code in (terminology.modifier, terminology.region, terminology.region_modifier)
    )
    return vtkSlicerTerminologiesModuleLogic.SerializeTerminologyEntry(
        CONTEXT, *_triplet(terminology.category), *_triplet(terminology.type), *modifier, REGION_CONTEXT, *region, *region_modifier
    )


def _triplet(code: Code | None) -> tuple[str, str, str]:
    # ~, ^ and | separate fields in Slicer's texts and cannot be escaped there.
    plain = str.maketrans("~^|", "---")
    return ("", "", "") if code is None else (code.value, code.scheme, code.meaning.translate(plain))


def terminology_from_text(text: str) -> Terminology | None:
    """Return the codes of a segment tag TerminologyEntry, or None if it names no category and type, or only "Tissue"."""
    terminology = terminology_from_entry(text)
    # Slicer gives this entry to every segment that nobody coded.
    if terminology is not None and (terminology.type.scheme, terminology.type.value) == ("SCT", "85756007"):
        return None
    return terminology
