"""What can stand in a text of a protocol, where that is known: structures of this protocol, checks, facts, models, courses."""

from __future__ import annotations

import re
from dataclasses import fields

from SegQCLib.case import Acquisition
from SegQCLib.protocols.form import Document
from SegQCLib.protocols.structure_names import names_structures, structure_names
from SegQCLib.resources import resource

# DICOM PS3.3 C.7.3.1.1.1, those that protocols of segmentation are written for.
_MODALITIES = ("CT", "MR", "PT", "NM", "US", "MG", "XA", "DX", "CR")


def known_values(document: Document, path: str) -> tuple[str, ...]:
    """Return texts to choose from for a field of the form, its entries included; () where any text may stand.

    Parameters
    ----------
    document : Document
        Whose structures are offered.
    path : str
        As in windows[0].structures[2].
    """
    if names_structures(path):
        names = structure_names(document)
        return ("*", *names) if ".structures" in path else names
    match re.sub(r"\[\d+\]$", "", path):
        case "rejecting_checks" | "skipped_checks":
            from SegQCLib.checks import CHECKS

            return tuple(check.ID for check in CHECKS)
        case "uniform_in_study.values":
            return tuple(item.name for item in fields(Acquisition))
        case "modality.values":
            return _MODALITIES
        case "expected_agreement.model":
            return tuple(sorted(path.stem for path in resource("Models").glob("*.json")))
        case "reader_training.course":
            from SegQCLib.readers.training.course import shipped_courses

            return tuple(shipped_courses())
    return ()
