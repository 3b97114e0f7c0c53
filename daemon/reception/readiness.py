"""Whether images would be accepted now, told where operators look: the log and the service manager's status line."""

from collections.abc import Callable

import structlog

from hounsfield.daemon.reception.intake_gate import IntakeGate
from hounsfield.daemon.reception.status import InstanceRefused
from hounsfield.daemon.reception.storage_handler import InstanceAcceptor
from hounsfield.storage.errors import StorageError

log = structlog.get_logger("hounsfield.reception")


class Readiness:
    """Asks again and again, and tells when the answer changes."""

    def __init__(self, acceptor: InstanceAcceptor, gate: IntakeGate, tell: Callable[[str], object]) -> None:
        """``tell`` takes lines of the sd_notify protocol."""
        self._acceptor = acceptor
        self._gate = gate
        self._tell = tell
        self._told = ""
        self._reason: str | None = None

    @property
    def reason(self) -> str | None:
        """Why images are refused, as of the last look; None when they are accepted."""
        return self._reason

    def look(self) -> None:
        """Ask now."""
        before, self._reason = self._reason, self._ask()
        if self._reason != before:
            self._log(self._reason)
        line = f"STATUS={self._words()}"
        if line != self._told:
            self._told = line
            self._tell(line)

    @staticmethod
    def _log(reason: str | None) -> None:
        if reason is None:
            log.info("ready again: images are accepted")
        else:
            log.error("not ready: images are refused (A700)", reason=reason)

    def _words(self) -> str:
        if self._reason is not None:
            return f"not ready: images are refused (A700): {self._reason}"
        return "intake is paused: no new senders" if self._gate.is_closed else "ready: images are accepted"

    def _ask(self) -> str | None:
        try:
            self._acceptor.check_ready()
        except InstanceRefused as refused:
            return refused.status.comment
        except StorageError as error:
            return str(error)
        return None
