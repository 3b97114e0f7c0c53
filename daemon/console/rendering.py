"""Templates: Jinja2 with everything escaped, and the few filters that pages share."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.moments import iso_utc

FOLDER = Path(__file__).parent
TEMPLATES = FOLDER / "templates"
STATIC = FOLDER / "static"
_COMMAND = re.compile(r"`([^`]+)`")
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


class Renderer:
    """Fills templates. A name that a page does not give is an error, not an empty place."""

    def __init__(self, shared: Mapping[str, object]) -> None:
        """``shared`` is known to every template."""
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(shared)
        self._environment.filters.update(
            when=when, utc=utc, ago=ago, span=span, size=size, number=number, safe_text=safe_text, commands=commands
        )

    def fill(self, template: str, context: Mapping[str, object]) -> str:
        """Return the page."""
        return self._environment.get_template(template).render(context)


def when(moment: datetime | None) -> str:
    """Return the time as a person at this machine reads it, to the second; a dash for none."""
    return "–" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def utc(moment: datetime | None) -> str:
    """Return ISO 8601 in UTC, for the attribute of a ``time`` element."""
    return "" if moment is None else iso_utc(moment, "seconds")


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something was, in the largest two units; a dash for never."""
    return "–" if moment is None else span((now - moment).total_seconds())


def span(seconds: float | None) -> str:
    """Return a length of time as ``3 d 4 h``, ``2 min 5 s`` or ``0.35 s``; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 0:  # clocks of two machines are never quite the same
        return "0 s"
    if seconds < 10:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + " s"
    words: list[str] = []
    left = float(round(seconds))
    for length, unit in _UNITS:
        count = int(left // length)
        left -= count * length
        if count or words:
            words.append(f"{count} {unit}")
        if len(words) == 2:
            break
    return " ".join(word for word in words if not word.startswith("0 "))


def size(count: float | None) -> str:
    """Return bytes as ``12.3 GB`` (powers of 1000, as disks are sold); a dash for None."""
    if count is None:
        return "–"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with so many digits after the point; a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def commands(text: str) -> Markup:
    """Return text in which what stands between backticks is shown as a command; all of it is escaped."""
    escaped = str(escape(safe_text(text)))
    return Markup(_COMMAND.sub(r"<code>\1</code>", escaped))  # noqa: S704 - what is put around it is ours


def safe_text(value: object) -> str:
    """Return text from the network with everything unprintable escaped; Jinja2 escapes the rest."""
    return escape_controls(str(value))
