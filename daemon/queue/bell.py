"""The bell of a slot: what its thread waits at, and what a wake-up rings."""

import threading
import time
from concurrent.futures import Future

PATIENCE_SECONDS = 2.0
"""How long a slot rests before it looks for work that nobody told of: the queue may be away, a wake-up lost, a model or
a destination due for a look."""
_STOP_SECONDS = 0.1


class Bell:
    """A doorbell (:class:`~hounsfield.storage.doorbell.Doorbell`) for one slot, rung by wake-ups from another thread.

    A wake-up stays in hand until the slot has looked and found no more, so that a process whose only slot is busy
    leaves the others to other processes. A bell keeps one wake-up in hand at most: the slots of a process cannot keep
    those of each other waiting.
    """

    patience_seconds = PATIENCE_SECONDS

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rings = 0
        self._in_hand: tuple[int, Future[None]] | None = None
        self._closed = False

    def ring(self) -> "Future[None]":
        """Wake the slot; the future is done when it has looked since, at once if another wake-up is in hand."""
        answer: Future[None] = Future()
        answer.set_running_or_notify_cancel()  # whoever waits for it may be cancelled, the answer not
        with self._changed:
            self._rings += 1
            if self._closed or self._in_hand is not None:
                answer.set_result(None)
            else:
                self._in_hand = self._rings, answer
            self._changed.notify_all()
        return answer

    def listen(self) -> int:
        """Return the count of rings; called before looking for work."""
        with self._changed:
            return self._rings

    def wait(self, mark: int, stop: threading.Event, seconds: float) -> None:
        """Return at a ring since ``mark``, when stopped, or after ``seconds``. Nothing was found since ``mark``."""
        until = time.monotonic() + seconds
        with self._changed:
            self._answer(mark)
            while self._rings == mark and not stop.is_set() and (left := until - time.monotonic()) > 0:
                self._changed.wait(min(left, _STOP_SECONDS))

    def close(self) -> None:
        """Let go of the wake-up in hand: the slot has ended."""
        with self._changed:
            self._closed = True
            self._answer(self._rings)

    def _answer(self, mark: int) -> None:
        if self._in_hand is not None and self._in_hand[0] <= mark:
            self._in_hand[1].set_result(None)
            self._in_hand = None
