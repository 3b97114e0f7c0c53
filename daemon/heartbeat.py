"""Signs of life: one pipe per role process, from the role to its supervisor.

A dot says that the role still turns; the line ``R<port>`` says that a receiver accepts associations on that port. A
role that runs without a supervisor tells the service manager instead.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.notify import WATCHDOG, notify, watchdog_seconds

BEAT_SECONDS = 2.0
"""A role beats about this often. A native import may hold the interpreter for longer, now and then."""
SILENCE_SECONDS = 30.0
"""A role that was silent for so long hangs: a stopped process, a dead lock, native code that holds the interpreter."""
_BEAT = b"."
_READY = b"R"
_PIPE_BYTES = 65536

Tell = Callable[[bytes], None]


def tell_supervisor(fd: int) -> Tell:
    """Return what writes to the supervisor's pipe; it never waits for a supervisor that does not read, nor fails."""
    os.set_blocking(fd, False)

    def tell(message: bytes) -> None:
        with suppress(BlockingIOError, BrokenPipeError):
            os.write(fd, message)

    return tell


def tell_service_manager(message: bytes) -> None:
    """Say the same in the words of sd_notify: for a role that is the whole service."""
    notify(WATCHDOG if message == _BEAT else "READY=1")


class Heartbeat:
    """The role's end. ``beat`` may be called as often as one likes, from any thread."""

    def __init__(self, tell: Tell, clock: Clock, seconds: float = BEAT_SECONDS) -> None:
        self._tell = tell
        self._clock = clock
        self._seconds = seconds
        self._next = float("-inf")

    @classmethod
    def of_process(cls, report_fd: int, clock: Clock) -> "Heartbeat":
        """Beat for the supervisor behind ``report_fd``, or for the service manager if it is negative."""
        if report_fd >= 0:
            return cls(tell_supervisor(report_fd), clock)
        return cls(tell_service_manager, clock, (watchdog_seconds() or 2 * BEAT_SECONDS) / 2)

    def beat(self) -> None:
        """Say that this role still turns; most calls return at once."""
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + self._seconds
            self._tell(_BEAT)

    def ready(self, port: int) -> None:
        """Say that the role does its work; a receiver accepts associations on ``port``, other roles have none (0)."""
        self._tell(b"%s%d\n" % (_READY, port))

    @contextmanager
    def in_background(self) -> Iterator[None]:
        """Beat from a thread while the block runs: for what cannot beat itself, like an import."""
        done = threading.Event()
        thread = threading.Thread(target=self._beat_until, args=(done,), name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _beat_until(self, done: threading.Event) -> None:
        self.beat()
        while not done.wait(self._seconds):
            self.beat()


class Pulse:
    """The supervisor's end. It owns the descriptor it reads from."""

    def __init__(self, fd: int, now: float) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._heard = now
        self._line = b""
        self.port: int | None = None
        """Where a receiver accepts associations; None until it does."""

    def listen(self, now: float) -> None:
        """Take what the role has said since the last call."""
        with suppress(BlockingIOError):
            while said := os.read(self._fd, _PIPE_BYTES):
                self._heard = now
                self._line += said.replace(_BEAT, b"")
        if self._line.startswith(_READY) and self._line.endswith(b"\n"):
            self.port, self._line = int(self._line[len(_READY) :]), b""

    def silence(self, now: float) -> float:
        """Return for how many seconds nothing was heard."""
        return now - self._heard

    def forgive(self, now: float) -> None:
        """Begin to count anew."""
        self._heard = now

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)
