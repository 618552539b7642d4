"""Between Slicer's terminology entry text and the core's Terminology."""

from __future__ import annotations

from SegQCLib.case import Code, Terminology
from SegQCLib.importers.terminology_entry import terminology_from_entry

# Slicer looks an entry up in the loaded lists by these names; a code that is not in them is shown as it is.
CONTEXT = "Segmentation category and type - DICOM master list"
REGION_CONTEXT = "Anatomic codes - DICOM master list"


def terminology_text(terminology: Terminology) -> str:
    """Return the text of Slicer's segment tag TerminologyEntry (see `importers.terminology_entry`)."""
    kind = [_triplet(code) for code in (terminology.category, terminology.type, terminology.modifier)]
    region = [_triplet(code) for code in (terminology.region, terminology.region_modifier)]
    return "~".join([CONTEXT, *kind, REGION_CONTEXT, *region])


def _triplet(code: Code | None) -> str:
    # ~, ^ and | separate fields in Slicer's texts and cannot be escaped there.
    meaning = "" if code is None else code.meaning.translate(str.maketrans("~^|", "---"))
    return "^^" if code is None else f"{code.scheme}^{code.value}^{meaning}"


def terminology_from_text(text: str) -> Terminology | None:
    """Return the codes of a segment tag TerminologyEntry, or None if it names no category and type, or only "Tissue"."""
    terminology = terminology_from_entry(text)
    # Slicer gives this entry to every segment that nobody coded.
    if terminology is not None and (terminology.type.scheme, terminology.type.value) == ("SCT", "85756007"):
        return None
    return terminology
