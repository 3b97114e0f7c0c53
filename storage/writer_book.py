"""Who writes to the spool, as one process needs to know it: asked in the database where hosts share it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from hounsfield.storage.errors import StorageError
from hounsfield.storage.spool_writers import DEAD_AFTER, SpoolWriter, SpoolWriters

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class WriterBook(Protocol):
    """Knows of other writers than those of this machine. The methods raise DatabaseUnavailable."""

    def announce(self, name: str) -> None:
        """Write the process that makes a folder of this name next."""

    def may_take(self, name: str) -> bool:
        """Whether the folder of this process, whose lock is free here, is that of a dead one; it is ours then."""

    def living(self) -> set[str]:
        """Return the processes of other machines that may live."""

    def gone(self, name: str) -> None:
        """Forget a process whose folder is empty; never raises."""


class OneMachine:
    """All writers are on this machine: their locks say everything."""

    def announce(self, name: str) -> None:
        """Nobody asks."""

    def may_take(self, name: str) -> bool:  # noqa: ARG002
        """Its lock is free."""
        return True

    def living(self) -> set[str]:
        """There is no other machine."""
        return set()

    def gone(self, name: str) -> None:
        """Nobody asks."""


class SharedBook:
    """Writers of all machines, by the database."""

    def __init__(
        self,
        store: SpoolWriters,
        *,
        process: str,
        machine: str,
        now: Callable[[], datetime],
        is_judge: Callable[[], bool] = lambda: False,
    ) -> None:
        """``process``: who asks. ``is_judge``: whether it may take others for dead because of their silence.

        It may once it was heard itself for a while: after the database was down everybody looks dead.
        """
        self._store = store
        self._process = process
        self._machine = machine
        self._now = now
        self._is_judge = is_judge

    def announce(self, name: str) -> None:
        """Write it."""
        self._store.opened(name, self._machine, self._now())

    def may_take(self, name: str) -> bool:
        """One of this machine whose lock is free is dead; another one is, once it was silent for too long."""
        row = self._row(name)
        if row is None:
            return True  # whoever writes is written down before it has a folder
        if row.machine == self._machine and row.taken_by is None:
            return self._store.take(name, self._process, self._now(), unseen_since=None)
        return self._is_judge() and self._store.take(
            name, self._process, self._now(), unseen_since=self._now() - DEAD_AFTER
        )

    def _row(self, name: str) -> SpoolWriter | None:
        return next((row for row in self._store.all() if row.name == name), None)

    def living(self) -> set[str]:
        """Those of other machines that were not silent for too long."""
        since = self._now() - DEAD_AFTER
        return {row.name for row in self._store.all() if row.machine != self._machine and row.seen_at >= since}

    def gone(self, name: str) -> None:
        """Forget it; one that stays is no harm."""
        with suppress(StorageError):
            self._store.ended([name])


def this_machine(host: str) -> str:
    """Return what tells machines apart, and one from itself after a restart."""
    with suppress(OSError):
        return f"{host} {_BOOT.read_text(encoding='ascii').strip()}"
    return host
