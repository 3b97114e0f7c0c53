"""What a receiver does while several hosts write to its spool: it says that it lives, and takes up what dead ones left.

While it is not heard it acknowledges nothing: others may take it for dead (:mod:`hounsfield.storage.spool_writers`).
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.storage.errors import StorageError
from hounsfield.storage.spool_writers import HOLD_SECONDS, RENEW_SECONDS, SpoolWriters

log = structlog.get_logger("hounsfield.reception")

JUDGE_SECONDS = 30.0
"""Who was heard without a break for so long may take others for dead: all were silent while the database was down."""
ROUND_SECONDS = 15.0
"""How often it looks for what dead receivers left."""
LOST_EXIT = 75
"""How the process ends that others took for dead; it is started again, under another name."""


class Lease(Protocol):
    """Says whether this process may acknowledge images."""

    @property
    def is_held(self) -> bool:
        """Asked after an image was made durable and before its sender is told."""


class Unlimited:
    """For a spool of one machine: nobody else can take it over while we live."""

    is_held = True


def seconds_since_boot() -> float:
    """Return seconds that go on while the machine sleeps (CLOCK_BOOTTIME)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class SpoolLease:
    """Renews one writer's row; two threads of its own."""

    def __init__(
        self,
        writers: SpoolWriters,
        name: str,
        clock: Clock,
        *,
        boottime: Callable[[], float] = seconds_since_boot,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """``end`` ends the process when others have taken it for dead."""
        self._writers = writers
        self._name = name
        self._clock = clock
        self._boottime = boottime
        self._end = end
        self._heard: float | None = None
        """When the last sign of life that was heard was sent."""
        self._since: float | None = None
        """Since when there was no break."""
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def is_held(self) -> bool:
        """Whether it was heard a short while ago."""
        return self._heard is not None and self._boottime() - self._heard < HOLD_SECONDS

    @property
    def is_judge(self) -> bool:
        """Whether it may take others for dead."""
        return self.is_held and self._since is not None and self._boottime() - self._since >= JUDGE_SECONDS

    def renew(self) -> None:
        """Say that we live. Raise DatabaseUnavailable; end the process where others took it for dead."""
        sent = self._boottime()
        was_held = self.is_held
        if not self._writers.seen(self._name, self._clock.now()):
            self._heard = None
            log.error("other hosts took this receiver for dead, and have what it left; it is started again")
            self._end(LOST_EXIT)
            return
        self._heard = sent
        if not was_held or self._since is None:
            self._since = sent

    def start(self, take_up: Callable[[], object]) -> None:
        """Begin; the first sign of life is given at once. ``take_up`` is called every so often. Raises as renew."""
        self.renew()
        for step, seconds in ((self.renew, RENEW_SECONDS), (take_up, ROUND_SECONDS)):
            thread = threading.Thread(target=self._repeat, args=(step, seconds), name="spool-lease", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End both threads; to be called when nothing is acknowledged any more."""
        self._stop.set()
        for thread in self._threads:
            thread.join(HOLD_SECONDS)

    def _repeat(self, step: Callable[[], object], seconds: float) -> None:
        is_failing = False
        while not self._stop.wait(seconds):
            try:
                step()
                is_failing = False
            except StorageError as error:
                if not is_failing:
                    log.warning("the other hosts are not heard; trying again", error=str(error))
                is_failing = True
