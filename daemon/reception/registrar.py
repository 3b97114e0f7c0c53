"""Brings durable instances into the database, behind the answer to their sender, in batches.

An instance is acknowledged on its durable file alone; the row follows here, or is rebuilt from the spool at the next
start (docs/adr/0005-durable-before-acknowledged.md). While the database takes nothing, reception refuses with A700.
"""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

import structlog

from hounsfield.daemon.clock import Clock
from hounsfield.storage.errors import DatabaseUnavailable, SpoolError, StorageError
from hounsfield.storage.ports import SeriesStore
from hounsfield.storage.records import AssociationEnd, AssociationRecord
from hounsfield.storage.spool import Intake, Sealed
from hounsfield.storage.states import AssociationEnding

log = structlog.get_logger("hounsfield.reception")

MOST_WAITING = 4096
"""Instances that may wait for their row; more are refused."""
STALE_SECONDS = 5.0
"""A database that has not taken an instance for so long counts as down."""
_BATCH = 256
_LINGER_SECONDS = 0.1
"""How long the first of a batch waits for others: a transaction costs the same for one as for a hundred."""
_TROUBLE_SECONDS = 1.0
_SETTLE_AT = 4096
"""Slots are let go in bulk, for each of the folders they were filed in is synced then; or when nothing else comes."""
_SETTLE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _News:
    """One thing to record, in the order in which it happened."""

    what: AssociationRecord | Sealed | AssociationEnd
    since: float
    """Monotonic seconds."""


class Registrar:
    """One thread, the only one of a receiver that writes to the series store."""

    def __init__(self, series: SeriesStore, intake: Intake, clock: Clock) -> None:
        self._series = series
        self._intake = intake
        self._clock = clock
        self._news: deque[_News] = deque()
        self._settling: list[Sealed] = []
        self._condition = threading.Condition()
        self._is_stopping = False
        self._is_failing = False
        self._thread = threading.Thread(target=self._run, name="reception-registrar", daemon=True)

    def start(self) -> None:
        """Begin to record."""
        self._thread.start()

    def opened(self, association: AssociationRecord) -> None:
        """Record an association, before its first instance."""
        self._add(association)

    def stored(self, sealed: Sealed) -> None:
        """Record a durable instance."""
        self._add(sealed)

    def ended(self, association_id: str, ending: AssociationEnding, at: datetime) -> None:
        """Record how an association ended, after all its instances."""
        self._add(AssociationEnd(id=association_id, ending=ending, at=at))

    @property
    def is_keeping_up(self) -> bool:
        """Whether the database takes what it is given; if not, new instances are to be refused."""
        with self._condition:
            if self._is_failing or len(self._news) >= MOST_WAITING:
                return False
            return not self._news or self._clock.monotonic() - self._news[0].since < STALE_SECONDS

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def waiting(self) -> int:
        """How much is still to be recorded."""
        return len(self._news)

    def stop(self, seconds: float) -> bool:
        """Record what waits, for so long at most; whether all of it was. What was not is found at the next start."""
        with self._condition:
            self._is_stopping = True
            self._condition.notify_all()
        self._thread.join(seconds)
        return not self._thread.is_alive() and not self._news

    def _add(self, what: AssociationRecord | Sealed | AssociationEnd) -> None:
        with self._condition:
            self._news.append(_News(what, self._clock.monotonic()))
            if len(self._news) == 1:
                self._condition.notify_all()

    def _run(self) -> None:
        while self._wait():
            batch = self._next_batch()
            if batch and not self._take(batch):
                with self._condition:
                    if self._is_stopping:
                        return
                    self._condition.wait(_TROUBLE_SECONDS)
                continue
            if self._settling and (len(self._settling) >= _SETTLE_AT or not batch or self._is_stopping):
                self._settle()
                if self._settling and self._is_stopping and not self._news:
                    return  # they are found at the next start

    def _wait(self) -> bool:
        """Wait until there is something to do; False when all is done and we are to stop."""
        with self._condition:
            if not self._news and not self._is_stopping:
                self._condition.wait(_SETTLE_SECONDS if self._settling else None)
            if 0 < len(self._news) < _BATCH and not self._is_stopping:
                self._condition.wait(_LINGER_SECONDS)
            return bool(self._news or self._settling or not self._is_stopping)

    def _next_batch(self) -> list[_News]:
        with self._condition:
            return [self._news[index] for index in range(min(_BATCH, len(self._news)))]

    def _take(self, batch: list[_News]) -> bool:
        """File and record a batch; False if some of it is to be tried again."""
        try:
            self._record(batch)
        except (DatabaseUnavailable, SpoolError) as error:
            self._has_failed(error)
            return False
        except StorageError:
            return self._take_singly(batch)
        self._has_taken(len(batch))
        return True

    def _take_singly(self, batch: list[_News]) -> bool:
        """One entry contradicts what is there: the others must not suffer. Its file stays in the spool."""
        for news in batch:
            try:
                self._record([news])
            except (DatabaseUnavailable, SpoolError) as error:
                self._has_failed(error)
                return False
            except StorageError as error:
                log.error("a received image cannot be registered; its file is kept", error=str(error))
            self._has_taken(1)
        return True

    def _has_failed(self, error: StorageError) -> None:
        if not self._is_failing:
            log.error("received images cannot be registered; new ones are refused until they can", error=str(error))
        self._is_failing = True

    def _has_taken(self, count: int) -> None:
        if self._is_failing:
            log.info("received images are registered again")
        with self._condition:
            self._is_failing = False
            for _ in range(count):
                self._news.popleft()

    def _record(self, batch: list[_News]) -> None:
        found = [news.what for news in batch]
        sealed = [what for what in found if isinstance(what, Sealed)]
        with self._intake.files_stay():
            for one in sealed:
                self._intake.file(one)
            self._series.record(
                [what for what in found if isinstance(what, AssociationRecord)],
                [one.receipt for one in sealed],
                [what for what in found if isinstance(what, AssociationEnd)],
            )
        self._settling += sealed

    def _settle(self) -> None:
        try:
            self._intake.settle(self._settling)
        except SpoolError as error:
            log.warning("files in the spool could not be tidied up; trying again", error=str(error))
            return
        self._settling = []
