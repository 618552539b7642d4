"""pyarrow, where it is installed."""

from __future__ import annotations

from SegQCLib.errors import BadDataError


def require_pyarrow() -> None:
    """Raise BadDataError if pyarrow is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise BadDataError(
            "The tables of a cohort", "need pyarrow, which is not installed here.", "Install it with: pip install 'segqc[cohort]'."
        ) from error
