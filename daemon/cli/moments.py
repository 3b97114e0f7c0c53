"""Moments as people give them on the command line, and time spans as they read them."""

from datetime import datetime
from typing import Any

import typer

from hounsfield.daemon import moments
from hounsfield.daemon.cli.exits import UsageFault

WHEN = "WHEN"
WHEN_HELP = "90s, 30m, 2h, 3d, 1w ago, or an ISO time (local)."
"""Behind the words of an option that takes a moment."""


def when(name: str, words: str) -> Any:
    """Return an option that takes a moment; :func:`moment_of` reads it. ``words`` begin its help."""
    return typer.Option(name, metavar=WHEN, help=f"{words}: {WHEN_HELP}")


def moment_of(option: str, text: str, now: datetime) -> datetime:
    """Return what ``text`` means as aware UTC; raise :class:`UsageFault` that names ``option``."""
    try:
        return moments.moment_of(text, now)
    except ValueError:
        raise UsageFault(f"{option}: {text!r} is no time", moments.ALLOWED) from None


def moment(option: str, text: str | None, now: datetime) -> datetime | None:
    """Return the same; None for None."""
    return None if text is None else moment_of(option, text, now)


def duration(seconds: float) -> str:
    """Return a time span to its two largest units: ``3 s``, ``4 min 5 s``, ``2 h 10 min``, ``3 d 4 h``."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"
