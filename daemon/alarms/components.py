"""Processes of the service that are not heard of."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from hounsfield.daemon.alarms.words import moment, subject
from hounsfield.daemon.beats import has_ended
from hounsfield.storage.alarms import AlarmKind, Condition
from hounsfield.storage.components import Component

STARTING = timedelta(seconds=60)
"""How long after our start other processes may need to say that they live."""
FORGOTTEN_AFTER = timedelta(days=7)
"""Who was not heard of for longer is no longer part of the service."""


class Components(Protocol):
    """As :class:`~hounsfield.storage.components.ComponentStore`."""

    def all(self) -> list[Component]:
        """Return every process, those that ended too."""


class ComponentProbe:
    """Processes that said that they live, and no longer do.

    Not told of: who ended as it should (``ended`` among its facts), whose number is higher than the configuration asks
    for, and who was not heard of for a week.
    """

    kinds = (AlarmKind.COMPONENT_DOWN,)
    seconds = 5.0

    def __init__(self, components: Components, silence_seconds: float, numbers: Mapping[str, int]) -> None:
        """``numbers``: how many processes of a role are configured; one of those that are not named."""
        self._components = components
        self._silence = timedelta(seconds=silence_seconds)
        self._numbers = numbers
        self._judges_from: datetime | None = None

    def conditions(self, now: datetime) -> list[Condition] | None:
        """Return those; None while the service may still be starting. Raise StorageError."""
        if self._judges_from is None:
            self._judges_from = now + max(self._silence, STARTING)
        if now < self._judges_from:
            return None
        return list(self._missing(self._components.all(), now))

    def _missing(self, components: Iterable[Component], now: datetime) -> Iterator[Condition]:
        for one in components:
            silent = now - one.seen_at
            if self._silence < silent < FORGOTTEN_AFTER and self._is_expected(one):
                detail = {"last_seen_at": moment(one.seen_at), "pid": one.pid}
                yield Condition(kind=AlarmKind.COMPONENT_DOWN, subject=subject(one.name), detail=detail)

    def _is_expected(self, component: Component) -> bool:
        number = component.name.partition("@")[0].rpartition("-")[2]
        is_numbered = number.isascii() and number.isdigit()
        return not has_ended(component) and (not is_numbered or int(number) <= self._numbers.get(component.role, 1))
