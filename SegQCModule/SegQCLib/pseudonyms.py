"""Names that stand for other names, so that equal stays equal and nobody is named."""

from __future__ import annotations

import hashlib
import hmac
import os
import unicodedata
from pathlib import Path

from SegQCLib.errors import BadDataError

KEY_VARIABLE = "SEGQC_DEIDENTIFY_KEY"
_SHORTEST_KEY = 16
_DIGITS = 12


class Pseudonyms:
    """What each name is called in one report, and with a key in every report under that key.

    Parameters
    ----------
    key : bytes or None
        Secret. With it a pseudonym is a part of an HMAC-SHA256 (RFC 2104) of the name: whoever has the key can
        tell that two reports name one reader, and check a name that they suspect; without the key nobody can.
        None: names are numbered in the order in which they are met, and UIDs have no pseudonym.
    """

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        self._numbers: dict[tuple[str, str], int] = {}

    @property
    def keyed(self) -> bool:
        return self._key is not None

    def of(self, kind: str, name: str) -> str:
        """Return the pseudonym of a name: the kind with a number or, with a key, 12 hexadecimal digits.

        The same letters in another Unicode form, or with white space around them, are the same name.
        """
        name = unicodedata.normalize("NFC", name.strip())
        if self._key is not None:
            return f"{kind} {self._digest(kind, name).hex()[:_DIGITS]}"
        of_this_kind = sum(known == kind for known, _ in self._numbers)
        return f"{kind} {self._numbers.setdefault((kind, name), of_this_kind + 1)}"

    def of_identifier(self, kind: str, identifier: str | None) -> str | None:
        """Return the pseudonym of a serial number or the like; None without a key, where equality has no use in one report."""
        return None if identifier is None or self._key is None else self.of(kind, identifier)

    def of_uid(self, uid: str | None) -> str | None:
        """Return a UID in place of another; None without a key.

        References
        ----------
        DICOM PS3.5 B.2: the root 2.25 with a 128-bit number, here a version 8 UUID (RFC 9562) of the HMAC.
        """
        if uid is None or self._key is None:
            return None
        digits = bytearray(self._digest("UID", uid.strip())[:16])
        digits[6] = digits[6] & 0x0F | 0x80
        digits[8] = digits[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(digits)}"

    def _digest(self, kind: str, text: str) -> bytes:
        # One name as a reader and as a segment must not show that it is one name.
        return hmac.digest(self._key, f"{kind}\0{text}".encode("utf-8", "surrogatepass"), hashlib.sha256)


def read_key(file: Path | None) -> bytes | None:
    """Return the secret key in a file, else in the environment variable SEGQC_DEIDENTIFY_KEY, else None.

    White space around it does not count.

    Raises
    ------
    BadDataError
        If the file cannot be read, or the key is shorter than 16 bytes: names are few, and a short key is tried out.
    """
    if file is not None:
        where = str(file)
        try:
            key = file.read_bytes().strip()
        except OSError as error:
            raise BadDataError(
                file, f"cannot be read as a key ({error.strerror}).", "Give a file that holds the secret."
            ) from error
    else:
        where = f"the environment variable {KEY_VARIABLE}"
        key = os.environ.get(KEY_VARIABLE, "").strip().encode("utf-8", "surrogateescape")
        if not key:
            return None
    if len(key) < _SHORTEST_KEY:
        raise BadDataError(
            where,
            f"holds a key of {len(key)} bytes.",
            f"A key has at least {_SHORTEST_KEY}: write 32 random bytes as text, for example with: openssl rand -hex 32.",
        )
    return key
