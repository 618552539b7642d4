"""Moments as texts that sort as the moments do."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(time: datetime) -> str:
    """Return a time with a time zone as ISO 8601 in UTC, always with six digits behind the second."""
    return time.astimezone(UTC).isoformat(timespec="microseconds")
