"""Moments as people give them on the command line, and time spans as they read them."""

from datetime import datetime

from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.moments import ALLOWED, moment_of


def moment(option: str, text: str | None, now: datetime) -> datetime | None:
    """Return what ``text`` means as aware UTC, None for None; raise :class:`UsageFault` that names ``option``."""
    if text is None:
        return None
    try:
        return moment_of(text, now)
    except ValueError:
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
