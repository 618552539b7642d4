"""The database behind a URL: SQLite in a file for one workstation, PostgreSQL for a department."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from SegQCLib.errors import BadDataError
from SegQCLib.record_store.schema import SCHEMA, SCHEMA_VERSION, all_tables, require_sqlalchemy, table

if TYPE_CHECKING:
    import sqlalchemy

T = TypeVar("T")

URLS = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"
_SHOWN_OPTIONS = ("host", "port", "user", "dbname", "sslmode")
_TRIES = 5
_LOCK_WAIT_S = 120
_CONNECT_WAIT_S = 10
# Any number that no other program is likely to lock in the same database: the letters of SegQC.
_POSTGRESQL_LOCK = 0x5365675143
# PostgreSQL's serialization_failure, deadlock_detected and lock_not_available: the same work succeeds when it is done again.
_PASSING = ("40001", "40P01", "55P03")
_UNREACHABLE = (
    "Check that the server runs, and the host, port, user and password (libpq reads it from ~/.pgpass or PGPASSWORD), and run"
    " the command again."
)
_ANEW = "Load the logs into a new database with --db, and the same names file with --names."
_REMEDIES = (
    (("disk is full", "no space left", "file too large"), "Free space on its disk and run the command again."),
    (("readonly", "read-only", "permission denied"), "Ask for the right to write to it, or give another with --db."),
    (("locked",), "Another program is writing to it; run the command again when that one is done."),
    (("not a database", "malformed"), "Give a file that segqc records ingest made, or make a new one from the logs with --db."),
    (("unable to open",), "Make its folder, or give another with --db."),
    (("connect", "terminat", "closed", "getaddrinfo", "resolve host"), _UNREACHABLE),
)  # fmt: skip


@dataclass(frozen=True)
class Database:
    """A database that can be reached; `name` is its URL without a password."""

    name: str
    engine: sqlalchemy.Engine

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def url(self) -> sqlalchemy.URL:
        """With its password."""
        return self.engine.url

    @contextmanager
    def reading(self) -> Iterator[sqlalchemy.Connection]:
        """Yield a connection that sees one moment of the database, whatever is loaded meanwhile.

        Raises
        ------
        BadDataError
            If the database cannot be reached or read.
        """
        engine = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        with self._told(), engine.connect() as connection, connection.begin():
            try:
                yield connection
            except (ValueError, TypeError) as error:
                # Text that is no JSON, no time or no number any more: every program writes them right, only disks do not.
                raise BadDataError(self.name, f"is damaged: a row cannot be read ({type(error).__name__}).", _ANEW) from error

    def write(self, work: Callable[[sqlalchemy.Connection], T]) -> T:
        """Return what `work` returns, done in one transaction: all of it is kept, or nothing. One writes at a time.

        It is done again if the database broke it off because of others; `work` must bear that.

        Raises
        ------
        BadDataError
            If the database cannot be reached or written to.
        """
        from sqlalchemy.exc import DBAPIError

        with self._told():
            for _ in range(_TRIES - 1):
                try:
                    return self._write_once(work)
                except (DBAPIError, self.engine.dialect.dbapi.Error) as error:
                    if getattr(getattr(error, "orig", error), "sqlstate", None) not in _PASSING:
                        raise
            return self._write_once(work)

    def has_tables(self) -> bool:
        """Return whether logs were loaded into it before; a file that is not there has none, and is not made.

        Raises
        ------
        BadDataError
            If it cannot be read, holds another program's tables, or those of another version.
        """
        if self.is_sqlite and not Path(self.engine.url.database).exists():
            return False
        with self.reading() as connection:
            return self._secret_check(connection) is not None

    def require_keys_of(self, secret_check: str) -> None:
        """Raise BadDataError if the keys were made with another secret, or the database cannot be read."""
        with self.reading() as connection:
            self._require_same_secret(self._secret_check(connection), secret_check)

    def make_tables(self, secret_check: str) -> None:
        """Make the tables where they are missing.

        Raises
        ------
        BadDataError
            If it cannot be written, its keys were made with another secret, or it holds another program's tables.
        """

        def make(connection: sqlalchemy.Connection) -> None:
            found = self._secret_check(connection)
            if found is None:
                all_tables().create_all(connection)
                created = datetime.now(UTC).isoformat(timespec="seconds")
                connection.execute(
                    table("store").insert(),
                    {"id": 1, "schema": SCHEMA, "schema_version": SCHEMA_VERSION, "created": created, "secret_check": secret_check},
                )
            else:
                self._require_same_secret(found, secret_check)

        self.write(make)

    def reclaim(self) -> None:
        """Give back the space of deleted rows, so that their bytes are gone from the database's files.

        Raises
        ------
        BadDataError
            If there is no space for the copy that this needs for a while, or somebody else uses the database.
        """
        from sqlalchemy import inspect

        with self._told(), self.engine.connect() as connection:
            outside = connection.execution_options(isolation_level="AUTOCOMMIT")
            if self.is_sqlite:
                outside.exec_driver_sql("VACUUM")
            else:
                # Cohorts stand beside the records, and have readers too.
                for name in [name for name in inspect(outside).get_table_names() if _is_ours(name)]:
                    outside.exec_driver_sql(f'VACUUM FULL "{name}"')

    def _require_same_secret(self, found: str | None, given: str) -> None:
        if found != given:
            raise BadDataError(
                self.name,
                "was filled with keys of another names file: one reader would be two.",
                "Give that file with --names, or another database with --db.",
            )

    def _write_once(self, work: Callable[[sqlalchemy.Connection], T]) -> T:
        with self.engine.connect().execution_options(segqc_writes=True) as connection, connection.begin():
            if not self.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_LOCK})")
            return work(connection)

    def _secret_check(self, connection: sqlalchemy.Connection) -> str | None:
        from sqlalchemy import inspect, select

        there = set(inspect(connection).get_table_names())
        ours = there & all_tables().tables.keys()
        if not ours:
            return None
        store = table("store")
        columns = {column["name"] for column in inspect(connection).get_columns("store")} if "store" in ours else set()
        if columns != set(store.columns.keys()):
            raise BadDataError(
                self.name,
                f"holds tables of another program ({', '.join(sorted(ours))}).",
                "Give a database of its own with --db.",
            )
        found = connection.execute(select(store)).one_or_none()
        if found is None or (found.schema, found.schema_version) != (SCHEMA, SCHEMA_VERSION):
            version = "no version" if found is None else f"{found.schema} {found.schema_version}"
            raise BadDataError(
                self.name,
                f"has tables of {version}; this SegQC knows {SCHEMA} {SCHEMA_VERSION}.",
                "Load the logs into a new database with --db.",
            )
        return found.secret_check

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the database's errors into sentences. What it quotes of rows or of the URL is not repeated."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except UnicodeDecodeError as error:
            raise BadDataError(self.name, "is damaged: it holds text that is none.", _ANEW) from error
        except (SQLAlchemyError, self.engine.dialect.dbapi.Error) as error:
            cause = getattr(error, "orig", None) or error
            words = (str(cause).strip() or type(cause).__name__).splitlines()[0]
            remedy = next(
                (remedy for signs, remedy in _REMEDIES if any(sign in str(cause).lower() for sign in signs)),
                "Run the command again; the logs hold everything.",
            )
            raise BadDataError(self.name, f"refused ({words}). Nothing is half written.", remedy) from error


def _is_ours(table_name: str) -> bool:
    return table_name in all_tables().tables or table_name.startswith("cohort")


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite URL; None for another database.

    Raises
    ------
    BadDataError
        If it is no URL of a database that SegQC can use.
    """
    parsed = _parsed(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" else None


def connect(url: str) -> Database:
    """Return the database behind a URL; it is reached when it is first used.

    Raises
    ------
    BadDataError
        If the URL is of no kind that SegQC can use, or the driver is not installed.
    """
    return connect_to(_parsed(url))


def connect_to(parsed: sqlalchemy.URL) -> Database:
    """Return the database behind the URL of a `Database`, as another process does."""
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    is_sqlite = parsed.get_backend_name() == "sqlite"
    options = (
        {"connect_args": {"timeout": _LOCK_WAIT_S}}
        if is_sqlite
        # Who waited for the lock must see what the other one wrote: not a snapshot from before.
        else {"connect_args": {"connect_timeout": _CONNECT_WAIT_S}, "isolation_level": "READ COMMITTED"}
    )
    try:
        engine = create_engine(parsed, poolclass=NullPool, hide_parameters=True, **options)
    except ImportError as error:
        raise BadDataError(
            "PostgreSQL", "needs psycopg, which is not installed here.", "Install it with: pip install 'segqc[postgresql]'."
        ) from error
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    # A password can also be among the options behind the question mark.
    shown = parsed.set(query={name: value for name, value in parsed.query.items() if name in _SHOWN_OPTIONS})
    return Database(shown.render_as_string(hide_password=True), engine)


def _parsed(url: str) -> sqlalchemy.URL:
    require_sqlalchemy()
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url.encode()
        parsed = make_url(url)
        backend, driver = parsed.get_backend_name(), parsed.drivername
    except (ArgumentError, ValueError) as error:
        # The message of either can quote the password.
        raise BadDataError("--db", "is not the URL of a database.", f"Give {URLS}.") from error
    if backend == "sqlite" and driver in ("sqlite", "sqlite+pysqlite"):
        if not parsed.database or parsed.database == ":memory:" or parsed.query:
            raise BadDataError("--db", "names no SQLite file.", "Give sqlite:///FILE.")
        if parsed.host or parsed.username or parsed.password:
            raise BadDataError("--db", "names a server, which SQLite has none of.", "Give sqlite:///FILE, with three slashes.")
        return parsed
    if "@" in (parsed.host or ""):
        # Part of the password would be told as the host.
        raise BadDataError("--db", "has more than one @.", "Write an @ in the password as %40, or put the password into ~/.pgpass.")
    if backend == "postgresql" and driver in ("postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    raise BadDataError("--db", f"is a URL for {driver!r}.", f"Give {URLS}.")


def _prepare_sqlite(connection: object, record: object) -> None:  # noqa: ARG001
    # Python's sqlite3 begins transactions late and not before every statement; here they begin when they are told to.
    connection.isolation_level = None
    for setting in ("foreign_keys = ON", "secure_delete = ON", "cache_size = -65536"):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: sqlalchemy.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("isolation_level") == "AUTOCOMMIT":
        return
    # A transaction that reads first and writes later could not wait for another writer: SQLite would refuse it at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("segqc_writes") else "BEGIN")
