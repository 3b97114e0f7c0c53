"""/settings: every key in force, its value, and where it comes from, as ``hounsfield config show``."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from hounsfield.daemon.config.describe import ConfigRow, describe
from hounsfield.daemon.console.site import Site
from hounsfield.daemon.logs import escape_controls


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingLine:
    """One key."""

    key: str
    value: str
    source: str
    is_set: bool
    """Not the built-in default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingGroup:
    """The keys of one section, or of one entry of an array."""

    name: str
    lines: tuple[SettingLine, ...]


def groups(rows: Sequence[ConfigRow]) -> tuple[SettingGroup, ...]:
    """Return the keys by section, in the order of the configuration file. Pure."""
    found: dict[str, list[SettingLine]] = {}
    for row in rows:
        section, _, key = row.key.rpartition(".")
        line = SettingLine(key=key, value=escape_controls(row.value), source=row.source, is_set=row.source != "default")
        found.setdefault(section, []).append(line)
    return tuple(SettingGroup(name=name, lines=tuple(lines)) for name, lines in found.items())


def router(site: Site) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.get("/settings")
    def settings(request: Request) -> Response:
        known = site.parts.settings
        file = "" if known.origin.file is None else str(known.origin.file)
        return site.render(request, "settings.html", groups=groups(describe(known)), file=escape_controls(file))

    return routes
