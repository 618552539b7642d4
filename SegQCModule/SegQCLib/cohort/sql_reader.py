"""What a database has of one reader in its cohorts: for who asks for it, or asks that it be deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from SegQCLib.cohort.sql_schema import cohort_tables

if TYPE_CHECKING:
    import sqlalchemy


def cohort_rows_of_reader(connection: sqlalchemy.Connection, reader: str) -> dict[str, tuple[Sequence[str], list[Sequence[Any]]]]:
    """Return column names and rows by table, of a reader's key; empty where no cohort was loaded."""
    from sqlalchemy import select

    return {
        name: (
            table.columns.keys(),
            connection.execute(select(table).where(table.c.reader == reader).order_by(*table.primary_key)).all(),
        )
        for name, table in _with_readers(connection).items()
    }


def forget_cohort_reader(connection: sqlalchemy.Connection, reader: str) -> None:
    """Delete a reader's ratings, and take the reader's key from the cases whose candidate they drew."""
    from sqlalchemy import delete, update

    for name, table in _with_readers(connection).items():
        own = table.c.reader == reader
        connection.execute(update(table).where(own).values(reader=None) if name == "cohort_cases" else delete(table).where(own))


def cohort_cases_in(connection: sqlalchemy.Connection) -> set[str]:
    """Return the keys of all cases of cohorts."""
    from sqlalchemy import select

    table = _with_readers(connection).get("cohort_cases")
    return set() if table is None else set(connection.execute(select(table.c.case).distinct()).scalars())


def _with_readers(connection: sqlalchemy.Connection) -> dict[str, sqlalchemy.Table]:
    from sqlalchemy import inspect

    there = set(inspect(connection).get_table_names())
    return {name: table for name, table in cohort_tables().tables.items() if "reader" in table.columns and name in there}
