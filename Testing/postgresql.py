"""A PostgreSQL server of one's own for the time of a test run, from Debian's packages."""

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path


def programs():
    """Return the newest folder with PostgreSQL's server programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


def _as_its_user(command):
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--", *map(str, command)] if os.geteuid() == 0 else list(map(str, command))


def _run(command):
    subprocess.run(_as_its_user(command), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, cwd="/")


@contextlib.contextmanager
def server():
    """Yield (folder of the socket, folder of the programs) of a server without a port; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="segqc-pg-"))
    bin_folder, data = programs(), folder / "data"
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        _run([bin_folder / "initdb", "--no-sync", "--auth=trust", "--username=segqc", "--encoding=UTF8", "--locale=C", "-D", data])
        settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c max_connections=20"
        _run([bin_folder / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", settings, "start"])
        try:
            yield folder, bin_folder
        finally:
            _run([bin_folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def command(text, sockets):
    """Run one command on a server, outside its databases."""
    import psycopg

    with psycopg.connect(f"host={sockets} user=segqc dbname=postgres", autocommit=True) as connection:
        connection.execute(text)


_databases = itertools.count(1)


@contextlib.contextmanager
def database(sockets):
    """Yield the URL of a new empty database; it is gone afterwards."""
    name = f"t{next(_databases)}"
    command(f'CREATE DATABASE "{name}"', sockets)
    try:
        yield f"postgresql://segqc@/{name}?host={sockets}"
    finally:
        command(f'DROP DATABASE "{name}" WITH (FORCE)', sockets)
