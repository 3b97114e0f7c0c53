"""What people, or housekeeping, did to the service itself: lines of the event log that belong to no job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Action(StrEnum):
    """What was done: stands in ``event.to_state``."""

    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_FAILED = "SIGN_IN_FAILED"
    SIGNED_OUT = "SIGNED_OUT"
    ACCOUNT_CHANGED = "ACCOUNT_CHANGED"
    REVEALED = "REVEALED"
    """Somebody asked to see who the patients are, and said why."""
    SEARCHED = "SEARCHED"
    """By accession number."""
    ECHOED = "ECHOED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    PURGED = "PURGED"
    ARCHIVED = "ARCHIVED"
    VACUUMED = "VACUUMED"
    BACKED_UP = "BACKED_UP"
    RESTORED = "RESTORED"
    SPOOL_ACCEPTED = "SPOOL_ACCEPTED"
    """The database knows other folders of images and results from then on."""
    UPGRADED = "UPGRADED"
    """The schema was brought up to date."""
    WENT_BACK = "WENT_BACK"
    """The schema is that of an older program from then on."""
    COPIED = "COPIED"
    """The whole job log came from another database."""
    ALARM_BEGAN = "ALARM_BEGAN"
    ALARM_ENDED = "ALARM_ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One of them."""

    at: datetime
    action: Action
    person: str = ""
    """Who; empty: the service by itself. At most 128 printable characters are kept."""
    origin: str = ""
    """From where: ``console``, ``command line``, or the name of a process."""
    detail: Mapping[str, object] = field(default_factory=dict)
    """JSON: what it was done to, and how much. No patient data."""


class OperationLog(Protocol):
    """Every method is one transaction."""

    def note(self, operation: Operation) -> None:
        """Append the event: stage operate, no job, no series; ``by`` and ``origin`` stand in its detail."""
