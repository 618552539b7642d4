"""Rows of texts as a table node that nobody types over."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import vtk
from slicer import vtkMRMLTableNode


def fill_text_table(
    node: vtkMRMLTableNode, row_class: type, titles: Mapping[str, str], rows: Iterable[Mapping[str, str | None]]
) -> None:
    """Write rows in place of what the table holds, and lock it.

    Parameters
    ----------
    node : vtkMRMLTableNode
    row_class : dataclass
        What a row is; the `doc` of its fields describes the columns.
    titles : mapping of field to column title
        In the order of the columns.
    rows : iterable of mapping of field to text
        None or an empty text is a dash.
    """
    docs = {field.name: field.metadata["doc"] for field in dataclasses.fields(row_class)}
    kept = list(rows)
    modifying = node.StartModify()
    try:
        node.SetLocked(False)
        node.RemoveAllColumns()
        for name, title in titles.items():
            column = vtk.vtkStringArray()
            column.SetName(name)
            for row in kept:
                column.InsertNextValue(_cell(row[name]))
            node.AddColumn(column)
            node.SetColumnTitle(name, title)
            node.SetColumnDescription(name, docs[name])
        node.SetUseColumnTitleAsColumnHeader(True)
        # A number that a person typed over is no measurement.
        node.SetLocked(True)
    finally:
        node.EndModify(modifying)


def _cell(text: str | None) -> str:
    # Slicer's .tsv reader takes " for a quote without an end, a line break for a new row, and an
    # empty row for nothing at all.
    return " ".join(str(text).replace('"', "'").split()) if text else "–"
