"""The core's Terminology as Slicer's terminology entry text; `importers.terminology_entry` reads it."""

from __future__ import annotations

from SegQCLib.case import Code, Terminology

# Slicer looks an entry up in the loaded lists by these names; a code that is not in them is shown as it is.
CONTEXT = "Segmentation category and type - DICOM master list"
REGION_CONTEXT = "Anatomic codes - DICOM master list"


def terminology_text(terminology: Terminology) -> str:
    """Return the text of Slicer's segment tag TerminologyEntry (see `importers.terminology_entry`)."""
    kind = [code_text(code) for code in (terminology.category, terminology.type, terminology.modifier)]
    region = [code_text(code) for code in (terminology.region, terminology.region_modifier)]
    return "~".join([CONTEXT, *kind, REGION_CONTEXT, *region])


def code_text(code: Code | None) -> str:
    """Return a code as scheme^value^meaning; ^^ for none."""
    # ~, ^ and | separate fields in Slicer's texts and cannot be escaped there.
    meaning = "" if code is None else code.meaning.translate(str.maketrans("~^|", "---"))
    return "^^" if code is None else f"{code.scheme}^{code.value}^{meaning}"
