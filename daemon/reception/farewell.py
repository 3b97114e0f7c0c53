"""The end of all associations of a receiver: what has begun may be finished in a given time, nothing new begins."""

import threading
from collections.abc import Callable

from pynetdicom.association import Association

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.reception import library
from hounsfield.daemon.reception.associations import OpenAssociation
from hounsfield.daemon.reception.desk import Desk
from hounsfield.storage.states import AssociationEnding

_POLL_SECONDS = 0.02
_POLITE_SECONDS = 1.0
"""How long a peer may take to answer our request to release, or to close after our abort."""


class Farewell:
    """Ends associations: politely those that are idle, in the end all of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._end_by: float | None = None
        """Monotonic seconds; set once we are asked to end."""
        self._endings: list[threading.Thread] = []
        self._never = threading.Event()

    def is_first(self, seconds: float) -> bool:
        """Allow so much time from now on, less than before if it was set; whether it is set for the first time."""
        with self._lock:
            is_first, by = self._end_by is None, self._clock.monotonic() + seconds
            self._end_by = by if self._end_by is None else min(self._end_by, by)
        return is_first

    def end(self, desk: Desk, running: Callable[[], list[Association]]) -> None:
        """End all of them; ``running`` are the library's, those that were never admitted among them."""
        self._finish(desk)
        for association, entry in desk.living().items():
            self._dismiss(association, entry, library.abort)
        self._hang_up(desk, running, self._clock.monotonic() + _POLITE_SECONDS)
        for ending in self._endings:
            ending.join(_POLITE_SECONDS)

    def _finish(self, desk: Desk) -> None:
        dismissed: set[Association] = set()
        while not self._time_is_over() and (living := desk.living()):
            for association, entry in living.items():
                busy = library.has_message_in_flight(association) or entry.is_storing  # in this order
                if association not in dismissed and not busy:
                    dismissed.add(association)
                    self._dismiss(association, entry, library.end_politely)
            self._pause()

    def _time_is_over(self) -> bool:
        with self._lock:
            return self._end_by is not None and self._clock.monotonic() >= self._end_by

    def _dismiss(
        self, association: Association, entry: OpenAssociation, how: Callable[[Association, float], None]
    ) -> None:
        # The sender may have had more to send: for the series this counts as an abort, however politely it is done.
        entry.end(AssociationEnding.ABORTED)
        entry.is_stopping = True
        ending = threading.Thread(target=how, args=(association, _POLITE_SECONDS), name="reception-end", daemon=True)
        ending.start()
        self._endings.append(ending)

    def _hang_up(self, desk: Desk, running: Callable[[], list[Association]], end: float) -> None:
        """Let aborts go out until ``end``, then close whatever is still open: also who never said anything."""
        while desk.living() and self._clock.monotonic() < end:
            self._pause()
        while left := [association for association in running() if association.dul.is_alive()]:
            for association in left:
                library.hang_up(association)
            self._pause()
            if self._clock.monotonic() > end + _POLITE_SECONDS:
                return

    def _pause(self) -> None:
        self._never.wait(_POLL_SECONDS)
