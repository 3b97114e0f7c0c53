"""Commands that go on until a person ends them: woken by the database rather than by the clock."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from hounsfield.storage.doorbell import Doorbell

Waiting = Callable[[Callable[[], object]], object]


@contextmanager
def until_interrupted() -> Iterator[Waiting]:
    """Give what calls something that waits; SIGINT and SIGTERM end the block quietly, for that is how a tail ends.

    They end it while it waits. Elsewhere a first one is only noted: raised within a clean-up of some library, it would
    be lost. The handlers of before are back behind the block.
    """
    asked, waiting = False, False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked or waiting:
            raise KeyboardInterrupt
        asked = True

    def wait(call: Callable[[], object]) -> None:
        nonlocal waiting
        waiting = True
        try:
            if asked:
                raise KeyboardInterrupt
            call()
        finally:
            waiting = False

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wait
    except KeyboardInterrupt:
        return
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


class Bell:
    """Waits for the next commit of anybody to the database."""

    def __init__(self, doorbell: Doorbell) -> None:
        self._doorbell = doorbell
        self._mark = doorbell.listen()
        self._never = threading.Event()

    def heard(self) -> None:
        """Note what was written so far: to be called before looking."""
        self._mark = self._doorbell.listen()

    def wait(self, seconds: float | None = None, stop: threading.Event | None = None) -> None:
        """Return at a commit behind :meth:`heard`, when stopped, or after ``seconds``; the bell knows how many."""
        self._doorbell.wait(self._mark, stop or self._never, seconds or self._doorbell.patience_seconds)
