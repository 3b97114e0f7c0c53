"""How a process is asked to end: the first SIGTERM or SIGINT means stop, every further one means hurry.

The interpreter runs a signal's handler in the main thread only. That thread may hang in native code for minutes, and a
handler that sets an event on which the same thread is about to wait can block it for ever. So the handlers do nothing:
the interpreter writes the number of the signal into a pipe at once (``signal.set_wakeup_fd``), and a thread of our
own reads it there.
"""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from types import FrameType

STOP_SECONDS = 20.0
"""How long a process may finish what is in flight before it is killed."""
HURRY_SECONDS = 1.0
"""How long a role that was told to hurry may still take before it leaves as it is."""
KILL_SECONDS = 2.0
"""When the supervisor kills what has not left in a hurry."""
_ASKING = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """What the signals of one process ask for. Threads wait for :attr:`stop` and :attr:`hurry`."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.hurry = threading.Event()
        self._lock = threading.Lock()
        self._when_hurried: list[Callable[[], object]] = []

    def tell(self) -> None:
        """Take one signal: stop, and hurry if stop was said before."""
        if not self.stop.is_set():
            self.stop.set()
            return
        with self._lock:
            self.hurry.set()
            calls, self._when_hurried = self._when_hurried, []
        for call in calls:
            call()

    def on_hurry(self, call: Callable[[], object]) -> None:
        """Call this once when told to hurry, at once if that has happened; it runs in the thread of the signals."""
        with self._lock:
            if not self.hurry.is_set():
                self._when_hurried.append(call)
                return
        call()

    def install(self, *, deaf_to: Sequence[signal.Signals] = ()) -> None:
        """Take this process's SIGTERM and SIGINT until it has ended; for its main thread.

        Those in ``deaf_to`` are ignored: Ctrl-C reaches a whole process group, and the roles of a supervisor must
        not take it for a second request beside the supervisor's own.
        """
        read, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in _ASKING:
            signal.signal(number, _wake)
        heard = frozenset(_ASKING) - frozenset(deaf_to)
        threading.Thread(target=self._listen, args=(read, heard), name="signals", daemon=True).start()

    def _listen(self, read: int, heard: frozenset[signal.Signals]) -> None:
        while number := os.read(read, 1):
            if number[0] in heard:
                self.tell()


def _wake(_number: int, _frame: FrameType | None) -> None:
    """Do nothing, so that the signal neither ends the process nor is ignored by the programs that it starts."""
