"""The processes of the service, as each says of itself. All times are timezone-aware UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Facts = Mapping[str, object]
"""JSON: counters since the process started and how things stand, for metrics and pages. No patient data, no UIDs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One process of the service."""

    name: str
    """Role and number at a host, as ``receiver-2@host``: the same after a restart."""
    role: str
    host: str
    pid: int
    version: str
    started_at: datetime
    seen_at: datetime
    """When it last said that it lives."""
    starts: int = 1
    """How often it was started under this name."""
    facts: Facts


class ComponentStore(Protocol):
    """Who lives. Every method is one transaction."""

    def started(self, component: Component) -> int:
        """Write a process that begins in place of its predecessor; return how often that name was started by now."""

    def seen(self, name: str, pid: int, now: datetime, facts: Facts) -> bool:
        """Note that it lives, with its facts; False where another process has taken the name."""

    def all(self) -> list[Component]:
        """Return every process, by name, those that ended too."""

    def forget(self, before: datetime) -> int:
        """Remove those not seen since; return how many."""
