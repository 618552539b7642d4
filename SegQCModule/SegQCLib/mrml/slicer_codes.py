"""Codes of structures from Slicer's terminologies, those that this Slicer has loaded."""

from __future__ import annotations

from collections.abc import Iterator

import slicer
import vtk

from SegQCLib.case import Code, Terminology
from SegQCLib.protocols.known_codes import KnownCodes, terminology_words


def codes_of_terminologies(logic: slicer.vtkSlicerTerminologiesModuleLogic) -> tuple[KnownCodes, ...]:
    """Return the codes of all types, with each of their modifiers, that the terminologies of a logic have, each once.

    Slicer 5.12 comes with about 1300.
    """
    names = vtk.vtkStringArray()
    logic.GetLoadedTerminologyNames(names)
    found: dict[object, KnownCodes] = {}
    for number in range(names.GetNumberOfValues()):
        name = names.GetValue(number)
        for terminology in _terminologies(logic, name):
            found.setdefault(
                terminology.structure_codes, KnownCodes(terminology_words(terminology), terminology, f"Slicer, {name}")
            )
    return tuple(found.values())


def _terminologies(logic: slicer.vtkSlicerTerminologiesModuleLogic, name: str) -> Iterator[Terminology]:
    category, kind, modifier = (
        slicer.vtkSlicerTerminologyCategory(), slicer.vtkSlicerTerminologyType(), slicer.vtkSlicerTerminologyType(),
    )  # fmt: skip
    for c in range(logic.GetNumberOfCategoriesInTerminology(name)):
        logic.GetNthCategoryInTerminology(name, c, category)
        for t in range(logic.GetNumberOfTypesInTerminologyCategory(name, category)):
            logic.GetNthTypeInTerminologyCategory(name, category, t, kind)
            codes = _code(category), _code(kind)
            yield Terminology(*codes)
            # Asked for the number of modifiers of a type that has none, the logic writes an error to the log.
            for m in range(logic.GetNumberOfTypeModifiersInTerminologyType(name, category, kind) if kind.GetHasModifiers() else 0):
                logic.GetNthTypeModifierInTerminologyType(name, category, kind, m, modifier)
                yield Terminology(*codes, _code(modifier))


def _code(concept: vtk.vtkObject) -> Code:
    return Code(concept.GetCodeValue(), concept.GetCodingSchemeDesignator(), concept.GetCodeMeaning())
