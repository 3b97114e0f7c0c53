"""What processes on other hosts say of themselves: whoever looks for alarms sees only its own disks and notes."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from hounsfield.daemon.alarms.components import Components
from hounsfield.daemon.beats import has_ended
from hounsfield.storage.components import Component

Others = Callable[[datetime], Sequence[Component]]
"""Returns the living processes of other hosts."""

HEARD_OF = timedelta(minutes=1)
"""Who was not heard of for longer is told of as gone, and what it said last is old."""


def others_of(components: Components, host: str) -> Others:
    """Return what asks for the processes of all hosts but ``host``. It raises StorageError."""

    def others(now: datetime) -> Sequence[Component]:
        living = [one for one in components.all() if now - one.seen_at < HEARD_OF and not has_ended(one)]
        return [one for one in living if one.host != host]

    return others


def nobody(now: datetime) -> Sequence[Component]:  # noqa: ARG001
    """Return nothing: a service on one machine."""
    return ()
