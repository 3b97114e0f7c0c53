"""Moments as people give them, on the command line and in the addresses of pages, and as programs read them."""

import re
from datetime import UTC, datetime, timedelta

ALLOWED = "give how long ago (90s, 30m, 2h, 3d, 1w) or an ISO time (2026-11-26, 2026-11-26T08:15, 2026-11-26T07:15Z)"
_AGO = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def iso_utc(at: datetime, timespec: str = "auto") -> str:
    """Return an aware time as ISO 8601 in UTC with ``Z``; ``timespec`` as of :meth:`datetime.isoformat`."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def moment_of(text: str, now: datetime) -> datetime:
    """Return what ``text`` means as aware UTC; a time without a zone is local time. Raises ValueError for no time."""
    try:
        if ago := _AGO.fullmatch(text.strip().lower()):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("this is no time") from None
