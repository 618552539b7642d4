"""One archive, and how SegQC asks it: over dicomweb-client, with its credentials, limits and certificates."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from SegQCLib import __version__
from SegQCLib.archive.archive_url import ArchiveUrl, origin_of
from SegQCLib.archive.bounded_body import LARGEST_ANSWER, LARGEST_INSTANCE, BoundedBody
from SegQCLib.archive.credentials import Credentials
from SegQCLib.archive.faults import ArchiveError, fault_of_answer, fault_of_exception
from SegQCLib.archive.patience import Deadline, Limits, persistently, within
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from dicomweb_client.web import DICOMwebClient
    from requests import Session
    from requests.adapters import HTTPAdapter

Answer = TypeVar("Answer")


def _silent(text: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, eq=False, repr=False)
class Archive:
    """An archive that can be asked.

    Attributes
    ----------
    url : ArchiveUrl
    limits : Limits
    session : requests.Session
        Sends to this archive only, and adds its credentials.
    client : DICOMwebClient
        Works through the session; it neither waits nor asks again by itself.
    tell : callable
        Called with a sentence before SegQC waits and asks again.
    """

    url: ArchiveUrl
    credentials: Credentials | None
    limits: Limits
    session: Session
    client: DICOMwebClient
    tell: Callable[[str], None]

    def ask(self, action: Callable[[Deadline], Answer]) -> Answer:
        """Return what requests of an action bring; repeat it where a fault may pass, so it must be one that may be repeated.

        Raises
        ------
        ArchiveError
        """
        return persistently(lambda: self.ask_once(action), self.limits, self.tell)

    def ask_once(self, action: Callable[[Deadline], Answer]) -> Answer:
        """Return what requests of an action bring.

        Raises
        ------
        ArchiveError
        """
        from requests import HTTPError, RequestException

        def translated(deadline: Deadline) -> Answer:
            # `from None`: the request in those exceptions holds the credentials.
            try:
                return action(deadline)
            except HTTPError as error:
                raise fault_of_answer(self.url.origin, error.response, self.credentials) from None
            # What servers can send, requests and json do not foresee in full: URLs that are none, numbers of 5,000 digits,
            # lists 100,000 deep.
            except (RequestException, ValueError, RecursionError) as error:
                raise fault_of_exception(self.url.origin, error) from None

        return within(Deadline(self.url.origin, self.limits.request_s), translated)


def open_archive(
    url: ArchiveUrl,
    credentials: Credentials | None = None,
    *,
    ca_bundle: Path | None = None,
    limits: Limits | None = None,
    tell: Callable[[str], None] = _silent,
) -> Archive:
    """Return an archive. Nothing is sent yet.

    Parameters
    ----------
    url : ArchiveUrl
    credentials : Credentials or None
    ca_bundle : Path or None
        PEM file with the certificates that an https archive may be signed with; None: those that the variables of requests
        name, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, or that it comes with. Certificates are always verified.
    limits : Limits or None
    tell : callable

    Raises
    ------
    BadDataError
        If dicomweb-client is not installed, the certificates cannot be read, or the URL has a host that cannot be one.
    """
    try:
        from dicomweb_client.web import DICOMwebClient
    except ModuleNotFoundError as error:
        raise BadDataError(
            "segqc archive", f"needs {error.name}, which is not installed here.", "Install it with: pip install 'segqc[archive]'."
        ) from None
    if ca_bundle is None and url.encrypted:
        named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        ca_bundle = Path(named) if named else None
    if ca_bundle is not None:
        _require_certificates(ca_bundle)
    limits = limits or Limits()
    session = _session()
    adapter = _adapter(url, credentials, ca_bundle, limits)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["User-Agent"] = f"segqc/{__version__}"
    session.headers["Accept-Encoding"] = "gzip"
    client = DICOMwebClient(url.base, session=session)
    # Its own way asks again after every exception, wrong certificates too, and sends an empty body the second time.
    client.set_http_retry_params(retry=False)
    return Archive(url, credentials, limits, session, client, tell)


def _require_certificates(ca_bundle: Path) -> None:
    if ca_bundle.is_dir():  # of certificates by their hash, as OpenSSL has them
        return
    try:
        ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise BadDataError(
            ca_bundle,
            f"holds no certificates ({error.strerror or error}).",
            "Give a PEM file: --ca-bundle or SEGQC_DICOMWEB_CA, or unset REQUESTS_CA_BUNDLE where that names it.",
        ) from error


def _session() -> Session:
    from requests import PreparedRequest, Request, Session

    class PlainQueries(Session):
        def prepare_request(self, request: Request) -> PreparedRequest:
            prepared = super().prepare_request(request)
            # dicomweb-client writes queries as forms do. Wildcards need no encoding in a URL (RFC 3986 3.4), and Orthanc 1.10
            # finds nothing where they have one; a plus sign is a space in forms only.
            address, mark, query = prepared.url.partition("?")
            prepared.url = address + mark + query.replace("+", "%20").replace("%2A", "*").replace("%3F", "?")
            return prepared

    return PlainQueries()


def _adapter(url: ArchiveUrl, credentials: Credentials | None, ca_bundle: Path | None, limits: Limits) -> HTTPAdapter:
    """Return what every request of the session goes through, redirected ones too."""
    from requests import Request, RequestException
    from requests.adapters import HTTPAdapter

    try:
        # As requests writes it: names of other alphabets become ASCII.
        home = origin_of(Request("GET", url.base).prepare().url)
    except (RequestException, ValueError) as error:
        raise BadDataError(url.origin, "is not a URL that can be asked.", "Check the host's name and the port.") from error

    class OneArchive(HTTPAdapter):
        def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):  # noqa: ARG002
            if origin_of(request.url) != home:
                raise ArchiveError(
                    url.origin,
                    f"sends SegQC on to {origin_of(request.url)}, which is not the archive that was named; nothing was sent there.",
                    "If that is the archive, give its URL.",
                )
            # Here and not on the session: requests replaces a session's authorization by what it finds in ~/.netrc, and its
            # certificates by those of the environment. And only on a copy: tracebacks and debuggers show the other one.
            sent = request.copy()
            sent.headers.pop("Authorization", None)
            if credentials is not None:
                sent.headers["Authorization"] = credentials.header()
            # dicomweb-client sets it without the port.
            sent.headers.pop("Host", None)
            response = super().send(
                sent,
                stream=stream,
                timeout=(limits.connect_s, limits.silence_s),
                verify=str(ca_bundle) if ca_bundle else True,
                cert=cert,
                # A proxy would not reach this computer, but it would see what is not encrypted.
                proxies={} if url.loopback else proxies,
            )
            response.request = request
            if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("identity", "gzip", "x-gzip"):
                response.close()
                raise ArchiveError(
                    url.origin,
                    "compresses its answers in a way that SegQC did not ask for (Content-Encoding).",
                    "Tell its administrator.",
                )
            response.raw = BoundedBody(response.raw, LARGEST_INSTANCE if stream else LARGEST_ANSWER, url.origin)
            if response.ok and response.headers.get("Content-Type", "").lower().startswith("text/html"):
                response.close()
                raise ArchiveError(
                    url.origin,
                    "answers with a web page, perhaps to sign in, and not with DICOM.",
                    "Check that the URL is the root of its DICOMweb service, and the credentials.",
                )
            return response

    return OneArchive()
