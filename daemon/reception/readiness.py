"""Whether images would be accepted now, told where operators look: the log and the service manager's status line."""

from collections.abc import Callable

import structlog

from hounsfield.daemon.reception.status import InstanceRefused
from hounsfield.daemon.reception.storage_handler import InstanceAcceptor
from hounsfield.storage.errors import StorageError

log = structlog.get_logger("hounsfield.reception")


class Readiness:
    """Asks again and again, and tells when the answer changes."""

    def __init__(self, acceptor: InstanceAcceptor, tell: Callable[[str], object]) -> None:
        """``tell`` takes lines of the sd_notify protocol."""
        self._acceptor = acceptor
        self._tell = tell
        self._reason: str | None = None

    @property
    def reason(self) -> str | None:
        """Why images are refused, as of the last look; None when they are accepted."""
        return self._reason

    def look(self) -> None:
        """Ask now."""
        reason = self._ask()
        if reason == self._reason:
            return
        self._reason = reason
        if reason is None:
            log.info("ready again: images are accepted")
            self._tell("STATUS=ready: images are accepted")
        else:
            log.error("not ready: images are refused (A700)", reason=reason)
            self._tell(f"STATUS=not ready: images are refused (A700): {reason}")

    def _ask(self) -> str | None:
        try:
            self._acceptor.check_ready()
        except InstanceRefused as refused:
            return refused.status.comment
        except StorageError as error:
            return str(error)
        return None
