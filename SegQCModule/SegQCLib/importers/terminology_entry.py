"""The segment tag TerminologyEntry of 3D Slicer: codes as text."""

from __future__ import annotations

from SegQCLib.case import Code, Terminology


def terminology_from_entry(entry: str) -> Terminology | None:
    """Return the codes in a terminology entry, or None if it has no complete category and type.

    Parameters
    ----------
    entry : str
        context ~ category ~ type ~ type modifier ~ region context ~ region ~ region modifier, where a
        code is scheme^value^meaning and ^^ is no code. Entries without the region part exist.

    References
    ----------
    3D Slicer, vtkSlicerTerminologiesModuleLogic::SerializeTerminologyEntry; DICOM PS3.3 C.8.20.4.
    """
    parts = [*entry.split("~"), *[""] * 7]
    category, kind, modifier, region, region_modifier = (_code(parts[n]) for n in (1, 2, 3, 5, 6))
    if category is None or kind is None:
        return None
    return Terminology(category, kind, modifier, region, region_modifier if region else None)


def _code(triplet: str) -> Code | None:
    parts = triplet.strip().split("^")
    if len(parts) != 3 or not parts[0] or not parts[1]:
        return None
    scheme, value, meaning = parts
    return Code(value=value, scheme=scheme, meaning=meaning)
