"""What went wrong between SegQC and an archive, in words that say what to do."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

from SegQCLib.archive.foreign_text import shown
from SegQCLib.errors import BadDataError

if TYPE_CHECKING:
    from requests import Response

    from SegQCLib.archive.credentials import Credentials

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
_CERTIFICATE_FAULTS = {
    9: ("whose certificate is not valid yet", "Check this computer's clock."),
    10: ("whose certificate has expired", "Ask the archive's administrator to renew it."),
    18: ("that signed its certificate itself", "If you trust it, give that certificate: --ca-bundle FILE or SEGQC_DICOMWEB_CA."),
    19: (
        "whose certificate comes from an authority that this computer does not know",
        "Give your institution's CA certificates: --ca-bundle FILE or SEGQC_DICOMWEB_CA.",
    ),
    62: ("whose certificate is for another host", "Use the name that the certificate has; else somebody may be in between."),
    64: ("whose certificate is for another address", "Use the name that the certificate has; else somebody may be in between."),
}
_CERTIFICATE_FAULTS[20] = _CERTIFICATE_FAULTS[21] = _CERTIFICATE_FAULTS[19]


class ArchiveError(BadDataError):
    """A request that an archive did not fulfil.

    Parameters
    ----------
    where, found, remedy : str
        As in BadDataError; `where` names scheme, host and port only.
    again : bool
        Whether the same request may succeed in a moment.
    wait_s : float or None
        How long the archive asks to wait before that, seconds.
    unknown : bool
        Whether the archive says that it does not have what was asked for (404).
    """

    def __init__(
        self,
        where: str,
        found: str,
        remedy: str,
        *,
        again: bool = False,
        wait_s: float | None = None,
        unknown: bool = False,
    ) -> None:
        super().__init__(where, found, remedy)
        self.again = again
        self.wait_s = wait_s
        self.unknown = unknown


def fault_of_exception(where: str, error: Exception) -> ArchiveError:
    """Return the fault behind an exception of requests: no answer, or one that is not what was asked for."""
    from requests import exceptions

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            found, remedy = _CERTIFICATE_FAULTS.get(
                cause.verify_code, (f"whose certificate cannot be verified ({cause.verify_message})", "Ask its administrator.")
            )
            return ArchiveError(where, f"leads to a server {found}; nothing was sent.", remedy)
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return ArchiveError(where, "does not answer with TLS as https needs it.", "Is it an http URL, or another port?")
        if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
            return ArchiveError(where, "has a host name that does not exist.", "Check the URL and the network or VPN.")
    if isinstance(error, exceptions.ReadTimeout):
        return ArchiveError(where, "stopped answering.", "Try later, or allow more time with --timeout SECONDS.", again=True)
    if isinstance(error, exceptions.Timeout):
        return ArchiveError(where, "cannot be reached in time.", "Check the URL and the network or VPN.", again=True)
    if isinstance(error, exceptions.ChunkedEncodingError | exceptions.ContentDecodingError):
        return ArchiveError(where, "broke off in the middle of an answer.", "Run the same command again.", again=True)
    if isinstance(error, exceptions.ConnectionError):
        reason = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), "no connection")
        return ArchiveError(where, f"does not answer ({reason}).", "Check the URL; is the archive running?", again=True)
    if isinstance(error, exceptions.InvalidURL | exceptions.InvalidSchema | exceptions.TooManyRedirects):
        return ArchiveError(
            where, "redirects in a circle, or to what is no address.", "Is the URL the root of its DICOMweb service?"
        )
    return ArchiveError(
        where, "answers with something that is not DICOM JSON (PS3.18 F).", "Is the URL the root of its DICOMweb service?"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what is wrapped in it: urllib3 keeps causes in `reason` and `args`."""
    left, seen = [error], set()
    while left:
        cause = left.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = [getattr(cause, "reason", None), cause.__cause__, cause.__context__, *cause.args]
        left.extend(one for one in inner if isinstance(one, BaseException))


def fault_of_answer(where: str, response: Response, credentials: Credentials | None) -> ArchiveError:
    """Return the fault that an HTTP status of 400 or more stands for."""
    status = response.status_code
    says = _says(response, credentials)
    if status == 401 and credentials is None:
        return ArchiveError(
            where,
            "asks for credentials (401 Unauthorized).",
            "Set SEGQC_DICOMWEB_USER and SEGQC_DICOMWEB_PASSWORD, or SEGQC_DICOMWEB_TOKEN.",
        )
    if status == 401:
        kind, scheme = ("token", "bearer") if credentials.user is None else ("user or password", "basic")
        # RFC 9110 11.6.1: every 401 names the schemes that would do.
        wanted = response.headers.get("WWW-Authenticate") or scheme
        other = "" if scheme in wanted.lower() else f" It asks for {shown(wanted.split()[0])}, SegQC sent {scheme} credentials."
        return ArchiveError(
            where,
            f"does not accept the {kind} (401 Unauthorized).{other}",
            "Check it; tokens and passwords expire. It was not kept.",
        )
    if status == 403:
        return ArchiveError(
            where, f"does not allow this (403 Forbidden).{says}", "Ask its administrator for the right to read or store there."
        )
    if status == 404:
        return ArchiveError(
            where,
            f"does not have what was asked for (404 Not Found).{says}",
            "Check the UIDs, and that the URL is the root of its DICOMweb service.",
            unknown=True,
        )
    if status == 406:
        return ArchiveError(
            where,
            f"cannot give this in a transfer syntax that was asked for (406 Not Acceptable).{says}",
            "Export the series from the archive by other means, uncompressed.",
        )
    if status == 413:
        return ArchiveError(
            where,
            f"does not take objects of this size (413 Content Too Large).{says}",
            "Ask its administrator to raise the limit; a LABELMAP segmentation is smaller than a BINARY one.",
        )
    if status == 429:
        return ArchiveError(
            where, "asks for fewer requests (429 Too Many Requests).", "Try later.", again=True, wait_s=_retry_after_s(response)
        )
    if status in (408, 502, 503, 504):
        return ArchiveError(
            where,
            f"is not available at the moment ({status} {response.reason}).{says}",
            "Try later.",
            again=True,
            wait_s=_retry_after_s(response),
        )
    if status == 507 or "storage is full" in says.lower() or "no space left" in says.lower():
        return ArchiveError(where, f"is full ({status}).{says}", FULL_REMEDY)
    reason = f" {shown(response.reason)}" if response.reason else ""
    root = " Is the URL the root of its DICOMweb service?" if status < 500 else ""
    return ArchiveError(
        where, f"answers {status}{reason}.{says}", f"Its administrator finds the reason in the archive's own log.{root}"
    )


_LONGEST_REASON = 10_000
FULL_REMEDY = "Ask its administrator to free space, then run the same command again: what is stored already is not sent twice."


def _retry_after_s(response: Response) -> float | None:
    # RFC 9110 10.2.3 also allows a date; then our own waiting times do.
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def _says(response: Response, credentials: Credentials | None) -> str:
    """Return the archive's own reason as a sentence, without secrets; "" where it gives none that a person can read."""
    if "json" not in response.headers.get("Content-Type", "json").lower():
        return ""
    from requests import RequestException

    body = b""
    try:
        for part in response.iter_content(_LONGEST_REASON):
            body += part
            if len(body) >= _LONGEST_REASON:
                break
        answer = json.loads(body)
    except (RequestException, ValueError, RecursionError):
        return ""
    if not isinstance(answer, dict):
        return ""
    words = " ".join(str(answer[key]) for key in ("Message", "Details", "message", "error") if isinstance(answer.get(key), str))
    if credentials is not None:
        # First: a secret that was cut or has other spaces would not be found.
        words = credentials.hidden_in(words)
    words = shown(" ".join(words.split()))[:200]
    return f" It says: {words}." if words else ""
