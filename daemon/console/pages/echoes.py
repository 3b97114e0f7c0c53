"""C-ECHO to a destination, for a person who presses a button: one at a time for each, and never longer than 5 s."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from dataclasses import dataclass

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import DaemonError

SECONDS = 5.0
_AT_ONCE = 4

Asks = Callable[[Destination, float], float]
"""Ask a destination, for so many seconds at most; return the seconds it took, raise DaemonError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of it."""

    destination: str
    answered: bool
    words: str


class Echoes:
    """May be asked from many threads."""

    def __init__(self, asks: Asks, seconds: float = SECONDS) -> None:
        self._asks = asks
        self._seconds = seconds
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="echo")

    def ask(self, destination: Destination) -> Answer:
        """Return the answer of a destination, or that it gave none in time."""
        name = destination.name
        with self._lock:
            if name in self._busy:
                return Answer(destination=name, answered=False, words="it is being asked already")
            self._busy.add(name)
        asked = self._pool.submit(self._asks, destination, self._seconds)
        asked.add_done_callback(lambda _: self._rested(name))
        return self._answer(name, asked)

    def _answer(self, name: str, asked: "Future[float]") -> Answer:
        try:
            seconds = asked.result(self._seconds)
        except Late:
            return Answer(destination=name, answered=False, words=f"no answer within {self._seconds:g} s")
        except DaemonError as fault:
            return Answer(destination=name, answered=False, words=str(fault))
        return Answer(destination=name, answered=True, words=f"answered in {seconds * 1000:.0f} ms")

    def _rested(self, name: str) -> None:
        with self._lock:
            self._busy.discard(name)


def over_the_network(settings: Settings) -> Asks:
    """Ask as ``hounsfield echo`` does."""

    def ask(destination: Destination, seconds: float) -> float:
        # pynetdicom is imported by whoever presses the button first.
        from hounsfield.daemon import scu

        return scu.echo(scu.peer_of(destination, settings.dicom.ae_title), seconds)

    return ask
