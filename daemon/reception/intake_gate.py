"""The pause of intake: senders are told to come again later, and nothing that was acknowledged is lost by it.

A new association is rejected as transient (PS3.8 9.3.4: result 2, source 3, reason 2), unless it can store nothing
anyway: a monitoring system sees that the service is alive, an archive may report that it keeps our results. Who sends
already may go on, so that a series comes whole; after :data:`GRACE_SECONDS` each new C-STORE is answered A700 (out of
resources), for some senders never hang up. What is being received at that moment is finished, stored, acknowledged.
"""

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.gates import pause_of, tell_change
from hounsfield.storage.control import ControlStore, Part, Pause
from hounsfield.storage.errors import StorageError

log = structlog.get_logger("hounsfield.reception")

GRACE_SECONDS = 300.0
"""How long associations that were open when intake was paused may go on to store."""


class IntakeGate:
    """What reception knows of the pause. :meth:`look` asks the database; all else only remembers its answer."""

    def __init__(self, control: ControlStore | None, clock: Clock) -> None:
        """Without a store, intake is never paused."""
        self._control = control
        self._clock = clock
        self._pause: Pause | None = None
        self._shut_at: float | None = None

    @property
    def is_closed(self) -> bool:
        """Whether new associations are rejected."""
        return self._pause is not None

    @property
    def is_shut(self) -> bool:
        """Whether open associations may not begin another C-STORE either."""
        shut_at = self._shut_at
        return shut_at is not None and self._clock.monotonic() >= shut_at

    def look(self) -> None:
        """Ask the database; while it does not answer, what was known goes on to hold."""
        if self._control is None:
            return
        try:
            now = pause_of(self._control, Part.INTAKE)
        except StorageError:
            log.debug("whether intake is paused waits for the database")
            return
        before, self._pause = self._pause, now
        if tell_change(Part.INTAKE, before, now):
            self._shut_at = None if now is None else self._clock.monotonic() + GRACE_SECONDS
