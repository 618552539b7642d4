"""The address of a DICOMweb archive, as a user gives it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from SegQCLib.errors import BadDataError

URL_VARIABLE = "SEGQC_DICOMWEB_URL"
_WHERE = f"the archive's URL (--url or {URL_VARIABLE})"
_EXAMPLE = "Give the root of its DICOMweb service, for example https://pacs.example.org/dicom-web."


@dataclass(frozen=True)
class ArchiveUrl:
    """Where an archive is.

    Attributes
    ----------
    base : str
        Root of the DICOMweb service, without a slash at its end.
    origin : str
        Scheme, host and port: what messages name, and what credentials belong to.
    encrypted : bool
        Whether it is https.
    loopback : bool
        Whether it is this computer: nothing that is sent there can be read on a network.
    """

    base: str
    origin: str
    encrypted: bool
    loopback: bool


def archive_url(text: str) -> ArchiveUrl:
    """Return the address in a text.

    Raises
    ------
    BadDataError
        If it is not an http or https URL, or holds credentials, a query or a fragment. The message does not repeat the
        URL: what is wrong with it may be a password.
    """
    # Not only where a URL may have it: a password with a slash ends up in what looks like the path.
    if "@" in text:
        raise BadDataError(
            _WHERE,
            "holds credentials; they would end up in logs and in the list of processes.",
            "Take them out of it and set SEGQC_DICOMWEB_USER and SEGQC_DICOMWEB_PASSWORD, or SEGQC_DICOMWEB_TOKEN.",
        )
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadDataError(_WHERE, "is not a URL.", _EXAMPLE) from None
    if parts.scheme not in ("http", "https") or not host:
        raise BadDataError(_WHERE, "does not begin with https:// (or http://) and a host.", _EXAMPLE)
    if parts.query or parts.fragment:
        raise BadDataError(_WHERE, "goes on after a question mark or number sign.", _EXAMPLE)
    name = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{name}" + ("" if port is None else f":{port}")
    return ArchiveUrl(origin + parts.path.rstrip("/"), origin, parts.scheme == "https", _is_loopback(host))


def origin_of(url: str) -> str:
    """Return scheme, host and port of any URL, the port always given.

    Raises
    ------
    ValueError
        If it is not a URL.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
