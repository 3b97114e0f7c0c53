"""Gates in front of the roles: what a person paused takes up no new work, in every process, within a second."""

from collections.abc import Callable

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.storage.control import ControlStore, Part, Pause

log = structlog.get_logger("hounsfield.control")

LOOK_SECONDS = 0.5
"""How long an answer of the database counts."""


class Gate:
    """Whether one part is paused. Used by one thread."""

    def __init__(self, control: ControlStore, part: Part, clock: Clock) -> None:
        self._control = control
        self._part = part
        self._clock = clock
        self._look_at = clock.monotonic()
        self._pause: Pause | None = None

    def is_closed(self) -> bool:
        """Whether the part is paused, as of half a second ago at most. Raise StorageError if nobody knows."""
        if self._clock.monotonic() >= self._look_at:
            self._take(pause_of(self._control, self._part))
            self._look_at = self._clock.monotonic() + LOOK_SECONDS
        return self._pause is not None

    def guard(self, step: Callable[[], bool]) -> Callable[[], bool]:
        """Return ``step`` as something that finds no work while the gate is closed; work in hand is not touched."""
        return lambda: not self.is_closed() and step()

    def _take(self, pause: Pause | None) -> None:
        before, self._pause = self._pause, pause
        tell_change(self._part, before, pause)


def pause_of(control: ControlStore, part: Part) -> Pause | None:
    """Return the pause of a part, None if it goes on."""
    return next((pause for pause in control.pauses() if pause.part is part), None)


def tell_change(part: Part, before: Pause | None, now: Pause | None) -> bool:
    """Log that a part was paused or goes on; False when neither happened."""
    if (before is None) == (now is None):
        return False
    if now is not None:
        log.warning("paused", part=str(part), since=now.since.isoformat(timespec="seconds"), note=now.note)
    else:
        log.warning("goes on after a pause", part=str(part))
    return True
