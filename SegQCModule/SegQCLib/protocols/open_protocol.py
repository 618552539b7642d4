"""A protocol while it is being edited: what it says now, what its file says, what was changed since, and who signed it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.protocol import LoadedProtocol, QCProtocol, load_protocol
from SegQCLib.protocols.form import Document, FormField, blank_protocol, protocol_form
from SegQCLib.protocols.from_cases import ProposedProtocol
from SegQCLib.protocols.protocol_file import (
    DRAFT_SUFFIX,
    document_of,
    finished_path,
    open_document,
    protocol_of,
    save_document,
    save_draft,
)
from SegQCLib.protocols.sign_off import KEPT_FOLDER, SignOff, locked_contents, signoff_state

_MOST_UNDO = 200


class OpenProtocol:
    """One protocol in an editor. Every change makes a new document, so that each can be undone.

    Parameters
    ----------
    document : Document
    path : Path or None
        Its file; None: it has none yet.
    basis : QCProtocol or None
        What it is a copy of, for the differences; with a `path`, what the file says, of a draft the file that it is to become.
    remarks : sequence of str
        What a person should know of it, for example of a proposal made from cases.

    Attributes
    ----------
    document : Document
        As it is now.
    saved : Document or None
        As the file has it.
    path : Path or None
    basis : QCProtocol or None
    remarks : tuple of str
    sign_off : SignOff or None
        Of the file; None where it has none, has faults, or `sign_off_fault` says why it cannot be told.
    sign_off_fault : str
    """

    def __init__(
        self, document: Document, path: Path | None = None, basis: QCProtocol | None = None, remarks: Sequence[str] = ()
    ) -> None:
        self.path, self.basis, self.remarks = path, basis, tuple(remarks)
        self.saved: Document | None = None
        self.sign_off: SignOff | None = None
        self.sign_off_fault = ""
        self._before: list[Document] = []
        self._sha256: str | None = None
        self._is_new_version = False
        self._loaded: LoadedProtocol | None = None
        self._take(document)
        if path is not None:
            self._is_at(path)

    def _take(self, document: Document) -> None:
        self.document = document
        self._form: FormField | None = None
        self._protocol: QCProtocol | None = None
        self._faulty: tuple[FormField, ...] | None = None

    @property
    def form(self) -> FormField:
        """The form of the present document."""
        if self._form is None:
            self._form = protocol_form(self.document)
        return self._form

    @property
    def faulty_fields(self) -> tuple[FormField, ...]:
        """All fields with faults, in the order of the form."""
        if self._faulty is None:
            self._faulty = tuple(field for field in self.form.walk() if field.faults)
        return self._faulty

    @property
    def protocol(self) -> QCProtocol | None:
        """What the document says; None while it has faults."""
        if self._protocol is None and not self.faulty_fields:
            self._protocol = protocol_of(self.document)
        return self._protocol

    @property
    def title(self) -> str:
        """What it is called: its title, else its id, else its file."""
        words = (self.document.get(key) for key in ("title", "id"))
        named = next((word for word in words if isinstance(word, str) and word.strip()), None)
        return named or (self.path.name if self.path else "New protocol")

    @property
    def version(self) -> str:
        return str(self.document.get("version") or "")

    @property
    def is_changed(self) -> bool:
        """Whether it says other than its file; a protocol without file counts as changed."""
        return self.document != self.saved

    @property
    def has_unsaved_work(self) -> bool:
        """Whether something would be lost with it: what a person changed, or what was read from cases."""
        return self.is_changed and (self.can_undo or bool(self.remarks))

    @property
    def is_draft(self) -> bool:
        """Whether its file is an unfinished one."""
        return self.path is not None and self.path.name.endswith(DRAFT_SUFFIX)

    @property
    def is_locked(self) -> bool:
        """Whether all roles signed it and no new version was begun: then it is read only."""
        return self.sign_off is not None and self.sign_off.state == "locked" and not self._is_new_version

    @property
    def loaded(self) -> LoadedProtocol | None:
        """The protocol of the file; None where there is none, it has faults, or it was changed since."""
        return None if self.is_changed or self.is_draft else self._loaded

    @property
    def target(self) -> Path | None:
        """Where Save writes to; None: a name has to be given."""
        return None if self.path is None else finished_path(self.path) if self.is_draft else self.path

    @property
    def can_undo(self) -> bool:
        return bool(self._before)

    def change(self, document: Document) -> None:
        """Take a changed document.

        Raises
        ------
        ValueError
            If the protocol is locked.
        """
        if self.is_locked:
            raise ValueError("A protocol that is signed off is not changed; make a new version.")
        if document != self.document:
            self._before = [*self._before[-_MOST_UNDO:], self.document]
            self._take(document)

    def undo(self) -> None:
        """Take the last change back, if there is one."""
        if self._before:
            self._take(self._before.pop())
            # Without the new version's number it is the signed one again.
            self._is_new_version = self._is_new_version and self.document != self.saved

    def make_new_version(self) -> None:
        """Give it the next version number that was not signed off yet, and let it be changed.

        Raises
        ------
        BadDataError
            If there is a sign-off file that cannot be read.
        """
        taken = {version for _id, version in locked_contents(self.target)} if self.target else set()
        self._is_new_version = True
        self.change({**self.document, "version": next_version(self.version, taken)})

    def save(self, path: Path | None = None) -> LoadedProtocol:
        """Write the document as a protocol file, its own if `path` is None, and return the protocol.

        Raises
        ------
        BadDataError
            If it has faults, another program changed its file meanwhile, or it cannot be saved (see `save_document`).
        ValueError
            If it has no file and none is given.
        """
        target = finished_path(self._target_or(path))
        if target == self.target and _sha256(target) not in (self._sha256, None):
            raise BadDataError(
                target,
                "was changed by someone else since you opened it.",
                "Save yours under another name, open the file again, and compare the two.",
            )
        draft = self.path if self.is_draft else None
        loaded = save_document(self.document, target)
        if draft is not None and finished_path(draft) == target:
            draft.unlink(missing_ok=True)
        self._is_at(target)
        return loaded

    def save_draft(self, path: Path | None = None) -> Path:
        """Write the document, which may have faults, as an unfinished protocol, and return its file.

        Raises
        ------
        BadDataError
            If the folder cannot be written to.
        ValueError
            If it has no file and none is given.
        """
        file = save_draft(self.document, self._target_or(path))
        self._is_at(file)
        return file

    def look_again(self) -> None:
        """Read the sign-off anew."""
        if self.path is not None:
            self._read_file()

    def _target_or(self, path: Path | None) -> Path:
        target = path or self.target
        if target is None:
            raise ValueError("A protocol that has no file is saved under a name.")
        return target

    def _is_at(self, path: Path) -> None:
        self.path, self.saved = path, self.document
        self._is_new_version = False
        self.basis = _protocol_in(self.target) or self.basis if self.is_draft else self.protocol
        self._read_file()

    def _read_file(self) -> None:
        self._sha256 = _sha256(self.target)
        self.sign_off, self.sign_off_fault, self._loaded = None, "", None
        if self.is_draft:
            return
        try:
            self._loaded = load_protocol(self.path)
        except BadDataError:
            return  # the form tells its faults
        try:
            self.sign_off = signoff_state(self._loaded)
        except BadDataError as error:
            self.sign_off_fault = str(error)


def open_protocol_file(path: Path) -> OpenProtocol:
    """Open a protocol's file, also one with faults.

    Raises
    ------
    BadDataError
        If it cannot be read or is not JSON.
    """
    return OpenProtocol(open_document(path), path)


def open_copy(protocol_id: str) -> OpenProtocol:
    """Return a copy of a shipped protocol, under an id of its own and as yet without file."""
    document = open_document(protocol_id)
    return OpenProtocol({**document, "id": f"{document['id']}-copy"}, basis=protocol_of(document))


def new_protocol() -> OpenProtocol:
    """Return a protocol with all that is required, as yet empty."""
    return OpenProtocol(blank_protocol())


def open_proposal(proposed: ProposedProtocol, notes: Sequence[str] = ()) -> OpenProtocol:
    """Return a protocol that was proposed from finished cases, with all that a person should know of it."""
    remarks = [f"Differs between the cases: {words}" for words in proposed.differing]
    remarks += [f"Left out: {words}" for words in proposed.left_out]
    return OpenProtocol(document_of(proposed.protocol), remarks=(*remarks, *notes, *proposed.remarks))


def kept_versions(path: Path, protocol_id: str) -> tuple[Path, ...]:
    """Return the contents of a protocol that were signed and kept beside its file, in the order of their names."""
    files = sorted((path.parent / KEPT_FOLDER).glob("*.json"))
    known = ((file, _protocol_in(file)) for file in files)
    return tuple(file for file, protocol in known if protocol is not None and protocol.id == protocol_id)


def next_version(version: str, taken: Collection[str] = ()) -> str:
    """Return the version that follows: 1.2.0 gives 1.3.0, 1.2 gives 1.3, 4 gives 5, pilot gives pilot-2; none of `taken`."""
    parts = re.fullmatch(r"(\d+\.)?(\d+)(\.\d+)?", version)
    if parts is None:
        named = re.fullmatch(r"(.*?)(?:-(\d+))?", version or "version", re.DOTALL)
        candidates = (f"{named[1]}-{number}" for number in _upwards(int(named[2] or 1)))
    else:
        rest = "" if parts[3] is None else ".0"
        candidates = (f"{parts[1] or ''}{number}{rest}" for number in _upwards(int(parts[2])))
    return next(one for one in candidates if one not in taken)


def _upwards(number: int):
    while True:
        number += 1
        yield number


def _protocol_in(path: Path) -> QCProtocol | None:
    try:
        return load_protocol(path).protocol if path.is_file() else None
    except BadDataError:
        return None


def _sha256(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
