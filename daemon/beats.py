"""Signs of life in the database: every process of the service says that it lives, and how things stand with it.

They come from a thread with a connection of its own that waits briefly: a database that is down, or that others hold,
costs a beat and nothing else. Metrics, pages and the alarm about a process that is gone read them.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.storage.components import Component, ComponentStore, Facts
from hounsfield.storage.errors import StorageError

log = structlog.get_logger("hounsfield.beats")

BEAT_SECONDS = 5.0
PATIENCE_SECONDS = 2.0
"""How long a beat waits for the database."""
LEAVE_SECONDS = 1.0
"""How long a process that ends waits for its last beat."""
START_SECONDS = 1.0
"""How soon a first beat is tried again: the database may be in the making."""
TOLD_AT = 5
"""So many beats in a row that failed are told."""
GONE_AFTER = timedelta(seconds=6 * BEAT_SECONDS)
"""Another process of the same name that was not heard of for so long is taken for dead."""
ENDED = "ended"
"""The fact of a process that ended as it was asked to: nobody needs to miss it."""
HOME_FREE = "home_free_percent"
"""The fact that says how full the disk of ``storage.home`` is."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Beats:
    """Writes one :class:`~hounsfield.storage.components.Component`; used by the process that it describes."""

    def __init__(
        self,
        *,
        store: ComponentStore,
        name: str,
        role: str,
        host: str,
        version: str,
        clock: Clock,
        home: Path | None = None,
        seconds: float = BEAT_SECONDS,
    ) -> None:
        """``name`` is that of the role with its number: ``receiver-2``; ``home``: the folder whose disk is told of."""
        self._store = store
        self._name = f"{name}@{host}"[:255]
        self._role = role
        self._host = host[:255]
        self._version = version
        self._clock = clock
        self._home = home
        self._seconds = seconds
        self._began = clock.now()
        self._is_written = False
        self._failures = 0
        self._facts: Callable[[], Facts] = dict
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="beats", daemon=True)

    def tell(self, facts: Callable[[], Facts]) -> None:
        """Say what goes into each beat from now on; called from the thread of the beats."""
        self._facts = facts

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Say that the process ends; waits a moment at most."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(LEAVE_SECONDS)

    def beat(self) -> None:
        """Write one sign of life. Raises StorageError."""
        facts = {**process_facts(), **disk_facts(self._home), **self._facts()}
        if self._done.is_set():
            facts[ENDED] = True
        now = self._clock.now()
        if not self._is_written or not self._store.seen(self._name, os.getpid(), now, facts):
            self._begin(facts)

    def _begin(self, facts: Facts) -> None:
        """Take the name, unless another process that lives has it: then the operator runs two of the same."""
        now = self._clock.now()
        if self._is_written:
            other = next((one for one in self._store.all() if one.name == self._name), None)
            if other is not None and other.pid != os.getpid() and now - other.seen_at < GONE_AFTER:
                return
        self._store.started(
            Component(
                name=self._name,
                role=self._role,
                host=self._host,
                pid=os.getpid(),
                version=self._version,
                started_at=self._began,
                seen_at=now,
                facts=facts,
            )
        )
        self._is_written = True

    def _run(self) -> None:
        while not self._done.is_set():
            self._try()
            self._done.wait(self._seconds if self._is_written else min(START_SECONDS, self._seconds))
        if self._is_written:
            self._try()

    def _try(self) -> None:
        try:
            self.beat()
        except StorageError as error:
            self._has_failed(str(error))
        except Exception as error:  # noqa: BLE001 - facts may come from anywhere; a beat must not end for them
            self._has_failed(type(error).__name__)
        else:
            self._failures = 0

    def _has_failed(self, why: str) -> None:
        """Tell once: the roles themselves say more of a database that is down."""
        self._failures += 1
        if self._failures == TOLD_AT:
            log.warning("signs of life are not written; trying again", component=self._name, error=why)


def has_ended(component: Component) -> bool:
    """Whether a process said that it ends, as it was asked to: nobody needs to miss it."""
    return bool(component.facts.get(ENDED))


def is_alive(component: Component, silence_seconds: float, now: datetime) -> bool:
    """Whether a process was heard of within so many seconds, and has not said that it ends."""
    return not has_ended(component) and (now - component.seen_at).total_seconds() <= silence_seconds


def process_facts() -> dict[str, object]:
    """Return what this process uses: resident bytes of memory, seconds of processor time."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {"memory_bytes": pages * _PAGE_BYTES, "cpu_seconds": round(time.process_time(), 2)}


def disk_facts(home: Path | None) -> dict[str, object]:
    """Return how much is free where a process keeps what is its own; nothing where that cannot be asked."""
    try:
        space = None if home is None else shutil.disk_usage(home)
    except OSError:
        return {}
    return {} if space is None or not space.total else {HOME_FREE: round(100.0 * space.free / space.total, 1)}
