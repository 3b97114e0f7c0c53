"""What a person stops: parts of the service that pause until they are resumed. All times are timezone-aware UTC."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

LONGEST_NOTE = 255
"""Characters kept of a note."""


class Part(StrEnum):
    """What can be paused; a closed set, in the order of the flow."""

    INTAKE = "intake"
    """Associations from senders."""
    INFERENCE = "inference"
    """Workers."""
    DELIVERY = "delivery"
    """Couriers, notifications too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A part that somebody paused."""

    part: Part
    since: datetime
    note: str = ""
    """Why, in a person's words; never patient data."""
    person: str = ""
    """Who did it."""


class ControlStore(Protocol):
    """Pauses: they outlive every process and are seen by all."""

    def pause(self, pause: Pause) -> bool:
        """Pause a part, and tell the event log; False, and nothing changes but the note, when it is paused already."""

    def resume(self, part: Part, now: datetime, person: str = "") -> bool:
        """Let a part go on, and tell the event log who let it; False when it is not paused."""

    def pauses(self) -> list[Pause]:
        """Return what is paused, in the order of the flow."""
