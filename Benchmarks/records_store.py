"""A million events of SIMULATED session logs into a database, and the dashboard's questions to it.

    python Benchmarks/records_store.py [--events 1000000] [--repeats 3] [--postgresql] [--peers] [--folder DIR]

Prints the median wall time in seconds of `segqc records ingest` (everything: logs read, every line's hash checked, reads
computed, rows and indexes written), of a second ingest that has nothing to do, of one with 1 % new logs, and of each
question. --postgresql starts a server of its own from Debian's packages. --peers inserts the same rows of the table of
events into an empty SQLite file in three ways: as SegQC does, with SQLAlchemy's insert, and with pandas.to_sql; nothing
is read or checked there. Logs are made at the first run in --folder (300 MB, some minutes).
"""

import argparse
import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "SegQCModule"), str(ROOT / "Testing")]

# All that `segqc records report` asks; it computes the rest itself.
QUESTIONS = ("counts", "case_reads")
# What a simulated case comes to, over its readers.
EVENTS_PER_CASE = 350


def make_logs(folder, events):
    """Return the folder of logs with about so many events."""
    from SegQCLib.readers.simulated_logs import LOGS, simulate_department

    made = folder / f"department-{events}"
    if not (made / "done").exists():
        shutil.rmtree(made, ignore_errors=True)
        truth = simulate_department(made, readers=6, models=3, cases=max(20, round(events / EVENTS_PER_CASE)), seed=1)
        (made / "done").write_text(f"{truth.events:,} events, {truth.sessions:,} sessions, {truth.reads:,} reads")
    print(f"SIMULATED logs: {(made / 'done').read_text()}")
    return made / LOGS


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ingest(logs, url, names):
    """Run the command in a process of its own, as a person does."""
    command = [Path(sys.executable).parent / "segqc", "records", "ingest", logs, "--db", url, "--names", names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout.splitlines()[0]


def times_of(name, logs, database, repeats, folder):
    """Print the times of one kind of database; `database` yields a fresh URL."""
    from SegQCLib.record_store.store import open_store

    first, nothing, some = [], [], []
    names = folder / f"{name}.names.json"
    paths = sorted(logs.glob("*.session-log.jsonl"))
    later = paths[::100]
    for repeat in range(repeats):
        with database() as url:
            names.unlink(missing_ok=True)
            first.append(seconds(lambda: print(f"  {ingest(logs, url, names)}")))
            nothing.append(seconds(lambda: ingest(logs, url, names)))
            if repeat == 0:
                store = open_store(url)
                for question in QUESTIONS:
                    answers = [seconds(getattr(store, question)) for _ in range(3)]
                    print(f"{name:12} {question:40} {statistics.median(answers):8.3f} s")
        with database() as url:
            names.unlink()
            kept_away = folder / "later"
            kept_away.mkdir(exist_ok=True)
            try:
                for path in later:
                    path.rename(kept_away / path.name)
                ingest(logs, url, names)
            finally:
                for path in kept_away.iterdir():
                    path.rename(logs / path.name)
            some.append(seconds(lambda: ingest(logs, url, names)))
    print(f"{name:12} {'ingest of everything':40} {statistics.median(first):8.2f} s")
    print(f"{name:12} {'ingest with nothing new':40} {statistics.median(nothing):8.2f} s")
    print(f"{name:12} {f'ingest of {len(later)} new logs':40} {statistics.median(some):8.2f} s")


@contextlib.contextmanager
def sqlite(folder):
    file = folder / "records.sqlite"
    file.unlink(missing_ok=True)
    yield f"sqlite:///{file}"
    file.unlink(missing_ok=True)


@contextlib.contextmanager
def postgresql_database():
    import postgresql

    with postgresql.server() as (sockets, _):
        yield f"postgresql://segqc@/postgres?host={sockets}"


def peers(folder, logs):
    """Insert one set of rows in three ways."""
    import pandas
    from sqlalchemy import insert, select

    from SegQCLib.record_store.connect import connect
    from SegQCLib.record_store.rows import insert_rows
    from SegQCLib.record_store.schema import all_tables, table

    with sqlite(folder) as url:
        ingest(logs, url, folder / "peers.names.json")
        with connect(url).reading() as connection:
            rows = [tuple(row) for row in connection.execute(select(table("events")))]
    columns = table("events").columns.keys()

    def ours(connection):
        insert_rows(connection, "events", rows)

    def core(connection):
        connection.execute(insert(table("events")), [dict(zip(columns, row, strict=True)) for row in rows])

    def pandas_rows(connection):
        pandas.DataFrame.from_records(rows, columns=columns).to_sql("events", connection, if_exists="append", index=False)

    for name, work in {"SegQC": ours, "SQLAlchemy insert": core, "pandas.to_sql": pandas_rows}.items():
        with sqlite(folder) as url:
            database = connect(url)
            database.write(
                lambda connection: (
                    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON"),
                    all_tables().create_all(connection),
                )
            )
            # No sessions are there: only the rows of events are compared.
            from sqlalchemy import event

            event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = OFF"))
            print(f"{name:20} {len(rows):,} rows {seconds(lambda: database.write(work)):8.2f} s")  # noqa: B023


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/segqc-bench-records"))  # noqa: S108
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    logs = make_logs(args.folder, args.events)
    times_of("SQLite", logs, lambda: sqlite(args.folder), args.repeats, args.folder)
    if args.postgresql:
        times_of("PostgreSQL", logs, postgresql_database, args.repeats, args.folder)
    if args.peers:
        peers(args.folder, logs)


if __name__ == "__main__":
    main()
