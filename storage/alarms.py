"""What is wrong, each with one beginning and one end. All times are timezone-aware UTC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class AlarmKind(StrEnum):
    """What can be wrong; a closed set."""

    SCANNER_SILENT = "scanner-silent"
    """A scanner that normally sends has fallen silent; subject: its AE title."""
    QUEUE_OLD = "queue-old"
    """The oldest waiting job is older than its objective; subject: the kind of job."""
    DEAD_LETTERS = "dead-letters"
    """Jobs were given up and nobody has looked."""
    SERIES_HELD = "series-held"
    """Series wait for a person."""
    DISK = "disk"
    """A file system is nearly full; subject: what lies there."""
    CERTIFICATE = "certificate"
    """A certificate runs out, or cannot be read; subject: the setting that names it."""
    DRIFT = "drift"
    """A bundle on a scanner drifts; subject: both."""
    MODEL_SELFTEST = "model-selftest"
    """A bundle failed its self-test, or cannot be loaded; subject: the bundle."""
    DESTINATION_DOWN = "destination-down"
    """Nothing can be sent there; subject: its name."""
    COMPONENT_DOWN = "component-down"
    """A process of the service is not heard of; subject: its name."""


class Told(StrEnum):
    """What those who are told of alarms have been told of one."""

    NOTHING = "nothing"
    BEGINNING = "beginning"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that is wrong just now."""

    kind: AlarmKind
    subject: str = ""
    """Of at most 255 printable characters; never patient data, never a UID."""
    detail: Mapping[str, object] = field(default_factory=dict)
    """JSON: numbers and words that say how bad it is, and ``do``: what the operator can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm(Condition):
    """A condition with its times."""

    id: int
    began_at: datetime
    ended_at: datetime | None = None
    told: Told = Told.NOTHING


class AlarmStore(Protocol):
    """Every method is one transaction. There is at most one open alarm of a kind about a subject."""

    def set(
        self, kinds: Sequence[AlarmKind], conditions: Sequence[Condition], now: datetime
    ) -> tuple[list[Alarm], list[Alarm]]:
        """Say what of these kinds is wrong just now; return the alarms that begin, and those that end.

        What is open and not among the conditions ends; what is open already gets the new detail.
        """

    def open(self) -> list[Alarm]:
        """Return what is wrong, the oldest first."""

    def newest(self, limit: int = 100, before_id: int | None = None) -> list[Alarm]:
        """Return alarms, the newest first, one page."""

    def last_ended(self, kind: AlarmKind, subject: str = "") -> Alarm | None:
        """Return the alarm of this kind about this that ended last."""

    def untold(self) -> list[Alarm]:
        """Return those whose beginning or end nobody was told of, the oldest first: at most a hundred."""

    def mark_told(self, alarm_id: int, told: Told) -> None:
        """Note what was told; it never goes back."""
