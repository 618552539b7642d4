"""Which series are the same kind of image: only those are compared with each other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from SegQCLib.study_consistency.study_series import StudySeries

HOW = (
    "Series are compared within one kind of image: what the worklist's column kind says, else Modality (0008,0060) with Body Part"
    " Examined (0018,0015); where a patient has several series of one modality at one time point, also Series Description"
    " (0008,103E), for CT and PET without words that have digits (5.0 B30f)."
)
_NO_MODALITY = "image without a DICOM header"


def image_kinds(series: Sequence[StudySeries]) -> list[str]:
    """Return the kind of each series."""
    by_description = _modalities_with_several(series)
    body_parts: dict[str | None, set[str]] = {}
    for one in series:
        if one.acquisition.body_part_examined:
            body_parts.setdefault(one.acquisition.modality, set()).add(one.acquisition.body_part_examined.casefold())
    return [_kind(one, by_description, body_parts) for one in series]


def _modalities_with_several(series: Sequence[StudySeries]) -> set[str | None]:
    usable = [one for one in series if one.kind is None and one.error is None and one.same_images_as is None]
    counts = Counter((one.patient, one.timepoint, one.acquisition.modality) for one in usable)
    return {modality for (_, _, modality), count in counts.items() if count > 1}


def _kind(one: StudySeries, by_description: set[str | None], body_parts: dict[str | None, set[str]]) -> str:
    if one.kind is not None:
        return one.kind
    modality = one.acquisition.modality
    if modality is None:
        return _NO_MODALITY
    parts = body_parts.get(modality, set())
    own = (one.acquisition.body_part_examined or "").casefold()
    # A header that leaves it out belongs to the only one that there is.
    words = [modality, own or (next(iter(parts)) if len(parts) == 1 else "")]
    if modality in by_description:
        words.append(_described(one.acquisition.series_description or "", modality))
    return " ".join(word for word in words if word)


def _described(description: str, modality: str) -> str:
    words = re.split(r"[\s_,;/]+", description.casefold())
    # T1 and T2 are kinds of image; 5.0 and B30f are how one was made.
    return " ".join(word for word in words if word and (modality == "MR" or not re.search(r"\d", word)))
