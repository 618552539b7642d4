"""Names of people as DICOM writes them."""

from __future__ import annotations

import unicodedata

# A component group of a person name holds at most 64 characters (PS3.5 table 6.2-1, PN).
_LONGEST = 64
_PREFIXES = {"dr", "prof", "pd", "priv-doz", "univ-prof", "med", "habil", "mr", "mrs", "ms", "herr", "frau"}
_SUFFIXES = {"md", "phd", "msc", "mbbs", "frcr", "facr", "fcr"}
_PARTICLES = {
    "von",
    "vom",
    "van",
    "zu",
    "zur",
    "de",
    "del",
    "della",
    "der",
    "den",
    "di",
    "da",
    "dos",
    "du",
    "la",
    "le",
    "ten",
    "ter",
}


def person_name(text: str) -> str:
    """Return a name that a person typed as a DICOM person name, Family^Given^Middle^Prefix^Suffix.

    `Dr. M. Müller-Lüdenscheidt` becomes `Müller-Lüdenscheidt^M.^^Dr.`, `Meier, Anna` becomes `Meier^Anna`. A text
    with ^ is a DICOM name already. What may be no name (`reader 2`) stays one text, as the family name.

    Raises
    ------
    ValueError
        If there is no text, it is longer than 64 characters, or has a character that a person name cannot hold.

    References
    ----------
    DICOM PS3.5 6.2.1.1 (order of the components), table 6.2-1 (PN).
    """
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if not text:
        raise ValueError("a person's name is needed, and there is no text")
    wrong = sorted({letter for letter in text if letter in "\\=" or unicodedata.category(letter) == "Cc"})
    if wrong:
        raise ValueError(f"the name {text!r} holds {' '.join(map(repr, wrong))}, which a DICOM person name cannot")
    name = text if "^" in text else "^".join(_components(text)).rstrip("^")
    if len(name) > _LONGEST or name.count("^") > 4:
        raise ValueError(f"the name {text!r} does not fit in a DICOM person name: {_LONGEST} characters, five components")
    return name


def _components(text: str) -> tuple[str, str, str, str, str]:
    """Return family, given, middle names, prefix and suffix."""
    family, comma, rest = (part.strip() for part in text.partition(","))
    if comma and _bare(rest) in _SUFFIXES:
        *others, suffix = _components(family)
        return (*others, suffix or rest)
    words = (rest if comma else text).split()
    prefix, suffix = [], []
    while len(words) > (0 if comma else 1) and _bare(words[0]) in _PREFIXES:
        prefix.append(words.pop(0))
    while len(words) > (0 if comma else 1) and _bare(words[-1]) in _SUFFIXES:
        suffix.insert(0, words.pop())
    if not comma:
        if any(letter.isdigit() for letter in text):
            return text, "", "", "", ""
        start = len(words) - 1
        while start > 1 and words[start - 1].lower() in _PARTICLES:
            start -= 1
        family, words = " ".join(words[start:]), words[:start]
    return family, words[0] if words else "", " ".join(words[1:]), " ".join(prefix), " ".join(suffix)


def _bare(word: str) -> str:
    return word.lower().replace(".", "")
