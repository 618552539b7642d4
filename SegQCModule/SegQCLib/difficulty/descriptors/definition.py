"""What a descriptor is: the one place that documentation, model cards and reports take it from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """A descriptor in words and as a formula.

    Attributes
    ----------
    meaning : str
        What a radiologist reads it as, in plain words.
    formula : str
        In the symbols that the module's docstring explains.
    unit : str
        "1" for a pure number; "grey value" is HU in CT; "grey level" is a bin of grey values.
    range : str
        Possible values, with the value where the formula is undefined.
    ibsi : str or None
        Code in the reference manual of the Image Biomarker Standardisation Initiative; None where it has no such feature.
    """

    meaning: str
    formula: str
    unit: str
    range: str
    ibsi: str | None
