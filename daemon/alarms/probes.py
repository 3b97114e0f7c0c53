"""What a probe is: it looks at one thing that can be wrong."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from hounsfield.storage.alarms import AlarmKind, Condition


class Probe(Protocol):
    """Looks at one thing. Asked by one thread; an answer should not take longer than a glance at the database."""

    @property
    def kinds(self) -> Sequence[AlarmKind]:
        """What it speaks for: alarms of these kinds that it does not name end."""

    @property
    def seconds(self) -> float:
        """How long its answer holds; then it is asked again."""

    def conditions(self, now: datetime) -> Sequence[Condition] | None:
        """Return all that is wrong now; None as long as that is not known: it is asked again soon.

        May raise anything: then its alarms stay as they are.
        """
