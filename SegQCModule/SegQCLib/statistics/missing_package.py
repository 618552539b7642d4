"""What is said where a statistics or plotting package is not installed."""

from __future__ import annotations

from SegQCLib.errors import BadDataError


def missing_package(what: str, error: ImportError) -> BadDataError:
    """Return the error that says which package is missing for what, and how to install it."""
    return BadDataError(what, f"needs {error.name}, which is not installed here.", "Install it with: pip install 'segqc[records]'.")
