"""Damaged DICOM files: whatever understanding them raises becomes an error that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from SegQCLib.dicom.dicom_header import parser_errors
from SegQCLib.errors import BadDataError


@contextmanager
def named_damage(path: Path) -> Iterator[None]:
    """Raise BadDataError for what bytes that are no DICOM raise inside: pydicom looks at an element when it is asked for it."""
    try:
        yield
    except MemoryError as error:
        raise BadDataError(
            path, "needs more memory than this computer gives.", "If it should be small, it is damaged: copy it again."
        ) from error
    except (*parser_errors(), RuntimeError, ImportError, StopIteration) as error:
        reason = str(error) or type(error).__name__
        raise BadDataError(path, f"holds something that cannot be understood ({reason}).", "Copy or export it again.") from error
