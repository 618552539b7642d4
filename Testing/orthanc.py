"""A real archive for tests: Debian's Orthanc with its DICOMweb plugin, on this computer only, and what may stand before it."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PROGRAM = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "reader", "Pä55 wörd/&%"


@dataclass(frozen=True)
class Orthanc:
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/dicom-web"


@contextlib.contextmanager
def running_orthanc(folder: Path, **configuration) -> Iterator[Orthanc]:
    """Start an Orthanc that keeps everything in a folder, and kill it at the end."""
    if not Path(PROGRAM).exists() or not PLUGIN.exists():
        pytest.skip("Orthanc and its DICOMweb plugin are not installed on this machine: `make services` installs them")
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(3):
        # A port that was free may be somebody else's a moment later: then Orthanc ends at once.
        port = free_port()
        process = _start(folder, port, configuration)
        if _listens(process, port):
            break
        process.kill()
        process.wait()
    else:
        raise RuntimeError(f"Orthanc did not start:\n{(folder / 'orthanc.log').read_text(errors='replace')}")
    try:
        yield Orthanc(port)
    finally:
        process.kill()
        process.wait()


def _start(folder: Path, port: int, configuration: dict[str, object]) -> subprocess.Popen:
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "RemoteAccessAllowed": False,
        "DicomServerEnabled": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "OverwriteInstances": False,
        **configuration,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings), encoding="utf-8")
    # So that it dies with the tests even if somebody kills these.
    leash = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    with (folder / "orthanc.log").open("wb") as log:
        return subprocess.Popen([*leash, PROGRAM, str(folder / "orthanc.json")], stdout=log, stderr=log)


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def _listens(process: subprocess.Popen, port: int) -> bool:
    """Return whether a process that was started listens at last, or has ended."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.05)
    return False


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """An answer. `cut_after`: so many bytes of the body go out, then the connection ends. `drip`: one byte at a time, slowly.

    A header that is None is left out; without Content-Length the end of the connection is the end of the body.
    """

    status: int = 200
    headers: dict[str, str | None] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    drip: bool = False


# None: what the archive says, unchanged; a Reply: this instead; a function: what it makes of what the archive says.
Rule = Callable[[Request], "Reply | Callable[[Reply], Reply] | None"]


class Front:
    """A real HTTP server before an archive, which answers as its rule says and remembers what it was asked."""

    def __init__(self, archive: Orthanc | None, rule: Rule, certificates: Path | None = None) -> None:
        self.requests: list[Request] = []
        self.closing = threading.Event()
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(self.command, self.path, dict(self.headers), body)
                front.requests.append(request)
                answer = rule(request)
                if not isinstance(answer, Reply):
                    change = answer
                    answer = forwarded(archive, request)
                    if change is not None:
                        answer = change(answer)
                self.send_response(answer.status)
                headers = {"Content-Length": str(len(answer.body)), **answer.headers}
                for name, value in headers.items():
                    if value is not None:
                        self.send_header(name, value)
                self.end_headers()
                if answer.drip:
                    for number in range(len(answer.body)):
                        self.wfile.write(answer.body[number : number + 1])
                        if front.closing.wait(0.05):
                            break
                else:
                    self.wfile.write(answer.body[: answer.cut_after])
                if answer.cut_after is not None or answer.drip or headers["Content-Length"] is None:
                    self.close_connection = True

            do_POST = do_GET  # noqa: N815 - http.server's name

            def handle(self) -> None:
                # A client that gives up leaves a broken pipe behind.
                with contextlib.suppress(ConnectionError):
                    super().handle()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]
        self.url = f"{'https' if certificates else 'http'}://127.0.0.1:{self.port}/dicom-web"
        if certificates:
            # Debian's Orthanc 1.10.1 crashes at its first TLS connection (civetweb does not know OpenSSL 3).
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "certificate.pem", certificates / "key.pem")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


def forwarded(archive: Orthanc, request: Request) -> Reply:
    """Return what the archive answers."""
    connection = http.client.HTTPConnection("127.0.0.1", archive.port, timeout=60)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "connection")}
    connection.request(request.method, request.path, request.body or None, headers)
    response = connection.getresponse()
    body = response.read()
    kept = {name: value for name, value in response.getheaders() if name in ("Content-Type", "Content-Encoding")}
    connection.close()
    return Reply(response.status, kept, body)


def cut(reply: Reply, after: int) -> Reply:
    return replace(reply, cut_after=after)


class CuttingLine:
    """A line to an archive that breaks each of its first connections after so many bytes from the client; then it holds."""

    def __init__(self, archive: Orthanc, cut_after: list[int]) -> None:
        self._archive = archive
        self._cut_after = list(cut_after)
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/dicom-web"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            left = self._cut_after.pop(0) if self._cut_after else None
            threading.Thread(target=self._carry, args=(client, left), daemon=True).start()

    def _carry(self, client: socket.socket, left: int | None) -> None:
        with client, socket.create_connection(("127.0.0.1", self._archive.port)) as server:
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()
            with contextlib.suppress(OSError):
                while chunk := client.recv(65536 if left is None else min(65536, left)):
                    server.sendall(chunk)
                    if left is not None:
                        left -= len(chunk)
                        if left == 0:
                            break

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


def make_certificate(folder: Path, names: str, last_day: str = "20400101") -> Path:
    """Write a key and a certificate that it signed itself, valid from 2020, into a folder, and return the certificate."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed on this machine")
    (folder / "index.txt").touch()
    (folder / "openssl.cnf").write_text(
        f"""[req]
prompt = no
distinguished_name = subject
[subject]
CN = SegQC test
[ca]
default_ca = own
[own]
database = {folder}/index.txt
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = {names}
"""
    )
    request = ["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key.pem", "-out", folder / "request.pem"]
    signed = ["ca", "-batch", "-notext", "-selfsign", "-keyfile", folder / "key.pem", "-in", folder / "request.pem"]
    signed += ["-startdate", "20200101000000Z", "-enddate", f"{last_day}000000Z", "-out", folder / "certificate.pem"]
    for arguments in (request, signed):
        subprocess.run([openssl, *arguments, "-config", folder / "openssl.cnf"], check=True, capture_output=True)
    return folder / "certificate.pem"
