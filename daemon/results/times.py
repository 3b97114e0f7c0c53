"""Dates and times of an object (PS3.3 C.12.1.1: Timezone Offset From UTC governs every DA and TM of it).

The copied Study Time belongs to the source's offset, so ours must as well. A source that names none is taken
to speak the site's local time, and naming an offset would then claim more about its times than it does.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hounsfield.daemon.errors import ResultError

_OFFSET = re.compile(r"([+-])(\d{2})([0-5]\d)")
_WESTERNMOST, _EASTERNMOST = timedelta(hours=-12), timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A moment as DICOM writes it."""

    date: str
    """DA: YYYYMMDD."""
    time: str
    """TM: HHMMSS.FFFFFF."""
    offset: str | None
    """Timezone Offset From UTC (0008,0201); None: to be left out."""


def stamp(moment: datetime, source_offset: str | None, site_timezone: str) -> Stamp:
    """Return ``moment`` (aware) in the source's offset if it has a valid one, else in the site's zone.

    Raise :class:`ResultError` if the site's zone does not exist.
    """
    offset = parse_offset(source_offset or "")
    local = moment.astimezone(offset or site_zone(site_timezone))
    return Stamp(
        local.strftime("%Y%m%d"), local.strftime("%H%M%S.%f"), (source_offset or "").strip() if offset else None
    )


def parse_offset(text: str) -> tzinfo | None:
    """Return the zone of a ``+HHMM`` value, None if it is no valid one (PS3.3 C.12.1.1.8: -1200 to +1400)."""
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        return None
    size = timedelta(hours=int(match[2]), minutes=int(match[3]))
    offset = -size if match[1] == "-" else size
    # "-0000" is not allowed by the standard
    if not _WESTERNMOST <= offset <= _EASTERNMOST or (match[1] == "-" and not size):
        return None
    return timezone(offset)


def site_zone(name: str) -> tzinfo:
    """Return the zone of an IANA name; empty means UTC."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ResultError(
            f"there is no time zone '{name}' on this machine",
            "set site.timezone to a name such as Europe/Berlin, and install tzdata",
        ) from error
