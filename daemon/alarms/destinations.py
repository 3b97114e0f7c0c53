"""Destinations that are out of reach."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from hounsfield.daemon.alarms.words import moment
from hounsfield.storage.alarms import AlarmKind, Condition
from hounsfield.storage.destination_state import DestinationState
from hounsfield.storage.states import Reason

DOWN_FOR = timedelta(minutes=1)
"""A destination that is back sooner is not told of."""


class States(Protocol):
    """As :class:`~hounsfield.storage.destination_state.DestinationStateStore`."""

    def all(self) -> list[DestinationState]:
        """Return every state there is."""


class DestinationProbe:
    """Destinations that are out of reach for more than a minute."""

    kinds = (AlarmKind.DESTINATION_DOWN,)
    seconds = 10.0

    def __init__(self, states: States, configured: Collection[str]) -> None:
        self._states = states
        self._configured = frozenset(configured)

    def conditions(self, now: datetime) -> list[Condition]:
        """Return those. Raise StorageError."""
        return [
            Condition(
                kind=AlarmKind.DESTINATION_DOWN,
                subject=state.name,
                detail={"since": moment(state.since), "reason": str(state.reason or Reason.UNREACHABLE)},
            )
            for state in self._states.all()
            if state.is_open and state.name in self._configured and now - state.since > DOWN_FOR
        ]
