"""Rows into tables, as fast as each database takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from SegQCLib.record_store.schema import table

if TYPE_CHECKING:
    import sqlalchemy


def insert_rows(connection: sqlalchemy.Connection, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows into one of the records' tables; see `insert_into`."""
    insert_into(connection, table(name), rows)


def insert_into(connection: sqlalchemy.Connection, into: sqlalchemy.Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with a value for every column, in the order of the columns.

    SQLAlchemy's own insert takes three times as long: it makes a dictionary of every row. Both statements here are
    made of column names alone, values go beside them.
    """
    if not rows:
        return
    name, names = into.name, into.columns.keys()
    columns = ", ".join(f'"{column}"' for column in names)
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(names))
        connection.exec_driver_sql(f'INSERT INTO "{name}" ({columns}) VALUES ({places})', list(rows))  # noqa: S608
        return
    with connection.connection.cursor() as cursor, cursor.copy(f'COPY "{name}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)
