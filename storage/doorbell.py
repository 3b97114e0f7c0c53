"""Notices that another process has written to the database, without asking it anything.

Roles look for work every tenth of a second; three of them stand between the last image and the result. SQLite counts
the commits of other connections in its shared memory, and reading that count takes some microseconds. Where there is
no such count the regular look has to do.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_LOOK_SECONDS = 0.02
"""Between two looks, each of some microseconds."""


class Doorbell(Protocol):
    """One for each thread that waits."""

    @property
    def patience_seconds(self) -> float:
        """How long to wait for a ring before looking for work that only the time has made due."""

    def listen(self) -> int:
        """Return a mark of now; called before looking for work."""

    def wait(self, mark: int, stop: threading.Event, seconds: float) -> None:
        """Return when something was written since ``mark``, when stopped, or after ``seconds``."""


def look_for_change(
    listen: Callable[[], int], mark: int, stop: threading.Event, seconds: float, pause_seconds: float
) -> None:
    """Look again and again until ``listen`` returns another mark, when stopped, or after ``seconds``.

    A negative mark says that nothing can be heard: then only the time counts.
    """
    for _ in range(max(round(seconds / pause_seconds), 1)):
        if stop.wait(min(pause_seconds, seconds)) or (mark >= 0 and listen() != mark):
            return


class Unwired:
    """Rings never: whoever waits looks again when the time is over."""

    patience_seconds = 0.1

    def listen(self) -> int:
        """Return nothing of interest."""
        return 0

    def wait(self, mark: int, stop: threading.Event, seconds: float) -> None:  # noqa: ARG002
        """Wait for the whole time, or until stopped."""
        stop.wait(seconds)


class SqliteDoorbell:
    """Rings at the commits of other connections to a SQLite file (``PRAGMA data_version``)."""

    patience_seconds = 0.5

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        # mode=rw: a file that was moved away must not be made anew, and empty, by whoever listens
        self._uri = f"{path.absolute().as_uri()}?mode=rw"
        self._connection: sqlite3.Connection | None = None

    def listen(self) -> int:
        """Return the count of commits, -1 where it cannot be read: then the regular look has to do."""
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._uri, uri=True, isolation_level=None, check_same_thread=False)
            (count,) = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            self._connection = None
            return -1
        return int(count)

    def wait(self, mark: int, stop: threading.Event, seconds: float) -> None:
        """Return at the next commit since ``mark``."""
        look_for_change(self.listen, mark, stop, seconds, _LOOK_SECONDS)
