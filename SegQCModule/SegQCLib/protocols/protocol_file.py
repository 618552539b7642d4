"""Open a protocol's file for editing, and save it without losing what was signed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

from SegQCLib.dataclass_json import FaultyJSONError, from_json
from SegQCLib.errors import BadDataError
from SegQCLib.output import require_writable, write_files
from SegQCLib.protocol import LoadedProtocol, QCProtocol, load_protocol, shipped_protocols
from SegQCLib.protocols.form import Document, form_faults
from SegQCLib.protocols.sign_off import locked_contents

DRAFT_SUFFIX = ".draft.json"


def open_document(name_or_path: str | Path) -> Document:
    """Return the JSON document of a shipped protocol or a protocol file, also of one with faults: the form tells them.

    Raises
    ------
    BadDataError
        If it cannot be read, is not JSON, or has a key twice, so that one of its values would be lost.
    """
    path = shipped_protocols().get(str(name_or_path), Path(name_or_path))
    try:
        document = json.loads(path.read_bytes().decode("utf-8-sig"), object_pairs_hook=_object)
    except OSError as error:
        raise BadDataError(path, f"cannot be read as a protocol ({error.strerror}).", "Choose a JSON file.") from error
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadDataError(path, f"cannot be edited: {error}.", "Correct it in a text editor first.") from error
    if not isinstance(document, dict):
        raise BadDataError(path, "is not a protocol.", "A protocol is one JSON object.")
    return document


def document_of(protocol: QCProtocol) -> Document:
    """Return the JSON document of a protocol, without the keys that have their default."""
    return _given(protocol)


def protocol_of(document: Document) -> QCProtocol | None:
    """Return the protocol that a document is; None where it has faults."""
    try:
        return from_json(QCProtocol, json.dumps(document))
    except FaultyJSONError:
        return None


def draft_path(path: Path) -> Path:
    """Return where an unfinished protocol is kept: liver.json has liver.draft.json."""
    return path.parent / f"{finished_path(path).stem}{DRAFT_SUFFIX}"


def finished_path(path: Path) -> Path:
    """Return where a protocol is kept once it has no faults: liver.draft.json becomes liver.json, any other file stays."""
    return path.parent / f"{path.name[: -len(DRAFT_SUFFIX)]}.json" if path.name.endswith(DRAFT_SUFFIX) else path


def save_draft(document: Document, path: Path) -> Path:
    """Write a document that may have faults as `draft_path(path)`, and return that: nothing takes it for a protocol meanwhile.

    Raises
    ------
    BadDataError
        If the folder cannot be written to.
    """
    file = draft_path(path)
    require_writable(file.parent)
    write_files(file.parent, {file.name: json.dumps(document, indent=2, ensure_ascii=False) + "\n"})
    return file


def save_document(document: Document, path: Path) -> LoadedProtocol:
    """Write a document as a protocol file, complete or not at all, and return the protocol.

    A file that says the same already is left as it is, with its formatting and its sign-off.

    Raises
    ------
    BadDataError
        If the document has faults (all are told), the file comes with SegQC, this version was signed off with other content,
        or the folder cannot be written to.
    """
    faults = form_faults(document)
    if faults:
        listed = "\n".join(f"  {fault}" for fault in faults)
        raise BadDataError(path.name, "is not a usable protocol.", f"Correct:\n{listed}")
    if path.resolve() in {shipped.resolve() for shipped in shipped_protocols().values()}:
        raise BadDataError(path.name, "comes with SegQC as an example.", "Save your protocol under a name of your own.")
    if path.is_file() and _says(path, document):
        return load_protocol(path)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    sha256 = hashlib.sha256(text.encode("utf-8", errors="backslashreplace")).hexdigest()
    signed = locked_contents(path).get((document["id"], document["version"]), sha256)
    if signed != sha256:
        raise BadDataError(
            path.name,
            f"version {document['version']} is signed off and stays as it is.",
            "Give your changes a new version number, then save: earlier results refer to the signed content.",
        )
    require_writable(path.parent)
    write_files(path.parent, {path.name: text})
    return load_protocol(path)


def _given(value: Any) -> Any:
    if is_dataclass(value):
        own = [item for item in fields(value) if item.default is MISSING or getattr(value, item.name) != item.default]
        return {item.name: _given(getattr(value, item.name)) for item in own}
    return [_given(item) for item in value] if isinstance(value, tuple) else value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key is given twice")
    return content


def _says(path: Path, document: Document) -> bool:
    try:
        return open_document(path) == document
    except BadDataError:
        return False
