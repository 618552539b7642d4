"""Columns of a table: what is in each, in which unit, and how Parquet stores it."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["text", "texts", "int", "float", "floats", "bool"]

_UNITS = {"_mm": "mm", "_mm3": "mm3", "_voxels": "{voxels}", "_s": "s", "_mib": "MiBy", "_dice": "1"}


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
    kind : str
        text, int (64 bit), float (64 bit), bool, or a list: texts, floats.
    doc : str
        What is in it, as a sentence; it stands in the file too.
    unit : str or None
        UCUM unit; None: it is no quantity, or another column says the unit.
    """

    name: str
    kind: Kind
    doc: str
    unit: str | None = None


CASE = Column("case", "text", "Name of the case.")


def columns_of(
    values: type, *, units: Mapping[str, str] | None = None, prefix: str = "", without: Collection[str] = ()
) -> tuple[Column, ...]:
    """Return a column for each field of a dataclass whose fields have a `doc`.

    Parameters
    ----------
    values : type
    units : mapping, optional
        UCUM unit by field, where the field's name does not end in it.
    prefix : str
        Stands before each name.
    without : collection of str
        Fields that have no column.
    """
    hints = get_type_hints(values)
    return tuple(
        Column(
            f"{prefix}{item.name}", _kind(hints[item.name]), item.metadata["doc"], (units or {}).get(item.name) or _unit(item.name)
        )
        for item in fields(values)
        if item.name not in without
    )


def cells_of(item: Mapping[str, Any] | None, columns: Sequence[Column], prefix: str = "") -> tuple[Any, ...]:
    """Return the cells of a value as JSON has it, in the order of its columns; of no value: as many nulls."""
    return tuple(None if item is None else item.get(column.name.removeprefix(prefix)) for column in columns)


def arrow_schema(table: str, doc: str, columns: Sequence[Column]) -> pa.Schema:
    """Return the columns as Parquet has them: doc and unit are in the metadata of each, the table's doc in that of the schema."""
    import pyarrow as pa

    kinds = {
        "text": pa.string(),
        "texts": pa.list_(pa.string()),
        "int": pa.int64(),
        "float": pa.float64(),
        "floats": pa.list_(pa.float64()),
        "bool": pa.bool_(),
    }
    listed = [
        pa.field(
            column.name,
            kinds[column.kind],
            metadata={"doc": column.doc} if column.unit is None else {"doc": column.doc, "unit": column.unit},
        )
        for column in columns
    ]
    return pa.schema(listed, metadata={"schema": "segqc-cohort-table", "table": table, "doc": doc})


def _unit(name: str) -> str | None:
    return next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), None)


def _kind(hint: Any) -> Kind:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (part for part in get_args(hint) if part is not types.NoneType)
    if get_origin(hint) is tuple:
        return {str: "texts", float: "floats"}[get_args(hint)[0]]
    if get_origin(hint) is Literal or issubclass(hint, StrEnum):
        return "text"
    return {str: "text", int: "int", float: "float", bool: "bool"}[hint]
