"""Sentences that differ in their numbers and names of files only, told as one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Numbers with their sign, thousands and decimals; what stands in quotes; paths.
_CHANGING = re.compile(
    r"""((?:[<>]\u202f)?[−+-]?\d+(?:[.,:\u202f]\d+)*|(?<!\w)'[^']*'(?!\w)|“[^”]*”|"[^"]*"|(?<!\w)[^\s(]*[/\\][^\s),;]+)"""
)
_DIFFERENT = "…"


@dataclass(frozen=True)
class AlikeTexts:
    """Texts of one wording.

    Attributes
    ----------
    text : str
        With … where they differ.
    places : tuple of int
        Which of the given texts they are.
    """

    text: str
    places: tuple[int, ...]


def alike_texts(texts: Sequence[str]) -> tuple[AlikeTexts, ...]:
    """Return distinct texts by their wording, in the order in which wordings come first."""
    wordings: dict[tuple[str, ...], tuple[list[str], list[int]]] = {}
    for place, text in enumerate(texts):
        parts = _CHANGING.split(text)
        shown, places = wordings.setdefault(tuple(parts[::2]), (parts, []))
        for n in range(1, len(parts), 2):
            if shown[n] != parts[n]:
                shown[n] = _DIFFERENT
        places.append(place)
    return tuple(AlikeTexts("".join(shown), tuple(places)) for shown, places in wordings.values())
