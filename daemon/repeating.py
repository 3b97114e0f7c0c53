"""What every role does again and again until it is stopped, whatever its database does meanwhile."""

import threading
from collections.abc import Callable

import structlog

from hounsfield.daemon.notify import notify
from hounsfield.storage.doorbell import Doorbell
from hounsfield.storage.errors import DatabaseUnavailable, StorageError

log = structlog.get_logger("hounsfield.role")

TROUBLE_SECONDS = 1.0
"""How long a role waits before it asks a database again that failed."""


def repeat(
    step: Callable[[], bool], stop: threading.Event, doorbell: Doorbell, idle_seconds: float | None = None
) -> None:
    """Call ``step`` until stopped: again at once while it finds work, else at the bell or after a pause.

    A database that fails is asked again: every step is one transaction or can be repeated. A step that fails in a way
    nobody thought of is logged and repeated too: one job or series must not stop the role that serves all others.
    """
    while not stop.is_set():
        mark = doorbell.listen()
        try:
            busy = step()
        except StorageError as error:
            log.error("database or spool failed; trying again", error=str(error))
            stop.wait(TROUBLE_SECONDS)
            continue
        except Exception as error:
            log.exception("a step failed; going on", error=type(error).__name__)
            stop.wait(TROUBLE_SECONDS)
            continue
        if not busy:
            doorbell.wait(mark, stop, idle_seconds or doorbell.patience_seconds)


def wait_for_server(open_it: Callable[[], object], url: str, stop: threading.Event) -> None:
    """Wait until the database can be opened: after a power cut its server may be the last to start.

    Raise DatabaseUnavailable for an embedded one, which has no server to wait for, SystemExit when stopped.
    """
    has_told = False
    while not stop.is_set():
        try:
            open_it()
            return
        except DatabaseUnavailable as error:
            if url.startswith("sqlite"):
                raise
            if not has_told:
                log.error("waiting for the server of the database (hounsfield doctor)", error=str(error))
                notify("STATUS=waiting for the server of the database")
            has_told = True
            stop.wait(TROUBLE_SECONDS)
    raise SystemExit(0)
