"""Work that one process in the whole service does at a time: it begins afresh with each term of office."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from hounsfield.storage.components import Facts
from hounsfield.storage.election import Office

log = structlog.get_logger("hounsfield.role")

ELECTED = "elected"
"""The fact of a process that stood for an office: whether it holds it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done again and again; made anew for each term, for what was remembered may be old."""

    steps: tuple[Callable[[], int], ...]
    """Each returns how much it did."""
    at_last: Callable[[], object] = int
    """Done after the steps, also when one of them raised."""


class Term:
    """Does the work while this process holds the office; used by one thread."""

    def __init__(self, work: str, office: Office, begin: Callable[[], Work]) -> None:
        """``work`` names it in the log."""
        self._name = work
        self._office = office
        self._begin = begin
        self._work: Work | None = None
        self._has_waited = False

    def facts(self) -> Facts:
        """Return whether this process is the one that works; for any thread."""
        return {ELECTED: self._work is not None}

    def step(self) -> bool:
        """Work once around, where it is ours to do; whether something was done. Raises what the work raises."""
        if not self._is_ours():
            return False
        if self._work is None:
            self._work = self._begin()
            if self._has_waited:
                log.info("this process takes over", work=self._name)
        work, done = self._work, 0
        try:
            for step in work.steps:
                if not self._is_ours():
                    return False
                done += step()
        finally:
            if self._is_ours():
                work.at_last()
        return done > 0

    def _is_ours(self) -> bool:
        if self._office.is_held():
            return True
        if self._work is not None:
            self._work = None
            log.warning("this process stops: it may not be the only one any more", work=self._name)
        elif not self._has_waited:
            log.info("standing by: another process works, or the database does not answer", work=self._name)
        self._has_waited = True
        return False

    def end(self) -> None:
        """Let another process take over at once."""
        self._work = None
        self._office.leave()
