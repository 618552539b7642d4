"""How far every session's log went at some time, to be kept where nobody can change it together with the logs.

A receipt has no names: session ids, numbers of lines and hashes only, so that it can be given to anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.json_file import read_json_file
from SegQCLib.output import write_files
from SegQCLib.readers.log_lines import PreviousSession

RECEIPT_SCHEMA_ID = "https://segqc.invalid/schemas/log_receipt.schema.json"


@dataclass(frozen=True)
class LogReceipt:
    """How far every session's log went when the receipt was made."""

    schema: Literal["segqc-log-receipt"] = field(metadata={"doc": "Always segqc-log-receipt."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    created: str = field(metadata={"doc": "When the receipt was made: wall clock, ISO 8601 with time zone."})
    sessions: tuple[PreviousSession, ...] = field(metadata={"doc": "Every session, deleted ones included, sorted by id."})
    sha256: str = field(
        metadata={"doc": "SHA-256 over all: of the lines 'session lines sha256' of the sessions, joined by newlines, in UTF-8."}
    )

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield what no type can say."""
        if self.sha256 != sha256_over_all(self.sessions):
            yield "sha256", "does not fit the sessions: the receipt was changed"


def new_receipt(sessions: Iterable[PreviousSession]) -> LogReceipt:
    """Return the receipt of sessions as they stand now."""
    in_order = tuple(sorted(sessions, key=lambda session: session.session))
    created = datetime.now().astimezone().isoformat(timespec="seconds")
    return LogReceipt("segqc-log-receipt", "1.0", created, in_order, sha256_over_all(in_order))


def sha256_over_all(sessions: Iterable[PreviousSession]) -> str:
    """Return one SHA-256 over sessions sorted by id, 64 digits: short enough to be written down."""
    lines = (f"{session.session} {session.lines} {session.sha256}" for session in sessions)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def write_receipt(path: Path, receipt: LogReceipt) -> None:
    """Write a receipt as JSON; raise BadDataError if that is not possible."""
    write_files(path.parent, {path.name: to_json(receipt)})


def read_receipt(path: Path) -> LogReceipt:
    """Return a receipt; raise BadDataError if the file cannot be read, is none, or was changed."""
    return read_json_file(LogReceipt, path, "a receipt", "Give a file that `segqc records verify FOLDER --receipt F` wrote.")


def receipt_schema() -> dict:
    """Return the JSON Schema of a receipt."""
    return json_schema(LogReceipt, title="SegQC receipt of session logs", identifier=RECEIPT_SCHEMA_ID)
