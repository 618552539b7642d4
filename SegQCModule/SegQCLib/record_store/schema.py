"""The tables. The logs stay the truth: every row can be made from them again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

SCHEMA = "segqc-records"
# A database of another version is refused; it can be made anew from the logs.
SCHEMA_VERSION = "1.0"


def require_sqlalchemy() -> None:
    """Raise BadDataError if SQLAlchemy is not installed."""
    try:
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        raise BadDataError(
            "A database", "needs SQLAlchemy, which is not installed here.", "Install it with: pip install 'segqc[records]'."
        ) from error


def table(name: str) -> Table:
    """Return a table by its name; see `all_tables`."""
    return all_tables().tables[name]


@cache
def all_tables() -> MetaData:
    """Return the tables.

    - store: one row: schema, schema_version, created, and secret_check, by which a secret other than that of the keys is known.
    - readers: the key of every reader with a session.
    - sessions: one log each; `lines`, `bytes` and `last_line_sha256` say how far its file was loaded.
    - deleted_sessions: random ids of logs that were deleted on request and are never loaded again.
    - events: one line of a log each; `facts` is JSON with what `stored_facts` lets through.
    - case_reads: one `CaseRead` each, and of it segment_reads, findings, ratings and planted.

    Readers and cases are keys. Times of the wall clock are ISO 8601 texts: of sessions and events as the log has them, of
    reads in UTC. Columns that end in _s are seconds.

    Raises
    ------
    BadDataError
        If SQLAlchemy is not installed.
    """
    require_sqlalchemy()
    from sqlalchemy import (
        BigInteger,
        Boolean,
        CheckConstraint,
        Column,
        Float,
        ForeignKey,
        Index,
        Integer,
        MetaData,
        Table,
        Text,
        UniqueConstraint,
    )

    def needed(name: str, kind: object, *parts: object, **options: object) -> Column:
        return Column(name, kind, *parts, nullable=False, **options)

    # In SQLite only a key of exactly this type is the row's own number, without an index beside it.
    row_number = BigInteger().with_variant(Integer(), "sqlite")
    # SQLAlchemy's Float is a 4-byte number on some databases.
    real = Float(53)
    metadata = MetaData()

    def seconds() -> list[Column]:
        return [needed(f"{kind}_s", real) for kind in ("active", "idle", "wait", "paused")]

    def part_of_a_read(name: str, *columns: object) -> None:
        Table(
            name,
            metadata,
            needed("read", row_number, ForeignKey("case_reads.number"), primary_key=True, autoincrement=False),
            needed("position", Integer, primary_key=True, autoincrement=False),
            *columns,
        )

    Table(
        "store",
        metadata,
        needed("id", Integer, CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
        needed("schema", Text),
        needed("schema_version", Text),
        needed("created", Text),
        needed("secret_check", Text),
    )
    Table("readers", metadata, needed("reader", Text, primary_key=True))
    Table(
        "sessions",
        metadata,
        needed("number", row_number, primary_key=True, autoincrement=False),
        needed("session", Text, unique=True),
        needed("reader", Text, ForeignKey("readers.reader")),
        needed("case", Text),
        needed("purpose", Text),
        needed("simulated", Boolean),
        needed("started", Text),
        needed("monotonic_s", real),
        Column("protocol", Text),
        Column("protocol_version", Text),
        Column("protocol_sha256", Text),
        needed("software", Text),
        needed("lines", BigInteger),
        needed("bytes", BigInteger),
        needed("last_line_sha256", Text),
        Index("sessions_of_case", "case", "reader"),
        Index("sessions_of_reader", "reader"),
    )
    Table("deleted_sessions", metadata, needed("session", Text, primary_key=True), needed("deleted", Text))
    Table(
        "events",
        metadata,
        needed("session", row_number, ForeignKey("sessions.number"), primary_key=True, autoincrement=False),
        needed("sequence", BigInteger, primary_key=True, autoincrement=False),
        needed("time", Text),
        needed("monotonic_s", real),
        needed("kind", Text),
        needed("facts", Text),
        Index("events_of_kind", "kind", "session"),
        sqlite_with_rowid=False,
    )
    Table(
        "case_reads",
        metadata,
        needed("number", row_number, primary_key=True, autoincrement=False),
        needed("reader", Text, ForeignKey("readers.reader")),
        needed("case", Text),
        needed("repeat", Integer),
        needed("sessions", Text),
        needed("purpose", Text),
        needed("started", Text),
        needed("ended", Text),
        needed("finished", Boolean),
        Column("protocol", Text),
        Column("protocol_sha256", Text),
        *seconds(),
        Column("slices", BigInteger),
        Column("slices_seen", BigInteger),
        Column("scrolled", Boolean),
        Column("verdict", Text),
        needed("simulated", Boolean),
        UniqueConstraint("reader", "case", "purpose", "repeat"),
        Index("case_reads_of_case", "case"),
        Index("case_reads_in_time", "started"),
    )
    part_of_a_read(
        "segment_reads",
        needed("name", Text),
        *seconds(),
        needed("active_s_by_effect", Text),
        Column("model", Text),
        Column("model_version", Text),
        needed("edited", Boolean),
        Column("voxels", BigInteger),
        Column("draft_voxels", BigInteger),
        Column("added_voxels", BigInteger),
        Column("removed_voxels", BigInteger),
        Column("voxel_volume_mm3", real),
        Column("added_path_length_mm", real),
        Column("slices_of_structure", BigInteger),
        Column("slices_of_structure_seen", BigInteger),
        Column("accuracy", real),
        Column("threshold", real),
        Index("segment_reads_of_structure", "name"),
        Index("segment_reads_of_model", "model", "model_version"),
    )
    part_of_a_read(
        "findings",
        needed("check", Text),
        Column("segment", Text),
        *[needed(name, Boolean) for name in ("found", "viewed", "repaired", "kept")],
    )
    part_of_a_read("ratings", needed("rating", Text), Column("grade", Integer))
    part_of_a_read(
        "planted",
        needed("error", Text),
        needed("segment", Text),
        needed("detected", Boolean),
        needed("corrected", real),
        Column("seconds", real),
    )
    return metadata
