"""What a reader proves to an archive who they are with: from the environment or the keyring, never from anywhere else."""

from __future__ import annotations

import base64
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from SegQCLib.archive.archive_url import ArchiveUrl
from SegQCLib.errors import BadDataError

TOKEN, USER, PASSWORD = "SEGQC_DICOMWEB_TOKEN", "SEGQC_DICOMWEB_USER", "SEGQC_DICOMWEB_PASSWORD"
# In a keyring every entry has a user: this one marks a bearer token.
TOKEN_USER = "token"


@dataclass(frozen=True, repr=False)
class Credentials:
    """A bearer token, or a user's name and password. Neither `repr` nor `str` shows any of it.

    Attributes
    ----------
    user : str or None
        None for a bearer token.
    secret : str
    """

    user: str | None
    secret: str

    def header(self) -> str:
        """Return the value of the HTTP field Authorization (RFC 6750 2.1; RFC 7617 2, in UTF-8)."""
        return f"Bearer {self.secret}" if self.user is None else f"Basic {self._basic()}"

    def _basic(self) -> str:
        return base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()

    def hidden_in(self, text: str) -> str:
        """Return a text without the secret, whichever way it is written: archives repeat what they were sent."""
        for form in {self._basic(), self.secret, quote(self.secret), quote(self.secret, safe="")}:
            text = text.replace(form, "***")
        return text


def find_credentials(url: ArchiveUrl, environment: Mapping[str, str] = os.environ) -> Credentials | None:
    """Return the credentials for an archive, or None where there are none.

    The environment comes first: SEGQC_DICOMWEB_TOKEN, or SEGQC_DICOMWEB_USER with SEGQC_DICOMWEB_PASSWORD. Without them
    the keyring is asked, where Python's package keyring is installed, for the service `segqc <scheme>://<host>[:port]`
    and the user SEGQC_DICOMWEB_USER, or any: one called `token` has a bearer token.

    Raises
    ------
    BadDataError
        If the environment contradicts itself, or holds what cannot be sent; or the credentials would be sent unencrypted
        to another computer.
    """
    token, user, password = (environment.get(name) or None for name in (TOKEN, USER, PASSWORD))
    if token and (user or password):
        raise BadDataError(
            "the environment", f"has both {TOKEN} and {USER} or {PASSWORD}.", "Unset what this archive does not use."
        )
    if password and not user:
        raise BadDataError("the environment", f"has {PASSWORD}, but not {USER}.", f"Set {USER} too.")
    if token:
        found = Credentials(None, token)
    elif user and password:
        found = Credentials(user, password)
    else:
        found = _in_keyring(url, user)
        if user and found is None:
            raise BadDataError(
                "the environment",
                f"has {USER}, but not {PASSWORD}, and no keyring has that user's password.",
                f'Set {PASSWORD}, or run: keyring set "{keyring_service(url)}" USER',
            )
    if found is not None:
        _require_sendable(found)
        if not url.encrypted and not url.loopback:
            raise BadDataError(
                url.origin,
                "is not encrypted (http): everybody on the way could read the credentials.",
                f"Use the archive's https URL, or unset {TOKEN}, {USER} and {PASSWORD} if it needs none.",
            )
    return found


def keyring_service(url: ArchiveUrl) -> str:
    """Return the name that an archive's credentials have in the keyring."""
    return f"segqc {url.origin}"


def _in_keyring(url: ArchiveUrl, user: str | None) -> Credentials | None:
    if importlib.util.find_spec("keyring") is None:
        return None
    import keyring
    from keyring.errors import KeyringError

    try:
        entry = keyring.get_credential(keyring_service(url), user)
        if entry is None and user is None:
            # Keyrings as that of macOS find nothing without a user's name.
            entry = keyring.get_credential(keyring_service(url), TOKEN_USER)
    except KeyringError:
        # A server without a desktop has no keyring to open: that is no fault.
        return None
    if entry is None or not entry.password:
        return None
    return Credentials(None if entry.username == TOKEN_USER else entry.username, entry.password)


def _require_sendable(credentials: Credentials) -> None:
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in (credentials.user or "") + credentials.secret):
        raise BadDataError("the credentials", "hold a line break or another control character.", "Set them again without it.")
    if credentials.user is None and not credentials.secret.isascii():
        raise BadDataError("the token", "has letters that no bearer token has (RFC 6750).", "Copy it again.")
    if ":" in (credentials.user or ""):
        raise BadDataError("the user's name", "has a colon, which HTTP's basic scheme does not allow.", "Check it.")
