"""Sign-off of a protocol by two roles: whose approval one exact content has, by its SHA-256.

It shows that a protocol was changed after it was signed. It does not show who really signed: it holds no secret, so whoever can
write to the folder can write a name.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.errors import BadDataError
from SegQCLib.file_name import file_name
from SegQCLib.json_file import read_json_file
from SegQCLib.one_writer import one_writer
from SegQCLib.output import require_writable, write_files
from SegQCLib.protocol import LoadedProtocol, load_protocol, shipped_protocols
from SegQCLib.protocols.difference import Difference
from SegQCLib.protocols.differences import protocol_differences
from SegQCLib.protocols.sign_off_state import SignOffState

SUFFIX = ".signoff.json"
KEPT_FOLDER = "signed-protocols"
ROLES = ("author", "responsible radiologist")
STATEMENT = "I have read this protocol and approve it for use."
SIGN_OFF_SCHEMA_ID = "https://segqc.invalid/schemas/signoff.schema.json"

_REMEDY = "Restore it from a backup, or move it away and let both roles sign again."


@dataclass(frozen=True)
class Signature:
    """One person's approval of one exact content."""

    role: str = field(metadata={"doc": "In which role, one of `roles`."})
    name: str = field(metadata={"doc": "Who, as typed; nothing proves it."})
    signed: str = field(metadata={"doc": "When, ISO 8601 with time zone."})
    statement: str = field(metadata={"doc": "What was agreed to."})
    protocol_id: str = field(metadata={"doc": "Protocol id."})
    protocol_version: str = field(metadata={"doc": "Protocol version."})
    protocol_sha256: str = field(metadata={"doc": "SHA-256 of the protocol file that was signed, 64 hexadecimal digits."})

    @property
    def words(self) -> str:
        return f"{self.role}: {self.name}, {self.signed[:10]}"


@dataclass(frozen=True)
class SignOffFile:
    """All signatures that a protocol file ever had, oldest first; those of another content count no more and are kept."""

    schema: Literal["segqc-signoff"] = field(metadata={"doc": "Always segqc-signoff."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this file format."})
    roles: tuple[str, ...] = field(metadata={"doc": "Roles that must all sign, at least two, each by another person."})
    signatures: tuple[Signature, ...] = field(metadata={"doc": "All signatures, oldest first."})

    def faults(self):
        """Yield what no type can say."""
        if len({_plain(role) for role in self.roles}) < max(2, len(self.roles)):
            yield "roles", f"{', '.join(self.roles) or 'nothing'} is not at least two different roles"
        for n, signature in enumerate(self.signatures):
            if signature.role not in self.roles:
                yield f"signatures[{n}].role", f"{signature.role!r} is none of the roles, {', '.join(self.roles)}"
            if not _plain(signature.name):
                yield f"signatures[{n}].name", "is empty"
            if not re.fullmatch("[0-9a-f]{64}", signature.protocol_sha256):
                yield f"signatures[{n}].protocol_sha256", "is not 64 hexadecimal digits"
            if not re.match(r"\d{4}-\d\d-\d\dT", signature.signed):
                yield f"signatures[{n}].signed", f"{signature.signed!r} is not a time such as 2026-11-22T09:30:00+01:00"


@dataclass(frozen=True)
class SignOff:
    """How far the sign-off of a protocol's present content is.

    Attributes
    ----------
    state : SignOffState
    words : str
        The same in sentences, with names and dates.
    roles : tuple of str
        Roles that must all sign.
    signatures : tuple of Signature
        Of the present content.
    earlier : tuple of Signature
        Of other contents of this file, oldest first.
    differences : tuple of Difference or None
        Where the state is altered: what changed since the last signed content, () if only the formatting did; None where that
        content is not at hand, or the state is another.
    """

    state: SignOffState
    words: str
    roles: tuple[str, ...]
    signatures: tuple[Signature, ...] = ()
    earlier: tuple[Signature, ...] = ()
    differences: tuple[Difference, ...] | None = None


def sign_off_path(protocol_file: Path) -> Path:
    """Return where the signatures of a protocol file are kept: beside it, liver.json has liver.signoff.json."""
    return protocol_file.parent / f"{protocol_file.stem}{SUFFIX}"


def kept_copy_path(protocol_file: Path, protocol_id: str, version: str) -> Path:
    """Return where the signed content of a version is kept: signed-protocols/<id>-<version>.json beside the protocol."""
    return protocol_file.parent / KEPT_FOLDER / f"{file_name(f'{protocol_id}-{version}')}.json"


def signoff_state(loaded: LoadedProtocol) -> SignOff:
    """Return whose approval the content of a protocol file has.

    Raises
    ------
    BadDataError
        If there is a sign-off file that cannot be read.
    """
    path = Path(loaded.path)
    if _is_shipped(path):
        return SignOff("example", "An example that comes with SegQC; it is not signed off for any study.", ROLES)
    file = sign_off_path(path)
    if not file.is_file():
        return SignOff("unsigned", f"Nobody has signed it. Needed: {' and '.join(ROLES)}.", ROLES)
    signed = read_json_file(SignOffFile, file, "a sign-off file", _REMEDY)
    own = tuple(signature for signature in signed.signatures if signature.protocol_sha256 == loaded.sha256)
    earlier = tuple(signature for signature in signed.signatures if signature.protocol_sha256 != loaded.sha256)
    if _is_locked(own, signed.roles):
        return SignOff("locked", f"Signed off by all roles ({_listed(own)}).", signed.roles, own, earlier)
    if own:
        missing = [role for role in signed.roles if role not in {signature.role for signature in own}]
        needed = f"Needed: {' and '.join(missing)}." if missing else "Needed: another person in the second role."
        return SignOff("one_role", f"Signed so far: {_listed(own)}. {needed}", signed.roles, own, earlier)
    if not earlier:
        return SignOff("unsigned", f"Nobody has signed it. Needed: {' and '.join(signed.roles)}.", signed.roles)
    return _altered(loaded, signed, earlier)


def sign_protocol(
    protocol_file: Path, role: str, name: str, *, roles: Sequence[str] | None = None, statement: str = STATEMENT
) -> SignOff:
    """Sign the present content of a protocol file and return how far its sign-off is then.

    The signed content is kept as signed-protocols/<id>-<version>.json beside it, so that later changes can be told.

    Parameters
    ----------
    protocol_file : Path
    role : str
    name : str
    roles : sequence of str, optional
        Roles that must all sign; of the first signature only. Default: author and responsible radiologist.
    statement : str
        What is agreed to.

    Raises
    ------
    BadDataError
        If the protocol has faults or is a shipped example, the role is unknown or has signed already, the person has signed
        in another role, or other content was signed off under this version.
    """
    loaded = load_protocol(protocol_file)
    path, protocol = Path(loaded.path), loaded.protocol
    if _is_shipped(path):
        raise BadDataError(
            protocol_file,
            "comes with SegQC as an example.",
            f"Save it under an id of your own (segqc protocol show {protocol.id} > my-study.json) and sign that file.",
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != loaded.sha256:
        raise BadDataError(path, "changed while it was being signed.", "Read what it says now, then sign it.")
    name = " ".join(name.split())
    # Two who sign at once both count.
    with one_writer(path.parent):
        before = _signed_before(path, roles)
        _require_new_signature(path, loaded, before, role, name)
        moment = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
        signature = Signature(role, name, moment, statement, protocol.id, protocol.version, loaded.sha256)
        copy = kept_copy_path(path, protocol.id, protocol.version)
        require_writable(copy.parent)
        write_files(copy.parent, {copy.name: content.decode("utf-8")})
        file = SignOffFile("segqc-signoff", "1.0", before.roles, (*before.signatures, signature))
        write_files(path.parent, {sign_off_path(path).name: to_json(file)})
    return signoff_state(loaded)


def locked_contents(protocol_file: Path) -> dict[tuple[str, str], str]:
    """Return the SHA-256 that all roles signed of each (id, version) of a protocol file.

    Raises
    ------
    BadDataError
        If there is a sign-off file that cannot be read.
    """
    file = sign_off_path(protocol_file)
    if not file.is_file():
        return {}
    signed = read_json_file(SignOffFile, file, "a sign-off file", _REMEDY)
    locked = {}
    for sha256 in dict.fromkeys(signature.protocol_sha256 for signature in signed.signatures):
        own = [signature for signature in signed.signatures if signature.protocol_sha256 == sha256]
        if _is_locked(own, signed.roles):
            locked[own[0].protocol_id, own[0].protocol_version] = sha256
    return locked


def signoff_schema() -> dict:
    """Return the JSON Schema of a sign-off file."""
    return json_schema(SignOffFile, title="SegQC sign-off of a protocol", identifier=SIGN_OFF_SCHEMA_ID)


def _plain(text: str) -> str:
    # Letters composed in two ways, wide ones, capitals, and characters that nobody sees make no second person.
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    return " ".join(seen.split()).casefold()


def _is_shipped(path: Path) -> bool:
    return path.name != "" and path.resolve() in {shipped.resolve() for shipped in shipped_protocols().values()}


def _is_locked(signatures: Sequence[Signature], roles: Sequence[str]) -> bool:
    """Return whether all roles signed, each by another person."""
    people = {_plain(signature.name) for signature in signatures}
    return {signature.role for signature in signatures} == set(roles) and len(people) >= len(roles)


def _listed(signatures: Sequence[Signature]) -> str:
    return "; ".join(signature.words for signature in signatures)


def _signed_before(path: Path, roles: Sequence[str] | None) -> SignOffFile:
    file = sign_off_path(path)
    if file.is_file():
        before = read_json_file(SignOffFile, file, "a sign-off file", _REMEDY)
        if roles is not None and set(roles) != set(before.roles):
            raise BadDataError(
                file,
                f"asks for the roles {', '.join(before.roles)}.",
                "Roles are fixed by the first signature; sign in one of them.",
            )
        return before
    wanted = tuple(" ".join(role.split()) for role in (ROLES if roles is None else roles))
    if len({_plain(role) for role in wanted}) < max(2, len(wanted)) or not all(map(_plain, wanted)):
        raise BadDataError("roles", f"are {', '.join(wanted) or 'none'}.", "Name at least two different roles.")
    return SignOffFile("segqc-signoff", "1.0", wanted, ())


def _require_new_signature(path: Path, loaded: LoadedProtocol, before: SignOffFile, role: str, name: str) -> None:
    protocol = loaded.protocol
    if role not in before.roles:
        raise BadDataError("role", f"{role!r} is not one that signs this protocol.", f"Allowed: {', '.join(before.roles)}.")
    if not _plain(name):
        raise BadDataError("name", "is empty.", "Give the name of the person who signs.")
    for signature in before.signatures:
        if signature.protocol_sha256 == loaded.sha256 and signature.role == role:
            raise BadDataError(path, f"is already signed ({signature.words}).", "Nothing is left to sign in this role.")
        if signature.protocol_sha256 == loaded.sha256 and _plain(signature.name) == _plain(name):
            raise BadDataError(
                path,
                f"is already signed by {signature.name} as {signature.role}.",
                "The second role is for a second person: four eyes see more than two.",
            )
    locked = locked_contents(path).get((protocol.id, protocol.version), loaded.sha256)
    if locked != loaded.sha256:
        raise BadDataError(
            path,
            f"has other content than the version {protocol.version} that was signed off.",
            "Raise its version, then sign: one version has one content.",
        )


def _kept(copy: Path) -> LoadedProtocol | None:
    """Return a kept copy, or None where it is missing or was damaged: the sign-off is told without it."""
    try:
        return load_protocol(copy) if copy.is_file() else None
    except BadDataError:
        return None


def _altered(loaded: LoadedProtocol, signed: SignOffFile, earlier: tuple[Signature, ...]) -> SignOff:
    last = earlier[-1]
    of_last = tuple(signature for signature in earlier if signature.protocol_sha256 == last.protocol_sha256)
    copy = kept_copy_path(Path(loaded.path), last.protocol_id, last.protocol_version)
    differences = None
    kept = _kept(copy)
    if kept is not None and kept.sha256 == last.protocol_sha256:
        differences = protocol_differences(kept.protocol, loaded.protocol)
    version = loaded.protocol.version
    words = (
        f"The present content of version {version} is not signed. Signed was version {last.protocol_version} ({_listed(of_last)})."
    )
    if differences is None:
        words += " What changed since cannot be told: the signed content is not at hand."
    elif not differences:
        words += " Since then only the formatting of the file changed; sign it again, or restore the kept copy."
    else:
        words += f" {len(differences)} {'change' if len(differences) == 1 else 'changes'} since then."
    if version == last.protocol_version and differences != ():
        words += " The version was not raised."
    return SignOff("altered", words, signed.roles, (), earlier, differences)
