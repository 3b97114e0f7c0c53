"""How the destinations are doing, as their couriers see them. All times are aware UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from hounsfield.storage.states import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationState:
    """One destination. ``is_open`` speaks of the circuit: while it is open nothing is sent."""

    name: str
    is_open: bool
    since: datetime
    """Since when it is as it is: open or closed."""
    reason: Reason | None = None
    """Why the circuit is open."""
    failures: int = 0
    """Tries in a row that came to nothing, tests (C-ECHO) included."""
    probe_at: datetime | None = None
    """When it is tested next; None while the circuit is closed."""
    answered_at: datetime | None = None
    """When it last gave an answer; written down at most twice a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How many DELIVER jobs a destination has."""

    waiting: int = 0
    """To be sent, or to be proven."""
    held: int = 0
    """For a person."""
    delivered: int = 0
    """Since the time that was named: nobody counts all there ever were."""
    given_up: int = 0
    """Discarded or cancelled."""


class DestinationStateStore(Protocol):
    """The state of each destination, for its courier and for people. Every method is one transaction."""

    def get(self, name: str) -> DestinationState | None:
        """Return the state of a destination, None if its courier never had anything to say."""

    def all(self) -> list[DestinationState]:
        """Return every state there is, by name; those of destinations that are no longer configured too."""

    def put(self, state: DestinationState) -> None:
        """Write the state of a destination in place of what was there."""

    def take_probe(self, name: str, due: datetime, again_at: datetime) -> bool:
        """Move the test that is due at ``due`` to ``again_at``; False when somebody else has it, or it is closed."""

    def backlogs(self, delivered_since: datetime | None = None) -> dict[str, Backlog]:
        """Return how many jobs each destination has, of those that have one to be counted.

        ``delivered_since``: what was delivered earlier is not counted; None: nothing that was delivered is.
        """
