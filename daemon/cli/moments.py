"""Moments as people give them on the command line: how long ago, or when."""

import re
from datetime import UTC, datetime, timedelta

from hounsfield.daemon.cli.exits import UsageFault

ALLOWED = "give how long ago (90s, 30m, 2h, 3d, 1w) or an ISO time (2026-11-26, 2026-11-26T08:15, 2026-11-26T07:15Z)"
_AGO = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(option: str, text: str | None, now: datetime) -> datetime | None:
    """Return what ``text`` means as aware UTC, None for None; raise :class:`UsageFault` that names ``option``.

    A time without a zone is local time.
    """
    if text is None:
        return None
    try:
        if ago := _AGO.fullmatch(text.strip().lower()):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageFault(f"{option}: {text!r} is no time", ALLOWED) from None


def duration(seconds: float) -> str:
    """Return a time span to its two largest units: ``3 s``, ``4 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"
