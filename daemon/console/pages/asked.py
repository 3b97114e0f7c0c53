"""What a person asks a list for, read from the address of the page, so that a link can be shared. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

from hounsfield.daemon.moments import ALLOWED, moment_of
from hounsfield.storage.log_book import JobQuery
from hounsfield.storage.states import JobKind, JobState, Outcome, SeriesState

PAGE = 50
"""Rows of a list."""
_LONGEST = 64
_LONGEST_TRAIL = 20
_LARGEST_ID = 2**63 - 1
HANDLE = re.compile(r"h:[0-9a-f]{12}")
"""Keyed hash of a UID or an accession number."""

Choice = TypeVar("Choice", bound=StrEnum)


class AskedAmiss(ValueError):
    """The address asks for something that there is not; the text says what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """Where in a list: rows below ``before``, and by which pages a person came there, the last one first."""

    before: int | None = None
    trail: tuple[int, ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Paging":
        """Read ``before`` and ``trail`` (ids with dots between them). Raises AskedAmiss."""
        trail = tuple(number(part, "trail") for part in fields.get("trail", "").split(".") if part)
        before = fields.get("before", "")
        return cls(before=number(before, "before") if before else None, trail=trail[:_LONGEST_TRAIL])

    def older(self, last_id: int) -> "Paging":
        """Return the page behind the row ``last_id``."""
        passed = () if self.before is None else (self.before,)
        return Paging(before=last_id, trail=(*passed, *self.trail)[:_LONGEST_TRAIL])

    def newer(self) -> "Paging | None":
        """Return the page before this one; None on the first."""
        if self.before is None:
            return None
        return Paging(before=self.trail[0], trail=self.trail[1:]) if self.trail else Paging()

    def fields(self) -> dict[str, str]:
        """Return what stands in the address."""
        found = {"before": "" if self.before is None else str(self.before), "trail": ".".join(map(str, self.trail))}
        return {key: value for key, value in found.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Addresses of the pages beside this one; empty where there is none."""

    older: str = ""
    newer: str = ""


def links(path: str, fields: Mapping[str, str], paging: Paging, ids: list[int]) -> Links:
    """Return the links of a list whose rows have these ids, the newest first: a full page may have one behind it."""
    newer = paging.newer()
    return Links(
        older=address(path, {**fields, **paging.older(ids[-1]).fields()}) if len(ids) == PAGE else "",
        newer="" if newer is None else address(path, {**fields, **newer.fields()}),
    )


def address(path: str, fields: Mapping[str, str]) -> str:
    """Return a path with its query."""
    return f"{path}?{urlencode(fields)}" if fields else path


def job_query(fields: Mapping[str, str], now: datetime) -> JobQuery:
    """Read a filter of jobs. Raises AskedAmiss."""
    series = fields.get("series", "")
    return JobQuery(
        kind=choice(JobKind, fields.get("kind", ""), "kind"),
        state=choice(JobState, fields.get("state", ""), "state"),
        outcome=choice(Outcome, fields.get("outcome", ""), "outcome"),
        scanner=_text(fields, "scanner"),
        bundle=_text(fields, "bundle"),
        destination=_text(fields, "destination"),
        since=since(fields.get("since", ""), now),
        series_id=number(series, "series") if series else None,
    )


def series_state(fields: Mapping[str, str]) -> SeriesState | None:
    """Read the state of series asked for. Raises AskedAmiss."""
    return choice(SeriesState, fields.get("state", ""), "state")


def given(fields: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return those of the fields that say something, for the form and the links of the page."""
    return {name: fields[name] for name in names if fields.get(name)}


def choice(kind: type[Choice], text: str, name: str) -> Choice | None:
    """Return one of a closed set, in any case; None for an empty text. Raises AskedAmiss."""
    if not text:
        return None
    for one in kind:
        if one.value.lower() == text.lower():
            return one
    raise AskedAmiss(f"{name} is one of {', '.join(one.value for one in kind)}")


def number(text: str, name: str) -> int:
    """Return the id that a text is. Raises AskedAmiss."""
    if not text.isascii() or not text.isdecimal() or len(text) > 19 or not 0 < int(text) <= _LARGEST_ID:
        raise AskedAmiss(f"{name} is a number from 1")
    return int(text)


def since(text: str, now: datetime) -> datetime | None:
    """Return the moment that a text means, as on the command line; None for an empty one. Raises AskedAmiss."""
    if not text:
        return None
    try:
        return moment_of(text, now)
    except ValueError:
        raise AskedAmiss(f"since is no time: {ALLOWED}") from None


def _text(fields: Mapping[str, str], name: str) -> str | None:
    text = fields.get(name, "")
    if len(text) > _LONGEST or "\0" in text:
        raise AskedAmiss(f"{name} has at most {_LONGEST} characters")
    return text or None
