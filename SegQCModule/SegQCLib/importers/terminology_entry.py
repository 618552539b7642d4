"""The segment tag TerminologyEntry of 3D Slicer: codes as text."""

from __future__ import annotations

from SegQCLib.case import Code, Terminology

# Slicer gives "Tissue" to every segment that nobody coded.
_UNCODED = ("SCT", "85756007")


def terminology_from_entry(entry: str) -> Terminology | None:
    """Return the codes in a terminology entry, or None if it has no complete category and type, or only "Tissue".

    Parameters
    ----------
    entry : str
        context ~ category ~ type ~ type modifier ~ region context ~ region ~ region modifier, where a
        code is scheme^value^meaning and ^^ is no code. Entries without the region part exist.

    References
    ----------
    3D Slicer, vtkSlicerTerminologiesModuleLogic::SerializeTerminologyEntry; DICOM PS3.3 C.8.20.4.
    """
    category, kind, modifier, region, region_modifier = _codes(entry)
    if category is None or kind is None or (kind.scheme, kind.value) == _UNCODED:
        return None
    return Terminology(category, kind, modifier, region, region_modifier if region else None)


def is_damaged_entry(entry: str) -> bool:
    """Return whether a terminology entry says something, but not a complete category and type."""
    category, kind, *_ = _codes(entry)
    return bool(entry) and (category is None or kind is None)


def _codes(entry: str) -> list[Code | None]:
    parts = [*entry.split("~"), *[""] * 7]
    return [code_from_text(parts[n]) for n in (1, 2, 3, 5, 6)]


def code_from_text(triplet: str) -> Code | None:
    """Return the code in scheme^value^meaning, or None where scheme or value is missing."""
    parts = triplet.strip().split("^")
    if len(parts) != 3 or not parts[0] or not parts[1]:
        return None
    scheme, value, meaning = parts
    return Code(value=value, scheme=scheme, meaning=meaning)
