"""What readers and cases are called in a database, and the local file that knows who is behind it."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import hmac
import os
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from SegQCLib.dataclass_json import to_json
from SegQCLib.errors import BadDataError
from SegQCLib.json_file import read_json_file
from SegQCLib.pseudonyms import Pseudonyms

# Names of people and cases are shorter; a longer one is damage or an attack.
LONGEST_NAME = 1000
_READER, _CASE, _OTHER = "R", "C", "N"
_REMEDY = "Use the file that was made with the database, or a copy of it from a backup."


@dataclass(frozen=True)
class RecordNames:
    """The names file: whoever has it can tell who a key is. It belongs beside the logs, never beside a copy of the database."""

    schema: Literal["segqc-record-names"] = field(metadata={"doc": "Always segqc-record-names."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    secret: str = field(metadata={"doc": "Secret of the keys, 64 hexadecimal digits."})
    readers: dict[str, str] = field(metadata={"doc": "Name of each reader by key."})
    cases: dict[str, str] = field(metadata={"doc": "Name of each case by key."})

    def faults(self) -> Iterable[tuple[str, str]]:
        """Yield what is wrong with the secret."""
        if len(self.secret) != 64 or set(self.secret) - set("0123456789abcdef"):
            # The secret itself is not repeated in a message.
            yield "secret", "is not 64 hexadecimal digits"


@dataclass(frozen=True)
class Keys:
    """Keys of names under a secret: "R-" for readers, "C-" for cases, "N-" for other names, each with 12 hexadecimal digits.

    The digits are the beginning of an HMAC-SHA256 (RFC 2104). The same letters in another Unicode form, or with white space
    around them, are the same name.
    """

    secret: str = field(repr=False)

    def reader(self, name: str) -> str:
        """Return a reader's key."""
        return self._key(_READER, name)

    def case(self, name: str) -> str:
        """Return a case's key."""
        return self._key(_CASE, name)

    def other(self, name: str) -> str:
        """Return the key of a name that only has to stay equal to itself: of a volume or a segmentation."""
        return self._key(_OTHER, name)

    def check(self) -> str:
        """Return what tells this secret from another without telling it, 64 hexadecimal digits."""
        return hmac.digest(bytes.fromhex(self.secret), b"segqc-records", hashlib.sha256).hex()

    def _key(self, kind: str, name: str) -> str:
        return Pseudonyms(bytes.fromhex(self.secret)).of(kind, name).replace(" ", "-")


def new_names() -> RecordNames:
    """Return names under a new random secret."""
    return RecordNames("segqc-record-names", "1.0", secrets.token_hex(32), {}, {})


def read_names(path: Path) -> RecordNames:
    """Return a names file.

    Raises
    ------
    BadDataError
        If it is missing, cannot be read, or is no names file.
    """
    return read_json_file(RecordNames, path, "a file of names", f"Without it nobody knows who a key is. {_REMEDY}")


def make_names(path: Path) -> RecordNames:
    """Return a names file, made with a new secret where there is none; two programs at the same time get the same one.

    Raises
    ------
    BadDataError
        If it cannot be written or read.
    """
    if not path.exists():
        _write(path, new_names(), replaces=False)
    return read_names(path)


def add_names(path: Path, secret: str, readers: Iterable[str], cases: Iterable[str]) -> None:
    """Add the names of readers and cases to the names file; it is left alone if they are all in it.

    Whoever calls has the database's lock, so that nobody else writes meanwhile.

    Raises
    ------
    BadDataError
        If the file cannot be written, has another secret, or two names have one key.
    """
    names, keys = read_names(path), Keys(secret)
    if names.secret != secret:
        raise BadDataError(path, "was replaced by another file of names while it was in use.", _REMEDY)
    more = replace(
        names,
        readers=names.readers | {keys.reader(name): _plain(name) for name in readers},
        cases=names.cases | {keys.case(name): _plain(name) for name in cases},
    )
    for before, after in ((names.readers, more.readers), (names.cases, more.cases)):
        for key, name in before.items():
            if after[key] != name:
                raise BadDataError(path, f"has two names for {key}: {name!r} and {after[key]!r}.", "Rename one of them.")
    if more != names:
        _remove_drafts(path)
        _write(path, more)


def remove_names(path: Path, readers: Iterable[str], cases: Iterable[str]) -> None:
    """Take keys of readers and of cases out of the names file; what is not in it is no error.

    Raises
    ------
    BadDataError
        If the file cannot be read or written.
    """
    # Who killed a program while it added a name may have left that name in its draft.
    _remove_drafts(path)
    names, gone_readers, gone_cases = read_names(path), set(readers), set(cases)
    fewer = replace(
        names,
        readers={key: name for key, name in names.readers.items() if key not in gone_readers},
        cases={key: name for key, name in names.cases.items() if key not in gone_cases},
    )
    if fewer != names:
        _write(path, fewer)


def look_alikes(names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return groups of different names that have the same letters and digits: one person may have typed them all."""
    groups: dict[str, set[str]] = {}
    for name in names:
        letters = "".join(letter for letter in unicodedata.normalize("NFKC", name).casefold() if letter.isalnum())
        groups.setdefault(letters, set()).add(_plain(name))
    return tuple(sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1))


def readable_by_others(path: Path) -> bool:
    """Return whether other accounts of this computer can read a file; False where the system has no such rights."""
    try:
        return os.name == "posix" and bool(path.stat().st_mode & 0o077)
    except OSError:
        return False


def _plain(name: str) -> str:
    # JSON may hold half of a surrogate pair, which UTF-8 cannot.
    return unicodedata.normalize("NFC", name.strip()).encode("utf-8", "replace").decode("utf-8")


def _remove_drafts(path: Path) -> None:
    """Remove what stopped programs left; whoever calls has the database's lock, so that nobody is writing one."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 16}"):
        try:
            draft.unlink(missing_ok=True)
        except OSError as error:
            raise BadDataError(draft, f"has names in it and cannot be removed ({error.strerror}).", "Remove it.") from error


def _write(path: Path, names: RecordNames, replaces: bool = True) -> None:
    """Write the file whole, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_private(draft, names)
        if replaces:
            draft.replace(path)
        else:
            _publish(draft, path, names)
    except OSError as error:
        raise BadDataError(
            path, f"could not be written ({error.strerror}).", "Free space, or choose another file with --names."
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _write_private(path: Path, names: RecordNames) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(to_json(names))
        file.flush()
        os.fsync(file.fileno())


def _publish(draft: Path, path: Path, names: RecordNames) -> None:
    """Give a file its name unless somebody else's has it."""
    with contextlib.suppress(FileExistsError):
        try:
            os.link(draft, path)
        except FileExistsError:
            raise
        except OSError:
            # Some network folders have no links. Whoever reads it half written is refused, and nobody replaces it.
            _write_private(path, names)
